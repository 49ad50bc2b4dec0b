"""Offline onset detector: where the hits of a recording begin.

Two passes: levels in steps of one millisecond, which a long file gives block by block, and then the
sample at which the chosen hit leaves the ground.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

STEP = 0.001  # s, of the levels
FAST, SLOW = 0.003, 0.050  # s: a hit's level now against the level just before
RISE = 10 ** (9 / 20)  # a hit is this many times louder than what came before it
QUIETEST = 10 ** (-40 / 20)  # and at least this share of the loudest level of the recording
HOLD = 0.080  # s after an onset in which there is no other
ATTACK = 0.050  # s after an onset in which a hit reaches its full level
GROUND = 0.05  # share of a hit's peak below which it has not begun
SILENCE = 1e-5  # a recording with no sample above it (-100 dB) holds nothing to match


class Hit(NamedTuple):
    """One hit of a recording."""

    onset: int  # samples, to the millisecond
    level: float  # largest RMS of a millisecond in its attack


def levels(blocks: Iterable[np.ndarray], sample_rate: int) -> tuple[np.ndarray, int, float]:
    """Blocks (frames,) -> RMS of each STEP (steps,), number of frames, largest magnitude."""
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
    """RMS of each STEP (steps,) -> the hits, in order of time; empty where there is none."""
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
    """The sample of x (samples,) at which the hit found about `near` leaves the ground."""
    start = max(0, near - round(FAST * sample_rate))
    stop = near + round(ATTACK * sample_rate)
    region = np.abs(x[start:stop])
    noise = np.abs(x[max(0, start - round(SLOW * sample_rate)) : start])
    ground = max(GROUND * region.max(), 1.5 * np.max(noise, initial=0))
    above = np.flatnonzero(region > ground)
    return start + int(above[0]) if len(above) else near
