"""Hits as notes, without a server or a port: the ring, and what is due when."""

import numpy as np
import pytest

from matcher.live import callback as native
from matcher.live import capture, detector, frame_clock, hit_notes, midi_notes
from matcher.live.detector import Settings
from matcher.live.midi_ring import (
    CONTROL,
    NOTE_OFF,
    NOTE_ON,
    POSITION_CC,
    SIZE,
    UNKNOWN,
    Ring,
    put,
)
from matcher.midi_file import CHANNEL, LENGTH_S

RATE, PERIOD, NOTE = 48000, 64, 36
ON, OFF = NOTE_ON | CHANNEL, NOTE_OFF | CHANNEL
LENGTH = round(LENGTH_S * RATE)
WRAP = 2**32  # JACK's frames begin anew there
BEGAN_NS = 7_000_000_000  # of live.clock


class Sender:
    """One that sends in JACK's cycles."""

    def __init__(self, began: int = 0):
        self.ring, self.record = Ring(), np.zeros(1, hit_notes.SENDER)[0]
        hit_notes.start(self.record, self.ring, RATE)
        self.began = self.first = began

    def hit(self, frame: int, note: int = NOTE, velocity: int = 100, ns: int = 0) -> None:
        put(self.ring.state[0], ns, frame, UNKNOWN, (ON, note, velocity), 3)

    def place(self, frame: int, value: int) -> None:
        put(self.ring.state[0], 0, frame, UNKNOWN, (CONTROL | CHANNEL, POSITION_CC, value), 3)

    def cycle(self, n: int = PERIOD, now_ns: int = 0) -> list[tuple[int, ...]]:
        """What is sent in a cycle of n frames: frame since the beginning, and bytes."""
        hit_notes.follow_frames(self.record, self.began % WRAP)
        self.record["delay"] = n
        end, sent = self.record["now"] + n, []
        while hit_notes.next_message(self.record, now_ns, end):
            at = self.began + int(self.record["at"]) - int(self.record["now"]) - self.first
            sent.append((at, *self.record["bytes"].tolist()))
        self.began += n
        return sent

    def cycles(self, n: int) -> list[tuple[int, ...]]:
        return [message for _ in range(n) for message in self.cycle()]


@pytest.mark.parametrize("began", [0, 2**31 - 1000, WRAP - 1000])
def test_a_hit_leaves_a_period_after_its_frame_and_ends_by_frames(began):
    sender = Sender(began)
    sender.cycle()
    sender.hit(began + 70)
    assert sender.cycle() == []
    assert sender.cycles(100) == [
        (70 + PERIOD, ON, NOTE, 100),
        (70 + PERIOD + LENGTH, OFF, NOTE, 0),
    ]
    assert sender.record["n_sounding"] == 0


def test_a_note_ends_before_it_begins_again_and_others_keep_their_order():
    sender = Sender()
    for frame, note in ((10, 36), (20, 38), (20, 40), (30, 36)):
        sender.hit(frame, note)
    sent = sender.cycles(100)
    assert [row[1:3] for row in sent[:5]] == [(ON, 36), (ON, 38), (ON, 40), (OFF, 36), (ON, 36)]
    assert [row[0] for row in sent[:5]] == [10 + PERIOD, *[20 + PERIOD] * 2, *[30 + PERIOD] * 2]
    assert sorted(row[2] for row in sent[5:]) == [36, 38, 40]
    assert [row[0] for row in sent] == sorted(row[0] for row in sent)


def test_what_comes_late_leaves_at_once_and_lasts_as_long():
    sender = Sender()
    sender.cycles(10)
    sender.hit(5)
    begins = 10 * PERIOD
    assert sender.cycles(100) == [(begins, ON, NOTE, 100), (begins + LENGTH, OFF, NOTE, 0)]


def test_hits_beside_jacks_clock_leave_by_their_time():
    sender = Sender()
    sender.hit(hit_notes.NO_FRAME, ns=BEGAN_NS + round(1e9 * 100.2 / RATE))
    sent = [row for i in range(5) for row in
            sender.cycle(now_ns=BEGAN_NS + round(1e9 * i * PERIOD / RATE))]  # fmt: skip
    assert sent == [(100 + PERIOD, ON, NOTE, 100)]


def test_hits_that_nobody_took_in_time_are_counted():
    sender = Sender()
    for i in range(SIZE + 10):
        sender.hit(i, note=i % 128)
    sent = [row for row in sender.cycles(100) if row[1] == ON]
    assert len(sent) == SIZE
    assert sender.record["lost"] == 10


def test_one_that_ends_sends_no_hit_and_ends_all_notes_at_once():
    sender = Sender()
    sender.hit(0, 36)
    sender.hit(0, 38)
    assert len(sender.cycles(3)) == 2
    sender.record["ending"] = 1
    sender.hit(PERIOD, 40)
    assert sender.cycle() == [(3 * PERIOD, OFF, 36, 0), (3 * PERIOD, OFF, 38, 0)]
    assert sender.cycles(100) == []


def test_only_hits_from_now_on_are_sent():
    ring = Ring()
    put(ring.state[0], 0, 0, UNKNOWN, (ON, NOTE, 1), 3)
    record = np.zeros(1, hit_notes.SENDER)[0]
    hit_notes.start(record, ring)
    assert not hit_notes.next_message(record, 0, 10**12)


