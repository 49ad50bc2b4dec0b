"""Streaming onset detection: finds the hits of a live signal, in Numba.

The network of matcher/matching/strokes.py says each millisecond whether a stroke began; the
settings, named as on drum modules, decide whether it is a hit. The detector runs in the audio
callback and counts time in samples, so that its result does not depend on the block size.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from matcher.compiled import native
from matcher.matching import strokes
from matcher.matching.strokes import DRUM, NOW

LOGITS = (2.7, -1.3)  # of a stroke, that is a hit, at sensitivity 0 and 1
RELEASED = 1.0  # logit below the one of a hit, which ends a stroke: another one may begin
CANCEL_LOGIT = 0.6  # per dB below the ringing drum: of the required one, at retrigger cancel 1
OWN_LOGIT = 4.0  # per share of our own sound in the input: of the required one
DRUM_LOGIT = -1.5  # of a drum, that "drums only" lets pass
DRUM_S = 0.012  # s after a hit began, at which "drums only" decides: sooner it errs more often
RECENT_S = 0.002  # s: whose peak is compared with the threshold
LEVEL_S = 0.001  # s: time constant of the level
ATTACK_S = 0.0375  # s: attack of the level that is held
HOLD_S = 0.3  # s: assumed decay of an unknown drum, for retrigger cancel
STEEP_FRAMES = 9  # ms before the detection in which the hit began
BEFORE_FRAMES = 3  # ms of the signal before it
GROUND = 0.1  # share of the peak at detection: the hit begins where the signal exceeds it ...
ABOVE_BEFORE = 1.2  # ... and by so much the peak before
HISTORY = 8192  # samples: more than these at 384 kHz
NOTHING, BEGAN, ENDED, IGNORED, REJECTED = range(5)  # return values of feed
REASONS = ("below the threshold", "mask time", "retrigger cancel", "our own sound", "no drum")
BELOW, MASKED, CANCELLED, OWN, NO_DRUM = range(len(REASONS))  # indices in REASONS


@dataclass(frozen=True)
class Settings:
    """Settings of a detector, named as on drum modules.

    Raises:
        ValueError: if a setting is out of RANGES; names value and range.
    """

    threshold_db: float = -40.0  # dB: peak level of the quietest hit
    sensitivity: float = 0.6  # 0: only large rises are hits; 1: small ones as well
    scan_ms: float = 3.0  # ms: time after an onset in which the velocity is measured
    mask_ms: float = 20.0  # ms: time after an onset in which no other hit is detected
    cancel: float = 0.1  # retrigger cancel: raises the required rise while a drum rings, 0 to 1
    leak_db: float = -10.5  # dB: highest level of our loudspeaker at the microphone, re its output
    drums_only: bool = False  # whether sounds that are probably no drums are ignored

    RANGES: ClassVar = {
        "threshold_db": (-90.0, 0.0),
        "sensitivity": (0.0, 1.0),
        "scan_ms": (1.0, 10.0),
        "mask_ms": (0.0, 64.0),
        "cancel": (0.0, 1.0),
        "leak_db": (-90.0, 12.0),
    }

    def __post_init__(self):
        for name, (low, high) in self.RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"{name} is {getattr(self, name):g}, allowed is {low:g} to {high:g}"
                )
        if not isinstance(self.drums_only, bool):
            raise ValueError(f"drums_only is {self.drums_only!r}, allowed is true or false")


DETECTOR = np.dtype(
    [
        # settings; levels are powers
        *((name, np.float64) for name in ("lowest_peak", "logit", "cancel", "leak", "drum_logit")),
        *((name, np.int64) for name in ("scan", "judged", "mask", "recent", "frame")),
        *((name, np.float64) for name in ("a_level", "a_held", "hold")),
        # state
        ("strokes", strokes.STROKES),
        ("time", np.int64),  # samples processed
        *((name, np.float64) for name in ("level", "held_level")),
        *((name, np.int64) for name in ("scanning", "masked", "ignoring")),  # samples left
        ("held", np.int64),  # 1: the stroke that was found has not ended
        ("history", np.float32, HISTORY),
        # the last hit, or the last stroke that was ignored
        ("onset", np.int64),
        ("decided", np.int64),  # sample at which it was known to be one
        ("peak", np.float64),
        ("drum", np.float64),  # probability that it is a drum's
        ("reason", np.int64),
    ],
    align=True,
)


class Found(NamedTuple):
    """A hit found by `detect`, or a stroke that it ignored."""

    onset: int  # samples since the detector was made
    peak: float  # amplitude
    reason: str  # why it was ignored, one of REASONS; empty for a hit
    drum: float  # probability that it is a drum's
    decided: int  # sample at which it was known to be one


def make_detector(settings: Settings, sample_rate: float) -> np.ndarray:
    """A new detector, (1,) DETECTOR; sample_rate: Hz."""
    detector = np.zeros(1, DETECTOR)
    configure(detector[0], settings, sample_rate)
    return detector


def configure(detector, settings: Settings, sample_rate: float, decay_s: float = 0.0) -> None:
    """Set a detector up; its state is unchanged.

    Args:
        detector: record of DETECTOR.
        settings: the settings.
        sample_rate: Hz.
        decay_s: decay time of the drum that is struck, s; 0: unknown.
    """
    values = (float(getattr(settings, name)) for name in Settings.RANGES)  # one type: compiled once
    set_up(detector, *values, settings.drums_only, float(sample_rate), float(decay_s))
    strokes.set_weights(detector["strokes"])


@native
def set_up(
    d, threshold_db, sensitivity, scan_ms, mask_ms, cancel, leak_db, drums_only, sample_rate,
    decay_s,
):  # fmt: skip
    """The compiled core of `configure`, without the weights of the network."""
    peak = 10 ** (threshold_db / 20)
    d.lowest_peak = peak
    d.logit = LOGITS[0] + sensitivity * (LOGITS[1] - LOGITS[0])
    d.drum_logit = DRUM_LOGIT if drums_only else -np.inf
    d.cancel = cancel
    d.leak = 10 ** (leak_db / 10)
    d.scan = max(1, round(scan_ms / 1e3 * sample_rate))
    d.judged = _judged(scan_ms, drums_only, sample_rate)
    d.mask = round(mask_ms / 1e3 * sample_rate)
    d.recent = min(HISTORY - 1, round(RECENT_S * sample_rate))
    d.frame = _frame(sample_rate)
    d.a_level = 1 - np.exp(-1 / (LEVEL_S * sample_rate))
    d.a_held = 1 - np.exp(-1 / (ATTACK_S * sample_rate))
    d.hold = np.exp(-2 / (max(HOLD_S, decay_s) * sample_rate))
    strokes.set_up(d.strokes, sample_rate, peak**2 / 2)  # of a sine


@native
def known_within(scan_ms, drums_only, sample_rate):
    """Samples after its onset within which every hit is known, and its peak."""
    return (STEEP_FRAMES + 1) * _frame(sample_rate) + _judged(scan_ms, drums_only, sample_rate)


@native
def _frame(sample_rate):
    return round(sample_rate / strokes.FRAMES_PER_S)


@native
def _judged(scan_ms, drums_only, sample_rate):
    """Samples after a hit began, at which it is known whether it is one."""
    return max(1, round(max(scan_ms / 1e3, DRUM_S if drums_only else 0.0) * sample_rate))


@native
def feed(d, x, own):
    """Process one sample.

    Args:
        d: record of DETECTOR.
        x: the sample, finite.
        own: power of our own output.

    Returns:
        NOTHING; BEGAN: a hit began at `onset`, `peak` is its peak so far; ENDED: it is one, and
        `peak` is final; REJECTED: it is no drum's; IGNORED: a stroke is no hit, for `reason`.
    """
    framed = strokes.feed(d.strokes, x)
    y = float(d.strokes.y)
    d.history[d.time % HISTORY] = abs(y)
    d.level += d.a_level * (y * y - d.level)
    state = _decide(d, framed, own)
    attack = 1.0 if d.scanning > 0 else d.a_held
    if d.level > d.held_level:
        d.held_level += attack * (d.level - d.held_level)
    else:
        d.held_level *= d.hold
    d.time += 1
    return state


@native
def _decide(d, framed, own):
    """Decide whether a hit begins or ends; the return value of feed."""
    d.ignoring -= d.ignoring > 0
    d.masked -= d.masked > 0
    if d.scanning > 0:
        if d.scanning > d.judged - d.scan:
            d.peak = max(d.peak, float(d.history[d.time % HISTORY]))
        d.scanning -= 1
        return NOTHING if d.scanning > 0 else _end(d)
    if not framed:
        return NOTHING
    logit = d.strokes.logits[NOW]
    if logit < d.logit - RELEASED:
        d.held = 0
    if logit < d.logit or d.held == 1:
        return NOTHING
    if _recent_peak(d) < d.lowest_peak:
        return _ignore(d, BELOW)
    if d.masked > 0:
        d.held = 1
        return _ignore(d, MASKED)
    below_ring = 10 * np.log10(d.held_level / d.level) if d.held_level > d.level else 0.0  # dB
    if logit < d.logit + CANCEL_LOGIT * d.cancel * below_ring:
        return _ignore(d, CANCELLED)
    if d.level < d.leak * own or logit < d.logit + OWN_LOGIT * d.leak * own / d.level:
        return _ignore(d, OWN)
    d.scanning, d.masked, d.held = d.judged, d.mask, 1
    d.ignoring, d.decided = 0, d.time
    _look_back(d)
    return BEGAN


@native
def _recent_peak(d):
    """The peak of the last RECENT_S."""
    peak = np.float32(0)
    for back in range(min(d.recent, d.time) + 1):
        peak = max(peak, d.history[(d.time - back) % HISTORY])
    return peak


@native
def _end(d):
    """Judge a hit after its scan time: ENDED or REJECTED."""
    logit = d.strokes.logits[DRUM]
    d.drum = 1 / (1 + np.exp(-logit))
    if logit >= d.drum_logit:
        return ENDED
    d.reason = NO_DRUM
    return REJECTED


@native
def _ignore(d, reason):
    """Report a stroke once, not at each of its frames."""
    again = d.ignoring > 0 and d.reason == reason
    d.ignoring = max(d.mask, d.scan)
    if again:
        return NOTHING
    d.reason, d.onset, d.decided, d.peak = reason, d.time, d.time, np.sqrt(2 * d.level)
    d.drum = 1 / (1 + np.exp(-d.strokes.logits[DRUM]))
    return IGNORED


@native
def _look_back(d):
    """Set `onset` to where the stroke began, and `peak` to its peak since.

    It began in the frame in which the bands rose most, or the one before, at the first sample that
    exceeds GROUND of the peak since and the signal before.
    """
    s, most, steepest = d.strokes, np.float32(0), 0
    for back in range(min(STEEP_FRAMES, s.frames - 1)):
        last = s.frames - 1 - back
        step = s.rises[last % strokes.RISES] - s.rises[(last - 1) % strokes.RISES]
        if step > most:
            most, steepest = step, back
    first = min(d.time, steepest * d.frame + 2 * d.frame)
    before, peak = np.float32(0), np.float32(0)
    for back in range(first, min(d.time, first + BEFORE_FRAMES * d.frame)):
        before = max(before, d.history[(d.time - back) % HISTORY])
    for back in range(first):
        peak = max(peak, d.history[(d.time - back) % HISTORY])
    ground = max(np.float32(GROUND) * peak, np.float32(ABOVE_BEFORE) * before)
    d.onset, d.peak = d.time - min(d.time, steepest * d.frame + d.frame // 2), peak
    for back in range(first - 1, max(-1, first - 2 * d.frame), -1):
        if d.history[(d.time - back) % HISTORY] > ground:
            d.onset = d.time - back
            break


FOUND = np.dtype(
    [("reason", np.int64), ("onset", np.int64), ("decided", np.int64), ("peak", np.float64),
     ("drum", np.float64)],
    align=True,
)  # fmt: skip


@native
def _run(d, x, found):
    """Feed x and write hits and ignored strokes to found -> how many there were."""
    n = 0
    for t in range(x.shape[0]):
        kind = feed(d, x[t], 0.0)
        if kind not in (NOTHING, BEGAN):
            row = found[n]
            row.reason = -1 if kind == ENDED else d.reason
            row.onset, row.decided, row.peak, row.drum = d.onset, d.decided, d.peak, d.drum
            n += 1
    return n


def detect(detector, x: np.ndarray) -> list[Found]:
    """Feed a signal to a detector.

    Args:
        detector: record of DETECTOR.
        x: (samples,), finite.

    Returns:
        Hits and ignored strokes, in order.
    """
    # at most one a frame: of 1 ms, the last of which may have begun before x
    frames = len(x) * strokes.FRAMES_PER_S // int(detector["strokes"]["rate"]) + 2
    found = np.empty(frames, FOUND)
    n = _run(detector, np.asarray(x, np.float64), found)
    return [
        Found(row["onset"].item(), row["peak"].item(),
              REASONS[row["reason"]] if row["reason"] >= 0 else "", row["drum"].item(),
              row["decided"].item())
        for row in found[:n]
    ]  # fmt: skip
