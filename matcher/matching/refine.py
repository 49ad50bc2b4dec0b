"""Theta -> a drum that is nearer to the user's own sound, by descents from many starts.

In two stages. The body comes first: theta, strike point, mallet and tension. Then body and attack
together. Which starts are worth a sound is told by the power of their modes (Search.sketch).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from threadpoolctl import threadpool_limits

from matcher.matching import confidence, descent
from matcher.matching.descent import (
    HIGH,
    LOW,
    RANGE,
    Point,
    Search,
    Target,
    of_drum,
    start_of,
    to_drum,
)
from matcher.matching.features import DISTANCE, FLOOR, SAMPLE_RATE
from matcher.matching.mode_power import mode_power
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

STAGES = ("network", "body", "attack")
PITCHES = (1, 0.9, 1.1, 0.75, 4 / 3, 2 / 3, 1.5, 0.5, 2, 1 / 3, 3)  # times the network's: tried
N_ANYWHERE = 32  # other starts: alpha, strike point, and the logarithms of dullness and tension
ANYWHERE = np.array([[-1, 0.08, 0.08, -4, -1.7], [1, 0.5, 0.5, -1, 0]])
N_BEST = 3  # of each kind of start: heard as sounds
# Some of each kind first go downhill over a floor that hears what is loud: it has fewer valleys.
N_ROUGH, ROUGH_FLOORS, ROUGH_STEPS = 2, (0.02,), 2
ROUGH_SHARE = 0.6  # of the body's time, at most
# Of the logarithm: FLOOR is the distance's own, the other hears little but what is loud.
BODY_FLOORS, ALL_FLOORS = (FLOOR,), (FLOOR, 0.1)
BODY_STEPS, ALL_STEPS = 16, 20
PRIOR = 0.01  # of the first cost, rough: what theta costs which is 1 away in nu from the network's
DIFFERENT_CENTS, DIFFERENT = 70.0, 0.5  # of two answers, at least: in pitch, in others of nu


@dataclass(frozen=True)
class Refined:
    """A drum and how near it comes."""

    drum: Drum
    distance: float  # log-CQT, as matching.twin_distance
    name: str  # one of STAGES
    elapsed_ms: float = 0.0
    spread: tuple[float, ...] | None = None  # of theta, as matcher.matching.confidence has it
    deviation: np.ndarray | None = field(default=None, repr=False, compare=False)  # by the residual


@lru_cache(1)
def prepare() -> None:
    """Compile, and compute what is kept, before the clock runs."""
    descent.unit_attack_power()
    descent.nnls()
    for cqt in (*descent.WINDOWS, DISTANCE):
        cqt.magnitude(np.zeros(1, np.float32))
    theta = RANGE.from_nu(np.zeros(5))
    for tension in (0.0, 0.1):
        drum_ = Drum(theta, tension=tension)
        drum.render_body(drum_, SAMPLE_RATE, drum.modal.GLIDE)
        mode_power(drum_, descent.WINDOWS[0], 1)


@threadpool_limits.wrap(limits=1)  # small products: BLAS threads only wait for each other
def refine(
    clip: np.ndarray, theta: Theta, ends_in_hit: bool = False, budget_s: float = 0.3,
    stopped: Callable[[], bool] = lambda: False, known: Drum | None = None,
) -> list[Refined]:  # fmt: skip
    """A clip (samples,) at SAMPLE_RATE from its onset, and what the network hears in it -> stages.

    The first of them is theta itself; no later one is farther from the clip than the one before.
    budget_s: for the body, and as much again for the attack; 0: theta alone. stopped: asked between
    two steps. known: what a part of the clip was matched to before; a start more, and the answer
    where nothing nearer is found. Raises ValueError where the clip is silent.
    """
    if not np.any(clip):
        raise ValueError("the clip is silent; a hit is needed")
    if budget_s > 0:
        prepare()
    began = time.perf_counter()
    target = Target(clip, ends_in_hit)
    stages = [Refined(Drum(theta), target.distance(Drum(theta)), "network")]
    if budget_s <= 0:
        return stages
    rough_until = began + ROUGH_SHARE * budget_s
    rough = Search(
        target.begin, start_of(theta), lambda: stopped() or time.perf_counter() > rough_until
    )
    rough.target.hear(ROUGH_FLOORS)
    points = _pitches(rough)
    others = sorted(_anywhere(points[0], rough), key=rough.cost)
    rough.prior[: len(theta)] = PRIOR * rough.cost(points[0])
    starts = [start for both in zip(others, points) for start in both]  # each kind's best first
    first, later = starts[: 2 * N_ROUGH], starts[2 * N_ROUGH :]
    first = [rough.run(point, ROUGH_STEPS) for point in first]
    search = Search(target, rough.start, stopped)
    search.scale, search.prior = rough.scale, rough.prior
    target.hear(BODY_FLOORS)
    first, later = (
        [search.point(point.p, point.gain) for point in part] for part in (first, later)
    )
    if known is not None:
        first.append(search.point(of_drum(known)))
    points = [*sorted(first, key=search.cost), *later]
    _descend(stages, search, points, began, budget_s)
    if known is not None:
        _add(stages, search, known, stages[-1].name, began)
    return stages


def stages_of(
    clip: np.ndarray, theta: Theta, drum_: Drum, ends_in_hit: bool = False, spread=None
) -> list[Refined]:
    """A finished match, as `candidates` takes it: the network's theta, and the drum it led to."""
    target = Target(clip, ends_in_hit)
    heard, last = Drum(theta), STAGES[1 if drum_.attack_powers is None else 2]
    return [
        Refined(heard, target.distance(heard), STAGES[0]),
        Refined(drum_, target.distance(drum_), last, spread=spread),
    ]


