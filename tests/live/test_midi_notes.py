"""MIDI in the audio callback, without a server or a port: the rings are filled here."""

import threading
import time

import numpy as np
import pytest
from numba import carray, cfunc, types

from matcher.kits.kit import Pad
from matcher.live import callback as native
from matcher.live import frame_clock, midi_notes, midi_ring, programs, voices
from matcher.live.midi_notes import JACK, PORTS
from matcher.live.midi_ring import CHANNEL_PRESSURE, CONTROL, KEY_PRESSURE, NOTE_ON, Ring, put
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

RATE, PERIOD = 48000, 64
SLACK_NS = 1_000_000
TOM = Theta(2 * np.pi * 110, 0.4, 0.02, 0.01, 0.8)
FIRST = 36  # note of the first of two pads
LATER = 1000  # frames after the notes were sent: they are due
LOUD = 1e-4  # of full scale: above it a drum sounds


@cfunc(types.uint32(types.CPointer(types.int64)))
def last_frame_time(client):
    return carray(client, 1)[0]


@cfunc(types.uint32(types.CPointer(types.int64)))
def detaching_clock(client):
    """What another thread may do in the middle of a block: its client is a ring's address."""
    carray(client, 1)[0] = 0
    return LATER


class Rig:
    """The callback with drums on two pads, a ring of messages and the clock that they come by."""

    index: int

    def __init__(self):
        self.state = native.make_state(RATE, 0, 2)
        self.record = self.state[0]
        self.midi = self.record["midi"]
        for pad in range(2):
            programs.write_pad(self.record["pool"]["pads"][pad], Pad(FIRST + pad), RATE)
            slot = pad * programs.SLOTS
            programs.write_program(self.record["pool"]["programs"][slot], Drum(TOM), 1.0, RATE)
            native.send(self.record, 0, native.PROGRAM, pad, slot, 0.0, -1)
            self.midi["pad_of"][FIRST + pad] = pad
        self.midi["position_cc"] = 16

    def process(self, n: int) -> list[native.Event]:
        x, self.out = np.zeros((n, 0), np.float32), np.zeros((n, 2), np.float32)
        native.process(self.record, x, self.out)
        return native.receive(self.record)

    def block(self, n: int = PERIOD) -> list[int]:
        """One block -> velocities of the notes that it played."""
        events = self.process(n)
        return [native.note_of(e.tag)[1] for e in events if e.kind == native.STRUCK]

    def detach(self) -> None:
        midi_notes.detach(self.record, self.index)

    def positions(self) -> list[float]:
        return self.record["pool"]["pads"]["position"][:2].tolist()

    def run(self, seconds: float) -> float:
        """Blocks for so long -> the largest sample of the last one."""
        for _ in range(round(seconds * RATE / PERIOD)):
            self.block()
        return float(np.abs(self.out).max())


class JackRig(Rig):
    index = JACK

    def __init__(self):
        super().__init__()
        self.frame = np.zeros(1, np.int64)  # of JACK, where its cycle begins
        self.ring = Ring()
        self.ring.clock_address = last_frame_time.address
        self.ring.state["client"], self.ring.state["period"] = self.frame.ctypes.data, PERIOD

    def receive(self, *messages: tuple[int, ...], port: int = midi_ring.UNKNOWN) -> None:
        """Messages arrive in this cycle."""
        for message in messages:
            data = np.array(message, np.uint8)
            put(self.ring.state[0], 0, int(self.frame[0]), port, data, len(data))

    def attach(self) -> None:
        midi_notes.attach(self.record, JACK, self.ring, in_frames=True)

    def process(self, n: int) -> list[native.Event]:
        events = super().process(n)
        self.frame += n
        return events


class PortRig(Rig):
    index = PORTS

    def __init__(self):
        super().__init__()
        self.ring, self.ns = Ring(SLACK_NS), 5_000_000_000

    def receive(self, *messages: tuple[int, ...], port: int = 0, ns: int | None = None) -> None:
        for message in messages:
            data = np.array(message, np.uint8)
            put(self.ring.state[0], self.ns if ns is None else ns, 0, port, data, len(data))

    def attach(self) -> None:
        midi_notes.attach(self.record, PORTS, self.ring)

    def process(self, n: int, late_ns: int = 0, jumped: bool = False) -> list[native.Event]:
        """A block that is asked for at its time, or later."""
        clock = self.midi["clock"]
        frame_clock.follow(clock, int(self.record["time"]), self.ns + late_ns, jumped)
        events = super().process(n)
        self.ns += round(1e9 * n / RATE)
        return events


@pytest.fixture(params=[JackRig, PortRig])
def rig(request, monkeypatch):
    monkeypatch.setattr(midi_notes, "DETACH_S", 0.01)
    return request.param()


