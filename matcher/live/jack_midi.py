"""JACK MIDI, read in JACK's own thread by a native callback: each message with frame and time.

The audio callback reads the ring by itself and acts on each message one period after it was sent,
to the frame: no scheduler, no poll and no interpreter comes between. PipeWire provides JACK's
interface too.
"""

import ctypes
import ctypes.util
import threading
from functools import cache

import numpy as np

from matcher.compiled import c_function, carray, intrinsic
from matcher.live.clock import make_clock, system_functions
from matcher.live.midi_names import is_wanted
from matcher.live.midi_ring import MESSAGES, UNKNOWN, Ring, put
from matcher.live.quiet_libraries import quiet_libraries

CLIENT = "Drum matcher"
MIDI_TYPE = b"8 bit raw midi"
CALLED = (  # by the process callback
    "jack_port_get_buffer", "jack_midi_get_event_count", "jack_midi_event_get",
    "jack_last_frame_time",
)  # fmt: skip
NO_START_SERVER, IS_INPUT, IS_OUTPUT = 1, 1, 2  # from JACK's headers
CLOSE_S = 1.0  # s after which closing goes on alone: JACK may hang when its server has died
BRIDGES = ("a2j", "Midi-Bridge", "alsa_")  # clients that show the system's own ports once more

_closing: set["Source"] = set()  # those whose state JACK may still write to


class Source(Ring):
    """A JACK client with one input, to which every port that is wanted is connected.

    Args:
        wanted: names of ports, or parts of names, as midi_names.is_wanted has them.
        bridged: whether ports count that only mirror the system's own.
        connected: whether ports are connected; if not, they are only listed.

    Raises:
        ValueError: there is no JACK library or no server.
    """

    def __init__(self, wanted: tuple[str, ...] = (), bridged: bool = True, connected: bool = True):
        super().__init__()
        self._jack, self.wanted, self._bridged = library(), wanted, bridged
        self._client = self._jack.jack_client_open(CLIENT.encode(), NO_START_SERVER, None)
        if not self._client:
            raise ValueError("JACK: no server is running")
        self.clock_address = ctypes.cast(self._jack.jack_last_frame_time, ctypes.c_void_p).value
        self._name = self._jack.jack_get_client_name(self._client) + b":in"
        self._names: list[str] = []
        self.there: list[str] = []
        if not self._start():
            self.close()
            raise ValueError("JACK: its server takes no MIDI input")
        if connected:
            self.look()

    def _start(self) -> bool:
        """Register the input and have messages written to `state`; whether that worked."""
        record, data = self.state[0], self.state.ctypes.data
        port = self._jack.jack_port_register(self._client, b"in", MIDI_TYPE, IS_INPUT, 0)
        record["client"], record["port"] = self._client, port
        record["period"] = self._jack.jack_get_buffer_size(self._client)
        record["sample_rate"] = self._jack.jack_get_sample_rate(self._client)
        process, shut_down = _callbacks()
        self._jack.jack_set_process_callback(self._client, process.address, data)
        self._jack.jack_on_shutdown(self._client, shut_down.address, data)
        return bool(port) and self._jack.jack_activate(self._client) == 0

    @property
    def names(self) -> list[str]:
        """Ports that are connected."""
        return self._names

    @property
    def gone(self) -> bool:
        """The server has shut down; nothing will come any more."""
        return bool(self.state["gone"][0])

    def look(self) -> None:
        """Connect wanted ports that have come."""
        if self.gone:
            return
        self.there = self.listed()
        self._names = [n for n in self.there if is_wanted(n, self.there, self.wanted)]
        for name in self._names:  # one that is connected already stays so
            self._jack.jack_connect(self._client, name.encode(), self._name)

    def close(self) -> None:
        """Leave JACK; waits CLOSE_S at most, and keeps what JACK may write to until then."""
        if self.gone:
            return
        _closing.add(self)
        thread = threading.Thread(target=self._close_client, daemon=True)
        thread.start()
        thread.join(CLOSE_S)

    def _close_client(self) -> None:
        self._jack.jack_client_close(self._client)
        _closing.discard(self)

    def listed(self) -> list[str]:
        """Ports that could be connected now; `there` are those of the last look."""
        found = self._jack.jack_get_ports(self._client, None, MIDI_TYPE, IS_OUTPUT)
        names = []
        while found and found[len(names)]:
            names.append(found[len(names)].decode())
        if found:
            self._jack.jack_free(found)
        return [name for name in names if self._is_input(name)]

    def _is_input(self, name: str) -> bool:
        if name.startswith(CLIENT) or "midi through" in name.lower().replace("-", " "):
            return False
        return self._bridged or not name.startswith(BRIDGES)


