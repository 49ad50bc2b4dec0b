"""The input's side of the audio callbacks: the ring of what was received, and the search for hits.

It knows nothing of pads: hits go out as triggers (matcher.live.triggers), to Python as events, and
where they are wanted as MIDI, into a ring of notes (matcher.live.hit_notes).
"""

import numpy as np

from matcher.compiled import native
from matcher.live import detector, events, hit_notes, triggers
from matcher.live.delay_locked_loop import LOOP, follow, start

INPUT_RING = 2**20  # samples of input that are kept: 22 s at 48 kHz, 5.5 s at 192 kHz
LOUDEST = 8.0  # of full scale, to which an input sample is clipped after its gain
CHANNELS = 32  # of an input, at most

CAPTURE = np.dtype(
    [
        ("detector", detector.DETECTOR),
        ("input", np.float32, INPUT_RING),
        *events.EVENTS,
        *triggers.TRIGGERS,
        # settings
        ("channels", np.int64),  # of the stream; 0: there is no input
        ("channel", np.int64),  # the one that is searched, from 0
        ("input_gain", np.float64),
        ("detecting", np.int64),  # 1: hits are looked for
        ("sent", hit_notes.SENT),
        # where it stands
        ("time", np.int64),  # frames since the stream started
        ("frames", LOOP),  # of a stream of its own
        ("scanning", np.int64),  # 1: a hit has begun and its velocity is not known yet
        ("own", np.float64),  # power of what we play, for as long as the room may hold it
        ("zeros", np.int64),  # frames since the last sample that was not exactly 0
        # counters
        *(
            (name, np.int64)
            for name in ("blocks", "underflows", "overflows", "bad_samples", "clipped")
        ),
        ("busy_ns", np.int64),  # spent in the callback of a stream of its own
        ("worst_ns", np.int64),  # in its longest call since Python last set it to 0
        ("clock", np.int64, 2),  # memory that the clock works in
        ("thread", np.int64),  # the system's number of the thread that calls it, 0: unknown
        ("input_peak", np.float64),  # since Python last set it to 0, after the gain
        ("channel_peaks", np.float64, CHANNELS),  # likewise, of each channel before the gain
    ],
    align=True,
)
# used by the output's callback, or counted on
KEPT = ("triggers", "triggers_in", "triggers_out", "own", "busy_ns")


def prepare(capture, sample_rate: float, channels: int, settings: detector.Settings) -> None:
    """Set an input up from the beginning, while no stream writes to it.

    The output's callback may run: triggers that it has not taken yet stay.

    Args:
        capture: record of CAPTURE.
        sample_rate: Hz.
        channels: of the stream; 0 where there is none.
        settings: of the detector.
    """
    for name in set(CAPTURE.names) - set(KEPT):
        capture[name] = np.zeros((), CAPTURE[name])
    detector.configure(capture["detector"], settings, sample_rate)
    capture["channels"], capture["input_gain"] = channels, 1.0
    start(capture["frames"], sample_rate)


@native
def process(capture, x, now):
    """One block of a stream that only records.

    Args:
        capture: record of CAPTURE.
        x: (frames, channels) float32.
        now: ns of the monotonic clock when the callback was called.
    """
    clock = capture.frames
    until = follow(clock, x.shape[0], now)  # the block has just come in
    sent = capture.sent
    sent.ns, sent.step, sent.frame = np.int64(until), clock.step, hit_notes.NO_FRAME
    take(capture, x, until - x.shape[0] * clock.step, clock.step)
    capture.longest_block = triggers.longest(capture.longest_block, x.shape[0], clock.step)
    capture.until = until
    capture.blocks += 1


@native
def take(capture, x, at, step):
    """Keep the input and look for hits.

    Args:
        capture: record of CAPTURE, whose `sent` says when this block may leave as MIDI.
        x: (frames, channels) float32.
        at, step: stamp of the first frame, and from each frame to the next.
    """
    d = capture.detector
    d.time = capture.time  # its own count stands still while no hits are looked for
    n = 0  # triggers of this block
    began = np.int64(-1)  # which of them is the hit whose peak is not known yet
    _measure_channels(capture, x)
    for t in range(x.shape[0]):
        value = _condition(capture, x[t, capture.channel])
        capture.input[(capture.time + t) % INPUT_RING] = value
        if capture.detecting == 0:
            continue
        kind = detector.feed(d, value, capture.own)
        if kind in (detector.IGNORED, detector.REJECTED):
            events.tell(capture, d.onset, events.IGNORED, -1, d.reason, d.peak, 0)
        if kind == detector.BEGAN:
            capture.scanning = 1
            if triggers.put(capture, n, triggers.BEGAN, np.int64(at + t * step), d.peak):
                began, n = n, n + 1
        elif kind in (detector.ENDED, detector.REJECTED):
            _raise_peak(capture, began)
            capture.scanning, began = 0, -1
            what = triggers.ENDED if kind == detector.ENDED else triggers.REJECTED
            if triggers.put(capture, n, what, np.int64(at + t * step), d.peak):
                n += 1
            if kind == detector.ENDED:
                place = hit_notes.place_of(capture.sent, capture.input, d.onset)
                events.tell(capture, d.onset, events.HIT, -1, round(100 * d.drum), d.peak, place)
                hit_notes.put(capture.sent, t, d.peak, place)
    if began >= 0:
        _raise_peak(capture, began)
    elif capture.scanning and triggers.put(capture, n, triggers.GREW, np.int64(at), d.peak):
        n += 1
    triggers.publish(capture, n)
    capture.time += x.shape[0]


@native
def _raise_peak(capture, began):
    """A hit that began in this block is at once as loud as the block says."""
    if began >= 0:
        row = capture.triggers[(capture.triggers_in + began) % triggers.SIZE]
        row.peak = max(row.peak, capture.detector.peak)


@native
def _condition(capture, sample):
    """A sample with its gain, within bounds; NaN and infinity become silence."""
    value = float(sample)
    capture.zeros = 0 if value != 0 else capture.zeros + 1
    if not (abs(value) < np.inf):
        capture.bad_samples += 1
        value = 0.0
    value *= capture.input_gain
    if abs(value) > LOUDEST:
        capture.clipped += 1
        value = min(max(value, -LOUDEST), LOUDEST)
    capture.input_peak = max(capture.input_peak, abs(value))
    return value


@native
def _measure_channels(capture, x):
    for c in range(min(x.shape[1], CHANNELS)):
        peak = capture.channel_peaks[c]
        for t in range(x.shape[0]):
            size = abs(float(x[t, c]))
            if size < np.inf:  # not for NaN either
                peak = max(peak, size)
        capture.channel_peaks[c] = peak


def received(capture, first: int, last: int) -> np.ndarray:
    """From Python: a copy of the input from one frame to another, (frames,) after its gain."""
    return capture["input"][np.arange(first, last) % INPUT_RING]
