"""A CLAP host in ctypes, as far as the tests need one: input, notes, MIDI, parameters, latency and
the state."""

import ctypes as c
from pathlib import Path

import numpy as np

POINTER, U32, I32, F64, TEXT = c.c_void_p, c.c_uint32, c.c_int32, c.c_double, c.c_char_p
NOTE_ON, PARAM_VALUE, MIDI = 0, 5, 10
ERROR = 0


def function(result, *arguments):
    return c.CFUNCTYPE(result, *arguments)


class Version(c.Structure):
    _fields_ = [("major", U32), ("minor", U32), ("revision", U32)]


class Entry(c.Structure):
    _fields_ = [
        ("version", Version),
        ("init", function(c.c_bool, TEXT)),
        ("deinit", function(None)),
        ("get_factory", function(POINTER, TEXT)),
    ]


class Descriptor(c.Structure):
    _fields_ = [
        ("version", Version),
        *((name, TEXT) for name in ("id", "name", "vendor", "url", "manual", "support")),
        ("plugin_version", TEXT),
        ("description", TEXT),
        ("features", c.POINTER(TEXT)),
    ]


class Factory(c.Structure):
    _fields_ = [
        ("count", function(U32, POINTER)),
        ("describe", function(c.POINTER(Descriptor), POINTER, U32)),
        ("create", function(POINTER, POINTER, POINTER, TEXT)),
    ]


class PluginTable(c.Structure):
    _fields_ = [
        ("descriptor", c.POINTER(Descriptor)),
        ("data", POINTER),
        ("init", function(c.c_bool, POINTER)),
        ("destroy", function(None, POINTER)),
        ("activate", function(c.c_bool, POINTER, F64, U32, U32)),
        ("deactivate", function(None, POINTER)),
        ("start", function(c.c_bool, POINTER)),
        ("stop", function(None, POINTER)),
        ("reset", function(None, POINTER)),
        ("process", function(I32, POINTER, POINTER)),
        ("extension", function(POINTER, POINTER, TEXT)),
        ("main_thread", function(None, POINTER)),
    ]


class Header(c.Structure):
    _fields_ = [
        ("size", U32),
        ("time", U32),
        ("space", c.c_uint16),
        ("type", c.c_uint16),
        ("flags", U32),
    ]


class Note(c.Structure):
    _fields_ = [
        ("header", Header),
        ("id", I32),
        ("port", c.c_int16),
        ("channel", c.c_int16),
        ("key", c.c_int16),
        ("velocity", F64),
    ]


class Value(c.Structure):
    _fields_ = [
        ("header", Header),
        ("id", U32),
        ("cookie", POINTER),
        ("note", I32),
        ("port", c.c_int16),
        ("channel", c.c_int16),
        ("key", c.c_int16),
        ("value", F64),
    ]


class Midi(c.Structure):
    _fields_ = [("header", Header), ("port", c.c_uint16), ("data", c.c_uint8 * 3)]


SIZE, GET = function(U32, POINTER), function(POINTER, POINTER, U32)


class Events(c.Structure):
    _fields_ = [("context", POINTER), ("size", SIZE), ("get", GET)]


class Buffer(c.Structure):
    _fields_ = [
        ("data32", c.POINTER(c.POINTER(c.c_float))),
        ("data64", POINTER),
        ("channels", U32),
        ("latency", U32),
        ("constant", c.c_uint64),
    ]


class Block(c.Structure):
    _fields_ = [
        ("time", c.c_int64),
        ("frames", U32),
        ("transport", POINTER),
        ("inputs", c.POINTER(Buffer)),
        ("outputs", c.POINTER(Buffer)),
        ("n_inputs", U32),
        ("n_outputs", U32),
        ("events", c.POINTER(Events)),
        ("events_out", POINTER),
    ]


class Parameters(c.Structure):
    _fields_ = [
        ("count", function(U32, POINTER)),
        ("info", function(c.c_bool, POINTER, U32, POINTER)),
        ("get", function(c.c_bool, POINTER, U32, c.POINTER(F64))),
        ("to_text", function(c.c_bool, POINTER, U32, F64, c.c_char_p, U32)),
        ("from_text", function(c.c_bool, POINTER, U32, TEXT, c.POINTER(F64))),
        ("flush", function(None, POINTER, POINTER, POINTER)),
    ]


class Info(c.Structure):
    _fields_ = [
        ("id", U32),
        ("flags", U32),
        ("cookie", POINTER),
        ("name", c.c_char * 256),
        ("module", c.c_char * 1024),
        ("low", F64),
        ("high", F64),
        ("value", F64),
    ]


