"""What MIDI messages do beside what the callback plays, without a port, a server or an engine."""

import numpy as np
import pytest

from matcher.kits.kit import Kit, Pad
from matcher.live import callback as native
from matcher.live import frame_clock, jack_midi, midi, midi_library, programs, rtmidi_library
from matcher.live.midi_control import CHOOSE, MidiControl
from matcher.live.midi_ring import Ring
from matcher.live.protocol import (
    MORE_NOTES,
    NOTE,
    POSITION,
    ControllerMoved,
    DeviceChanged,
    Failed,
    Learned,
    NotePlayed,
    ProgramChanged,
    Setup,
    State,
    apply,
)
from matcher.physics.drum import Drum
from tests.conftest import TOM
from tests.live.midi_devices import System

RATE = 48000
PADS = "Pads 20:0"


class Player:
    """A stream of which the test asks for blocks, or none."""

    def __init__(self):
        self.running, self.plays_on_jack = False, False
        self.hits = Ring()

    def open(self):
        self.state = native.make_state(RATE, 0, 2)
        self.record, self.running = self.state[0], True
        programs.write_pad(self.record["pool"]["pads"][0], Pad(36), RATE)
        programs.write_program(self.record["pool"]["programs"][0], Drum(TOM), 1.0, RATE)
        native.send(self.record, 0, native.PROGRAM, 0, 0, 0.0, -1)

    def time_of(self, frame):
        return frame / RATE

    def blocks(self, n=3000, ns=0):
        x, out = np.zeros((64, 0), np.float32), np.zeros((64, 2), np.float32)
        for _ in range(n):
            clock = self.record["midi"]["clock"]
            frame_clock.follow(clock, int(self.record["time"]), midi_notes_now(self), False)
            native.process(self.record, x, out)
        return native.receive(self.record)


def midi_notes_now(player) -> int:
    """A time at which all that came in is due soon: the stream began with the clock."""
    return player.began_ns + round(1e9 * int(player.record["time"]) / RATE)


class Rig:
    def __init__(self, system, **setup):
        self.system, self.events = system, []
        self.state = State(Setup(**setup), Kit().with_pad(0, drum=Drum(TOM)))
        self.player = Player()
        self.control = MidiControl(lambda: self.state, self.say, self.change, self.player)

    def say(self, event, time_s=None, **more):
        self.events.append(event(time_s=time_s or 0.0, **more))

    def change(self, event, time_s=None, **more):
        made = event(time_s=time_s or 0.0, revision=self.state.revision, **more)
        before, self.state = self.state, apply(self.state, made)
        if before.kit.notes != self.state.kit.notes:
            self.control.map_notes()
        self.events.append(made)

    def send(self, *data, port=PADS):
        self.system.input(port).send(*data)
        self.control._inputs._ports.poll()
        self.control.step()

    def open_stream(self):
        from matcher.live import clock

        self.player.open()
        self.player.began_ns = clock.now_ns()
        self.control.follow_stream()
        self.player.record["midi"]["position_cc"] = self.control.position_cc

    def play(self):
        for event in self.player.blocks():
            if event.kind in (native.STRUCK, native.REFUSED):
                self.control.report(event)

    def of(self, kind) -> list:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def make(monkeypatch):
    """A Rig on a System, which is all the MIDI there is; nothing polls or looks by itself."""
    rigs = []

    def no_jack(*_, **__):
        raise ValueError("JACK: no server is running")

    def rig(*ports, system=None, **setup):
        system = system or System(*(ports or (PADS,)))
        monkeypatch.setattr(midi_library, "load", lambda: system)
        monkeypatch.setattr(jack_midi, "Source", no_jack)
        monkeypatch.setattr("matcher.live.midi_ports.Ports._run", lambda self: None)
        monkeypatch.setattr(midi, "LOOK_S", 1e6)
        rigs.append(Rig(system, **setup))
        rigs[-1].control.step()
        return rigs[-1]

    yield rig
    for one in rigs:
        one.player.running = False
        one.control.close()


def test_a_note_is_played_and_reported_once(make):
    rig = make()
    rig.open_stream()
    rig.send(0x90, 36, 100)
    rig.send(0x90, 36, 0)
    assert rig.of(NotePlayed) == []  # the callback reports it when it sounds
    rig.play()
    (played,) = rig.of(NotePlayed)
    assert (played.note, played.velocity, played.pad) == (36, 100, 0)


def test_notes_without_a_pad_or_a_stream_are_reported(make):
    rig = make()
    rig.send(0x90, 36, 100)
    rig.send(0x90, 99, 80)
    rig.open_stream()
    rig.send(0x90, 99, 81)
    rig.play()
    reported = [(event.note, event.velocity, event.pad) for event in rig.of(NotePlayed)]
    assert reported == [(36, 100, 0), (99, 80, None), (99, 81, None)]


