"""Where descents begin: at other pitches than the network's, and at other shapes and strikes.

Many starts are compared as sketches, by the power of their modes; the best of each kind are
rendered.
"""

from functools import lru_cache

import numpy as np

from matcher.matching.cost import Cost, Point
from matcher.matching.effort import SKETCH, Work
from matcher.matching.search_space import index, indices
from matcher.physics.theta import LIVE

# ratios of pitch to the network's, each a start: it errs by octaves, fifths and fourths
PITCHES = (1, 0.9, 1.1, 0.75, 4 / 3, 2 / 3, 1.5, 0.5, 2, 1 / 3, 3)
# ranges of the other starts, at the nearest of those pitches; the rest is as the network inferred
ELSEWHERE = {"alpha": (-1, 1), "x1": (0.08, 0.5), "x2": (0.08, 0.5)}
ELSEWHERE_LOG10 = {"dullness": (-4, -1), "tension": (-1.7, 0)}
N_ELSEWHERE = 32  # starts of that kind, as sketches
N_BEST = 3  # starts of each kind that are rendered: the nearest sketch is not always the best


def other_pitches(cost: Cost, work: Work) -> list[Point]:
    """The start at each of PITCHES that is in range, nearest first; counted as work."""
    omega, row, points = index("omega"), LIVE["omega"], []
    for ratio in PITCHES:
        vector = cost.start.copy()
        vector[omega] += np.log(ratio) / (np.log(row.high / row.low) / 2)
        if cost.low[omega] <= vector[omega] <= cost.high[omega]:
            points.append(cost.sketch(vector))
    return _nearest_first(points, cost, work)


def elsewhere(point: Point, cost: Cost, work: Work) -> list[Point]:
    """A point with other shapes, struck elsewhere by other mallets, more or less hard.

    They are counted as work.
    """
    ranges = ELSEWHERE | ELSEWHERE_LOG10
    low, high = np.array(list(ranges.values())).T
    places, logarithms = indices(*ranges), indices(*ELSEWHERE_LOG10)
    points = []
    for u in r_sequence(N_ELSEWHERE, len(ranges)):
        vector = point.vector.copy()
        vector[places] = low + u * (high - low)
        vector[logarithms] = 10 ** vector[logarithms]
        points.append(cost.sketch(np.clip(vector, cost.low, cost.high)))
    return _nearest_first(points, cost, work)[:N_BEST]


def _nearest_first(sketches: list[Point], cost: Cost, work: Work) -> list[Point]:
    """Sketches, nearest first; the N_BEST first are rendered and sorted again."""
    sketches = sorted(sketches, key=cost.value)
    best = [cost.point(sketch.vector) for sketch in sketches[:N_BEST]]
    work.add(SKETCH * len(sketches) + cost.target.cqt.units * len(best))
    return [*sorted(best, key=cost.value), *sketches[N_BEST:]]


@lru_cache(1)
def r_sequence(n: int, dimensions: int) -> np.ndarray:
    """Points that fill a cube evenly: the R-sequence.

    Multiples of powers of 1 / phi, where phi^(dimensions + 1) = phi + 1 generalises the golden
    ratio. Source: M. Roberts, The unreasonable effectiveness of quasirandom sequences, 2018.

    Args:
        n: Points.
        dimensions: Of the cube.

    Returns:
        (n, dimensions) in [0, 1).
    """
    phi = 1.0
    for _ in range(50):
        phi = (1 + phi) ** (1 / (dimensions + 1))
    return np.arange(1, n + 1)[:, None] * phi ** -np.arange(1.0, dimensions + 1) % 1
