"""How sure each of theta is after refining: in numbers, and in words.

The curvature of the cost says how flat it is around a match, not how many other matches there are.
So its deviation is one of three pieces of evidence, beside the distance itself and how far refining
moved the network's theta. Their weights are fitted by quantile regression to the errors on
synthetic sounds, whose theta is known (training.confidence).
"""

import numpy as np

from matcher.physics.theta import LIVE, Theta

SHARE = 0.68  # of the errors that are within the spread: one standard deviation, were they normal
LEAST_DISTANCE = 1e-3  # log-CQT, so that a perfect match has a logarithm, too
MOVED = 0.01  # nu, added to what was moved, so that a theta that stayed has a logarithm
# rows: theta; columns: constant, log deviation, log distance, log moved
WEIGHTS = np.array([
    [1.95, 0.26, 0.45, 1.12],
    [0.99, 0.49, 0.44, 0.33],
    [2.23, 0.53, 0.45, 0.49],
    [3.63, 0.39, 0.29, 0.79],
    [3.34, 0.41, 0.83, 0.58],
])  # fmt: skip
WIDEST = 1.0  # nu, half the range: a wider spread would say nothing more
UNSURE = 0.5  # nu: with a wider spread the sound says next to nothing of a parameter


def evidence(deviation, distance: float, moved) -> np.ndarray:
    """What the columns of WEIGHTS are multiplied by.

    Args:
        deviation: (5,) in nu, as descent.deviation.
        distance: log-CQT distance of the match.
        moved: (5,) in nu, from the network's theta to the match's.

    Returns:
        (5, 4).
    """
    one = np.ones(len(deviation))
    distance = max(distance, LEAST_DISTANCE)
    logs = np.log(deviation), one * np.log(distance), np.log(moved + MOVED)
    return np.stack([one, *logs], axis=1)


def spread(deviation, distance: float, moved) -> tuple[float, ...]:
    """How far off each of theta may be: SHARE of the errors are no larger.

    Args:
        deviation: As in `evidence`.
        distance: As in `evidence`.
        moved: As in `evidence`.

    Returns:
        (5,) in nu of LIVE, WIDEST at most.
    """
    logs = np.sum(WEIGHTS * evidence(deviation, distance, moved), axis=1)
    return tuple(map(float, np.minimum(np.exp(logs), WIDEST)))


def interval(theta: Theta, spread) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each of theta within a spread (5,), in natural units."""
    nu, spread = LIVE.to_nu(theta), np.array(spread)
    low, high = (LIVE.from_nu(np.clip(nu + s * spread, -1, 1)) for s in (-1, 1))
    return {name: (float(getattr(low, name)), float(getattr(high, name))) for name in Theta._fields}


def margins(spread) -> dict[str, str]:
    """A spread (5,) in words, by name: "± 5 cents", "± 20 %", "up to 3 times off", "unsure"."""
    return {row.name: _margin(row, share) for row, share in zip(LIVE.parameters, spread)}


def _margin(row, share: float) -> str:
    """The spread of one row of LIVE in words."""
    if share > UNSURE:
        return "unsure"
    if row.scale == "linear":
        return f"± {share * (row.high - row.low) / 2:.2f}"
    ratio = (row.high / row.low) ** (share / 2)
    cents = 1200 * np.log2(ratio)
    if row.name == "omega" and cents < 100:
        return f"± {cents:.0f} cents"
    return f"± {100 * (ratio - 1):.0f} %" if ratio < 2 else f"up to {ratio:.0f} times off"
