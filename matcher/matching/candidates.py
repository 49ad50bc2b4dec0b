"""Other drums for a hit: other readings of one recording, at other pitches and of other shapes."""

from dataclasses import replace

import numpy as np

from matcher.matching import recorded, starts
from matcher.matching.blas import one_blas_thread
from matcher.matching.cost import Cost
from matcher.matching.effort import EFFORTS, Effort, Work
from matcher.matching.refine import BODY_FLOORS, PRIOR, descend_stages, prepare
from matcher.matching.search_space import index, start_of, to_drum
from matcher.matching.target import Target
from matcher.matching.task import STAGES, Refined, bounds, stage_of, task_of
from matcher.physics.drum import Drum
from matcher.physics.theta import LIVE

DIFFERENT_CENTS = 70.0  # cents of pitch between candidates: less is one drum in another tuning
DIFFERENT = 0.5  # nu between candidates in another of theta: a quarter of its range


def stages_of(
    clip: np.ndarray, first: Drum, drum_: Drum, ends_in_hit: bool = False, spread=None
) -> list[Refined]:
    """A finished match as the stages that `candidates` takes.

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.
        first: What the network inferred.
        drum_: What that was refined to.
        ends_in_hit: As in `refine`.
        spread: Of the drum's theta, as confidence.spread; None: not known.

    Returns:
        The first and the last stage.
    """
    target = Target.of_clip(clip, ends_in_hit)
    return [
        Refined(first, target.distance(first), STAGES[0]),
        Refined(drum_, target.distance(drum_), stage_of(drum_), spread=spread),
    ]


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
    work, network = Work(), stages[0].drum
    target = Target.of_clip(clip, ends_in_hit)
    task = task_of(target, network, effort, work, whole)
    cost = Cost.of_start(target, start_of(network), BODY_FLOORS)
    points = starts.other_pitches(cost, work)
    cost = cost.with_prior(PRIOR * cost.value(points[0]))
    pitches = [*task.found.pitches, *(to_drum(p.vector).theta.pitch_hz for p in points)]
    left = count * effort.units - work.units
    for pitch_hz in pitches:
        if len(found) == count or left <= 0 or work.limited:
            break
        read = task.found.at(pitch_hz)
        drum_ = recorded.membrane_of(network, read, None)
        if not all(differ(drum_, other.drum) for other in found):
            continue
        work = Work()
        own_task = replace(task, work=work, found=read)
        start, low, high = bounds(start_of(network), own_task)
        own_cost = cost.with_start(start).within(low, high)
        first = Refined(drum_, target.distance(drum_), STAGES[0])
        last = descend_stages(first, iter([own_cost.point(start)]), own_cost, own_task)[-1]
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
