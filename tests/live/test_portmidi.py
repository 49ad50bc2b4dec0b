"""PortMidi's binding as the ports of midi_ports: played by a module in its place, and itself."""

import sys
from collections import deque
from types import ModuleType

import pytest

from matcher.live import midi_library, portmidi_library, rtmidi_library
from matcher.live.midi_ports import Ports
from matcher.live.midi_ring import Ring
from matcher.live.portmidi_library import PortMidi


class System(ModuleType):
    """What stands in for pygame.midi: it sees new devices only as it starts."""

    def __init__(self, *there: str):
        super().__init__("pygame.midi")
        self.there, self.seen, self.opened = list(there), [], {}

    def init(self):
        if not self.seen:
            self.seen = list(self.there)

    def quit(self):
        assert not self.opened, "an open port would be lost"
        self.seen = []

    def get_count(self):
        return 2 * len(self.seen)  # each has an output as well

    def get_device_info(self, i):
        return b"ALSA", self.seen[i // 2].encode(), i % 2, 1 - i % 2, 0

    def Input(self, number, size):
        if self.seen[number // 2] == "busy":
            raise Exception("PortMidi: `Host error.'")
        self.opened[number] = Stream(self, number)
        return self.opened[number]

    def Output(self, number):
        self.opened[number] = Stream(self, number)
        return self.opened[number]


class Stream:
    def __init__(self, system, number):
        self.system, self.number, self.waiting, self.fails = system, number, deque(), False

    def write_short(self, status, data1, data2):
        if self.fails:
            raise Exception("PortMidi: `Bad pointer'")
        self.waiting.append((status, data1, data2))

    def poll(self):
        if self.fails:
            raise Exception("PortMidi: `Bad pointer'")
        return bool(self.waiting)

    def read(self, count):
        return [self.waiting.popleft() for _ in range(count)]

    def close(self):
        del self.system.opened[self.number]


@pytest.fixture
def make(monkeypatch, tmp_path):
    def made(*there, sequencer=tmp_path):
        monkeypatch.setattr(portmidi_library, "ALSA_SEQUENCER", sequencer)
        system = System(*there)
        package = ModuleType("pygame")
        package.midi = system
        monkeypatch.setitem(sys.modules, "pygame", package)
        monkeypatch.setitem(sys.modules, "pygame.midi", system)
        return system, PortMidi()

    return made


def test_inputs_are_listed_and_new_ones_while_none_is_open(make):
    system, library = make("pads", "keys")
    watcher = library.open(0, "x")
    assert watcher.names() == ["pads", "keys"]
    system.there.append("late")
    assert watcher.names() == ["pads", "keys", "late"]
    port = library.open(0, "x")
    port.connect(2, "x")
    system.there.append("later")
    assert watcher.names() == ["pads", "keys", "late"]
    port.close()
    port.close()  # as often as one likes
    assert watcher.names() == ["pads", "keys", "late", "later"]
    with pytest.raises(ValueError, match=r"^it has gone$"):
        library.open(0, "x").connect(4, "x")


def test_outputs_are_listed_and_sent_to(make):
    system, library = make("pads", "synth")
    port = library.open_output(0, "x")
    assert port.names() == ["pads", "synth"]
    port.connect(1, "x")
    assert library.n_open == 1  # PortMidi does not start anew meanwhile
    port.send((0x99, 36, 100))
    assert list(system.opened[2].waiting) == [(0x99, 36, 100)]  # its output comes first
    system.opened[2].fails = True
    with pytest.raises(ValueError, match="Bad pointer"):
        port.send((0x89, 36, 0))
    port.close()
    assert library.n_open == 0 and not system.opened
    with pytest.raises(ValueError, match=r"^PortMidi has none$"):
        library.open_output(0, "x").connect_virtual("hits")


def test_messages_have_their_bytes_and_the_time_since_the_last(make):
    system, library = make("pads")
    port = library.open(0, "x")
    assert port.message() is None
    port.connect(0, "x")
    system.opened[1].waiting += [[[0x90, 36, 100, 0], 1000], [[0xD0, 90, 0, 0], 1012]]
    assert port.message() == ([0x90, 36, 100], None)
    assert port.message() == ([0xD0, 90], pytest.approx(0.012))
    assert port.message() is None


def test_what_fails_is_a_sentence(make):
    system, library = make("busy", "pads")
    port = library.open(0, "x")
    with pytest.raises(ValueError, match="Host error"):
        port.connect(0, "x")
    with pytest.raises(ValueError, match="none"):
        port.connect_virtual("in")
    port.connect(1, "x")
    system.opened[3].fails = True
    with pytest.raises(ValueError, match="Bad pointer"):
        port.message()
    assert library.n_open == 1


def test_ports_of_the_instrument_open_play_and_come_back(make):
    system, library = make("pads", "Midi Through")
    ports = Ports((), Ring(), print, library)
    try:
        assert ports.names == ["pads"]
        system.opened[1].fails = True
        while not ports._broken:
            pass
        system.there.append("keys")
        ports.look()  # closes it, and then opens what is there
        ports.look()
        assert ports.names == ["pads", "keys"]
    finally:
        ports.close()
    assert not system.opened


def test_the_binding_that_is_there_is_taken(monkeypatch, make):
    make("pads")
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    assert isinstance(midi_library.load(), PortMidi)
    monkeypatch.setitem(sys.modules, "pygame.midi", None)
    with pytest.raises(ValueError, match="python-rtmidi and pygame-ce"):
        midi_library.load()


def test_a_system_without_sequencer_is_said(make, tmp_path):
    _, library = make(sequencer=tmp_path / "none")
    if portmidi_library.ALSA in library.apis:
        with pytest.raises(ValueError, match="no ALSA sequencer"):
            library.open(0, "x")


def test_portmidi_itself_lists_what_this_machine_has():
    pytest.importorskip("pygame.midi")
    library = PortMidi()
    assert set(library.apis) <= {portmidi_library.ALSA, "Core MIDI", rtmidi_library.WINDOWS}
    if portmidi_library.ALSA in library.apis and not portmidi_library.ALSA_SEQUENCER.exists():
        pytest.skip("this machine has no sequencer")
    names = library.open(0, "x").names()
    assert library.open(0, "x").names() == names
    with pytest.raises(ValueError, match="it has gone"):
        library.open(0, "x").connect(len(names), "x")
