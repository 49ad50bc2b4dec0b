"""JACK MIDI, read and sent in JACK's own thread by a native callback, to the frame.

The audio callback reads the ring by itself and acts on each message one period after it was sent:
no scheduler, no poll and no interpreter comes between. Hits go the other way, through a ring that
the audio callback writes: each leaves one period after its frame, at the same place in the period.
PipeWire provides JACK's interface too.
"""

import ctypes
import threading
import time
from functools import cache

import numpy as np

from matcher.compiled import c_function, carray, intrinsic
from matcher.live import hit_notes
from matcher.live.clock import make_clock, system_functions
from matcher.live.jack_library import library
from matcher.live.midi_names import HITS, NAME, OWN, is_wanted
from matcher.live.midi_ring import MESSAGES, UNKNOWN, Ring, put

MIDI_TYPE = b"8 bit raw midi"
CALLED = (  # by the process callback
    "jack_port_get_buffer", "jack_midi_get_event_count", "jack_midi_event_get",
    "jack_last_frame_time", "jack_midi_clear_buffer", "jack_midi_event_write",
)  # fmt: skip
NO_START_SERVER, IS_INPUT, IS_OUTPUT = 1, 1, 2  # from JACK's headers
TURN_S = 0.001  # s between two looks at the notes that end
CLOSE_S = 1.0  # s after which closing goes on alone: JACK may hang when its server has died
NOTES_END_S = 0.05  # s that closing waits for the period in which notes end
BRIDGES = ("a2j", "Midi-Bridge", "alsa_")  # clients that show the system's own ports once more

JACK = np.dtype(  # what the callbacks work on
    [
        ("messages", MESSAGES),
        ("hits", np.int64),  # address of the output's port; 0: there is none
        ("sender", hit_notes.SENDER),
    ],
    align=True,
)
_closing: set["Source"] = set()  # those whose state JACK may still write to


class Source(Ring):
    """A JACK client with one input, to which every port that is wanted is connected.

    Args:
        wanted: names of ports, or parts of names, as midi_names.is_wanted has them.
        bridged: whether ports count that only mirror the system's own.
        connected: whether ports are connected; if not, they are only listed.
        hits: a ring of hit_notes, which is sent from an output then.
        to: name of a port to which that output is connected, or a part of it; empty: none.

    Raises:
        ValueError: there is no JACK library or no server.
    """

    def __init__(self, wanted: tuple[str, ...] = (), bridged: bool = True, connected: bool = True,
                 hits: Ring | None = None, to: str = ""):  # fmt: skip
        super().__init__()
        self._jack, self.wanted, self._bridged = library(), wanted, bridged
        self._both, self._to = np.zeros(1, JACK), to
        self.state = self._both["messages"]
        self._client = self._jack.jack_client_open(NAME.encode(), NO_START_SERVER, None)
        if not self._client:
            raise ValueError("JACK: no server is running")
        self.clock_address = ctypes.cast(self._jack.jack_last_frame_time, ctypes.c_void_p).value
        self._name = self._jack.jack_get_client_name(self._client)
        self._names: list[str] = []
        self.there: list[str] = []
        self.out_names: list[str] = []  # ports that hits go to, our own first
        self.out_there: list[str] = []
        if not self._start(hits):
            self.close()
            raise ValueError("JACK: its server takes no MIDI ports")
        if connected:
            self.look()

    def _start(self, hits: Ring | None) -> bool:
        """Register the ports and have messages written to `state`; whether that worked."""
        record, data = self.state[0], self._both.ctypes.data
        port = self._jack.jack_port_register(self._client, b"in", MIDI_TYPE, IS_INPUT, 0)
        record["client"], record["port"] = self._client, port or 0
        record["period"] = self._jack.jack_get_buffer_size(self._client)
        record["sample_rate"] = self._jack.jack_get_sample_rate(self._client)
        if hits is not None and port:
            port = self._jack.jack_port_register(
                self._client, HITS.encode(), MIDI_TYPE, IS_OUTPUT, 0
            )
            hit_notes.start(self._both[0]["sender"], hits, record["sample_rate"])
            self._both[0]["hits"] = port or 0
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

    @property
    def lost(self) -> int:
        """Hits that could not be sent."""
        return int(self._both["sender"]["lost"][0])

    def look(self) -> None:
        """Connect wanted ports that have come."""
        if self.gone:
            return
        self.there, self.out_there = self.listed(), self.listed(IS_INPUT)
        self._names = [n for n in self.there if is_wanted(n, self.there, self.wanted)]
        for name in self._names:  # one that is connected already stays so
            self._connect(name.encode(), self._name + b":in")
        if self._both["hits"][0] == 0:
            return
        to = (self._to,) if self._to else ()
        names = [n for n in self.out_there if to and is_wanted(n, self.out_there, to)]
        for name in names:
            self._connect(b"%s:%s" % (self._name, HITS.encode()), name.encode())
        self.out_names = [OWN, *names]

    def _connect(self, source: bytes, to: bytes) -> None:
        self._jack.jack_connect(self._client, source, to)

    def close(self) -> None:
        """Leave JACK; waits CLOSE_S at most, and keeps what JACK may write to until then."""
        if self.gone:
            return
        self._end_notes()
        _closing.add(self)
        thread = threading.Thread(target=self._close_client, daemon=True)
        thread.start()
        thread.join(CLOSE_S)

    def _end_notes(self) -> None:
        """Have notes that sound end, before nothing is sent any more."""
        sender, end = self._both["sender"], time.monotonic() + NOTES_END_S
        sender["ending"] = 1
        while sender["n_sounding"][0] > 0 and not self.gone and time.monotonic() < end:
            time.sleep(TURN_S)

    def _close_client(self) -> None:
        self._jack.jack_client_close(self._client)
        _closing.discard(self)

    def listed(self, flags: int = IS_OUTPUT) -> list[str]:
        """Ports that could be connected now; `there` are those of the last look.

        flags: IS_OUTPUT: ports that we receive from; IS_INPUT: those that we send to.
        """
        found = self._jack.jack_get_ports(self._client, None, MIDI_TYPE, flags)
        names = []
        while found and found[len(names)]:
            names.append(found[len(names)].decode())
        if found:
            self._jack.jack_free(found)
        return [name for name in names if self._counts(name)]

    def _counts(self, name: str) -> bool:
        if name.startswith(NAME) or "midi through" in name.lower().replace("-", " "):
            return False
        return self._bridged or not name.startswith(BRIDGES)


