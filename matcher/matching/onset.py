"""Offline onset detection: where the hits of a recording begin.

Two passes: the level of every millisecond, so that a long file can be read block by block; then the
exact onset of the chosen hit, the sample at which it rises above the noise.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

STEP = 0.001  # s: window of one level
FAST = 0.003  # s: how far an onset may lie before the millisecond in which it is found
SLOW = 0.050  # s: time before a hit, whose level is compared with the hit's
RISE = 10 ** (9 / 20)  # amplitude ratio (9 dB): a hit is at least so much louder than before
QUIETEST = 10 ** (-40 / 20)  # share of the recording's highest level (-40 dB): least of a hit
HOLD = 0.080  # s: time after an onset without another one, so that a hit is found once
ATTACK = 0.050  # s: time after an onset in which a hit reaches its highest level
GROUND = 0.05  # share of a hit's peak: the hit begins where the signal exceeds it
SILENCE = 1e-5  # amplitude (-100 dB): a recording that stays below it has nothing to match


class Hit(NamedTuple):
    """One hit of a recording."""

    onset: int  # samples, accurate to a millisecond
    level: float  # highest RMS level of a millisecond in the hit's attack


def levels(blocks: Iterable[np.ndarray], sample_rate: int) -> tuple[np.ndarray, int, float]:
    """Measure the level of a recording.

    Args:
        blocks: arrays (frames,), the recording in order.
        sample_rate: Hz.

    Returns:
        RMS level of each STEP (steps,), number of frames, and largest magnitude.
    """
    step = max(1, round(STEP * sample_rate))
    rest = np.zeros(0, np.float32)
    rows, n_frames, peak = [np.zeros(0, np.float32)], 0, 0.0
    for block in blocks:
        n_frames += len(block)
        peak = max(peak, float(np.max(np.abs(block), initial=0)))
        x = np.concatenate([rest, block])
        whole = len(x) // step * step
        rows.append(np.sqrt(np.mean(x[:whole].reshape(-1, step) ** 2, axis=1)))
        rest = x[whole:]
    if len(rest):
        rows.append(np.sqrt(np.mean(rest**2, keepdims=True)))
    return np.concatenate(rows), n_frames, peak


def find_hits(level: np.ndarray, sample_rate: int) -> list[Hit]:
    """Find the hits of a recording.

    Args:
        level: (steps,), RMS level of each STEP.
        sample_rate: Hz.

    Returns:
        The hits in order of time.
    """
    step = max(1, round(STEP * sample_rate))
    slow, hold, attack = (round(t / STEP) for t in (SLOW, HOLD, ATTACK))
    padded = np.concatenate([np.zeros(slow), level])
    total = np.concatenate([[0], np.cumsum(padded**2)])
    before = np.sqrt(np.maximum(total[slow:-1] - total[: -slow - 1], 0) / slow)  # (steps,)
    loud = level > np.maximum(RISE * before, QUIETEST * np.max(level, initial=0))
    hits, free = [], 0
    for i in np.flatnonzero(loud):
        if i >= free:
            hits.append(Hit(int(i) * step, float(level[i : i + attack].max())))
            free = i + hold
    return hits


def refine(x: np.ndarray, near: int, sample_rate: int) -> int:
    """Find the exact onset of a hit.

    Args:
        x: (samples,), the recording around the hit.
        near: sample of x near which `find_hits` found the hit.
        sample_rate: Hz.

    Returns:
        The sample of x at which the hit first exceeds GROUND and the noise before it.
    """
    start = max(0, near - round(FAST * sample_rate))
    stop = near + round(ATTACK * sample_rate)
    region = np.abs(x[start:stop])
    noise = np.abs(x[max(0, start - round(SLOW * sample_rate)) : start])
    ground = max(GROUND * region.max(), 1.5 * np.max(noise, initial=0))
    above = np.flatnonzero(region > ground)
    return start + int(above[0]) if len(above) else near
