"""A network's drum -> one that is nearer to the user's own sound, by descents from many starts.

In three stages: first the body, which is theta, strike point, mallet and tension; then body and
attack together; then the recording's own partials on the modes of that body, with an attack on the
whole band. The pitch is the recording's (matching.pitch) where it has one, and the body is looked
for beside it. The starts are chosen by the power of their modes (Cost.sketch), and the best of them
rendered. How long it goes on is counted in work (matching.effort), not in time.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import chain, zip_longest

import numpy as np

from matcher import library
from matcher.matching import attack_fit, descent, partials, recorded, starts
from matcher.matching.blas import one_blas_thread
from matcher.matching.cost import Cost, Point
from matcher.matching.descent import Descent, descend, solve_attack_powers
from matcher.matching.effort import EFFORTS, RECORDED, Effort, Work
from matcher.matching.features import DISTANCE, FLOOR, SAMPLE_RATE
from matcher.matching.known import KnownDrum
from matcher.matching.mode_power import mode_power
from matcher.matching.partials import AnalysedStroke, Stroke
from matcher.matching.search_space import (
    of_drum,
    start_of,
    to_drum,
)
from matcher.matching.target import WINDOWS, Target, unit_attack_power
from matcher.matching.task import STAGES, Refined, Task, bounds, task_of
from matcher.physics import attack, drum, modal
from matcher.physics.drum import Drum
from matcher.physics.theta import LIVE

N_ROUGH = 2  # starts of each kind that first go downhill on ROUGH_FLOORS
ROUGH_FLOORS = (0.02,)  # amplitude over the peak: of the loud part alone, with fewer local minima
ROUGH_STEPS = 2  # steps on ROUGH_FLOORS: into the right valley, not to its ground
ROUGH_SHARE = 0.6  # of the body's work at most: the rest is for what can be compared in full
BODY_FLOORS = (FLOOR,)  # amplitude over the peak: the distance's own
ALL_FLOORS = (FLOOR, 0.1)  # amplitude over the peak: with the other one, loud cells weigh more
BODY_STEPS = 16  # at most: descent.ENOUGH is there to end them earlier
ALL_STEPS = 20  # at most: as BODY_STEPS, with more to find
FIRST_ATTACK_POWER = 1e-9  # inaudible, but above descent.UNUSED
FIRST_ATTACK_ROUNDS = 4  # solutions for the attack beside the finished body: it begins from none
PRIOR = 0.01  # of the start's cost: what a theta costs that is 1 in nu away from the network's


@lru_cache(1)
@one_blas_thread
def prepare() -> None:
    """Compile, and compute what is kept, before the clock runs."""
    unit_attack_power()
    attack_fit.unit_power()
    descent.nnls()
    for cqt in (*WINDOWS, DISTANCE):
        _ = cqt.plan
    if library.opened() is None:
        _compile()


def _compile() -> None:
    """Have Numba compile all that a search calls."""
    partials.analyse(Stroke(np.sin(np.arange(4096.0))))
    for cqt in (*WINDOWS, DISTANCE):
        cqt.magnitude(np.zeros(1, np.float32))
    theta = LIVE.from_nu(np.zeros(5))
    for tension in (0.0, 0.1):
        drum_ = Drum(theta, tension=tension)
        drum.render_body(drum_, SAMPLE_RATE, modal.GLIDE)
        mode_power(drum_, WINDOWS[0], 1)


@one_blas_thread
def refine(
    clip: np.ndarray, first: Drum, ends_in_hit: bool = False,
    effort: Effort = EFFORTS["normal"], stopped: Callable[[], bool] = lambda: False,
    before: Drum | None = None, whole: np.ndarray | None = None, known: KnownDrum | None = None,
    stroke: AnalysedStroke | None = None,
) -> list[Refined]:  # fmt: skip
    """Refine what the network inferred on the clip itself.

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.
        first: What the network inferred, without an attack.
        ends_in_hit: Whether the next hit cuts the clip off; otherwise it dies away.
        effort: How much to do; without any for the body, `first` alone is the result.
        stopped: Asked between two steps; once it says True, what was found so far is returned.
        before: What a part of the clip was matched to: one more start, and the last stage where
            nothing nearer is found.
        whole: The clip at attack_fit.RATE, where it was recorded at such a rate.
        known: A drum that this may be another stroke on. Where it is, its body is kept.
        stroke: The clip as task.analysed gives it; None: that is done here.

    Returns:
        A stage for each of STAGES that was reached, `first` itself first; none is farther from the
        clip than the one before.

    Raises:
        ValueError: The clip is silent.
    """
    if not np.any(clip):
        raise ValueError("the clip is silent; a hit is needed")
    if effort.body > 0:
        prepare()
    work = Work(stopped)
    target, start = Target.of_clip(clip, ends_in_hit), start_of(first)
    stages = [Refined(first, target.distance(first), STAGES[0])]
    if effort.body <= 0:
        return stages
    task = task_of(target, first, effort, work, whole, known, stroke)
    start, low, high = bounds(start, task)
    cost = Cost.of_start(target.beginning, start, ROUGH_FLOORS).within(low, high)
    task.allow(ROUGH_SHARE * effort.body)
    best, later, cost = _rough_starts(cost, work)
    cost = cost.with_target(target, BODY_FLOORS)
    best = list(_rendered(best, cost, work))
    if before is not None:
        best.append(cost.point(np.clip(of_drum(before), cost.low, cost.high)))
    points = chain(sorted(best, key=cost.value), _rendered(later, cost, work))
    stages += descend_stages(stages[0], points, cost, task)
    if before is not None:
        stages.append(task.next(stages[-1], before, stages[-1].name))
    return stages


def _rough_starts(cost: Cost, work: Work) -> tuple[list[Point], list[Point], Cost]:
    """Starts after a descent on ROUGH_FLOORS, the starts without, and the cost with its prior."""
    points = starts.other_pitches(cost, work)
    others = sorted(starts.elsewhere(points[0], cost, work), key=cost.value)
    cost = cost.with_prior(PRIOR * cost.value(points[0]))
    both = zip_longest(others, points)  # each kind's best first
    turns = [point for pair in both for point in pair if point is not None]
    first = [descend(point, cost, work, ROUGH_STEPS).point for point in turns[: 2 * N_ROUGH]]
    return first, turns[2 * N_ROUGH :], cost


def _rendered(points: Iterable[Point], cost: Cost, work: Work) -> Iterator[Point]:
    """Points of another cost as those of this one."""
    for point in points:
        work.add(cost.target.cqt.units)
        yield cost.point(point.vector, point.gain)


def descend_stages(
    first: Refined, points: Iterator[Point], cost: Cost, task: Task
) -> list[Refined]:
    """The stages after the first one, from points of which the first is best."""
    work, effort = task.work, task.effort
    task.allow(effort.body)
    body = _best_descent(points, cost, work)
    found = descent.deviation(cost, *body)
    stages = [task.next(first, to_drum(body.point.vector), STAGES[1], found)]
    if not work.stopped():
        cost = cost.with_floors(ALL_FLOORS)
        task.allow(effort.body + effort.attack)
        whole = _with_attack(body, cost, work)
        found = descent.deviation(cost, *whole)
        stages.append(task.next(stages[0], _whole_drum(whole.point), STAGES[2], found))
    if not work.stopped():
        last = stages[-1]
        membrane = recorded.membrane_of(last.drum, task.found, task.body)
        drums = recorded.of_drum(last.drum, membrane, task.found, 0, task.whole)
        stages.append(
            task.next(last, _nearest(drums, task) or last.drum, STAGES[3], last.deviation)
        )
    return stages


def _nearest(drums: Iterable[Drum], task: Task) -> Drum | None:
    """The one of some drums with partials that is nearest to the target; None of none."""
    best, least = None, np.inf
    for drum_ in drums:
        task.work.add(RECORDED)
        if (distance := task.target.distance_over_noise(drum_)) < least:
            best, least = drum_, distance
        if task.work.stopped():
            break
    return best


def _best_descent(points: Iterator[Point], cost: Cost, work: Work) -> Descent:
    """The best of descents from the first point and, until the work is over, the others."""
    best = descend(next(points), cost, work, BODY_STEPS)
    while not work.over() and (point := next(points, None)) is not None:
        found = descend(point, cost, work, BODY_STEPS)
        if cost.value(found.point) < cost.value(best.point):
            best = found
    return best


def _with_attack(body: Descent, cost: Cost, work: Work) -> Descent:
    """Body and attack together, from a finished body on."""
    attack_powers = np.zeros(attack.N_BANDS * attack.N_DECAYS)
    attack_powers[cost.target.usable] = FIRST_ATTACK_POWER
    point = replace(body.point, attack_powers=attack_powers)
    point = solve_attack_powers(point, cost, work, FIRST_ATTACK_ROUNDS)
    found = descend(point, cost, work, ALL_STEPS)
    return found if found.curvature is not None else found._replace(curvature=body.curvature)


def _whole_drum(point: Point) -> Drum:
    """The drum with its attack, whose powers are over the body's peak squared."""
    powers = (point.attack_powers / point.body_peak_power).reshape(attack.SHAPE)
    return to_drum(point.vector, tuple(tuple(float(v) for v in row) for row in powers))
