"""Strokes matched alone, and with their drum known from other strokes, as hits on a pad are."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from matcher.matching import refine
from matcher.matching.effort import EFFORTS
from matcher.matching.encoder import Encoder
from matcher.matching.hear import analysed, whole_band
from matcher.matching.known import KnownDrum
from matcher.matching.match import MatchOptions, match_file
from training import jobs
from training.cached_rows import cached_row, file_digest

MOST_KNOWN = 64  # drums that a process keeps: more than there are series of strokes in a sample


@dataclass(frozen=True)
class Task:
    """A stroke and how to match it."""

    path: Path
    model: Path
    effort: str  # name of one of effort.EFFORTS
    earlier: tuple[Path, ...] = ()  # strokes that its drum is known from; none: matched alone
    only_recognised: bool = False  # whether to stop once it is told whether it is on that drum


def match(tasks: list[Task], workers: int) -> dict[Task, dict]:
    """Match strokes.

    Args:
        tasks: The strokes.
        workers: Processes.

    Returns:
        For each "pitch_hz" and "tau_s" of the last stage, and "same_drum": whether it was taken for
        another stroke on the known drum; None where none is known.
    """
    tasks = sorted(set(tasks), key=lambda task: (task.earlier, task.path))  # a drum's one by one
    return dict(zip(tasks, jobs.each(_match, tasks, workers, "strokes")))


def _match(task: Task) -> dict:
    inputs = [task.effort, task.only_recognised]
    inputs += [file_digest(path) for path in (task.path, task.model, *task.earlier)]
    return cached_row("strokes", inputs, lambda: _row(task))


def _row(task: Task) -> dict:
    last = _refined(task, _known_drum(task.earlier, task.model, task.effort))
    theta = last.drum.theta
    pitch_hz, tau_s = float(theta.pitch_hz), float(theta.tau)
    return {"pitch_hz": pitch_hz, "tau_s": tau_s, "same_drum": last.same_drum}


@lru_cache(MOST_KNOWN)
def _known_drum(earlier: tuple[Path, ...], model: Path, effort: str) -> KnownDrum | None:
    """What is known of a drum after some strokes, as live.worker.PadDrums learns it."""
    known = None
    for path in earlier:
        last = _refined(Task(path, model, effort), known)
        before = known if last.same_drum else KnownDrum(last.drum, last.found)
        known = before.with_stroke(last.stroke, last.drum, last.found)
    return known


def _refined(task: Task, known: KnownDrum | None) -> refine.Refined:
    """The last stage of its match."""
    found = match_file(task.path, MatchOptions(encoder=_encoder(task.model)))
    hit, clip = found.hit, analysed(found.hit)
    return refine.refine(
        clip, found.stages[0].drum, hit.ended, EFFORTS[task.effort], lambda: task.only_recognised,
        whole=whole_band(hit), known=known,
    )[-1]  # fmt: skip


@lru_cache(1)
def _encoder(model: Path) -> Encoder:
    return Encoder(model)
