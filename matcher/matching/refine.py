"""Theta -> a drum that is nearer to the user's own sound, by descents from many starts.

In three stages: first the body, which is theta, strike point, mallet and tension; then body and
attack together; then the recording's own partials on the modes of that body, with an attack on the
whole band. The pitch is the recording's (matching.pitch) where it has one, and the body is looked
for beside it. The starts are chosen by the power of their modes (Cost.sketch), and the best of them
rendered. How long it goes on is counted in work (matching.effort), not in time.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, zip_longest

import numpy as np
import soxr

from matcher.matching import attack_fit, confidence, descent, partials, recorded, starts
from matcher.matching.attack_fit import WholeBand
from matcher.matching.blas import one_blas_thread
from matcher.matching.cost import Cost, Point
from matcher.matching.descent import Descent, descend, solve_attack_powers
from matcher.matching.effort import ANALYSIS, EFFORTS, RECORDED, Effort, Work
from matcher.matching.features import DISTANCE, FLOOR, SAMPLE_RATE
from matcher.matching.known import KnownDrum
from matcher.matching.mode_power import mode_power
from matcher.matching.partials import Partials, Stroke
from matcher.matching.search_space import (
    HIGH,
    LOW,
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

STAGES = ("network", "body", "attack", "partials")
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
PITCH_CENTS = 50.0  # cents: how far from the recording's pitch a body may be
PITCH_TAU = 1.3  # ratio: and how far from the decay at that pitch
DIFFERENT_CENTS = 70.0  # cents of pitch between candidates: less is one drum in another tuning
DIFFERENT = 0.5  # nu between candidates in another of theta: a quarter of its range


@dataclass(frozen=True)
class Refined:
    """A drum and how near it comes."""

    drum: Drum
    distance: float  # log-CQT, as match.twin_distance
    name: str  # one of STAGES
    elapsed_ms: float = 0.0
    units: float = 0.0  # of work, until here
    limited: bool = False  # the time limit ended the search
    spread: tuple[float, ...] | None = None  # of theta, as confidence.spread
    deviation: np.ndarray | None = field(default=None, repr=False, compare=False)  # (5,) in nu
    found: Partials | None = field(default=None, repr=False, compare=False)  # in the clip
    same_drum: bool | None = None  # whether it is the known drum; None where none was known


@dataclass(frozen=True)
class _Task:
    """What all stages of one descent share."""

    target: Target
    network: np.ndarray  # (5,), nu that the network inferred
    effort: Effort
    work: Work
    found: Partials  # of the clip
    whole: WholeBand  # the clip, in the target's units
    body: Theta | None = None  # of the known drum, where the clip is another stroke on it
    same_drum: bool | None = None  # whether it is; None where none is known

    def allow(self, units: float) -> None:
        """Let all stages until now do so many units, in their share of the time limit."""
        self.work.allow(units, self.effort.limit_s * units / self.effort.units)

    def next(self, last: Refined, drum_: Drum, name: str, deviation=None) -> Refined:
        """The stage after `last`: a drum, or the last one again where the drum is no nearer."""
        distance, spread, work = self.target.distance(drum_), None, self.work
        if distance >= last.distance or not self._nearer_over_noise(drum_, last.drum):
            drum_, distance = last.drum, last.distance
            spread, deviation = last.spread, last.deviation
        elif deviation is not None:
            moved = np.abs(LIVE.to_nu(drum_.theta) - self.network)
            spread = confidence.spread(deviation, distance, moved)
        spent = 1e3 * work.elapsed_s, work.units, work.limited
        return Refined(drum_, distance, name, *spent, spread, deviation, self.found, self.same_drum)

    def _nearer_over_noise(self, drum_: Drum, other: Drum) -> bool:
        """Whether a drum is not nearer only because it imitates the background."""
        if not np.any(self.target.noise):
            return True
        distance = self.target.distance_over_noise
        return distance(drum_) < distance(other)


@lru_cache(1)
@one_blas_thread
def prepare() -> None:
    """Compile, and compute what is kept, before the clock runs."""
    unit_attack_power()
    attack_fit.unit_power()
    partials.analyse([Stroke(np.sin(np.arange(4096.0)))])
    descent.nnls()
    for cqt in (*WINDOWS, DISTANCE):
        cqt.magnitude(np.zeros(1, np.float32))
    theta = LIVE.from_nu(np.zeros(5))
    for tension in (0.0, 0.1):
        drum_ = Drum(theta, tension=tension)
        drum.render_body(drum_, SAMPLE_RATE, modal.GLIDE)
        mode_power(drum_, WINDOWS[0], 1)


@one_blas_thread
def refine(
    clip: np.ndarray, theta: Theta, ends_in_hit: bool = False,
    effort: Effort = EFFORTS["normal"], stopped: Callable[[], bool] = lambda: False,
    before: Drum | None = None, whole: np.ndarray | None = None, known: KnownDrum | None = None,
) -> list[Refined]:  # fmt: skip
    """Refine what the network inferred on the clip itself.

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.
        theta: What the network inferred.
        ends_in_hit: Whether the next hit cuts the clip off; otherwise it dies away.
        effort: How much to do; without any for the body, theta alone is the result.
        stopped: Asked between two steps; once it says True, what was found so far is returned.
        before: What a part of the clip was matched to: one more start, and the last stage where
            nothing nearer is found.
        whole: The clip at attack_fit.RATE, where it was recorded at such a rate.
        known: A drum that this may be another stroke on. Where it is, its body is kept.

    Returns:
        A stage for each of STAGES that was reached, theta itself first; none is farther from the
        clip than the one before.

    Raises:
        ValueError: The clip is silent.
    """
    if not np.any(clip):
        raise ValueError("the clip is silent; a hit is needed")
    if effort.body > 0:
        prepare()
    work = Work(stopped)
    target, start = Target.of_clip(clip, ends_in_hit), start_of(theta)
    stages = [Refined(Drum(theta), target.distance(Drum(theta)), STAGES[0])]
    if effort.body <= 0:
        return stages
    task = _task(target, theta, effort, work, whole, known)
    start, low, high = _bounds(start, task)
    cost = Cost.of_start(target.beginning, start, ROUGH_FLOORS).within(low, high)
    task.allow(ROUGH_SHARE * effort.body)
    first, later, cost = _rough_starts(cost, work)
    cost = cost.with_target(target, BODY_FLOORS)
    first = list(_rendered(first, cost, work))
    if before is not None:
        first.append(cost.point(np.clip(of_drum(before), cost.low, cost.high)))
    points = chain(sorted(first, key=cost.value), _rendered(later, cost, work))
    stages += _descend(stages[0], points, cost, task)
    if before is not None:
        stages.append(task.next(stages[-1], before, stages[-1].name))
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
    network = Drum(theta)
    return [
        Refined(network, target.distance(network), STAGES[0]),
        Refined(drum_, target.distance(drum_), stage_of(drum_), spread=spread),
    ]


def stage_of(drum_: Drum) -> str:
    """The stage that gives such a drum, one of STAGES after the first."""
    if drum_.partials:
        return STAGES[3]
    return STAGES[1 if drum_.attack_powers is None else 2]


@one_blas_thread
def candidates(
    clip: np.ndarray, stages: list[Refined], count: int, ends_in_hit: bool = False,
    effort: Effort = EFFORTS["normal"], whole: np.ndarray | None = None,
) -> list[Refined]:  # fmt: skip
    """Drums for a clip that differ from each other, as `differ` has it.

    The others are found by descents at other pitches that the recording may have, and from pitches
    around the network's.

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.
        stages: What `refine` or `stages_of` returned for it.
        count: Candidates, at most.
        ends_in_hit: As in `refine`.
        effort: How much to do for each; once `count` times as much is done, or the time limit was
            met, no other is begun.
        whole: As in `refine`.

    Returns:
        The last of `stages` and what else was found, nearest first. All are `limited` if the time
        limit ended one of the searches.
    """
    found = [stages[-1]]
    if count == 1 or effort.body <= 0:
        return found
    prepare()
    work, theta = Work(), stages[0].drum.theta
    target = Target.of_clip(clip, ends_in_hit)
    task = _task(target, theta, effort, work, whole)
    cost = Cost.of_start(target, start_of(theta), BODY_FLOORS)
    points = starts.other_pitches(cost, work)
    cost = cost.with_prior(PRIOR * cost.value(points[0]))
    pitches = [*task.found.pitches, *(to_drum(p.vector).theta.pitch_hz for p in points)]
    left = count * effort.units - work.units
    for pitch_hz in pitches:
        if len(found) == count or left <= 0 or work.limited:
            break
        read = task.found.at(pitch_hz)
        drum_ = recorded.membrane_of(Drum(theta), read, None)
        if not all(differ(drum_, other.drum) for other in found):
            continue
        work = Work()
        own_task = replace(task, work=work, found=read)
        start, low, high = _bounds(start_of(theta), own_task)
        own_cost = cost.with_start(start).within(low, high)
        first = Refined(drum_, target.distance(drum_), STAGES[0])
        last = _descend(first, iter([own_cost.point(start)]), own_cost, own_task)[-1]
        left -= work.units
        if all(differ(last.drum, other.drum) for other in found):
            found.append(last)
    if work.limited:
        found = [replace(candidate, limited=True) for candidate in found]
    return sorted(found, key=lambda candidate: candidate.distance)


def differ(one: Drum, other: Drum) -> bool:
    """Whether two drums differ in pitch by DIFFERENT_CENTS, or in another of theta by DIFFERENT."""
    cents = 1200 * abs(np.log2(one.theta.omega / other.theta.omega))
    away = np.abs(LIVE.to_nu(one.theta) - LIVE.to_nu(other.theta))
    return bool(cents > DIFFERENT_CENTS or np.max(np.delete(away, index("omega"))) > DIFFERENT)


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


def _descend(first: Refined, points: Iterator[Point], cost: Cost, task: _Task) -> list[Refined]:
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


def _nearest(drums: Iterable[Drum], task: _Task) -> Drum | None:
    """The one of some drums with partials that is nearest to the target; None of none."""
    best, least = None, np.inf
    for drum_ in drums:
        task.work.add(RECORDED)
        if (distance := task.target.distance_over_noise(drum_)) < least:
            best, least = drum_, distance
        if task.work.stopped():
            break
    return best


def _task(
    target: Target, theta: Theta, effort: Effort, work: Work, whole, known: KnownDrum | None = None
) -> _Task:
    """A task, for which the clip's partials are analysed."""
    stroke = Stroke(target.clip, target.ends_in_hit)
    work.add(ANALYSIS)
    found = partials.analyse([stroke])
    body = same_drum = None
    if known is not None:
        there = known.in_stroke(stroke, found)
        same_drum = there is not None
        if same_drum:
            work.add(ANALYSIS * len(known.strokes))
            found, body = there, known.drum.theta
    if whole is None:
        whole = soxr.resample(target.clip, SAMPLE_RATE, attack_fit.RATE)
    else:
        whole = whole / target.peak
    band = WholeBand(whole[: attack_fit.CQT.n_samples], target.ends_in_hit)
    nu = start_of(theta)[THETA]
    return _Task(target, nu, effort, work, found, band, body, same_drum)


def _bounds(start: np.ndarray, task: _Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, least and most (parameters,) of a search beside the pitch of a recording."""
    start, low, high, found = start.copy(), LOW.copy(), HIGH.copy(), task.found
    if task.body is not None:
        start[THETA] = np.clip(LIVE.to_nu(task.body), LOW[THETA], HIGH[THETA])
        low[THETA] = high[THETA] = start[THETA]
        return start, low, high
    for name, value, ratio in (
        ("omega", found.pitch_hz and 2 * np.pi * found.pitch_hz, 2 ** (PITCH_CENTS / 1200)),
        ("tau", found.pitch_sigma and 1 / found.pitch_sigma, PITCH_TAU),
    ):
        if value is not None:
            i, row = index(name), LIVE[name]
            start[i] = row.to_nu(row.clamp(value))
            low[i] = row.to_nu(row.clamp(value / ratio))
            high[i] = row.to_nu(row.clamp(value * ratio))
    return start, low, high


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