class Port(c.Structure):
    _fields_ = [
        ("id", U32),
        ("name", c.c_char * 256),
        ("flags", U32),
        ("channels", U32),
        ("kind", TEXT),
        ("in_place", U32),
    ]


class Ports(c.Structure):
    _fields_ = [
        ("count", function(U32, POINTER, c.c_bool)),
        ("describe", function(c.c_bool, POINTER, U32, c.c_bool, POINTER)),
    ]


class Activation(c.Structure):
    _fields_ = [
        ("while_processing", function(c.c_bool, POINTER)),
        ("set", function(c.c_bool, POINTER, c.c_bool, U32, c.c_bool, U32)),
    ]


class Host(c.Structure):
    _fields_ = [
        ("version", Version),
        ("data", POINTER),
        *((name, TEXT) for name in ("name", "vendor", "url", "host_version")),
        ("extension", function(POINTER, POINTER, TEXT)),
        *((name, function(None, POINTER)) for name in ("restart", "process", "callback")),
    ]


class HostLatency(c.Structure):
    _fields_ = [("changed", function(None, POINTER))]


class Latency(c.Structure):
    _fields_ = [("get", function(U32, POINTER))]


WRITE, READ = (function(c.c_int64, POINTER, POINTER, c.c_uint64) for _ in range(2))


class Stream(c.Structure):
    _fields_ = [("context", POINTER), ("transfer", WRITE)]


class State(c.Structure):
    _fields_ = [("save", function(c.c_bool, POINTER, POINTER)),
                ("load", function(c.c_bool, POINTER, POINTER))]  # fmt: skip


def note(time: int, key: int, velocity: int, channel: int = 0) -> Note:
    """A note with a velocity of MIDI."""
    return Note(Header(c.sizeof(Note), time, 0, NOTE_ON, 0), -1, 0, channel, key, velocity / 127)


def midi(time: int, *data: int) -> Midi:
    """A MIDI message of up to three bytes."""
    return Midi(Header(c.sizeof(Midi), time, 0, MIDI, 0), 0, (c.c_uint8 * 3)(*data))


def value(time: int, number: int, share: float) -> Value:
    """A parameter's place along its scale."""
    header = Header(c.sizeof(Value), time, 0, PARAM_VALUE, 0)
    return Value(header, number, None, -1, -1, -1, -1, share)


def _rows(x: np.ndarray):
    """Pointers to the rows of x (channels, frames) float32, C-contiguous in each row."""
    at = [row.ctypes.data_as(c.POINTER(c.c_float)) for row in x]
    return (c.POINTER(c.c_float) * len(at))(*at)


def _texts(listed) -> list[str]:
    """Texts of a list that ends with NULL."""
    found = []
    while listed[len(found)]:
        found.append(listed[len(found)].decode())
    return found


