"""Streaming onset detector: hits out of a live signal, to the sample, in Numba.

The level of the last millisecond is compared with a slow envelope of what came before, in the whole
band and above 2 kHz, where a stroke shows even while a drum still rings. Works a sample at a time,
so that the size of the blocks makes no difference; runs inside the audio callback.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numba import njit

FAST_S = 0.001  # of the level that is compared
ATTACK_S, RELEASE_S = 0.008, 0.060  # of the slow envelope
BRIGHT_HZ = 2000.0
DC_HZ = 15.0
BRIGHT_SHARE = 0.1  # of the threshold and more must be above BRIGHT_HZ for a stroke seen there
LOOK_BACK_S = 0.003  # the onset is at most so long before its detection
QUIET_S = 0.0003  # a signal that stays so long below its ground has not begun
GROUND = 0.1  # of the level at detection
HISTORY = 2048  # samples, at least LOOK_BACK_S at 384 kHz
NOTHING, BEGAN, ENDED, IGNORED = range(4)  # what feed returns
REASONS = ("below the threshold", "mask time", "retrigger cancel", "our own sound")
BELOW, MASKED, CANCELLED, OWN = range(len(REASONS))


@dataclass(frozen=True)
class Settings:
    """How a detector listens, in the words of drum modules; ValueError where one is outside."""

    threshold_db: float = -40.0  # peak level of the quietest hit
    sensitivity: float = 0.5  # 0: only what stands out far; 1: whatever rises
    scan_ms: float = 3.0  # in which a hit's velocity is taken
    mask_ms: float = 20.0  # after a hit in which there is no other
    cancel: float = 0.5  # how much of a known drum's decay counts against a hit that follows
    leak_db: float = -10.5  # our own loudspeaker at the microphone, at most

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


DETECTOR = np.dtype(
    [
        # settings
        *((name, np.float64) for name in ("threshold", "bright_threshold", "ratio", "leak")),
        *((name, np.int64) for name in ("scan", "mask", "look_back", "quiet")),
        *((name, np.float64) for name in ("dc", "high", "a_fast", "a_slow", "release", "hold")),
        # where it stands; levels are powers
        ("time", np.int64),  # samples heard
        *((name, np.float64) for name in ("x", "y", "bright")),
        *((name, np.float64) for name in ("fast", "slow", "kept", "fast_bright", "slow_bright")),
        *((name, np.int64) for name in ("scanning", "masked", "refused")),  # samples left
        ("history", np.float32, HISTORY),
        # the last hit, or what was ignored
        ("onset", np.int64),
        ("peak", np.float64),
        ("reason", np.int64),
    ],
    align=True,
)


class Found(NamedTuple):
    """A hit of `detect`, or what was ignored."""

    onset: int  # samples
    peak: float
    reason: str  # "" for a hit


def make_detector(settings: Settings, sample_rate: float) -> np.ndarray:
    """A detector that has heard nothing, (1,) DETECTOR."""
    detector = np.zeros(1, DETECTOR)
    configure(detector[0], settings, sample_rate)
    return detector


def configure(detector, settings: Settings, sample_rate: float, decay_s: float = 0.0) -> None:
    """Give a record of DETECTOR its settings; decay_s: of the drum that is struck, if known."""
    peak = 10 ** (settings.threshold_db / 20)
    detector["threshold"] = peak**2 / 2  # power of a sine of that peak
    detector["bright_threshold"] = (BRIGHT_SHARE * peak) ** 2 / 2
    detector["ratio"] = 10 ** ((12 - 8 * settings.sensitivity) / 10)  # 4 to 12 dB
    detector["leak"] = 10 ** (settings.leak_db / 10)
    detector["scan"] = max(1, round(settings.scan_ms / 1e3 * sample_rate))
    detector["mask"] = round(settings.mask_ms / 1e3 * sample_rate)
    detector["look_back"] = min(HISTORY - 1, round(LOOK_BACK_S * sample_rate))
    detector["quiet"] = max(1, round(QUIET_S * sample_rate))
    detector["dc"] = np.exp(-2 * np.pi * DC_HZ / sample_rate)
    detector["high"] = np.exp(-2 * np.pi * BRIGHT_HZ / sample_rate)
    detector["a_fast"] = 1 - np.exp(-1 / (FAST_S * sample_rate))
    detector["a_slow"] = 1 - np.exp(-1 / (ATTACK_S * sample_rate))
    detector["release"] = np.exp(-2 / (RELEASE_S * sample_rate))
    kept = max(RELEASE_S, settings.cancel * decay_s)
    detector["hold"] = np.exp(-2 / (kept * sample_rate))


@njit(nogil=True, cache=True)
def feed(d, x, own):
    """Hear one sample; NOTHING, BEGAN, ENDED or IGNORED.

    x: finite. own: power of what our loudspeaker plays. BEGAN: `onset` is known and `peak` is that
    so far. ENDED: the scan time is over and `peak` the hit's. IGNORED: `reason` tells why.
    """
    y = x - d.x + d.dc * d.y
    d.bright = d.high * (d.bright + y - d.y)
    d.x, d.y = x, y
    d.history[d.time % HISTORY] = abs(y)
    d.fast += d.a_fast * (y * y - d.fast)
    d.fast_bright += d.a_fast * (d.bright * d.bright - d.fast_bright)
    state = _decide(d, own)
    in_hit = d.scanning > 0
    d.slow = _follow(d.slow, d.fast, 1.0 if in_hit else d.a_slow, d.release)
    d.kept = _follow(d.kept, d.fast, 1.0 if in_hit else d.a_slow, d.hold)
    d.slow_bright = _follow(d.slow_bright, d.fast_bright, 1.0 if in_hit else d.a_slow, d.release)
    d.time += 1
    return state


@njit(nogil=True, cache=True)
def _follow(slow, fast, attack, release):
    return slow + attack * (fast - slow) if fast > slow else slow * release


@njit(nogil=True, cache=True)
def _decide(d, own):
    d.refused -= d.refused > 0
    d.masked -= d.masked > 0
    if d.scanning > 0:
        d.peak = max(d.peak, float(d.history[d.time % HISTORY]))
        d.scanning -= 1
        return ENDED if d.scanning == 0 else NOTHING
    whole = d.fast > d.ratio * d.slow
    bright = d.fast_bright > 2 * d.ratio * d.slow_bright and d.fast_bright > d.bright_threshold
    if not (whole or bright):
        return NOTHING
    if d.fast < d.threshold:
        return _ignore(d, BELOW)
    if d.masked > 0:
        return _ignore(d, MASKED)
    if not bright and d.fast < d.ratio * d.kept:
        return _ignore(d, CANCELLED)
    if d.fast < d.leak * own:
        return _ignore(d, OWN)
    d.scanning, d.masked = d.scan, d.mask
    d.refused = 0
    _look_back(d)
    return BEGAN


@njit(nogil=True, cache=True)
def _ignore(d, reason):
    """One report of what rises, not one for each of its samples."""
    again = d.refused > 0 and d.reason == reason
    d.refused = max(d.mask, d.scan)
    if again:
        return NOTHING
    d.reason, d.onset, d.peak = reason, d.time, np.sqrt(2 * d.fast)
    return IGNORED


@njit(nogil=True, cache=True)
def _look_back(d):
    """Set `onset` to where the signal left the ground, and `peak` to its largest since."""
    ground = max(GROUND * np.sqrt(d.fast), 2 * np.sqrt(d.slow))
    quiet, d.onset, d.peak = 0, d.time, 0.0
    for back in range(min(d.look_back, d.time) + 1):
        level = d.history[(d.time - back) % HISTORY]
        if level > ground or back == 0:
            quiet = 0
            d.onset = d.time - back
            d.peak = max(d.peak, float(level))
        else:
            quiet += 1
            if quiet >= d.quiet:
                break


@njit(nogil=True, cache=True)
def _run(d, x, kinds, onsets, peaks):
    n = 0
    for t in range(x.shape[0]):
        kind = feed(d, x[t], 0.0)
        if kind != NOTHING and kind != BEGAN and n < kinds.shape[0]:
            kinds[n] = -1 if kind == ENDED else d.reason
            onsets[n], peaks[n] = d.onset, d.peak
            n += 1
    return n


def detect(detector, x: np.ndarray) -> list[Found]:
    """Feed x (samples,) to a record of DETECTOR -> hits, in order, and what was ignored."""
    kinds, onsets = np.empty((2, len(x)), np.int64)
    peaks = np.empty(len(x))
    n = _run(detector, np.asarray(x, np.float64), kinds, onsets, peaks)
    return [
        Found(int(o), float(p), REASONS[k] if k >= 0 else "")
        for k, o, p in zip(kinds[:n], onsets[:n], peaks[:n])
    ]