def test_a_note_ends_on_the_channel_on_which_it_began():
    sender = Sender()
    put(sender.ring.state[0], 0, 0, UNKNOWN, (NOTE_ON | 3, NOTE, 90), 3)
    assert [row[1] for row in sender.cycles(100)] == [NOTE_ON | 3, NOTE_OFF | 3]


def test_a_place_leaves_before_its_note_in_the_same_frame_and_never_ends():
    sender = Sender()
    for frame, value in ((10, 5), (30, 99)):
        sender.place(frame, value)
        sender.hit(frame, POSITION_CC)  # a note whose number is that of the controller
    at = 10 + PERIOD, 30 + PERIOD
    place = CONTROL | CHANNEL, POSITION_CC
    assert sender.cycles(100) == [
        (at[0], *place, 5), (at[0], ON, POSITION_CC, 100),
        (at[1], *place, 99), (at[1], OFF, POSITION_CC, 0), (at[1], ON, POSITION_CC, 100),
        (at[1] + LENGTH, OFF, POSITION_CC, 0),
    ]  # fmt: skip
    assert sender.record["n_sounding"] == 0


def clicks(*starts: int) -> np.ndarray:
    """Strokes of a small drum, (frames, 1), each softer than the one before."""
    x = np.zeros(starts[-1] + RATE // 5, np.float32)
    t = np.arange(RATE // 10) / RATE
    for i, start in enumerate(starts):
        x[start:][: len(t)] += 0.5 * 0.7**i * np.exp(-t / 0.02) * np.sin(2 * np.pi * 200 * t)
    return x[:, np.newaxis]


def truth(x: np.ndarray) -> list[tuple[int, int]]:
    """Frame at which each hit is known, and its velocity, by the offline detector."""
    scan = round(Settings().scan_ms / 1e3 * RATE)
    found = detector.detect(detector.make_detector(Settings(), RATE)[0], x[:, 0])
    return [(hit.decided + scan, round(127 * hit.peak)) for hit in found if not hit.reason]


@pytest.mark.parametrize("block", [16, 64, 480, 3000])
@pytest.mark.parametrize("on_jack", [False, True])
def test_the_callback_hands_over_each_hit_with_its_frame(block, on_jack):
    x = clicks(5000, 12000, 19111, 26002)
    state = native.make_state(RATE, 1, 2)
    record, ring = state[0], Ring()
    hit_notes.configure(record["capture"]["sent"], ring, NOTE, 0)
    record["capture"]["detecting"] = 1
    midi, jack = record["midi"], np.zeros(1, np.int64)
    if on_jack:
        from tests.live.test_midi_notes import last_frame_time

        messages = Ring()
        messages.clock_address = last_frame_time.address
        messages.state["client"] = jack.ctypes.data
        midi_notes.attach(record, midi_notes.JACK, messages, in_frames=True)
    for begin in range(0, len(x) - block, block):
        jack[0] = 777 + begin
        frame_clock.follow(midi["clock"], begin, BEGAN_NS + round(1e9 * begin / RATE), False)
        native.process(record, x[begin : begin + block], np.zeros((block, 2), np.float32))
    rows = ring.state["rows"][0][: ring.state["count"][0]]
    known = [row for row in truth(x) if row[0] < len(x) - block]
    assert len(known) == 4
    assert [tuple(row["data"].tolist()) for row in rows] == [(ON, NOTE, v) for _, v in known]
    assert rows["length"].tolist() == [3] * 4
    due = (rows["ns"] - BEGAN_NS) * RATE / 1e9
    np.testing.assert_allclose(due, [frame for frame, _ in known], atol=0.01)
    frames = [777 + frame if on_jack else hit_notes.NO_FRAME for frame, _ in known]
    assert rows["frame"].tolist() == frames


def test_an_input_of_its_own_hands_hits_over_a_block_after_they_came_in():
    x, block = clicks(5000, 12000), 64
    state = native.make_state(RATE, 1, 2)
    c, ring = state[0]["capture"], Ring()
    capture.prepare(c, RATE, 1, Settings())
    hit_notes.configure(c["sent"], ring, 50, 7)
    c["detecting"] = 1
    for begin in range(0, len(x) - block, block):
        ns = BEGAN_NS + round(1e9 * (begin + block) / RATE)  # it has come in
        capture.process(c, x[begin : begin + block], np.int64(ns))
    rows = ring.state["rows"][0][: ring.state["count"][0]]
    assert rows["data"].tolist() == [[NOTE_ON | 6, 50, v] for _, v in truth(x)]
    due = (rows["ns"] - BEGAN_NS) * RATE / 1e9
    np.testing.assert_allclose(due, [frame + block for frame, _ in truth(x)], atol=0.05)


def test_hits_go_nowhere_unless_they_are_to_and_as_loud_as_notes_can_be():
    sent, ring = np.zeros(1, hit_notes.SENT)[0], Ring()
    hit_notes.put(sent, 0, 0.5, -1)
    hit_notes.configure(sent, ring, NOTE, 0)
    for peak in (8.0, 1.0, 0.5, 1e-4):
        hit_notes.put(sent, 0, peak, -1)
    assert [data[2] for *_, data in ring.poll()] == [127, 127, 64, 1]
    hit_notes.configure(sent, None, NOTE, 0)
    hit_notes.put(sent, 0, 0.5, -1)
    assert ring.poll() == []