class Plugin:
    """An instance of a plugin of a CLAP file, instrument or effect, active at a sample rate.

    `asked` is how often it asked to be made active anew, `told` the latencies that it told of.
    """

    def __init__(self, path: Path, sample_rate: float = 48000, effect: bool = False):
        self.asked, self.told = 0, []
        self.host = self._make_host()
        self.entry = Entry.in_dll(c.CDLL(str(path)), "clap_entry")
        assert self.entry.init(str(path).encode())
        address = self.entry.get_factory(b"clap.plugin-factory")
        factory = c.cast(address, c.POINTER(Factory)).contents
        assert factory.count(address) == 2
        described = factory.describe(address, int(effect)).contents
        self.features = _texts(described.features)
        self.id, self.name = described.id.decode(), described.name.decode()
        self.description = described.description.decode()
        self.address = factory.create(address, c.addressof(self.host), described.id)
        self.table = c.cast(self.address, c.POINTER(PluginTable)).contents
        assert self.table.init(self.address)
        self.parameters = self._extension(b"clap.params", Parameters)
        self.sample_rate, self.active = sample_rate, False
        self.restart()

    def _make_host(self) -> Host:
        def restart(host):
            self.asked += 1

        def changed(host):
            self.told.append(self.latency)

        kind = dict(Host._fields_)
        self.host_latency = HostLatency(dict(HostLatency._fields_)["changed"](changed))

        def extension(host, name):
            return c.addressof(self.host_latency) if name == b"clap.latency" else None

        return Host(
            Version(1, 2, 0), None, b"tests", b"", b"", b"1", kind["extension"](extension),
            kind["restart"](restart), kind["process"](lambda host: None),
            kind["callback"](lambda host: None),
        )  # fmt: skip

    @property
    def latency(self) -> int:
        """The latency that it reports, in frames."""
        return self._extension(b"clap.latency", Latency).get(self.address)

    def _extension(self, name: bytes, kind):
        return c.cast(self.table.extension(self.address, name), c.POINTER(kind)).contents

    def restart(self) -> None:
        """Make it active anew: all programs are written with the knobs as they are."""
        if self.active:
            self.table.deactivate(self.address)
        self.active = self.table.activate(self.address, self.sample_rate, 1, 4096)

    def close(self) -> None:
        if self.active:
            self.table.deactivate(self.address)
        self.table.destroy(self.address)

    def process(self, out: np.ndarray, events=(), given: np.ndarray | None = None) -> int:
        """Fill out (2, frames) float32, C-contiguous in each row; given: the input, likewise.

        out may have two more rows for each output of a pad that the host has, from the first on.
        """
        keep = [SIZE(lambda context: len(events)), GET(lambda context, i: c.addressof(events[i]))]
        listed = Events(None, *keep)
        n_out, inputs = len(out) // 2, None
        pairs = [Buffer(_rows(out[2 * i : 2 * i + 2]), None, 2, 0, 0) for i in range(n_out)]
        buffers = (Buffer * n_out)(*pairs)
        if given is not None:
            inputs = c.pointer(Buffer(_rows(given), None, len(given), 0, 0))
        block = Block(
            0, out.shape[1], None, inputs, buffers, given is not None, n_out, c.pointer(listed),
            None,
        )  # fmt: skip
        return self.table.process(self.address, c.addressof(block))

    def play(self, n: int, block: int, events=(), given: np.ndarray | None = None,
             n_out: int = 1) -> np.ndarray:  # fmt: skip
        """Play n frames in blocks -> (2 n_out, n); the events' times count from here.

        given: (channels, n), the input. n_out: outputs that the host has.
        """
        events = sorted(events, key=lambda e: e.header.time)
        out = np.full((2 * n_out, n), np.nan, np.float32)
        k = 0
        for at in range(0, n, block):
            now, end = [], min(at + block, n)
            while k < len(events) and events[k].header.time < end:
                events[k].header.time -= at
                now.append(events[k])
                k += 1
            part = None if given is None else given[:, at:end]
            assert self.process(out[:, at:end], now, part) != ERROR
        return out

    def ports(self, given: bool) -> list[Port]:
        """Audio ports, the inputs or the outputs."""
        extension, found = self._extension(b"clap.audio-ports", Ports), []
        for i in range(extension.count(self.address, given)):
            found.append(Port())
            assert extension.describe(self.address, i, given, c.byref(found[-1]))
        assert not extension.describe(self.address, len(found), given, c.byref(Port()))
        return found

    def n_note_ports(self) -> int:
        """Ports that it takes notes from."""
        if not self.table.extension(self.address, b"clap.note-ports"):
            return 0
        return self._extension(b"clap.note-ports", Ports).count(self.address, True)

    def use(self, index: int, on: bool) -> bool:
        """Tell whether the host uses an output; False if there is none."""
        extension = self._extension(b"clap.audio-ports-activation/draft-2", Activation)
        return extension.set(self.address, False, index, on, 32)

    def infos(self) -> list[Info]:
        """All parameters, as the host lists them."""
        found = []
        for i in range(self.parameters.count(self.address)):
            found.append(Info())
            assert self.parameters.info(self.address, i, c.byref(found[-1]))
        return found

    def get(self, number: int) -> float:
        x = F64()
        assert self.parameters.get(self.address, number, c.byref(x))
        return x.value

    def text(self, number: int, share: float) -> str:
        out = c.create_string_buffer(64)
        assert self.parameters.to_text(self.address, number, share, out, 64)
        return out.value.decode()

    def save(self) -> bytes:
        """The state."""
        saved = bytearray()

        def write(stream, data, size):
            part = min(size, 100)  # a host may take less at once
            saved.extend(c.string_at(data, part))
            return part

        stream = Stream(None, WRITE(write))
        assert self._extension(b"clap.state", State).save(self.address, c.addressof(stream))
        return bytes(saved)

    def load(self, state: bytes) -> bool:
        """Restore a state; False if the plugin refuses it."""
        left = bytearray(state)

        def read(stream, data, size):
            part = bytes(left[: min(size, 100)])
            del left[: len(part)]
            c.memmove(data, part, len(part))
            return len(part)

        stream = Stream(None, READ(read))
        return self._extension(b"clap.state", State).load(self.address, c.addressof(stream))
