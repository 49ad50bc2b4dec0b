"""Where twins lie between another stroke on the same drum, 0, and another drum of its kind, 1."""

import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training import jobs
from training.cached_rows import cached_row, file_digest
from training.hits import Hit
from training.judges import JUDGES, judge, sound_of

MOST_SAME = 12  # other strokes on the drum that are compared: the median of more is no other
MOST_OTHER = 24  # recordings of other drums, as many of each as there are
LAYERS = 1  # velocity layers that strokes may differ by: the same and its neighbours


@dataclass(frozen=True)
class Task:
    """A recording, other strokes on the same drum, and other drums of its kind."""

    path: Path
    same: tuple[Path, ...]
    other: tuple[Path, ...]


def same_drum(hit: Hit, hits: list[Hit]) -> list[Hit]:
    """Other strokes on the drum: same microphone and kind of stroke, same or next layer."""
    return [
        h for h in hits
        if h.path != hit.path and (h.drum, h.mic, h.stroke) == (hit.drum, hit.mic, hit.stroke)
        and abs(h.velocity_layer - hit.velocity_layer) <= LAYERS
    ]  # fmt: skip


def other_drums(hit: Hit, hits: list[Hit]) -> list[Hit]:
    """Recordings of other drums of the same instrument by the same kind of microphone."""
    return [
        h for h in hits
        if (h.instrument, h.mic) == (hit.instrument, hit.mic) and h.shell != hit.shell
    ]  # fmt: skip


def yardsticks(chosen: list[Hit], hits: list[Hit], workers: int) -> list[dict | None]:
    """The two ends of the scale for each recording.

    Args:
        chosen: Hits.
        hits: All among which strokes and drums to compare with are looked for.
        workers: Processes.

    Returns:
        {"same" and "other": {judge: median distance}} of each; None where there is no other stroke
        on its drum, or no other drum of its kind.
    """
    tasks = [_task(hit, hits) for hit in chosen]
    usable = [task for task in tasks if task]
    found = iter(jobs.each(_yardstick, usable, workers, "yardsticks") if usable else [])
    return [next(found) if task else None for task in tasks]


def position(distance: float, yardstick: dict | None, name: str) -> float:
    """Position of a twin.

    Args:
        distance: Of the twin from its recording, by the judge `name`.
        yardstick: Of the recording.
        name: One of JUDGES.

    Returns:
        0 as far as another stroke, 1 as far as another drum; NaN where there is no yardstick or
        the judge finds other drums no farther than other strokes.
    """
    if yardstick is None:
        return np.nan
    same, other = yardstick["same"][name], yardstick["other"][name]
    return (distance - same) / (other - same) if other > same else np.nan


def lone_instruments(hits: list[Hit]) -> list[str]:
    """Instruments of which there is only one drum: they have no positions."""
    shells = defaultdict(set)
    for hit in hits:
        shells[hit.instrument].add(hit.shell)
    return [instrument for instrument, names in shells.items() if len(names) == 1]


def _task(hit: Hit, hits: list[Hit]) -> Task | None:
    same, other = same_drum(hit, hits), other_drums(hit, hits)
    if not hit.drum or not same or not other:
        return None
    rng = np.random.default_rng(zlib.crc32(hit.path.name.encode()))
    return Task(
        hit.path, _paths(_spread(same, rng)[:MOST_SAME]), _paths(_spread(other, rng)[:MOST_OTHER])
    )


def _spread(hits: list[Hit], rng) -> list[Hit]:
    """Hits in random order, a first of each drum, then a second of each, and so on."""
    turns = defaultdict(int)
    order = []
    for i in rng.permutation(len(hits)):
        order.append((turns[hits[i].shell], len(order), hits[i]))
        turns[hits[i].shell] += 1
    return [hit for _, _, hit in sorted(order, key=lambda entry: entry[:2])]


def _paths(hits: list[Hit]) -> tuple[Path, ...]:
    return tuple(hit.path for hit in hits)


def _yardstick(task: Task) -> dict:
    inputs = [[file_digest(p) for p in paths] for paths in ((task.path,), task.same, task.other)]
    return cached_row("yardsticks", inputs, lambda: _medians(task))


def _medians(task: Task) -> dict:
    reference = sound_of(task.path)
    ends = {}
    for end, paths in (("same", task.same), ("other", task.other)):
        rows = [judge(reference, sound_of(path)) for path in paths]
        ends[end] = {name: float(np.median([row[name] for row in rows])) for name in JUDGES}
    return ends
