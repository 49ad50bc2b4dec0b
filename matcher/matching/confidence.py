"""How sure each of theta is after refining: in numbers, and in words.

The residual's variance on the inverse of Gauss and Newton's matrix says how flat the distance is
around an answer, not how many other answers there are. So it is one of three witnesses, beside the
distance itself and how far refining moved the network's answer. Their weights are fitted to the
errors on synthetic sounds, whose theta is known (training.confidence).
"""

import numpy as np

from matcher.physics.theta import PRESETS, Theta

RANGE = PRESETS["live"]
SHARE = 0.68  # of the errors that are within the spread
MOVED = 0.01  # nu, added to what was moved
# For each of theta: constant, log deviation, log distance, log moved.
WEIGHTS = np.array([
    [3.97, 0.75, 0.28, 0.62],
    [1.49, 0.39, 0.64, 0.39],
    [1.97, 0.58, 0.29, 0.58],
    [4.50, 0.77, 0.13, 0.42],
    [3.02, 0.51, 0.72, 0.37],
])  # fmt: skip
UNHEARD = 0.5  # spread above which a sound says nothing of a parameter


def evidence(deviation, distance: float, moved) -> np.ndarray:
    """What each row of WEIGHTS is multiplied by, (5, 4).

    deviation: (5,) of theta in nu, by the residual; moved: (5,) in nu, from the network's answer.
    """
    one = np.ones(len(deviation))
    logs = np.log(deviation), one * np.log(max(distance, 1e-3)), np.log(moved + MOVED)
    return np.stack([one, *logs], axis=1)


def spread(deviation, distance: float, moved) -> tuple[float, ...]:
    """How far off each of theta may be, in nu of RANGE: SHARE of them are no farther."""
    logs = np.sum(WEIGHTS * evidence(deviation, distance, moved), axis=1)
    return tuple(map(float, np.minimum(np.exp(logs), 1)))


def interval(theta: Theta, spread) -> dict[str, tuple[float, float]]:
    """Lowest and highest of each of theta, in its unit, that a spread leaves."""
    nu, spread = RANGE.to_nu(theta), np.array(spread)
    low, high = (RANGE.from_nu(np.clip(nu + s * spread, -1, 1)) for s in (-1, 1))
    return {name: (float(getattr(low, name)), float(getattr(high, name))) for name in Theta._fields}


def margins(spread) -> dict[str, str]:
    """Each of theta -> how sure it is, in words: "± 5 cents", "± 20 %", "unsure"."""
    words = {}
    for row, share in zip(RANGE.parameters, spread):
        if share > UNHEARD:
            words[row.name] = "unsure"
        elif row.scale == "linear":
            words[row.name] = f"± {share * (row.high - row.low) / 2:.2f}"
        else:
            times = (row.high / row.low) ** (share / 2)
            cents = 1200 * np.log2(times)
            if row.name == "omega" and cents < 100:
                words[row.name] = f"± {cents:.0f} cents"
            elif times < 2:
                words[row.name] = f"± {100 * (times - 1):.0f} %"
            else:
                words[row.name] = f"up to {times:.0f} times off"
    return words