def list_ports(bridged: bool) -> tuple[list[str], list[str]]:
    """Names of the ports that are there, to receive from and to send to.

    bridged: as Source has it. Raises ValueError likewise.
    """
    source = Source(bridged=bridged, connected=False)
    names = source.listed(), source.listed(IS_INPUT)
    source.close()
    return names


@intrinsic
def _bytes_at(typing_context, address):
    from numba import types

    result = types.CPointer(types.uint8)

    def emit(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(result))

    return result(types.int64), emit


@cache
def _callbacks():
    """JACK's process and shutdown callbacks, compiled once; user data is one JACK."""
    return (
        c_function(_make_process, _process_signature, _called),
        c_function(_make_shut_down, _shut_down_signature),
    )


def _called() -> dict:
    """What `process` calls of JACK and of the system, by name."""
    return system_functions() | {name: getattr(library(), name) for name in CALLED}


def _make_process():
    jack, now_ns, send = library(), make_clock(), _make_send()
    get_buffer, n_events = jack.jack_port_get_buffer, jack.jack_midi_get_event_count
    get_event, last_frame = jack.jack_midi_event_get, jack.jack_last_frame_time

    def process(n, data):
        both = carray(data, 1)[0]
        m = both.messages
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
        if both.hits != 0:
            send(both, n, began, began_ns)
        return 0

    return process


def _process_signature():
    from numba import from_dtype, types

    return types.int32(types.uint32, types.CPointer(from_dtype(JACK)))


def _make_shut_down():
    def shut_down(data):
        carray(data, 1)[0].messages.gone = 1

    return shut_down


def _shut_down_signature():
    from numba import from_dtype, types

    return types.void(types.CPointer(from_dtype(JACK)))


def _make_send():
    """A compiled function: the hits that are due in a cycle of n frames into the output's port."""
    from numba import njit

    jack = library()
    get_buffer, clear = jack.jack_port_get_buffer, jack.jack_midi_clear_buffer
    write = jack.jack_midi_event_write

    @njit(error_model="numpy")
    def send(both, n, began, began_ns):
        buffer, sender = get_buffer(both.hits, n), both.sender
        clear(buffer)
        hit_notes.follow_frames(sender, began)
        sender.delay = n
        while hit_notes.next_message(sender, began_ns, sender.now + np.int64(n)):
            sender.lost += write(buffer, sender.at - sender.now, sender.bytes.ctypes, 3) != 0

    return send
