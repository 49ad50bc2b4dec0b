"""Theta -> a drum that is nearer to the user's own sound, by descents from many starts.

In two stages: first the body, which is theta, strike point, mallet and tension; then body and
attack together. The starts are chosen by the power of their modes (Cost.sketch), and the best of
them rendered.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from threadpoolctl import threadpool_limits

from matcher.matching import confidence, descent, starts
from matcher.matching.cost import Cost, Point
from matcher.matching.descent import Deadline, Descent, descend, solve_attack_powers
from matcher.matching.features import DISTANCE, FLOOR, SAMPLE_RATE
from matcher.matching.mode_power import mode_power
from matcher.matching.search_space import (
    THETA,
    index,
    of_drum,
    start_of,
    to_drum,
)
from matcher.matching.target import WINDOWS, Target, unit_attack_power
from matcher.physics import attack, drum, modal
from matcher.physics.drum import Drum
from matcher.physics.theta import LIVE, Theta

STAGES = ("network", "body", "attack")
N_ROUGH = 2  # starts of each kind that first go downhill on ROUGH_FLOORS
ROUGH_FLOORS = (0.02,)  # amplitude over the peak: of the loud part alone, with fewer local minima
ROUGH_STEPS = 2  # steps on ROUGH_FLOORS: into the right valley, not to its ground
ROUGH_SHARE = 0.6  # of the body's time at most: the rest is for what can be compared in full
BODY_FLOORS = (FLOOR,)  # amplitude over the peak: the distance's own
ALL_FLOORS = (FLOOR, 0.1)  # amplitude over the peak: with the other one, loud cells weigh more
BODY_STEPS = 16  # at most: descent.ENOUGH is there to end them earlier
ALL_STEPS = 20  # at most: as BODY_STEPS, with more to find
FIRST_ATTACK_POWER = 1e-9  # inaudible, but above descent.UNUSED
FIRST_ATTACK_ROUNDS = 4  # solutions for the attack beside the finished body: it begins from none
PRIOR = 0.01  # of the start's cost: what a theta costs that is 1 in nu away from the network's
DIFFERENT_CENTS = 70.0  # cents of pitch between candidates: less is one drum in another tuning
DIFFERENT = 0.5  # nu between candidates in another of theta: a quarter of its range


@dataclass(frozen=True)
class Refined:
    """A drum and how near it comes."""

    drum: Drum
    distance: float  # log-CQT, as match.twin_distance
    name: str  # one of STAGES
    elapsed_ms: float = 0.0
    spread: tuple[float, ...] | None = None  # of theta, as confidence.spread
    deviation: np.ndarray | None = field(default=None, repr=False, compare=False)  # (5,) in nu


@dataclass(frozen=True)
class _Task:
    """What all stages of one descent share."""

    target: Target
    network: np.ndarray  # (5,), nu that the network inferred
    began: float  # time.perf_counter
    budget_s: float  # for each of body and attack
    stopped: Callable[[], bool] = lambda: False

    def deadline(self, share: float) -> Deadline:
        """The end of so many budgets."""
        return Deadline(self.began + share * self.budget_s, self.stopped)

    def next(self, last: Refined, drum_: Drum, name: str, deviation=None) -> Refined:
        """The stage after `last`: a drum, or the last one again where the drum is no nearer."""
        distance = self.target.distance(drum_)
        elapsed_ms = 1e3 * (time.perf_counter() - self.began)
        if distance >= last.distance:
            return replace(last, name=name, elapsed_ms=elapsed_ms)
        spread = None
        if deviation is not None:
            moved = np.abs(LIVE.to_nu(drum_.theta) - self.network)
            spread = confidence.spread(deviation, distance, moved)
        return Refined(drum_, distance, name, elapsed_ms, spread, deviation)


@lru_cache(1)
def prepare() -> None:
    """Compile, and compute what is kept, before the clock runs."""
    unit_attack_power()
    descent.nnls()
    for cqt in (*WINDOWS, DISTANCE):
        cqt.magnitude(np.zeros(1, np.float32))
    theta = LIVE.from_nu(np.zeros(5))
    for tension in (0.0, 0.1):
        drum_ = Drum(theta, tension=tension)
        drum.render_body(drum_, SAMPLE_RATE, modal.GLIDE)
        mode_power(drum_, WINDOWS[0], 1)


@threadpool_limits.wrap(limits=1)  # small products: BLAS threads only wait for each other
def refine(
    clip: np.ndarray, theta: Theta, ends_in_hit: bool = False, budget_s: float = 0.3,
    stopped: Callable[[], bool] = lambda: False, known: Drum | None = None,
) -> list[Refined]:  # fmt: skip
    """Refine what the network inferred on the clip itself.

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.
        theta: What the network inferred.
        ends_in_hit: Whether the next hit cuts the clip off; otherwise it dies away.
        budget_s: Seconds for the body, and as many again for the attack; 0: theta alone.
        stopped: Asked between two steps; once it says True, what was found so far is returned.
        known: What a part of the clip was matched to before: one more start, and the last stage
            where nothing nearer is found.

    Returns:
        A stage for each of STAGES that was reached, theta itself first; none is farther from the
        clip than the one before.

    Raises:
        ValueError: The clip is silent.
    """
    if not np.any(clip):
        raise ValueError("the clip is silent; a hit is needed")
    if budget_s > 0:
        prepare()
    began = time.perf_counter()
    target, start = Target.of_clip(clip, ends_in_hit), start_of(theta)
    stages = [Refined(Drum(theta), target.distance(Drum(theta)), STAGES[0])]
    if budget_s <= 0:
        return stages
    task = _Task(target, start[THETA], began, budget_s, stopped)
    cost = Cost.of_start(target.beginning, start, ROUGH_FLOORS)
    first, later, cost = _rough_starts(cost, task.deadline(ROUGH_SHARE))
    cost = cost.with_target(target, BODY_FLOORS)
    first, later = ([cost.point(p.vector, p.gain) for p in part] for part in (first, later))
    if known is not None:
        first.append(cost.point(of_drum(known)))
    stages += _descend(stages[0], [*sorted(first, key=cost.value), *later], cost, task)
    if known is not None:
        stages.append(task.next(stages[-1], known, stages[-1].name))
    return stages


def stages_of(
    clip: np.ndarray, theta: Theta, drum_: Drum, ends_in_hit: bool = False, spread=None
) -> list[Refined]:
    """A finished match as the stages that `candidates` takes.

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.
        theta: What the network inferred.
        drum_: What that was refined to.
        ends_in_hit: As in `refine`.
        spread: Of the drum's theta, as confidence.spread; None: not known.

    Returns:
        The first and the last stage.
    """
    target = Target.of_clip(clip, ends_in_hit)
    network, last = Drum(theta), STAGES[1 if drum_.attack_powers is None else 2]
    return [
        Refined(network, target.distance(network), STAGES[0]),
        Refined(drum_, target.distance(drum_), last, spread=spread),
    ]


@threadpool_limits.wrap(limits=1)
def candidates(
    clip: np.ndarray, stages: list[Refined], count: int, ends_in_hit: bool = False,
    budget_s: float = 0.3,
) -> list[Refined]:  # fmt: skip
    """Drums for a clip that differ from each other, as `differ` has it.

    The others are found by descents from other pitches around the network's.

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.
        stages: What `refine` or `stages_of` returned for it.
        count: Candidates, at most.
        ends_in_hit: As in `refine`.
        budget_s: Seconds for each stage of each candidate, as in `refine`; after `count` times both
            stages none is begun.

    Returns:
        The last of `stages` and what else was found, nearest first.
    """
    found = [stages[-1]]
    if count == 1 or budget_s <= 0:
        return found
    prepare()
    until = time.perf_counter() + 2 * budget_s * count
    target, start = Target.of_clip(clip, ends_in_hit), start_of(stages[0].drum.theta)
    cost = Cost.of_start(target, start, BODY_FLOORS)
    points = starts.other_pitches(cost)
    cost = cost.with_prior(PRIOR * cost.value(points[0]))
    for point in points:
        if len(found) == count or time.perf_counter() > until:
            break
        drum_ = to_drum(point.vector)
        if not all(differ(drum_, other.drum) for other in found):
            continue
        own_cost = cost.with_start(point.vector)
        first = Refined(drum_, target.distance(drum_), STAGES[0])
        task = _Task(target, start[THETA], time.perf_counter(), budget_s)
        last = _descend(first, [own_cost.point(point.vector)], own_cost, task)[-1]
        if all(differ(last.drum, other.drum) for other in found):
            found.append(last)
    return sorted(found, key=lambda candidate: candidate.distance)


def differ(one: Drum, other: Drum) -> bool:
    """Whether two drums differ in pitch by DIFFERENT_CENTS, or in another of theta by DIFFERENT."""
    cents = 1200 * abs(np.log2(one.theta.omega / other.theta.omega))
    away = np.abs(LIVE.to_nu(one.theta) - LIVE.to_nu(other.theta))
    return bool(cents > DIFFERENT_CENTS or np.max(np.delete(away, index("omega"))) > DIFFERENT)


def _rough_starts(cost: Cost, deadline: Deadline) -> tuple[list[Point], list[Point], Cost]:
    """Starts after a descent on ROUGH_FLOORS, the starts without, and the cost with its prior."""
    points = starts.other_pitches(cost)
    others = sorted(starts.elsewhere(points[0], cost), key=cost.value)
    cost = cost.with_prior(PRIOR * cost.value(points[0]))
    turns = [point for both in zip(others, points) for point in both]  # each kind's best first
    first = [descend(point, cost, deadline, ROUGH_STEPS).point for point in turns[: 2 * N_ROUGH]]
    return first, turns[2 * N_ROUGH :], cost


def _descend(first: Refined, points: list[Point], cost: Cost, task: _Task) -> list[Refined]:
    """The stages body and attack after the first stage, from points of which the first is best."""
    body = _best_descent(points, cost, task.deadline(1))
    found = descent.deviation(cost, *body)
    stages = [task.next(first, to_drum(body.point.vector), STAGES[1], found)]
    if not task.stopped():
        cost = cost.with_floors(ALL_FLOORS)
        whole = _with_attack(body, cost, task.deadline(2))
        found = descent.deviation(cost, *whole)
        stages.append(task.next(stages[0], _whole_drum(whole.point), STAGES[2], found))
    return stages


def _best_descent(points: list[Point], cost: Cost, deadline: Deadline) -> Descent:
    """The best of descents from the first point and, as long as there is time, the others."""
    best = descend(points[0], cost, deadline, BODY_STEPS)
    for point in points[1:]:
        if not deadline.over():
            found = descend(point, cost, deadline, BODY_STEPS)
            if cost.value(found.point) < cost.value(best.point):
                best = found
    return best


def _with_attack(body: Descent, cost: Cost, deadline: Deadline) -> Descent:
    """Body and attack together, from a finished body on."""
    attack_powers = np.zeros(len(cost.target.unit_attack))
    attack_powers[cost.target.usable] = FIRST_ATTACK_POWER
    point = replace(body.point, attack_powers=attack_powers)
    point = solve_attack_powers(point, cost, FIRST_ATTACK_ROUNDS)
    found = descend(point, cost, deadline, ALL_STEPS)
    return found if found.curvature is not None else found._replace(curvature=body.curvature)


def _whole_drum(point: Point) -> Drum:
    """The drum with its attack, whose powers are over the body's peak squared."""
    powers = (point.attack_powers / point.body_peak_power).reshape(attack.SHAPE)
    return to_drum(point.vector, tuple(tuple(float(v) for v in row) for row in powers))
