"""What each stage of matching reaches on recordings of real drums, beside a patient search."""

from dataclasses import dataclass
from pathlib import Path

from matcher.matching import refine, search_space
from matcher.matching.effort import EFFORTS
from matcher.matching.encoder import Encoder
from matcher.matching.features import SAMPLE_RATE
from matcher.matching.hear import analysed, whole_band
from matcher.matching.match import Match, MatchOptions, match_file
from matcher.matching.task import STAGES, Refined
from matcher.physics import drum
from training import gallery, jobs, lines
from training.cached_rows import cached_row, file_digest
from training.cma_search import search
from training.hits import read
from training.judges import Sound, judge
from training.mel import LENGTH, RATE


@dataclass(frozen=True)
class Task:
    """A recording and how to match it."""

    path: Path
    model: Path
    effort: str  # name of one of effort.EFFORTS
    patience: int = 0  # evaluations of CMA-ES; 0: none
    gallery: Path | None = None  # as gallery.build gives it; None: the twin is not looked for
    jtfs: bool = False  # whether SLOW_JUDGES judge as well


def drums(folder: Path) -> list[tuple[Path, str]]:
    """Path and instrument of the drum recordings of a folder; as hits.read."""
    return [(hit.path, hit.instrument) for hit in read(folder)]


def evaluate(tasks: list[Task], workers: int) -> list[dict]:
    """Match recordings.

    Args:
        tasks: The recordings.
        workers: Processes.

    Returns:
        A row for each: "lines" (Hz, the strongest of the recording), "stands_out" (whether the
        first of them does), "stages", and "CMA-ES N" after a patient search. "stages" has for each
        stage: "judges" ({judge: distance}), "ms", "pitch_hz", "tau_s", "lines" (Hz, of the twin)
        and "nearest" (number of the recording in the gallery, if there is one).
    """
    return jobs.each(_evaluate, tasks, workers, "recordings")


def stage_names(rows: list[dict]) -> list[str]:
    """The stages that any of `evaluate`'s rows reached, in order."""
    return [name for name in STAGES if any(name in row["stages"] for row in rows)]


def _evaluate(task: Task) -> dict:
    inputs = [task.effort, task.patience, task.jtfs, task.gallery and task.gallery.name]
    inputs += [file_digest(task.path), file_digest(task.model)]
    return cached_row("recordings", inputs, lambda: _match(task))


def _match(task: Task) -> dict:
    found = match_file(task.path, MatchOptions(encoder=Encoder(task.model)))
    hit, clip = found.hit, analysed(found.hit)
    reference = Sound.of(hit.samples[: len(hit)], hit.sample_rate, hit.ended)
    row = {
        "lines": lines.strongest(clip, lines.N_LINES),
        "stands_out": lines.stands_out(clip),
        "stages": {
            stage.name: _judged(stage, reference, task) for stage in _stages(found, clip, task)
        },
    }
    if task.patience:
        start = search_space.start_of(found.stages[0].drum)
        inputs = [file_digest(task.path), file_digest(task.model), task.patience]
        row |= cached_row("patience", inputs, lambda: search(clip, start, task.patience))
    return row


def _stages(found: Match, clip, task: Task) -> list[Refined]:
    hit = found.hit
    whole, effort = whole_band(hit), EFFORTS[task.effort]
    return refine.refine(clip, found.stages[0].drum, hit.ended, effort, whole=whole)


def _judged(stage: Refined, reference: Sound, task: Task) -> dict:
    """What the judges say of a stage's twin."""
    twin = Sound.of(drum.render(stage.drum, RATE, LENGTH / RATE)).like(reference)
    row = {
        "judges": judge(reference, twin, task.jtfs),
        "ms": stage.elapsed_ms,
        "pitch_hz": float(stage.drum.theta.pitch_hz),
        "tau_s": float(stage.drum.theta.tau),
        "lines": lines.strongest(twin.analysed[: _length(reference)], lines.AMONG),
    }
    if task.gallery:
        row["nearest"] = gallery.nearest(twin, reference, task.gallery)
    return row


def _length(sound: Sound) -> int:
    """Samples of a sound at SAMPLE_RATE."""
    return round(len(sound.x) * SAMPLE_RATE / RATE)