def list_ports(bridged: bool) -> list[str]:
    """Names of the ports that are there; bridged: as Source has it. Raises ValueError likewise."""
    source = Source(bridged=bridged, connected=False)
    names = source.listed()
    source.close()
    return names


@cache
def _library_path() -> str:  # once: looking for it starts processes
    return ctypes.util.find_library("jack") or "libjack.so.0"


@cache
def library():
    """JACK's library. Raises ValueError where there is none."""
    quiet_libraries()
    try:
        jack = ctypes.CDLL(_library_path())
    except OSError as error:
        raise ValueError("JACK: its library is not installed") from error
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32
    signatures = {
        "jack_client_open": (pointer, [text, ctypes.c_int, pointer]),
        "jack_client_close": (ctypes.c_int, [pointer]),
        "jack_get_client_name": (text, [pointer]),
        "jack_port_register": (pointer, [pointer, text, text, ctypes.c_ulong, ctypes.c_ulong]),
        "jack_get_buffer_size": (number, [pointer]),
        "jack_get_sample_rate": (number, [pointer]),
        "jack_set_process_callback": (ctypes.c_int, [pointer, pointer, pointer]),
        "jack_on_shutdown": (None, [pointer, pointer, pointer]),
        "jack_activate": (ctypes.c_int, [pointer]),
        "jack_connect": (ctypes.c_int, [pointer, text, text]),
        "jack_get_ports": (ctypes.POINTER(text), [pointer, text, text, ctypes.c_ulong]),
        "jack_free": (None, [pointer]),
        "jack_port_get_buffer": (pointer, [pointer, number]),
        "jack_midi_get_event_count": (number, [pointer]),
        "jack_midi_event_get": (ctypes.c_int, [pointer, pointer, number]),
        "jack_last_frame_time": (number, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(jack, name)
        function.restype, function.argtypes = result, arguments
    return jack


@intrinsic
def _bytes_at(typing_context, address):
    from numba import types

    result = types.CPointer(types.uint8)

    def emit(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(result))

    return result(types.int64), emit


@cache
def _callbacks():
    """JACK's process and shutdown callbacks, compiled once; user data is one MESSAGES."""
    return (
        c_function(_make_process, _process_signature, _called),
        c_function(_make_shut_down, _shut_down_signature),
    )


def _called() -> dict:
    """What `process` calls of JACK and of the system, by name."""
    return system_functions() | {name: getattr(library(), name) for name in CALLED}


def _make_process():
    get_buffer, n_events, get_event, last_frame = (getattr(library(), name) for name in CALLED)
    now_ns = make_clock()

    def process(n, data):
        m = carray(data, 1)[0]
        m.period = n
        buffer = get_buffer(m.port, n)
        began, began_ns = np.int64(last_frame(m.client)), now_ns(m.clock)
        for i in range(n_events(buffer)):
            if get_event(m.event.ctypes, buffer, i) != 0:
                continue
            length = np.int64(m.event[1])
            if 0 < length <= 3:  # neither system exclusive nor empty
                offset = np.int64(m.event[0]) & 0xFFFFFFFF
                ns = began_ns + np.int64(offset * (1e9 / m.sample_rate))
                data = carray(_bytes_at(np.int64(m.event[2])), 3)
                put(m, ns, began + offset, UNKNOWN, data, length)
        return 0

    return process


def _process_signature():
    from numba import from_dtype, types

    return types.int32(types.uint32, types.CPointer(from_dtype(MESSAGES)))


def _make_shut_down():
    def shut_down(data):
        carray(data, 1)[0].gone = 1

    return shut_down


def _shut_down_signature():
    from numba import from_dtype, types

    return types.void(types.CPointer(from_dtype(MESSAGES)))
