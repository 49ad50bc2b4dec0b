"""JACK MIDI, read in JACK's own thread by a native callback: each message with its frame.

The audio callback takes notes from the ring here by itself and plays each one period after it was
sent, to the frame: no scheduler, no poll and no interpreter comes between. Python reads everything
else from the same ring. PipeWire provides JACK's interface too.
"""

import ctypes
import ctypes.util
import threading
from functools import cache

import numpy as np
from numba import carray, cfunc, from_dtype, types
from numba.extending import intrinsic

from matcher.compiled import fence, memory_fence, native
from matcher.live.quiet_libraries import quiet_libraries

CLIENT = "Drum matcher"
MIDI_TYPE = b"8 bit raw midi"
NOTE_ON = 0x90
SIZE = 4096  # messages that stay in the ring: seconds of the densest stream a cable carries
NO_START_SERVER, IS_INPUT, IS_OUTPUT = 1, 1, 2  # from JACK's headers
CLOSE_S = 1.0  # s after which closing goes on alone: JACK may hang when its server has died
BRIDGES = ("a2j", "Midi-Bridge", "alsa_")  # clients that show the system's own ports once more

MESSAGE = np.dtype([("frame", np.int64), ("data", np.uint8, 3), ("length", np.int64)], align=True)
MESSAGES = np.dtype(
    [
        ("rows", MESSAGE, SIZE),
        ("count", np.int64),  # messages written
        ("period", np.int64),  # frames in a cycle
        ("client", np.int64),  # address
        ("port", np.int64),  # address
        ("event", np.uint64, 3),  # jack_midi_event_t: time, size, address of the bytes
        ("gone", np.int64),  # 1: the server has shut down
    ],
    align=True,
)
_closing: set["Source"] = set()  # those whose state JACK may still write to


class Inbox:
    """The ring of messages received, written by JACK's thread and read by Python.

    The audio callback may read it as well and play its notes (matcher.live.jack_notes).
    """

    clock_address: int  # address of jack_last_frame_time, for the audio callback

    def __init__(self):
        self.state = np.zeros(1, MESSAGES)
        self._read = 0  # messages that were polled,
        self._notes_read = 0  # and notes that were polled or played by the audio callback

    @property
    def position(self) -> int:
        """Messages that were polled: the number of the next one, from 0."""
        return self._read

    def poll(self) -> list[bytes]:
        """Messages since the last call; where they were more than SIZE, the oldest are lost."""
        record, messages = self.state[0], []
        count = int(record["count"])
        memory_fence()
        first = min(self._read, self._notes_read)
        for i in range(max(first, count - SIZE), count):
            row = record["rows"][i % SIZE]
            data = bytes(row["data"][: int(row["length"])])
            if i >= (self._notes_read if is_note(data) else self._read):
                messages.append(data)
        self._read = self._notes_read = count
        return messages

    def take_notes_from(self, position: int) -> None:
        """Poll notes from a message on, whose number the audio callback reached; all else as ever.

        Notes before it are not polled, since they were played; those behind it are polled, even
        where they were polled before and left to the callback.
        """
        self._notes_read = position


def is_note(data: bytes) -> bool:
    """Whether a message begins a note."""
    return len(data) == 3 and data[0] & 0xF0 == NOTE_ON and data[2] > 0