@pytest.fixture
def jack(monkeypatch):
    monkeypatch.setattr(midi_notes, "DETACH_S", 0.01)
    return JackRig()


def note(velocity: int, pad: int = 0, channel: int = 0) -> tuple[int, int, int]:
    return NOTE_ON | channel, FIRST + pad, velocity


def played(rig, blocks: int = 6) -> list[int]:
    return [velocity for _ in range(blocks) for velocity in rig.block()]


def test_a_note_is_played_a_period_after_it_was_sent(jack):
    jack.attach()
    jack.receive(note(1))
    assert jack.block() == []
    assert jack.block() == [1]
    assert jack.block() == []


@pytest.mark.parametrize("block", [16, 64, 100, 480])
def test_a_note_of_a_port_is_played_a_block_after_its_stamp_to_the_frame(block):
    rng = np.random.default_rng(0)
    rig = PortRig()
    rig.attach()
    began, delay = rig.ns, round(SLACK_NS * RATE / 1e9) + block
    stamps = began + np.sort(rng.integers(20_000_000, 480_000_000, 50))
    waiting, frames = stamps.tolist(), []
    while rig.ns < began + 600_000_000:
        while waiting and waiting[0] + SLACK_NS <= rig.ns:  # it is polled as late as it may be
            rig.receive(note(100), ns=waiting.pop(0))
        late = int(rng.integers(0, 400_000)) if rig.ns > began else 0  # the driver is never early
        frames += [e.time for e in rig.process(block, late) if e.kind == native.STRUCK]
    expected = np.round((stamps - began) * RATE / 1e9) + delay
    assert np.abs(np.array(frames) - expected).max() <= 1


def test_notes_lie_where_they_did_when_a_driver_asks_for_four_blocks_at_once():
    rig = PortRig()
    rig.attach()
    began, host = rig.ns, 4 * PERIOD
    delays = []
    for turn in range(200):
        rig.ns = began + round(1e9 * turn * host / RATE)
        stamp = rig.ns - 3_000_000 + 7000 * turn
        rig.receive(note(1), ns=stamp)
        asked = rig.ns
        for _ in range(4):  # at one moment
            rig.ns = asked
            struck = [e.time for e in rig.process(PERIOD) if e.kind == native.STRUCK]
            delays += [time - (stamp - began) * RATE / 1e9 for time in struck]
    settled = np.array(delays[20:])
    assert len(settled) > 150
    assert np.ptp(settled) <= 2  # frames


def test_after_a_drop_out_notes_lie_right_again():
    rig = PortRig()
    rig.attach()
    for _ in range(300):
        rig.process(PERIOD)
    rig.ns += 20_000_000  # frames of 20 ms are lost, and the driver says so
    rig.process(PERIOD, jumped=True)
    rig.receive(note(1))
    at, frame = rig.ns, int(rig.record["time"])
    (struck,) = [e for _ in range(4) for e in rig.process(PERIOD) if e.kind == native.STRUCK]
    assert at < rig.ns
    assert struck.time - frame == PERIOD + round(SLACK_NS * RATE / 1e9)


def test_every_note_around_attaching_is_played_once(rig):
    rig.receive(note(1), note(2))
    by_python = [data[2] for _, _, data in rig.ring.poll()]
    rig.receive(note(3), note(4))  # not polled yet when the callback takes over
    rig.attach()
    rig.receive(note(5))
    by_callback = played(rig)
    rig.receive(note(6))
    by_callback += played(rig)
    assert (by_python, by_callback) == ([1, 2], [3, 4, 5, 6])
    assert [data[2] for _, _, data in rig.ring.poll()] == [3, 4, 5, 6]  # Python sees them as well


def test_both_rings_play_together():
    rig, other = JackRig(), PortRig()
    rig.attach()
    midi_notes.attach(rig.record, PORTS, other.ring)
    frame_clock.follow(rig.midi["clock"], 0, other.ns, False)
    rig.receive(note(1))
    other.receive(note(2))
    rig.receive(note(3))
    assert sorted(played(rig)) == [1, 2, 3]


def test_a_block_plays_its_notes_though_midi_is_detached_meanwhile(jack):
    jack.receive(note(1), note(2))
    address = jack.state.ctypes.data + native.STATE.fields["midi"][1]
    jack.ring.state["client"] = address + midi_notes.MIDI.fields["rings"][1] + 8 * JACK
    jack.ring.clock_address = detaching_clock.address
    jack.attach()
    assert jack.block() == [1, 2]
    assert jack.midi["rings"][JACK] == 0
    assert jack.block() == []


