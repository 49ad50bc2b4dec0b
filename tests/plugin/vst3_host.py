"""A VST3 host in ctypes, as far as the tests need one that chooses the outputs it uses."""

import ctypes as c
from pathlib import Path

import numpy as np

POINTER, U32, I32, I16 = c.c_void_p, c.c_uint32, c.c_int32, c.c_int16
F64, F32 = c.c_double, c.c_float
AUDIO, EVENTS = range(2)  # kinds of buses
INPUT, OUTPUT = range(2)
OK, NOTE_ON, STEREO = 0, 0, 3
PROCESSOR = "42043F99B7DA453CA569E79D9AAEC33D"
CONTROLLER = "DCD7BBE37742448DA874AACC979C759E"
COMPONENT = "E831FF31F2D54301928EBBEE25697802"


def method(place: int, *arguments, result=I32):
    """A function of an interface by its place in the table -> how it is called of an object."""
    kind = c.CFUNCTYPE(result, POINTER, *arguments)

    def call(thing: int, *given):
        table = c.cast(thing, c.POINTER(c.POINTER(POINTER)))[0]
        return kind(table[place])(thing, *given)

    return call


query, release = method(0, c.c_char_p, c.POINTER(POINTER)), method(2, result=U32)
count_classes, class_info = method(4), method(5, I32, POINTER)
class_info_2, create = method(7, I32, POINTER), method(6, c.c_char_p, c.c_char_p, POINTER)
count_buses, bus_info = method(7, I32, I32), method(8, I32, I32, I32, POINTER)
activate_bus, set_active = method(10, I32, I32, I32, c.c_uint8), method(11, c.c_uint8)
set_arrangements = method(3, POINTER, I32, POINTER, I32)
latency, set_up, process = method(6, result=U32), method(7, POINTER), method(9, POINTER)
set_value = method(15, U32, F64)


class Class(c.Structure):
    _fields_ = [
        ("uid", c.c_uint8 * 16),
        ("cardinality", I32),
        ("category", c.c_char * 32),
        ("name", c.c_char * 64),
        ("flags", U32),
        ("sub", c.c_char * 128),
        ("rest", c.c_char * 192),
    ]


class Bus(c.Structure):
    _fields_ = [
        ("media", I32),
        ("direction", I32),
        ("channels", I32),
        ("name", c.c_uint16 * 128),
        ("type", I32),
        ("flags", U32),
    ]


class Setup(c.Structure):
    _fields_ = [("mode", I32), ("size", I32), ("most", I32), ("rate", F64)]


class Buffers(c.Structure):
    _fields_ = [("channels", I32), ("silence", c.c_uint64), ("data", c.POINTER(c.POINTER(F32)))]


class Block(c.Structure):
    _fields_ = [
        *((name, I32) for name in ("mode", "size", "n", "n_in", "n_out")),
        ("inputs", c.POINTER(Buffers)),
        ("outputs", c.POINTER(Buffers)),
        ("changes", POINTER),
        ("changes_out", POINTER),
        ("events", POINTER),
        ("events_out", POINTER),
        ("context", POINTER),
    ]


class Event(c.Structure):
    _fields_ = [
        ("bus", I32),
        ("offset", I32),
        ("ppq", F64),
        ("flags", c.c_uint16),
        ("type", c.c_uint16),
        ("padding", U32),
        ("channel", I16),
        ("pitch", I16),
        ("tuning", F32),
        ("velocity", F32),
        ("length", I32),
        ("id", I32),
    ]


class Notes:
    """The list of events of a block: (frame, note, velocity of MIDI)."""

    def __init__(self, notes):
        def get(this, i, out):
            frame, note, velocity = notes[i]
            out[0] = Event(0, frame, 0, 0, NOTE_ON, 0, 0, note, 0, velocity / 127, 0, -1)
            return OK

        none = c.CFUNCTYPE(I32, POINTER)(lambda this: 0)
        self.functions = [none, none, none, c.CFUNCTYPE(I32, POINTER)(lambda this: len(notes)),
                          c.CFUNCTYPE(I32, POINTER, I32, c.POINTER(Event))(get)]  # fmt: skip
        self.table = (POINTER * 5)(*(c.cast(f, POINTER) for f in self.functions))
        self.object = POINTER(c.addressof(self.table))
        self.address = c.addressof(self.object)


