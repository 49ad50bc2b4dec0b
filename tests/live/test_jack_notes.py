"""Notes of JACK in the audio callback, without a server: the ring is filled here."""

import threading
import time

import numpy as np
import pytest
from numba import carray, cfunc, types

from matcher.kits.kit import Pad
from matcher.live import callback as native
from matcher.live import jack_midi, jack_notes, programs
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

RATE, PERIOD = 48000, 64
TOM = Theta(2 * np.pi * 110, 0.4, 0.02, 0.01, 0.8)
FIRST = 36  # note of the pad
LATER = 1000  # frames after the notes were sent: they are due
NOTE_ON, CONTROL = 0x90, 0xB0


@cfunc(types.uint32(types.CPointer(types.int64)))
def last_frame_time(client):
    return carray(client, 1)[0]


@cfunc(types.uint32(types.CPointer(types.int64)))
def detaching_clock(client):
    """What another thread may do in the middle of a block: its client is the address of `midi`."""
    carray(client, 1)[0] = 0
    return LATER


class Rig:
    """The callback with a drum on its pad, a ring of messages and a JACK clock."""

    def __init__(self):
        self.state = native.make_state(RATE, 0, 2)
        self.record = self.state[0]
        programs.write_pad(self.record["pool"]["pads"][0], Pad(FIRST), RATE)
        programs.write_program(self.record["pool"]["programs"][0], Drum(TOM), 1.0, RATE)
        native.send(self.record, 0, native.PROGRAM, 0, 0, 0.0, -1)
        self.record["pad_of"][FIRST] = 0
        self.frame = np.zeros(1, np.int64)  # of JACK, where its cycle begins
        self.inbox = jack_midi.Inbox()
        self.inbox.clock_address = last_frame_time.address
        self.inbox.state["client"], self.inbox.state["period"] = self.frame.ctypes.data, PERIOD

    def receive(self, *messages: tuple[int, int, int]) -> None:
        """Messages arrive in this cycle."""
        for message in messages:
            data = np.array(message, np.uint8)
            jack_midi.put(self.inbox.state[0], int(self.frame[0]), data, len(data))

    def attach(self) -> None:
        jack_notes.attach_midi(self.record, self.inbox)

    def detach(self) -> None:
        jack_notes.detach_midi(self.record, self.inbox)

    def block(self, n: int = PERIOD) -> list[int]:
        """One block -> velocities of the notes that it played."""
        x, out = np.zeros((n, 0), np.float32), np.zeros((n, 2), np.float32)
        native.process(self.record, x, out)
        self.frame += n
        events = native.receive(self.record)
        return [native.note_of(e.tag)[1] for e in events if e.kind == native.STRUCK]

    def polled(self) -> list[int]:
        """Velocities of the notes that Python gets."""
        return [data[2] for data in self.inbox.poll() if jack_midi.is_note(data)]


@pytest.fixture
def rig(monkeypatch):
    monkeypatch.setattr(jack_notes, "DETACH_S", 0.01)
    return Rig()


def note(velocity: int) -> tuple[int, int, int]:
    return NOTE_ON, FIRST, velocity


def test_a_note_is_played_a_period_after_it_was_sent(rig):
    rig.attach()
    rig.receive(note(1))
    assert rig.block() == []
    assert rig.block() == [1]
    assert rig.block() == []


def test_every_note_around_attaching_is_played_once(rig):
    rig.receive(note(1), note(2))
    by_python = rig.polled()
    rig.receive(note(3), note(4))  # not polled yet when the callback takes over
    rig.attach()
    rig.receive(note(5))
    by_callback = rig.block() + rig.block()
    rig.receive(note(6))
    by_callback += rig.block() + rig.block()
    assert (by_python, by_callback) == ([1, 2], [3, 4, 5, 6])
    assert rig.polled() == [3, 4, 5, 6]  # Python sees them, and leaves those with a pad alone


@pytest.mark.parametrize("polls", [False, True])
def test_every_note_around_detaching_is_played_once(rig, polls):
    rig.attach()
    rig.receive(note(1))
    by_callback = rig.block() + rig.block()
    rig.receive(note(2), (CONTROL, 20, 99))
    if polls:  # what is still to be played by the callback was seen already
        assert rig.polled() == [1, 2]
    rig.detach()
    rig.receive(note(3))
    by_callback += rig.block() + rig.block()
    rest = rig.inbox.poll()
    by_python = [data[2] for data in rest if jack_midi.is_note(data)]
    assert (by_callback, by_python) == ([1], [2, 3])
    assert len(rest) - len(by_python) == (0 if polls else 1)  # the controller comes once, too
    assert rig.polled() == []


def test_notes_go_back_and_forth(rig):
    played, velocities = [], iter(range(1, 100))
    for _ in range(5):
        rig.receive(note(next(velocities)))
        played += rig.polled()
        rig.receive(note(next(velocities)))
        rig.attach()
        played += rig.block() + rig.block()
        rig.receive(note(next(velocities)))
        rig.detach()
        played += rig.polled()
    assert played == list(range(1, 16))


def test_a_block_plays_its_notes_though_midi_is_detached_meanwhile(rig):
    rig.receive(note(1), note(2))
    address = rig.state.ctypes.data + native.STATE.fields["midi"][1]
    rig.inbox.state["client"] = address
    rig.inbox.clock_address = detaching_clock.address
    rig.attach()
    assert rig.block() == [1, 2]
    assert rig.record["midi"] == 0
    assert rig.block() == []


def test_detaching_waits_for_the_end_of_the_block(rig, monkeypatch):
    monkeypatch.setattr(jack_notes, "DETACH_S", 5.0)
    rig.attach()
    ended = []

    def end_block():
        time.sleep(0.05)
        ended.append(time.monotonic())
        rig.record["blocks"] += 1

    thread = threading.Thread(target=end_block)
    thread.start()
    rig.detach()
    returned = time.monotonic()
    thread.join()
    assert 0 <= returned - ended[0] < 1


def test_detaching_from_a_stream_that_stands_still_ends(rig):
    rig.attach()
    before = time.monotonic()
    rig.detach()
    assert 0.01 <= time.monotonic() - before < 1
    assert rig.record["midi"] == 0
    before = time.monotonic()
    rig.detach()  # once more does nothing
    assert time.monotonic() - before < 0.01


def test_the_oldest_messages_are_lost_where_too_many_come(rig):
    for i in range(jack_midi.SIZE + 10):
        rig.receive(note(1 + i % 100))
    assert len(rig.inbox.poll()) == jack_midi.SIZE