def test_detaching_waits_for_the_end_of_the_block(jack, monkeypatch):
    monkeypatch.setattr(midi_notes, "DETACH_S", 60.0)
    jack.attach()
    ended = []

    def end_block():
        time.sleep(0.05)
        ended.append(time.monotonic())
        jack.record["blocks"] += 1

    thread = threading.Thread(target=end_block)
    thread.start()
    jack.detach()
    returned = time.monotonic()
    thread.join()
    assert 0 <= returned - ended[0] < 30  # not as long as it would wait without an end


def test_detaching_from_a_stream_that_stands_still_ends(jack, monkeypatch):
    jack.attach()
    before = time.monotonic()
    jack.detach()
    assert time.monotonic() - before >= 0.01
    assert jack.midi["rings"][JACK] == 0
    monkeypatch.setattr(midi_notes, "DETACH_S", 60.0)
    before = time.monotonic()
    jack.detach()  # once more does nothing
    assert time.monotonic() - before < 30


def test_the_oldest_messages_are_lost_where_too_many_come(rig):
    for i in range(midi_ring.SIZE + 10):
        rig.receive(note(1 + i % 100))
    rows = rig.ring.poll()
    assert len(rows) == midi_ring.SIZE
    assert rows[0][2][2] == 1 + 10 % 100
    assert rig.ring.poll() == []


@pytest.mark.parametrize("controller", [120, 123])
def test_all_sound_off_and_all_notes_off_silence(rig, controller):
    rig.attach()
    rig.receive(note(127), note(127, pad=1))
    assert played(rig) == [127, 127]
    assert rig.run(0.02) > LOUD
    rig.receive((CONTROL, controller, 0))
    assert rig.run(0.1) == 0
    assert voices.n_sounding(rig.record["pool"]) == 0


def test_pressing_a_key_chokes_its_pad_alone(rig):
    rig.attach()
    rig.receive(note(127), note(127, pad=1))
    played(rig)
    rig.receive((KEY_PRESSURE, FIRST, 40))  # a finger that rests on it
    rig.run(0.1)
    assert voices.n_sounding(rig.record["pool"]) == 2
    rig.receive((KEY_PRESSURE, FIRST, 127))
    rig.run(0.1)
    assert set(rig.record["pool"]["voices"]["pad"].tolist()) == {-1, 1}


def test_channel_pressure_chokes_what_the_channel_struck_last(rig):
    rig.attach()
    rig.receive(note(127), note(127, pad=1), note(100, pad=0, channel=9))
    played(rig)
    rig.receive((CHANNEL_PRESSURE, 100))  # of channel 0, whose last was pad 1
    rig.run(0.1)
    assert set(rig.record["pool"]["voices"]["pad"].tolist()) == {-1, 0}


def test_other_channels_are_left_out(rig):
    rig.midi["channel"] = 9
    rig.attach()
    rig.receive(note(1), note(2, channel=9), (CONTROL, 123, 0))
    assert played(rig) == [2]
    assert rig.run(0.1) > LOUD


def test_a_position_goes_to_the_next_strike_of_its_source_and_stays_with_its_pad(rig):
    rig.attach()
    assert rig.positions() == [-1, -1]
    rig.receive((CONTROL, 16, 127), note(100, pad=1), note(100, pad=0))
    played(rig)
    assert rig.positions() == [-1, 1]
    rig.receive(note(100, pad=1))
    played(rig)
    assert rig.positions() == [-1, 1]
    rig.receive((CONTROL, 16, 0), note(100, pad=1))
    played(rig)
    assert rig.positions() == [-1, 0]


@pytest.mark.parametrize("way_back", ["another channel", "another port", "a click", "a reset"])
def test_a_strike_that_says_no_position_hits_the_drums_own_point(rig, way_back):
    rig.attach()
    rig.receive((CONTROL, 16, 100), note(100))
    played(rig)
    assert rig.positions()[0] == pytest.approx(100 / 127)
    if way_back == "a click":
        native.send(rig.record, 0, native.STRIKE, 0, 0, 1.0, -1)
    elif way_back == "a reset":
        rig.receive((CONTROL, 121, 0), note(100))
    elif way_back == "another channel":
        rig.receive(note(100, channel=5))
    else:
        rig.receive(note(100), port=7)
    played(rig)
    assert rig.positions()[0] == -1


def test_another_drum_on_a_pad_is_struck_at_its_own_point(rig):
    rig.attach()
    rig.receive((CONTROL, 16, 100), note(100, pad=1))
    played(rig)
    native.send(rig.record, 0, native.PROGRAM, 1, programs.SLOTS, 0.0, -1)
    rig.block()
    assert rig.positions()[1] == -1