class Source(Inbox):
    """A JACK client with one input, to which every port that is wanted is connected.

    Args:
        wanted: parts of port names; every port where there is none.
        bridged: whether ports count that only mirror the system's own.

    Raises:
        ValueError: there is no JACK library or no server.
    """

    def __init__(self, wanted: tuple[str, ...] = (), bridged: bool = True):
        super().__init__()
        self._jack, self.wanted, self._bridged = library(), wanted, bridged
        self._client = self._jack.jack_client_open(CLIENT.encode(), NO_START_SERVER, None)
        if not self._client:
            raise ValueError("JACK: no server is running")
        self.clock_address = ctypes.cast(self._jack.jack_last_frame_time, ctypes.c_void_p).value
        self._name = self._jack.jack_get_client_name(self._client) + b":in"
        self._names: list[str] = []
        if not self._start():
            self.close()
            raise ValueError("JACK: its server takes no MIDI input")
        self.look()

    def _start(self) -> bool:
        """Register the input and have messages written to `state`; whether that worked."""
        record, data = self.state[0], self.state.ctypes.data
        port = self._jack.jack_port_register(self._client, b"in", MIDI_TYPE, IS_INPUT, 0)
        record["client"], record["port"] = self._client, port
        record["period"] = self._jack.jack_get_buffer_size(self._client)
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
        self._names = [name for name in self._there() if self._is_wanted(name)]
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

    def _there(self) -> list[str]:
        found = self._jack.jack_get_ports(self._client, None, MIDI_TYPE, IS_OUTPUT)
        names = []
        while found and found[len(names)]:
            names.append(found[len(names)].decode())
        if found:
            self._jack.jack_free(found)
        return names

    def _is_wanted(self, name: str) -> bool:
        if name.startswith(CLIENT) or "midi through" in name.lower().replace("-", " "):
            return False
        if not self._bridged and name.startswith(BRIDGES):
            return False
        return not self.wanted or any(part.lower() in name.lower() for part in self.wanted)


@cache
def library():
    """JACK's library. Raises ValueError where there is none."""
    quiet_libraries()
    try:
        jack = ctypes.CDLL(ctypes.util.find_library("jack") or "libjack.so.0")
    except OSError as error:
        raise ValueError("JACK: its library is not installed") from error
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32
    signatures = {
        "jack_client_open": (pointer, [text, ctypes.c_int, pointer]),
        "jack_client_close": (ctypes.c_int, [pointer]),
        "jack_get_client_name": (text, [pointer]),
        "jack_port_register": (pointer, [pointer, text, text, ctypes.c_ulong, ctypes.c_ulong]),
        "jack_get_buffer_size": (number, [pointer]),
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
def messages_at(typing_context, address):
    """Address of a record of MESSAGES -> pointer to it, in compiled code."""
    result = types.CPointer(from_dtype(MESSAGES))

    def emit(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(result))

    return result(types.int64), emit


@intrinsic
def _bytes_at(typing_context, address):
    result = types.CPointer(types.uint8)

    def emit(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(result))

    return result(types.int64), emit


@native
def put(messages, frame, data, length):
    """Append a message to a record of MESSAGES.

    frame: of JACK's clock. data: its bytes. length: how many they are, 1 to 3.
    """
    row = messages.rows[messages.count % SIZE]
    row.frame, row.length = frame, length
    for i in range(length):
        row.data[i] = data[i]
    fence()
    messages.count += 1


@cache
def _callbacks():
    """JACK's process and shutdown callbacks, compiled once; user data is one MESSAGES."""
    jack = library()
    get_buffer, n_events = jack.jack_port_get_buffer, jack.jack_midi_get_event_count
    get_event, last_frame = jack.jack_midi_event_get, jack.jack_last_frame_time
    pointer = types.CPointer(from_dtype(MESSAGES))

    @cfunc(types.int32(types.uint32, pointer))
    def process(n, data):
        m = carray(data, 1)[0]
        m.period = n
        buffer = get_buffer(m.port, n)
        began = np.int64(last_frame(m.client))
        for i in range(n_events(buffer)):
            if get_event(m.event.ctypes, buffer, i) != 0:
                continue
            length = np.int64(m.event[1])
            if 0 < length <= 3:  # neither system exclusive nor empty
                offset = np.int64(m.event[0]) & 0xFFFFFFFF
                put(m, began + offset, carray(_bytes_at(np.int64(m.event[2])), 3), length)
        return 0

    @cfunc(types.void(pointer))
    def shut_down(data):
        carray(data, 1)[0].gone = 1

    return process, shut_down
