"""Offline onset detection: where the hits of a recording begin.

Two passes: the powers of every millisecond, so that a long file can be read block by block, in
which the network of matcher/matching/strokes.py finds hits with a look-ahead; then the exact onset
of the chosen hit, the sample at which it rises above the noise.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from matcher.matching import strokes
from matcher.matching.strokes import DRUM, FRAMES_PER_S, LATE, LATE_S, N_BANDS, NOW

EARLY = 0.006  # s: how far an onset may lie before the place that the network finds ...
LATE_BY = 0.010  # s: ... and behind it: noise may begin just before a hit
BEFORE = 0.004  # s: time before these, in which the signal may be as loud as another drum rings
ABOVE_BEFORE = 1.2  # amplitude ratio to it, above which a hit begins
QUIETEST = 10 ** (-40 / 20)  # share of the recording's highest level (-40 dB): least of a hit
HOLD = 0.020  # s: time after an onset without another one, so that a hit is found once
ATTACK = 0.050  # s: time after an onset in which a hit reaches its highest level
GROUND = 0.05  # share of a hit's peak: the hit begins where the signal exceeds it
SILENCE = 1e-5  # amplitude (-100 dB): a recording that stays below it has nothing to match
NOW_LOGIT = -1.5  # of a stroke that may be a hit ...
RELEASED = 1.0  # logit below it, which ends a stroke: another one may begin
LATE_LOGIT = 0.0  # ... and is one, by what follows
DRUM_S = 0.025  # s: time after an onset at which the network says whether it is a drum's
NOISE = 20  # percentile of a band's power that counts as noise: a recording may begin with a hit
AFTER_FRAMES = 50  # after the recording: more than any look-ahead
QUIET_FRAMES = 50  # frames of that noise before the recording, for the network to settle


class Measured(NamedTuple):
    """What is needed of a recording to find its hits."""

    powers: np.ndarray  # (frames, N_BANDS), of each millisecond
    level: np.ndarray  # (frames,), RMS
    n_frames: int  # samples of the recording
    peak: float  # largest magnitude


class Hit(NamedTuple):
    """One hit of a recording."""

    onset: int  # samples, accurate to some milliseconds
    level: float  # highest RMS level of a millisecond in the hit's attack
    drum: float  # probability that it is a drum's


def measure(blocks: Iterable[np.ndarray], sample_rate: int) -> Measured:
    """Measure the powers of a recording.

    Args:
        blocks: arrays (frames,), the recording in order.
        sample_rate: Hz.
    """
    record = strokes.make_strokes(sample_rate, 1.0)[0]
    rows, n_frames, peak = [(np.zeros((0, N_BANDS), np.float32), np.zeros(0, np.float32))], 0, 0.0
    for block in blocks:
        n_frames += len(block)
        peak = max(peak, float(np.max(np.abs(block), initial=0)))
        most = len(block) * FRAMES_PER_S // sample_rate + 2
        power, level = np.empty((most, N_BANDS), np.float32), np.empty(most, np.float32)
        n = strokes.powers(record, np.ascontiguousarray(block, np.float32), power, level)
        rows.append((power[:n], level[:n]))
    return Measured(*map(np.concatenate, zip(*rows)), n_frames, peak)


def find_hits(measured: Measured, sample_rate: int) -> list[Hit]:
    """Find the hits of a recording.

    Args:
        measured: of the recording.
        sample_rate: Hz.

    Returns:
        The hits in order of time.
    """
    level = measured.level
    if not len(level):
        return []
    told = logits(measured, sample_rate)
    hold, attack, drum_at = (round(t * FRAMES_PER_S) for t in (HOLD, ATTACK, DRUM_S))
    first, last = (round(t * FRAMES_PER_S) for t in LATE_S)
    least = QUIETEST * float(level.max())
    hits, free, held = [], 0, False
    for i, logit in enumerate(told[: len(level), NOW].tolist()):
        held = held and logit >= NOW_LOGIT - RELEASED
        if held or i < free or logit < NOW_LOGIT:
            continue
        held = True
        loudest = float(level[i : i + attack].max(initial=0))
        if loudest > least and told[i + first : i + last, LATE].max() >= LATE_LOGIT:
            drum = 1 / (1 + np.exp(-float(told[i + drum_at, DRUM])))
            hits.append(Hit(i * sample_rate // FRAMES_PER_S, loudest, drum))
            free = i + hold
    return hits


def logits(measured: Measured, sample_rate: int) -> np.ndarray:
    """What the network says of each millisecond and some after the end.

    Args:
        measured: of the recording, at least one millisecond.
        sample_rate: Hz.

    Returns:
        Logits, (frames, len(strokes.OUTPUTS)).
    """
    threshold = (QUIETEST * measured.peak) ** 2 / 2
    record = strokes.make_strokes(sample_rate, max(threshold, SILENCE**2))[0]
    noise = np.percentile(measured.powers, NOISE, axis=0).astype(np.float32)
    end = np.repeat(measured.powers[-1:], AFTER_FRAMES, axis=0)
    powers = np.concatenate([np.tile(noise, (QUIET_FRAMES, 1)), measured.powers, end])
    out = np.empty((len(powers), len(strokes.OUTPUTS)), np.float32)
    strokes.logits(record, powers, out)
    return out[QUIET_FRAMES:]


def refine(x: np.ndarray, near: int, sample_rate: int) -> int:
    """Find the exact onset of a hit.

    Args:
        x: (samples,), the recording around the hit.
        near: sample of x near which `find_hits` found the hit.
        sample_rate: Hz.

    Returns:
        The sample of x at which the hit first exceeds GROUND and what was before it; near itself
        where it never does.
    """
    start = max(0, near - round(EARLY * sample_rate))
    region = np.abs(x[start : near + round(ATTACK * sample_rate)])
    before = np.abs(x[max(0, start - round(BEFORE * sample_rate)) : start])
    ground = max(GROUND * region.max(), ABOVE_BEFORE * np.max(before, initial=0))
    above = np.flatnonzero(region[: near - start + round(LATE_BY * sample_rate)] > ground)
    return start + int(above[0]) if len(above) else near
