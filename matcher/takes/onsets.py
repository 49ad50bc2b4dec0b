"""Where the hits of a take begin: candidates of the stroke network, judged with what follows.

The stroke network (matcher/matching/strokes.py) decides within 20 ms. In a take there is time: a
second, small network looks at how far each band rises above what rang before and how long it stays
there, and at the candidates around, so that a soft stroke under a ringing drum is told from the
beats of its tones and from a room. `python -m training.take_hits` trains its weights.
"""

from functools import cache

import numpy as np

from matcher.matching import onset, weights
from matcher.matching.onset import Hit, Measured
from matcher.matching.strokes import DRUM, FRAMES_PER_S, LATE, LATE_S, NOW

LEAST_NOW = -2.0  # logit of the stroke network, of a candidate ...
LEAST_LATE = -2.0  # ... and by what follows
BETWEEN_S = 0.012  # s: candidates nearer than this are one ...
DIP = 1.0  # ... and so are those between which the logit rises by less
RISES_S = 0.005  # s: longest rise of the logit to its peak; the hit begins with it ...
RISE = 1.5  # ... where the logit is that far below its peak
LEAST_HIT = -0.75  # logit from which on a candidate is a hit: as many are found as without it
EARLY_S = 0.002  # s: by which the stroke network is late
AFTER_S = ((0.008, 0.045), (0.045, 0.1))  # s from the onset: means of the powers of the bands ...
RANG_S = ((-0.05, -0.012), (-0.1, -0.055))  # s: ... and of what rang before
LEVELS_S = ((0, 0.02), (0.02, 0.06), (0.06, 0.12), (-0.02, -0.003), (-0.06, -0.02))  # s: of all
LOUD_DB = 3.0  # dB: a band that rises by more
QUIET = 1e-7  # of the take's highest power: lower ones count as this
NEAR_S = 0.3  # s before a candidate, in which the loudest other one matters
ALONE_S = 1.0  # s: taken for the time to the next candidate where there is none
N_OF_BANDS = 10  # numbers that sum up how the bands rise
N_FEATURES = 25 + N_OF_BANDS * 2 * len(AFTER_S)
MOST_DEVIATIONS = 5.0  # from the mean of a feature: those farther out count as this far
N_HIDDEN = 32
SHIPPED = weights.MODELS / "take_hits.json"
WEIGHTS = {
    "mean": (N_FEATURES,), "deviation": (N_FEATURES,),
    "hidden": (N_FEATURES, N_HIDDEN), "bias_hidden": (N_HIDDEN,),
    "out": (N_HIDDEN, 1), "bias_out": (1,),
}  # fmt: skip


def contract() -> dict:
    """What the weights rely on; part of their file, compared when they are read."""
    return {
        "least_now": LEAST_NOW, "least_late": LEAST_LATE, "after_s": AFTER_S, "rang_s": RANG_S,
        "levels_s": LEVELS_S, "loud_db": LOUD_DB, "quiet": QUIET, "near_s": NEAR_S,
        "features": N_FEATURES, "hidden": N_HIDDEN,
    }  # fmt: skip


@cache
def shipped_weights() -> dict[str, np.ndarray]:
    """The weights that ship with the package, read once."""
    return weights.read(SHIPPED, WEIGHTS, contract())


