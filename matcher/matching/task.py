"""One search for a drum: what is compared with what, how much is done, and what its stages gave."""

from dataclasses import dataclass, field

import numpy as np
import soxr

from matcher.matching import attack_fit, confidence, partials
from matcher.matching.attack_fit import WholeBand
from matcher.matching.effort import ANALYSIS, TOGETHER, Effort, Work
from matcher.matching.features import SAMPLE_RATE
from matcher.matching.known import KnownDrum
from matcher.matching.partials import AnalysedStroke, Partials, Stroke
from matcher.matching.search_space import HIGH, LOW, THETA, index, start_of
from matcher.matching.target import Target
from matcher.physics.drum import Drum
from matcher.physics.theta import LIVE, Theta

STAGES = ("network", "body", "attack", "partials")
PITCH_CENTS = 50.0  # cents: how far from the recording's pitch a body may be
PITCH_TAU = 1.3  # ratio: and how far from the decay at that pitch


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
    stroke: AnalysedStroke | None = field(default=None, repr=False, compare=False)  # the clip
    found: Partials | None = field(default=None, repr=False, compare=False)  # of its drum
    same_drum: bool | None = None  # whether it is the known drum; None where none was known


@dataclass(frozen=True)
class Task:
    """What all stages of one descent share."""

    target: Target
    network: np.ndarray  # (5,), nu that the network inferred
    effort: Effort
    work: Work
    stroke: AnalysedStroke  # the clip
    found: Partials  # of its drum: those of the clip alone, unless the drum is known
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
        return Refined(
            drum_, distance, name, *spent, spread, deviation, self.stroke, self.found,
            self.same_drum,
        )  # fmt: skip

    def _nearer_over_noise(self, drum_: Drum, other: Drum) -> bool:
        """Whether a drum is not nearer only because it imitates the background."""
        if not np.any(self.target.noise):
            return True
        distance = self.target.distance_over_noise
        return distance(drum_) < distance(other)


def stage_of(drum_: Drum) -> str:
    """The stage that gives such a drum, one of STAGES after the first."""
    if drum_.partials:
        return STAGES[3]
    return STAGES[1 if drum_.attack_powers is None else 2]


def analysed(target: Target) -> AnalysedStroke:
    """The partials of a clip."""
    return partials.analyse(Stroke(target.clip, target.ends_in_hit))


def task_of(
    target: Target, first: Drum, effort: Effort, work: Work, whole, known: KnownDrum | None = None,
    stroke: AnalysedStroke | None = None,
) -> Task:  # fmt: skip
    """A task, for which the clip's partials are analysed unless they were before (stroke)."""
    work.add(ANALYSIS)
    stroke = stroke or analysed(target)
    found, body, same_drum = stroke.alone, None, None
    if known is not None:
        there = known.in_stroke(stroke)
        same_drum = there is not None
        if same_drum:
            work.add(TOGETHER * len(known.strokes))
            found, body = there, known.drum.theta
    if whole is None:
        whole = soxr.resample(target.clip, SAMPLE_RATE, attack_fit.RATE)
    else:
        whole = whole / target.peak
    band = WholeBand(whole[: attack_fit.CQT.n_samples], target.ends_in_hit)
    return Task(target, start_of(first)[THETA], effort, work, stroke, found, band, body, same_drum)


def bounds(start: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