@threadpool_limits.wrap(limits=1)
def candidates(
    clip: np.ndarray, stages: list[Refined], count: int, ends_in_hit: bool = False,
    budget_s: float = 0.3,
) -> list[Refined]:  # fmt: skip
    """Up to `count` drums for a clip that differ, nearest first, one of them what `refine` gave.

    The others come of other pitches around the network's, and differ in pitch by DIFFERENT_CENTS,
    or in another of theta by DIFFERENT of half its range. budget_s: for each, as in `refine`;
    after `count` times both stages none is begun.
    """
    found = [stages[-1]]
    if count == 1 or budget_s <= 0:
        return found
    prepare()
    until = time.perf_counter() + 2 * budget_s * count
    target = Target(clip, ends_in_hit)
    target.hear(BODY_FLOORS)
    search = Search(target, start_of(stages[0].drum.theta), lambda: False)
    points = _pitches(search)
    search.prior[: len(Theta._fields)] = PRIOR * search.cost(points[0])
    for point in points:
        if len(found) == count or time.perf_counter() > until:
            break
        given = to_drum(point.p)
        if not all(differ(given, other.drum) for other in found):
            continue
        search.start = point.p
        target.hear(BODY_FLOORS)
        its = [Refined(given, target.distance(given), STAGES[0])]
        _descend(its, search, [search.point(point.p)], time.perf_counter(), budget_s)
        if all(differ(its[-1].drum, other.drum) for other in found):
            found.append(its[-1])
    return sorted(found, key=lambda other: other.distance)


def differ(one: Drum, other: Drum) -> bool:
    """Whether two drums are two answers, or as good as one."""
    cents = 1200 * abs(np.log2(one.theta.omega / other.theta.omega))
    away = np.abs(RANGE.to_nu(one.theta) - RANGE.to_nu(other.theta))[1:]
    return bool(cents > DIFFERENT_CENTS or np.max(away) > DIFFERENT)


def _descend(
    stages: list[Refined], search: Search, points: list[Point], began: float,
    budget_s: float,
) -> None:  # fmt: skip
    """Append the stages body and attack, from points on of which the first is the best."""
    target, stopped = search.target, search.over

    def over(share):
        return lambda: stopped() or time.perf_counter() - began > share * budget_s

    search.over = over(1)
    body, H = search.run(points[0], BODY_STEPS), search.H
    for point in points[1:]:  # as long as there is time
        other = body if search.over() else search.run(point, BODY_STEPS)
        if search.cost(other) < search.cost(body):
            body, H = other, search.H
    search.H = H
    _add(stages, search, to_drum(body.p), "body", began, search.deviation(body))
    if not stopped():
        search.over = over(2)
        target.hear(ALL_FLOORS)
        attack_powers = np.zeros(len(target.attack))
        attack_powers[target.usable] = 1e-9
        point = body.with_(attack_powers=attack_powers)
        point = search.run(search.solve_attack_powers(point, 4), ALL_STEPS)
        scale = np.exp(point.gain) * np.max(np.abs(point.body)) ** 2  # the body's peak squared
        attack_powers = (point.attack_powers / scale).reshape(attack.SHAPE)
        whole = to_drum(point.p, tuple(tuple(float(v) for v in row) for row in attack_powers))
        _add(stages, search, whole, "attack", began, search.deviation(point))
    search.over = stopped


def _pitches(search: Search) -> list[Point]:
    """The start at each of PITCHES that is in range, nearest first."""
    points = []
    for ratio in PITCHES:
        p = search.start.copy()
        p[0] += np.log(ratio) / (np.log(RANGE["omega"].high / RANGE["omega"].low) / 2)
        if LOW[0] <= p[0] <= HIGH[0]:
            points.append(search.sketch(p))
    return _best(points, search)


def _anywhere(point: Point, search: Search) -> list[Point]:
    """A point in other shapes, struck elsewhere by other mallets, more or less hard."""
    low, high = ANYWHERE
    points = []
    for u in _spread_out(N_ANYWHERE, len(low)):
        p = point.p.copy()
        p[4:] = low + u * (high - low)
        p[7:] = 10 ** p[7:]
        points.append(search.sketch(p))
    return _best(points, search)[:N_BEST]


def _best(points: list[Point], search: Search) -> list[Point]:
    """Sketches, nearest first, of which the N_BEST first are made sounds."""
    points = sorted(points, key=search.cost)
    best = [search.point(sketch.p) for sketch in points[:N_BEST]]
    return [*sorted(best, key=search.cost), *points[N_BEST:]]


@lru_cache(1)
def _spread_out(n: int, dimensions: int) -> np.ndarray:
    """(n, dimensions) in [0, 1), which fill it evenly: multiples of powers of one number."""
    step = 1.0
    for _ in range(50):  # step^(dimensions + 1) = step + 1
        step = (1 + step) ** (1 / (dimensions + 1))
    return np.arange(1, n + 1)[:, None] * step ** -np.arange(1.0, dimensions + 1) % 1


def _add(stages: list[Refined], search: Search, drum_: Drum, stage: str, began: float,
         deviation=None) -> None:  # fmt: skip
    """Append a stage; it is the one before where it came no nearer."""
    distance, elapsed = search.target.distance(drum_), 1e3 * (time.perf_counter() - began)
    last, spread = stages[-1], None
    if distance >= last.distance:
        stages.append(replace(last, name=stage, elapsed_ms=elapsed))
        return
    if deviation is not None:
        moved = np.abs(RANGE.to_nu(drum_.theta) - search.heard)
        spread = confidence.spread(deviation, distance, moved)
    stages.append(Refined(drum_, distance, stage, elapsed, spread, deviation))