def _identity(text: str) -> bytes:
    return bytes.fromhex(text)


class Plugin:
    """An instance of a plugin of a VST3 file on Linux: the instrument or the effect.

    `outputs` are the buses of which the host activates all, before the plugin is active.
    """

    def __init__(self, binary: Path, rate: float, outputs=(0,), effect: bool = False):
        library = c.CDLL(str(binary))
        library.GetPluginFactory.restype = POINTER
        factory = library.GetPluginFactory()
        self.classes = []
        for i in range(count_classes(factory)):
            self.classes.append(Class())
            assert class_info_2(factory, i, c.byref(self.classes[-1])) == OK
        assert class_info_2(factory, len(self.classes), c.byref(Class())) != OK
        self.kind, found = self.classes[effect], POINTER()
        assert create(factory, bytes(self.kind.uid), _identity(COMPONENT), c.byref(found)) == OK
        self.component = found.value
        self.processor, self.controller = map(self._interface, (PROCESSOR, CONTROLLER))
        self.effect, self.n_out = effect, count_buses(self.component, AUDIO, OUTPUT)
        both = (c.c_uint64 * self.n_out)(*[STEREO] * self.n_out)
        assert set_arrangements(self.processor, both, 1, both, self.n_out) == OK
        self.outputs = outputs
        for i in outputs:
            assert activate_bus(self.component, AUDIO, OUTPUT, i, 1) == OK
        assert set_up(self.processor, c.byref(Setup(0, 0, 8192, rate))) == OK
        assert set_active(self.component, 1) == OK

    def _interface(self, uid: str) -> int:
        found = POINTER()
        assert query(self.component, _identity(uid), c.byref(found)) == OK
        return found.value

    def buses(self, media: int, direction: int) -> list[Bus]:
        found = []
        for i in range(count_buses(self.component, media, direction)):
            found.append(Bus())
            assert bus_info(self.component, media, direction, i, c.byref(found[-1])) == OK
        assert bus_info(self.component, media, direction, len(found), c.byref(Bus())) != OK
        return found

    @property
    def latency(self) -> int:
        return latency(self.processor)

    def set(self, number: int, share: float) -> None:
        """Set a parameter to its place along its scale."""
        assert set_value(self.controller, number, share) == OK

    def play(self, n: int, block: int, notes=(), given: np.ndarray | None = None) -> tuple:
        """Play n frames in blocks -> (outputs, 2, n), and whether all of each was told as silent.

        notes: (frame, note, velocity of MIDI). given: (2, n), the input. Buses that are not active
        have no buffers.
        """
        out = np.full((self.n_out, 2, n), np.nan, np.float32)
        silent = np.ones(self.n_out, bool)
        for at in range(0, n, block):
            end = min(at + block, n)
            events = Notes([(f - at, *note) for f, *note in notes if at <= f < end])
            outs = (Buffers * self.n_out)()
            for i in self.outputs:
                outs[i] = Buffers(2, 0, _rows(out[i, :, at:end]))
            ins = None
            if given is not None:
                ins = c.pointer(Buffers(2, 0, _rows(given[:, at:end])))
            now = Block(0, 0, end - at, given is not None, self.n_out, ins, outs, None, None,
                        events.address, None, None)  # fmt: skip
            assert process(self.processor, c.byref(now)) == OK
            silent &= [bus.silence == STEREO for bus in outs]
        return out, silent

    def close(self) -> None:
        set_active(self.component, 0)
        for each in (self.controller, self.processor, self.component):
            release(each)


def _rows(x: np.ndarray):
    """Pointers to the rows of x (channels, frames) float32, C-contiguous in each row."""
    at = [row.ctypes.data_as(c.POINTER(F32)) for row in x]
    return (c.POINTER(F32) * len(at))(*at)