def test_notes_of_a_lost_stream_are_not_played_late(make):
    rig = make()
    rig.open_stream()
    rig.control.leave_stream()
    rig.player.running = False
    rig.send(0x90, 36, 100)
    rig.open_stream()
    rig.play()
    assert [event.velocity for event in rig.of(NotePlayed)] == [100]  # when it came
    rig.send(0x90, 36, 50)
    rig.play()
    assert [event.velocity for event in rig.of(NotePlayed)] == [100, 50]


def test_messages_go_on_while_ports_are_looked_for_again(make):
    rig = make()
    rig.open_stream()
    rig.control.rescan()
    rig.control.step()
    rig.send(0x90, 36, 100)
    rig.play()
    assert len(rig.of(NotePlayed)) == 1


def test_one_channel_counts(make):
    rig = make(midi_channel=10)
    rig.send(0x90, 99, 1)
    rig.send(0x99, 99, 2)
    rig.send(0xC0, 1)
    assert [event.velocity for event in rig.of(NotePlayed)] == [2]
    assert rig.of(ProgramChanged) == []


def test_a_program_is_reported(make):
    rig = make()
    rig.send(0xC3, 5)
    assert [event.number for event in rig.of(ProgramChanged)] == [5]


def test_a_position_is_reported_and_channel_messages_turn_nothing(make):
    rig = make(controllers={120: "tau"})
    rig.send(0xB0, 16, 64)
    for number in (120, 121, 123, 127):
        rig.send(0xB0, number, 0)
    (moved,) = rig.of(ControllerMoved)
    assert (moved.turns, moved.value) == (POSITION, 64)


def test_a_moved_controller_is_learned_and_one_that_streams_is_not(make):
    rig = make()
    for value in (10, 60, 110):
        rig.send(0xB0, 4, value)
    rig.control.learn("tau")
    for value in (60, 10):
        rig.send(0xB0, 4, value)
    assert rig.of(Learned) == []
    for value in (40, 41, 80):
        rig.send(0xB0, 21, value)
    (learned,) = rig.of(Learned)
    assert (learned.what, learned.number) == ("tau", 21)
    assert rig.state.setup.controllers == {21: "tau"}
    assert rig.of(ControllerMoved)[-1].to is not None


def test_notes_are_learned_in_place_of_and_beside_others(make):
    rig = make()
    rig.control.learn(NOTE)
    rig.send(0x90, 60, 100)
    assert rig.state.kit.notes[0] == (60,)
    for note in (61, 37):
        rig.control.learn(MORE_NOTES)
        rig.send(0x90, note, 100)
    assert rig.state.kit.notes[0] == (60, 61, 37)
    assert 37 not in rig.state.kit.notes[1]
    rig.open_stream()
    rig.send(0x90, 61, 90)
    rig.play()
    assert rig.of(NotePlayed)[-1].pad == 0


def test_a_pad_takes_no_more_notes_than_it_can(make):
    rig = make()
    for note in range(60, 80):
        rig.control.learn(MORE_NOTES)
        rig.send(0x90, note, 100)
    assert rig.state.kit.notes[0] == (36, *range(60, 75))


def test_ports_that_are_exclusive_wait_for_a_choice_which_is_told_once(make):
    system = System("Pads 0", api=rtmidi_library.WINDOWS)
    rig = make(system=system)
    rig.control.step()
    (told,) = rig.of(DeviceChanged)
    assert (told.state, told.name) == ("missing", CHOOSE)
    assert (rig.control.names, rig.control.there) == ([], ["Pads"])
    from dataclasses import replace

    rig.state = replace(rig.state, setup=replace(rig.state.setup, midi_in=("Pads",)))
    rig.control.rescan()
    rig.control.step()
    assert rig.control.names == ["Pads"]


def test_no_midi_is_told_once_and_its_return_as_well(make, monkeypatch):
    class Broken(System):
        works = False

        def open(self, api, client):
            if not self.works:
                raise ValueError("no")
            return super().open(api, client)

    system = Broken("Pads 20:0")
    rig = make(system=system)
    rig.control.step()
    (told,) = rig.of(DeviceChanged)
    assert told.name == "no MIDI (Pretended: cannot be opened; JACK: no server is running)"
    system.works = True
    rig.control._inputs.look_again()
    rig.control.step()
    assert [event.state for event in rig.of(DeviceChanged)] == ["missing", "found"]


def test_a_port_that_is_held_is_an_error_in_words(make):
    system = System(PADS, "Keys 24:0")
    system.busy = {"Keys 24:0"}
    rig = make(system=system)
    (failed,) = rig.of(Failed)
    assert failed.message.startswith("MIDI port Keys cannot be opened")
    assert rig.control.names == ["Pads"]
