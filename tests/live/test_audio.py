"""What is lost, missing or silent, and when it is tried again: the rules, on streams that obey."""

from types import SimpleNamespace
from typing import ClassVar

import pytest

from matcher.live import audio, retry
from matcher.live import callback as native
from matcher.live.audio import INPUT, OUTPUT, Audio
from matcher.live.devices import Device
from matcher.live.protocol import DeviceChanged, Setup, State

MIC = Device(0, "Mic", "ALSA", 1, 0, 48000.0, None, None)
PHONES = Device(1, "Phones", "ALSA", 0, 2, 48000.0, None, None)


class Streams:
    """Streams whose devices come and go as `there` says."""

    there: ClassVar = set()
    made = 0

    def __init__(self, source, output, setup):
        Streams.made += 1
        self.state = native.make_state(48000, 0, 2)
        self.output, self.input, self.problem = output, None, ""
        self.sample_rate = self.input_rate = 48000.0
        self.opened = 0
        if output not in self.there:
            raise ValueError(f"{output.name} cannot be opened: another program is using it")
        if source is not None:
            try:
                self.open_input(source)
            except ValueError as error:
                self.problem = str(error)

    def open_input(self, source):
        self.opened += 1
        if source not in self.there:
            raise ValueError(f"{source.name} cannot be opened: it was unplugged")
        self.input = source

    def output_alive(self):
        return self.output in self.there

    def input_alive(self):
        return self.input is None or self.input in self.there

    def close_input(self):
        self.input = None

    def close(self):
        return True

    def ask_for_priority(self):
        pass


class Machine:
    """An Audio on a machine whose clock and devices the test sets."""

    def __init__(self, patch):
        self.now, self.said, self.scans, self.seen = 100.0, [], 0, None
        Streams.there, Streams.made = {MIC, PHONES}, 0
        patch.setattr(retry.time, "monotonic", lambda: self.now)
        patch.setattr(audio, "Streams", Streams)
        patch.setattr(audio.devices, "list_devices", lambda: [MIC, PHONES])
        patch.setattr(audio.devices, "rescan", self._rescan)
        self.setup = Setup(input="Mic", output="Phones")
        self.audio = Audio(
            lambda: State(self.setup), self._say, lambda message: None, lambda: None,
            lambda: None, lambda: None,
        )  # fmt: skip
        self.audio._probe = SimpleNamespace(look=lambda: self.seen, look_soon=lambda: None)

    def _rescan(self):
        self.scans += 1

    def _say(self, event, time_s, **fields):
        assert event is DeviceChanged
        self.said.append((fields["system"], fields["state"], fields["name"]))

    def watch(self, seconds: float = 0.0) -> list[str]:
        """Watch ten times a second for a while -> what was opened."""
        opened = [self.audio.watch()]
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            opened.append(self.audio.watch())
        return [what for what in opened if what]


@pytest.fixture
def machine(monkeypatch):
    return Machine(monkeypatch)


def test_a_microphone_that_is_lost_leaves_the_output_alone_and_comes_back(machine):
    assert machine.watch() == [OUTPUT]
    streams = machine.audio.streams
    Streams.there = {PHONES}
    assert machine.watch(120.0) == []
    assert machine.audio.streams is streams  # the pads play on
    assert machine.scans == 0
    assert streams.opened < 18  # ever more slowly, not 120 times
    assert machine.said == [
        ("input", "lost", "Mic"), ("input", "missing", "Mic cannot be opened: it was unplugged"),
    ]  # fmt: skip
    Streams.there = {PHONES, MIC}
    assert machine.watch(11.0) == [INPUT]
    assert machine.said[2:] == [("input", "found", "Mic")]
    assert machine.audio.streams is streams


def test_pads_play_where_the_microphone_is_busy_from_the_start(machine):
    Streams.there = {PHONES}
    assert machine.watch() == [OUTPUT]
    assert machine.said == [("input", "missing", "Mic cannot be opened: it was unplugged")]
    Streams.there = {PHONES, MIC}
    assert machine.watch(2.0) == [INPUT]


def test_an_output_is_tried_again_ever_more_slowly_and_said_once(machine):
    Streams.there = {MIC}
    assert machine.watch(120.0) == []
    assert 10 < machine.scans < 18
    assert machine.said == [
        ("audio", "missing", "Phones cannot be opened: another program is using it")
    ]
    Streams.there = {MIC, PHONES}
    machine.audio.rescan()  # by the user: at once
    assert machine.watch() == [OUTPUT]


def test_an_input_of_exact_zeros_is_named_and_forgiven(machine):
    machine.watch()
    capture = machine.audio.streams.state[0]["capture"]
    capture["zeros"] = 2.9 * 48000
    machine.watch()
    assert machine.said == []
    capture["zeros"] = 3.1 * 48000
    machine.watch(1.0)
    ((system, state, sentence),) = machine.said
    assert (system, state) == ("input", "silent")
    assert sentence.startswith("channel 1 of Mic is silent to the last bit: it is muted or not")
    capture["zeros"] = 0
    machine.watch()
    assert machine.said[1:] == [("input", "found", "Mic")]


def test_what_has_become_the_systems_own_is_opened_once_nothing_sounds(machine, monkeypatch):
    machine.setup = Setup()
    machine.watch()
    other = Device(2, "New phones", "ALSA", 0, 2, 48000.0, None, None, False, True)
    machine.seen = [MIC, PHONES, other]
    sounding = [3]
    monkeypatch.setattr(audio.voices, "n_sounding", lambda pool: sounding[0])
    assert machine.watch(5.0) == []
    sounding[0] = 0
    monkeypatch.setattr(audio.devices, "list_devices", lambda: machine.seen)
    Streams.there = {MIC, PHONES, other}
    assert machine.watch(1.0) == [OUTPUT]
    assert machine.audio.streams.output == other
    assert machine.watch(20.0) == []


def test_what_cannot_be_opened_is_not_tried_over_and_over(machine):
    machine.setup = Setup(input="Later", output="Phones")
    machine.watch()
    assert machine.said[0][:2] == ("input", "missing")
    later = Device(2, "Later", "ALSA", 1, 0, 48000.0, None, None)
    machine.seen = [MIC, PHONES, later]  # another process sees it, this one does not
    machine.watch(60.0)
    assert Streams.made == 2
