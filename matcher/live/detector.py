"""Streaming onset detection: finds the hits of a live signal, to the sample, in Numba.

In each of a few frequency bands the current level is compared with a slow envelope of the level
before. Where the bands together rise far enough, a drum was struck, even while another one still
rings. The detector runs in the audio callback, sample by sample, so that its result does not depend
on the block size.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from matcher.compiled import native

# The constants up to OWN_RISE were found by a search on performances composed of recorded hits;
# tests/live/performances.py composes others to score them.
EDGES_HZ = (335.0, 1340.0, 5360.0, 15640.0)  # Hz: edges between the bands
FAST_S = (0.00425, 0.00166, 0.00065, 0.00025, 0.0001)  # s: time constant of each band's level
ATTACK_S = (0.0375, 0.0175, 0.0081, 0.0038, 0.0018)  # s: attack of each band's slow envelope
RELEASE_S = (0.126, 0.075, 0.0445, 0.0265, 0.0157)  # s: release of each band's slow envelope
WEIGHTS = (0.172, 0.185, 0.199, 0.214, 0.23)  # weight of each band's rise
MOST_DB = 22.3  # dB: largest rise of a band that counts
NOVELTY_DB = (5.8, 2.2)  # dB: weighted rise that is a hit, at sensitivity 0 and 1
SHARE = 0.055  # share of the ringing power that must be new: beating partials stay below it
SHARES = (1.0, 11.0, 121.5, 1340.0, 14765.0)  # weight of each band's power in it: hits are bright
FLOOR = 0.00285  # share of the threshold's power: lowest value of a band's envelope
OWN_RISE = 4.0  # relative increase of the required rise per share of our own sound in the input
LEVEL_S = 0.001  # s: time constant of the level that is compared with the threshold
HOLD_S = 0.3  # s: assumed decay of an unknown drum, for retrigger cancel
DC_HZ = 15.0  # Hz: cutoff of the filter that removes DC
LOOK_BACK_S = 0.003  # s: longest time from an onset to its detection
QUIET_S = 0.0003  # s: time below GROUND before which the hit has not begun
GROUND = 0.1  # share of the level at detection: the hit begins where the signal exceeds it
HISTORY = 2048  # samples: more than LOOK_BACK_S at 384 kHz
NOTHING, BEGAN, ENDED, IGNORED = range(4)  # return values of feed
REASONS = ("below the threshold", "mask time", "retrigger cancel", "our own sound")
BELOW, MASKED, CANCELLED, OWN = range(len(REASONS))  # indices in REASONS


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
        # settings; thresholds and levels are powers
        *((name, np.float64) for name in ("threshold", "novelty", "cancel", "leak", "floor")),
        *((name, np.int64) for name in ("scan", "mask", "look_back", "quiet")),
        *((name, np.float64) for name in ("dc", "a_level", "hold")),
        ("a_edge", np.float64, N_BANDS - 1),
        *((name, np.float64, N_BANDS) for name in ("a_fast", "a_slow", "release")),
        # state
        ("time", np.int64),  # samples processed
        *((name, np.float64) for name in ("x", "y", "level", "held_level")),
        ("low_pass", np.float64, (N_BANDS - 1, 2)),
        *((name, np.float64, N_BANDS) for name in ("fast", "slow")),
        *((name, np.int64) for name in ("scanning", "masked", "ignoring")),  # samples left
        ("history", np.float32, HISTORY),
        # the last hit, or the last rise that was ignored
        ("onset", np.int64),
        ("peak", np.float64),
        ("reason", np.int64),
    ],
    align=True,
)


class Found(NamedTuple):
    """A hit found by `detect`, or a rise that it ignored."""

    onset: int  # samples since the detector was made
    peak: float  # amplitude
    reason: str  # why it was ignored, one of REASONS; empty for a hit


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
    """Process one sample.

    Args:
        d: record of DETECTOR.
        x: the sample, finite.
        own: power of our own output.

    Returns:
        NOTHING; BEGAN: a hit began at `onset`, `peak` is its peak so far; ENDED: its scan time is
        over and `peak` is final; IGNORED: the signal rose but there is no hit, for `reason`.
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
    attack = 1.0 if d.scanning > 0 else d.a_slow[0]
    d.held_level = _follow(d.held_level, d.level, attack, d.hold)
    d.time += 1
    return state


@native
def _follow(slow, fast, attack, release):
    """Next value of an envelope follower."""
    return slow + attack * (fast - slow) if fast > slow else slow * release


@native
def _decide(d, novelty, own):
    """Decide whether a rise of `novelty` dB is a hit; the return value of feed."""
    d.ignoring -= d.ignoring > 0
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
    below_ring = 10 * np.log10(d.held_level / d.level) if d.held_level > d.level else 0.0  # dB
    if novelty < d.novelty + d.cancel * below_ring:
        return _ignore(d, CANCELLED)
    if d.level < d.leak * own or novelty < d.novelty * (1 + OWN_RISE * d.leak * own / d.level):
        return _ignore(d, OWN)
    d.scanning, d.masked = d.scan, d.mask
    d.ignoring = 0
    _look_back(d)
    return BEGAN


@native
def _ignore(d, reason):
    """Report a rise once, not at each of its samples."""
    again = d.ignoring > 0 and d.reason == reason
    d.ignoring = max(d.mask, d.scan)
    if again:
        return NOTHING
    d.reason, d.onset, d.peak = reason, d.time, np.sqrt(2 * d.level)
    return IGNORED


@native
def _look_back(d):
    """Set `onset` to where the signal rose above the ground, and `peak` to its peak since."""
    ground = max(GROUND * np.sqrt(d.level), 1.5 * np.sqrt(d.held_level))
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
    """Feed x and write hits and ignored rises to the other arrays -> how many there were."""
    n = 0
    for t in range(x.shape[0]):
        kind = feed(d, x[t], 0.0)
        if kind in (ENDED, IGNORED):
            kinds[n] = -1 if kind == ENDED else d.reason
            onsets[n], peaks[n] = d.onset, d.peak
            n += 1
    return n


def detect(detector, x: np.ndarray) -> list[Found]:
    """Feed a signal to a detector.

    Args:
        detector: record of DETECTOR.
        x: (samples,), finite.

    Returns:
        Hits and ignored rises, in order.
    """
    kinds, onsets = np.empty((2, len(x)), np.int64)
    peaks = np.empty(len(x))
    n = _run(detector, np.asarray(x, np.float64), kinds, onsets, peaks)
    return [
        Found(int(o), float(p), REASONS[k] if k >= 0 else "")
        for k, o, p in zip(kinds[:n], onsets[:n], peaks[:n])
    ]
