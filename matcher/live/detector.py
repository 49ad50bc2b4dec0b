"""Streaming onset detector: hits out of a live signal, to the sample, in Numba.

In each of a few bands the level of the last milliseconds is compared with a slow envelope of what
came before; where the bands together have risen far enough, something was struck, even while
another drum still rings. Works a sample at a time, so that the size of the blocks makes no
difference; runs inside the audio callback.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from matcher.compiled import native

# Found by search on performances composed of recorded hits; tests/performances.py scores others.
EDGES_HZ = (335.0, 1340.0, 5360.0, 15640.0)  # between the bands
FAST_S = (0.00425, 0.00166, 0.00065, 0.00025, 0.0001)  # of each band's level
ATTACK_S = (0.0375, 0.0175, 0.0081, 0.0038, 0.0018)  # of its slow envelope
RELEASE_S = (0.126, 0.075, 0.0445, 0.0265, 0.0157)
WEIGHTS = (0.172, 0.185, 0.199, 0.214, 0.23)
MOST_DB = 22.3  # a band's rise counts no further
NOVELTY_DB = (5.8, 2.2)  # weighted rise of the bands that makes a hit, at sensitivity 0 and 1
SHARE = 0.055  # of what rings that must be new: partials that beat are not
SHARES = (1.0, 11.0, 121.5, 1340.0, 14765.0)  # weight of a band's power there: strokes are bright
FLOOR = 0.00285  # of the threshold: what a band's envelope never falls below
OWN_RISE = 4.0  # how much more must be new for each share of our own sound in what is heard
LEVEL_S = 0.001  # of the level that is held against the threshold
HOLD_S = 0.3  # decay of an unknown drum, for retrigger cancel
DC_HZ = 15.0
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
    sensitivity: float = 0.6  # 0: only what stands out far; 1: whatever rises
    scan_ms: float = 3.0  # in which a hit's velocity is taken
    mask_ms: float = 20.0  # after a hit in which there is no other
    cancel: float = 0.1  # how much more a hit must stand out from a drum that still rings
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


N_BANDS = len(EDGES_HZ) + 1
DETECTOR = np.dtype(
    [
        # settings; levels are powers
        *((name, np.float64) for name in ("threshold", "novelty", "cancel", "leak", "floor")),
        *((name, np.int64) for name in ("scan", "mask", "look_back", "quiet")),
        *((name, np.float64) for name in ("dc", "a_level", "hold")),
        ("a_edge", np.float64, N_BANDS - 1),
        *((name, np.float64, N_BANDS) for name in ("a_fast", "a_slow", "release")),
        # where it stands
        ("time", np.int64),  # samples heard
        *((name, np.float64) for name in ("x", "y", "level", "kept")),
        ("low_pass", np.float64, (N_BANDS - 1, 2)),
        *((name, np.float64, N_BANDS) for name in ("fast", "slow")),
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
    detector["floor"] = FLOOR * detector["threshold"]
    detector["novelty"] = NOVELTY_DB[0] + settings.sensitivity * (NOVELTY_DB[1] - NOVELTY_DB[0])
    detector["cancel"] = settings.cancel
    detector["leak"] = 10 ** (settings.leak_db / 10)
    detector["scan"] = max(1, round(settings.scan_ms / 1e3 * sample_rate))
    detector["mask"] = round(settings.mask_ms / 1e3 * sample_rate)
    detector["look_back"] = min(HISTORY - 1, round(LOOK_BACK_S * sample_rate))
    detector["quiet"] = max(1, round(QUIET_S * sample_rate))
    detector["dc"] = np.exp(-2 * np.pi * DC_HZ / sample_rate)
    detector["a_edge"] = 1 - np.exp(-2 * np.pi * np.array(EDGES_HZ) / sample_rate)
    detector["a_level"] = 1 - np.exp(-1 / (LEVEL_S * sample_rate))
    detector["a_fast"] = 1 - np.exp(-1 / (np.array(FAST_S) * sample_rate))
    detector["a_slow"] = 1 - np.exp(-1 / (np.array(ATTACK_S) * sample_rate))
    detector["release"] = np.exp(-2 / (np.array(RELEASE_S) * sample_rate))
    detector["hold"] = np.exp(-2 / (max(HOLD_S, decay_s) * sample_rate))


@native
def feed(d, x, own):
    """Hear one sample; NOTHING, BEGAN, ENDED or IGNORED.

    x: finite. own: power of what our loudspeaker plays. BEGAN: `onset` is known and `peak` is that
    so far. ENDED: the scan time is over and `peak` the hit's. IGNORED: `reason` tells why.
    """
    y = x - d.x + d.dc * d.y
    d.x, d.y = x, y
    d.history[d.time % HISTORY] = abs(y)
    d.level += d.a_level * (y * y - d.level)
    below, novelty, rise, ring = 0.0, 0.0, 0.0, 0.0
    for k in range(N_BANDS):
        band = y - below
        if k < N_BANDS - 1:
            d.low_pass[k, 0] += d.a_edge[k] * (y - d.low_pass[k, 0])
            d.low_pass[k, 1] += d.a_edge[k] * (d.low_pass[k, 0] - d.low_pass[k, 1])
            band = d.low_pass[k, 1] - below
            below = d.low_pass[k, 1]
        d.fast[k] += d.a_fast[k] * (band * band - d.fast[k])
        before = d.slow[k] + d.floor
        ring += SHARES[k] * before
        if d.fast[k] > before:
            rise += SHARES[k] * (d.fast[k] - before)
            novelty += min(10 * np.log10(d.fast[k] / before), MOST_DB) * WEIGHTS[k]
    state = _decide(d, novelty if rise > SHARE * ring else 0.0, own)
    for k in range(N_BANDS):
        attack = 1.0 if d.scanning > 0 else d.a_slow[k]
        d.slow[k] = _follow(d.slow[k], d.fast[k], attack, d.release[k])
    d.kept = _follow(d.kept, d.level, 1.0 if d.scanning > 0 else d.a_slow[0], d.hold)
    d.time += 1
    return state


@native
def _follow(slow, fast, attack, release):
    return slow + attack * (fast - slow) if fast > slow else slow * release


@native
def _decide(d, novelty, own):
    d.refused -= d.refused > 0
    d.masked -= d.masked > 0
    if d.scanning > 0:
        d.peak = max(d.peak, float(d.history[d.time % HISTORY]))
        d.scanning -= 1
        return ENDED if d.scanning == 0 else NOTHING
    if novelty < d.novelty:
        return NOTHING
    if d.level < d.threshold:
        return _ignore(d, BELOW)
    if d.masked > 0:
        return _ignore(d, MASKED)
    below_ring = 10 * np.log10(d.kept / d.level) if d.kept > d.level else 0.0  # dB
    if novelty < d.novelty + d.cancel * below_ring:
        return _ignore(d, CANCELLED)
    if d.level < d.leak * own or novelty < d.novelty * (1 + OWN_RISE * d.leak * own / d.level):
        return _ignore(d, OWN)
    d.scanning, d.masked = d.scan, d.mask
    d.refused = 0
    _look_back(d)
    return BEGAN


@native
def _ignore(d, reason):
    """One report of what rises, not one for each of its samples."""
    again = d.refused > 0 and d.reason == reason
    d.refused = max(d.mask, d.scan)
    if again:
        return NOTHING
    d.reason, d.onset, d.peak = reason, d.time, np.sqrt(2 * d.level)
    return IGNORED


@native
def _look_back(d):
    """Set `onset` to where the signal left the ground, and `peak` to its largest since."""
    ground = max(GROUND * np.sqrt(d.level), 1.5 * np.sqrt(d.kept))
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


@native
def _run(d, x, kinds, onsets, peaks):
    n = 0
    for t in range(x.shape[0]):
        kind = feed(d, x[t], 0.0)
        if kind in (ENDED, IGNORED):
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
