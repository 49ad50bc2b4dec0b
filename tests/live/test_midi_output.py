"""Hits out through ports beside JACK, by what stands in for RtMidi."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from matcher.live import clock, hit_notes, midi_output
from matcher.live.midi_names import OWN
from matcher.live.midi_output import NO_PORT, SLACK_NS, OutPorts, Outputs
from matcher.live.midi_ring import NOTE_OFF, NOTE_ON, UNKNOWN, Ring, put
from matcher.live.rtmidi_library import WINDOWS
from matcher.midi_file import LENGTH_S
from tests.live.midi_devices import System

ON, OFF, NOTE = NOTE_ON | 9, NOTE_OFF | 9, 38


@pytest.fixture
def make(monkeypatch):
    """OutPorts of a System, which send when the test says so; `told` has what was told."""
    made = []

    def ports(system, to="", hits=True, runs=False):
        if not runs:
            monkeypatch.setattr(OutPorts, "_run", lambda self: None)
        told = []
        made.append(OutPorts(to, Ring() if hits else None, told.append, system, system.api))
        made[-1].told = told
        return made[-1]

    yield ports
    for one in made:
        one.close()


def hit(ports, ns: int = 0, velocity: int = 100) -> None:
    put(ports._hits.state[0], ns, hit_notes.NO_FRAME, UNKNOWN, (ON, NOTE, velocity), 3)


def messages(output) -> list[tuple[int, ...]]:
    return [message for _, message in output.received]


def test_our_own_port_and_the_one_that_is_named_get_each_hit(make):
    system = System("Synth 20:0", "Lamp 24:0", virtual=True)
    ports = make(system, "synth")
    assert ports.names == [OWN, "Synth"]
    assert ports.there == ["Synth", "Lamp"]
    hit(ports)
    ports.send()
    for name in ("virtual", "Synth 20:0"):
        assert messages(system.output(name)) == [(ON, NOTE, 100)]
    assert len(system.outputs) == 2


def test_notes_are_sent_in_time_by_a_thread_of_their_own_and_end(make):
    system = System(virtual=True)
    ports = make(system, runs=True)
    due = clock.now_ns() + 50_000_000
    hit(ports, ns=due)
    end = time.monotonic() + 60
    while len(system.output("virtual").received) < 2 and time.monotonic() < end:
        time.sleep(0.001)
    (on_ns, on), (off_ns, off) = system.output("virtual").received
    assert (on, off) == ((ON, NOTE, 100), (OFF, NOTE, 0))
    assert on_ns >= due + SLACK_NS
    assert off_ns - (due + SLACK_NS) >= 1e9 * LENGTH_S


def test_no_note_leaves_before_it_may_and_none_is_lost(make, request):
    """`--long -rP` prints the figures of docs."""
    system, rng = System(virtual=True), np.random.default_rng(0)
    ports, n = make(system, runs=True), 1000 if request.config.getoption("--long") else 30
    due, output = [], system.output("virtual")
    for i in range(n):
        due.append(clock.now_ns() + int(rng.integers(10**6, 10**7)))
        hit(ports, due[-1], velocity=1 + i % 127)
        time.sleep(rng.uniform(0.02, 0.03))
    end = time.monotonic() + 60
    while len(output.received) < 2 * n and time.monotonic() < end:
        time.sleep(0.01)
    on = [(ns, message[2]) for ns, message in output.received if message[0] == ON]
    assert [velocity for _, velocity in on] == [1 + i % 127 for i in range(n)]
    late_ms = 1e-6 * (np.array([ns for ns, _ in on]) - np.array(due))
    assert late_ms.min() >= 1e-6 * SLACK_NS
    print(f"{n} hits, sent after they may leave: ms " + ", ".join(
        f"p{p} {np.percentile(late_ms, p):.2f}" for p in (1, 50, 95, 99, 100)))  # fmt: skip


def test_a_note_that_sounds_ends_when_its_port_is_closed(make):
    system = System(virtual=True)
    ports = make(system)
    hit(ports)
    ports.send()
    output = system.output("virtual")
    ports.close()
    assert messages(output) == [(ON, NOTE, 100), (OFF, NOTE, 0)]
    assert system.outputs == []


def test_a_port_that_goes_is_closed_and_opened_again_when_it_is_back(make):
    system = System("Synth 20:0")
    ports = make(system, "Synth")
    system.ports = []
    ports.look()
    assert ports.names == [] and system.outputs == []
    system.ports = ["Synth 32:0"]
    ports.look()
    hit(ports)
    ports.send()
    assert messages(system.output("Synth 32:0")) == [(ON, NOTE, 100)]


def test_a_port_that_fails_is_opened_again_and_takes_nothing_from_the_others(make):
    system = System("Synth 20:0", virtual=True)
    ports = make(system, "Synth")
    broken = system.output("Synth 20:0")
    broken.fails = True
    hit(ports)
    ports.send()
    assert messages(system.output("virtual")) == [(ON, NOTE, 100)]
    ports.look()
    assert broken not in system.outputs
    assert ports.names == [OWN, "Synth"]


def test_a_port_that_is_held_is_told_of_once(make):
    system = System("Synth 20:0")
    system.busy = {"Synth 20:0"}
    ports = make(system, "Synth")
    ports.look()
    (sentence,) = ports.told
    assert sentence.startswith("MIDI port Synth cannot be opened (it is in use)")


def test_our_own_port_that_fails_is_told_of(make):
    system = System(virtual=True)
    ports = make(system)
    system.output("virtual").fails = True
    hit(ports)
    ports.send()
    assert ports.names == []
    (sentence,) = ports.told
    assert sentence == f"the MIDI port {OWN!r} of this app failed (the device is gone)"


def test_our_own_ports_are_no_place_to_send_to(make):
    system = System("Drum matcher:in 128:0", "Midi Through 14:0")
    assert make(system, "in").names == []


def test_ports_are_only_listed_where_no_hits_are_sent(make):
    system = System("Synth 20:0", virtual=True)
    ports = make(system, "Synth", hits=False)
    ports.look()
    assert ports.there == ["Synth"]
    assert ports.names == [] and system.outputs == []


class Rig:
    """Outputs on a System beside JACK, as Inputs ask them to look."""

    def __init__(self, monkeypatch, system, to="", hits=True):
        monkeypatch.setattr(OutPorts, "_run", lambda self: None)
        self.told = []
        self.outputs = Outputs(to, Ring() if hits else None, self.told.append)
        self.ports = SimpleNamespace(library=system, api=system.api)
        self.look()

    def look(self, jack=None):
        self.outputs.look(self.ports, jack)


def test_a_name_that_is_nobodys_is_told_once_and_again_when_it_has_gone(monkeypatch):
    system = System("Synth 20:0", virtual=True)
    rig = Rig(monkeypatch, system, "Sampler")
    rig.look()
    sentence = "there is no MIDI port 'Sampler' to send hits to; they are sent once it is there"
    assert rig.told == [sentence]
    system.ports.append("Sampler 24:0")
    rig.look()
    assert rig.outputs.names == [OWN, "Sampler"]
    assert rig.told == [sentence]
    system.ports.pop()
    rig.look()
    assert rig.told == [sentence] * 2
    rig.outputs.close()


def test_where_there_are_no_ports_of_our_own_one_has_to_be_named(monkeypatch):
    rig = Rig(monkeypatch, System("Synth 0", api=WINDOWS))
    rig.look()
    assert rig.told == [NO_PORT]
    assert rig.outputs.there == ["Synth"]
    rig.outputs.close()


def test_jacks_port_counts_as_well(monkeypatch):
    jack = SimpleNamespace(out_names=[OWN, "fluid:midi_00"], out_there=["fluid:midi_00"], lost=3)
    rig = Rig(monkeypatch, System(), hits=False)
    rig.look(jack)
    assert rig.outputs.names == jack.out_names
    assert rig.outputs.there == jack.out_there
    assert rig.outputs.lost == 3
    rig.outputs.close()


def test_a_system_without_outputs_leaves_the_inputs_alone(monkeypatch):
    class Deaf(System):
        def open_output(self, api, client):
            raise ValueError("no")

    rig = Rig(monkeypatch, Deaf("Pads 20:0"))
    assert rig.outputs.names == []
    assert rig.told == [midi_output.NO_PORT]