def find(measured: Measured, sample_rate: int) -> list[Hit]:
    """Find the hits of a take; arguments and result as onset.find_hits."""
    if not len(measured.level):
        return []
    logits = onset.logits(measured, sample_rate)
    at = candidates(measured, logits)
    if not len(at):
        return []
    at = at[judge(features(measured, logits, at)) >= LEAST_HIT]
    drum = 1 / (1 + np.exp(-_around(logits, at, (onset.DRUM_S,) * 2, DRUM)[:, 0]))
    levels = _attacks(measured.level, at)
    return [
        Hit(int(i) * sample_rate // FRAMES_PER_S, float(level), float(p))
        for i, level, p in zip(at, levels, drum)
    ]


def candidates(measured: Measured, logits: np.ndarray) -> np.ndarray:
    """Frames at which a hit may begin, (candidates,), in order of time.

    Args:
        measured: of the take, at least one millisecond.
        logits: of its frames, as onset.logits.
    """
    now = logits[: len(measured.level), NOW]
    padded = np.concatenate([[-np.inf], now, [-np.inf]])
    peaks = np.flatnonzero((now >= LEAST_NOW) & (now > padded[:-2]) & (now >= padded[2:]))
    at = np.array([_beginning(now, i) for i in _apart(now, peaks.tolist())], int)
    loud = _attacks(measured.level, at) > onset.QUIETEST * float(measured.level.max())
    late = _around(logits, at, LATE_S, LATE).max(axis=1, initial=-np.inf)
    return at[loud & (late >= LEAST_LATE)]


def _apart(now: np.ndarray, peaks: list[int]) -> list[int]:
    """The peaks of the logit that may be a hit each: of two that are near the higher one."""
    kept: list[int] = []
    for i in peaks:
        if kept and i - kept[-1] < BETWEEN_S * FRAMES_PER_S:
            if now[i] > now[kept[-1]]:
                kept[-1] = i
        elif not kept or now[i] - now[kept[-1] : i].min() >= DIP:
            kept.append(i)
    return kept


def _beginning(now: np.ndarray, peak: int) -> int:
    """The frame at which the logit begins to rise to a peak."""
    first = max(0, peak - round(RISES_S * FRAMES_PER_S))
    low = np.flatnonzero(now[first:peak] < now[peak] - RISE)
    return first + int(low[-1]) + 1 if len(low) else first


def _around(logits: np.ndarray, at: np.ndarray, between: tuple, output: int) -> np.ndarray:
    """An output in a time around candidates, both ends included, (candidates, frames)."""
    first, last = (round(t * FRAMES_PER_S) for t in between)
    frames = at[:, None] + np.arange(first, last + 1)
    return logits[np.clip(frames, 0, len(logits) - 1), output]


def _attacks(level: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Highest level of the attacks of hits, (hits,)."""
    n = round(onset.ATTACK * FRAMES_PER_S)
    return np.array([level[i : i + n].max(initial=0) for i in at])


def judge(x: np.ndarray, values: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """Logits that candidates are hits, (candidates,).

    Args:
        x: (candidates, N_FEATURES), as features.
        values: of WEIGHTS, by name; None: the shipped ones.
    """
    w = values or shipped_weights()
    x = np.clip((x - w["mean"]) / w["deviation"], -MOST_DEVIATIONS, MOST_DEVIATIONS)
    return (np.maximum(x @ w["hidden"] + w["bias_hidden"], 0) @ w["out"] + w["bias_out"])[:, 0]


def features(measured: Measured, logits: np.ndarray, at: np.ndarray) -> np.ndarray:
    """What the network is given, (candidates, N_FEATURES) float32.

    Args:
        measured, logits: as `candidates`.
        at: frames of the candidates, at least one.
    """
    now = _around(logits, at, (0, 0.015), NOW)
    late = _around(logits, at, LATE_S, LATE)
    later = _around(logits, at, (LATE_S[1], LATE_S[1] + 0.01), LATE).mean(axis=1)
    drum = _around(logits, at, (onset.DRUM_S,) * 2, DRUM)[:, 0]
    top = float(measured.level.max())
    loud = 20 * np.log10(_attacks(measured.level, at) / top)
    own = [now.max(axis=1), now[:, :8].mean(axis=1), late.max(axis=1), late.mean(axis=1), later,
           drum, loud, *_levels(measured.level / top, at)]  # fmt: skip
    beside = _beside(at / FRAMES_PER_S, late.max(axis=1), loud)
    whole = [late.max(axis=1).mean(), np.mean(late.max(axis=1) < 1),
             np.log(len(at) * FRAMES_PER_S / len(measured.level))]  # fmt: skip
    whole = [np.full(len(at), value) for value in whole]
    rises = _rises(measured.powers, at)
    return np.array([*own, *beside, *whole, *rises]).T.astype(np.float32)


def _levels(level: np.ndarray, at: np.ndarray) -> list[np.ndarray]:
    """How the level goes around candidates, dB; level: of the frames, 1 the highest."""
    power = np.square(level, dtype=float)[:, None]
    first, second, third, before, earlier = (
        10 * np.log10(_means(power, at, between)[:, 0] + QUIET / 10) for between in LEVELS_S
    )
    return [first - before, first - earlier, second - earlier, third - earlier, second - first,
            before - earlier]  # fmt: skip


def _beside(at_s: np.ndarray, late: np.ndarray, loud: np.ndarray) -> list[np.ndarray]:
    """How far the candidates before and after are, in log time and dB, and how sure."""
    gap = np.log(np.concatenate([[ALONE_S], np.diff(at_s), [ALONE_S]]))
    late_, loud_ = np.concatenate([[0], late, [0]]), np.concatenate([loud[:1], loud, loud[-1:]])
    loudest = np.array([_loudest_before(at_s, loud, late, i) for i in range(len(at_s))])
    return [gap[:-1], gap[1:], late_[:-2], late_[2:], loud - loud_[:-2], loud - loud_[2:],
            *loudest.T]  # fmt: skip


def _loudest_before(at_s, loud, late, i: int) -> tuple[float, float, float]:
    first = int(np.searchsorted(at_s, at_s[i] - NEAR_S))
    if first == i:
        return np.log(2 * NEAR_S), 10.0, 0.0
    other = first + int(loud[first:i].argmax())
    return np.log(at_s[i] - at_s[other]), loud[i] - loud[other], late[other]


def _rises(powers: np.ndarray, at: np.ndarray) -> list[np.ndarray]:
    """How the bands rise above what rang before, and above that as it dies away."""
    most = float(powers.sum(axis=1).max())
    floor = np.maximum(np.quantile(powers, 0.1, axis=0), QUIET * most)
    at = at - round(EARLY_S * FRAMES_PER_S)
    rang, earlier = (_means(powers, at, between) for between in RANG_S)
    fall = np.minimum(1, (rang + floor) / (earlier + floor))
    found = []
    for between in AFTER_S:
        after = _means(powers, at, between)
        steps = (np.mean(between) - np.mean(RANG_S[0])) / (np.mean(RANG_S[0]) - np.mean(RANG_S[1]))
        for expected in (rang, rang * fall**steps):
            found += _summed_up(after, expected, floor, most)
    return found


def _summed_up(after: np.ndarray, expected: np.ndarray, floor: np.ndarray, most: float):
    """N_OF_BANDS numbers of powers (candidates, bands) beside the expected ones."""
    rise = 10 * np.log10((after + floor) / (expected + floor))
    in_order = np.sort(rise, axis=1)
    new, whole = np.maximum(after - expected, 0), np.maximum(after.sum(axis=1), QUIET * most)
    third = in_order[:, -3:]
    return [
        in_order[:, -1], in_order[:, -2:].mean(axis=1), third.mean(axis=1), rise.mean(axis=1),
        in_order[:, 0], (after * rise).sum(axis=1) / whole, (rise > LOUD_DB).mean(axis=1),
        10 * np.log10(new.sum(axis=1) / whole + 1e-4),
        10 * np.log10(new.sum(axis=1) / most + QUIET),
        10 * np.log10(new.max(axis=1) / most + QUIET),
    ]  # fmt: skip


def _means(rows: np.ndarray, at: np.ndarray, between: tuple[float, float]) -> np.ndarray:
    """Means of rows (frames, numbers) in a time around candidates, (candidates, numbers)."""
    first, last = (np.clip(at + round(t * FRAMES_PER_S), 0, len(rows)) for t in between)
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0, dtype=float)])
    return (sums[last] - sums[first]) / np.maximum(last - first, 1)[:, None]
