"""What each stage of matching reaches on recordings of real drums, beside a patient search."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matcher.matching import refine, search_space
from matcher.matching.effort import EFFORTS
from matcher.matching.encoder import Encoder
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE, normalise
from matcher.matching.hear import analysed
from matcher.matching.match import MatchOptions, match_file
from matcher.physics import drum
from training import jobs
from training.cached_rows import cached_row, file_digest
from training.cma_search import search
from training.distances import NAMES, clip_distances

SOUNDS = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")
PARTIAL = "partial, Hz"  # column of a recording's strongest partial
# columns that have a table of their own
HIDDEN = (PARTIAL, *(f"{s} {what}, Hz" for s in refine.STAGES for what in ("pitch", "partial")))
PARTIAL_HZ = (30.0, 1500.0)  # Hz, where the strongest partial is looked for: a drum's low modes
PARTIAL_S = (0.03, 0.5)  # s from the onset, behind the attack and before most drums have died away
PARTIAL_DB = 20.0  # dB above the octaves around it, so that noise has no partial
NEAR_CENTS = 100  # cents, a semitone: still the same pitch or octave
FFT_SAMPLES = 2**17  # samples, zero-padded: lines 0.17 Hz apart, ten cents at the lowest partial


@dataclass(frozen=True)
class Task:
    """A recording and how to match it."""

    path: Path
    instrument: str
    model: Path
    effort: str  # one of matching.effort.EFFORTS
    patience: int  # evaluations of CMA-ES; 0: none


def drums(folder: Path) -> list[tuple[Path, str]]:
    """The drum recordings of a folder.

    Args:
        folder: Its hits.csv (columns file, instrument, is_drum), if there is one, says which
            recordings are of drums; without it all are.

    Returns:
        Path and instrument of each; the instrument is "all" without hits.csv.

    Raises:
        ValueError: There is none, or hits.csv lacks a column.
    """
    listing = folder / "hits.csv"
    if listing.is_file():
        with open(listing, newline="") as file:
            rows = list(csv.DictReader(file))
        missing = {"file", "instrument", "is_drum"}.difference(*rows[:1])
        if missing:
            raise ValueError(f"{listing} has no column {min(missing)}; it needs file, instrument "
                             "and is_drum")  # fmt: skip
        rows = [row for row in rows if row["is_drum"] == "1"]
        found = [(folder / row["file"], row["instrument"]) for row in rows]
    else:
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        found = [(path, "all") for path in files if path.suffix.lower() in SOUNDS]
    if not found:
        raise ValueError(f"{folder} holds no drum recordings; allowed are {', '.join(SOUNDS)}")
    return found


def evaluate(tasks: list[Task], workers: int) -> list[dict]:
    """Match recordings.

    Returns:
        A row for each: file, instrument, and columns such as "body JTFS".
    """
    return jobs.each(_evaluate, tasks, workers, "recordings")


def summarise(rows: list[dict]) -> list[dict]:
    """Medians of `evaluate`'s rows by instrument and over all, then 90th percentiles over all."""
    kinds = dict.fromkeys(row["instrument"] for row in rows)
    groups = {kind: [row for row in rows if row["instrument"] == kind] for kind in kinds}
    if len(groups) > 1:
        groups["all"] = rows
    columns = [name for name in rows[0] if name not in ("file", "instrument") + HIDDEN]

    def line(name, group, share):
        values = {c: float(np.quantile([row[c] for row in group], share)) for c in columns}
        return {"instrument": name, "recordings": len(group)} | values

    lines = [line(kind, group, 0.5) for kind, group in groups.items()]
    return [*lines, line("all, 90th percentile", rows, 0.9)]


def low_partial(clip: np.ndarray) -> float:
    """The strongest partial of a hit between PARTIAL_HZ, behind its attack.

    Args:
        clip: (samples,) at SAMPLE_RATE from the onset.

    Returns:
        Hz; NaN where no partial is PARTIAL_DB above the median of the octave on each side of it.
    """
    first, last = (round(seconds * SAMPLE_RATE) for seconds in PARTIAL_S)
    x = clip[first : min(last, len(clip))]
    if len(x) < first:
        return np.nan
    level = 20 * np.log10(np.abs(np.fft.rfft(x * np.hanning(len(x)), FFT_SAMPLES)) + 1e-9)
    hz = np.fft.rfftfreq(FFT_SAMPLES, 1 / SAMPLE_RATE)
    low = np.flatnonzero((hz >= PARTIAL_HZ[0]) & (hz <= PARTIAL_HZ[1]))
    at = low[np.argmax(level[low])]
    around = level[(hz >= hz[at] / 2) & (hz <= 2 * hz[at])]
    return float(hz[at]) if level[at] - np.median(around) >= PARTIAL_DB else np.nan


def pitch_rows(rows: list[dict]) -> list[dict]:
    """How far the twins' pitches and strongest partials are from the partials of the recordings.

    Args:
        rows: As `evaluate` returns them; those without a partial do not count.

    Returns:
        For the pitch and the partial of each stage, the numbers of recordings within NEAR_CENTS,
        one or more octaves off, and elsewhere.
    """
    lines = []
    with_partial = [row for row in rows if not np.isnan(row[PARTIAL])]
    for stage in refine.STAGES:
        for what in ("pitch", "partial"):
            hz = np.array([row[f"{stage} {what}, Hz"] for row in with_partial])
            cents = 1200 * np.log2(hz / np.array([row[PARTIAL] for row in with_partial]))
            octaves = np.round(cents / 1200)
            near = np.abs(cents - 1200 * octaves) < NEAR_CENTS
            same, octave = near & (octaves == 0), near & (octaves != 0)
            lines.append({
                "stage": stage, "of the twin": what, "recordings": len(hz),
                f"within {NEAR_CENTS} cents": int(same.sum()), "octaves off": int(octave.sum()),
                "elsewhere": int(len(hz) - same.sum() - octave.sum()),
            })  # fmt: skip
    return lines


def _evaluate(task: Task) -> dict:
    inputs = [task.path.name, task.instrument, task.effort, task.patience]
    inputs += [file_digest(task.path), file_digest(task.model)]
    return cached_row("recordings", inputs, lambda: _match(task))


def _match(task: Task) -> dict:
    encoder = Encoder(task.model)
    found = match_file(task.path, MatchOptions(encoder=encoder))
    clip = analysed(found.hit)
    stages = refine.refine(clip, found.theta, found.hit.ended, EFFORTS[task.effort])
    row = {"file": task.path.name, "instrument": task.instrument, PARTIAL: low_partial(clip)}
    row |= {stage.name: stage.distance for stage in stages}
    row |= {f"{stage.name} ms": stage.elapsed_ms for stage in stages[1:]}
    truth = np.zeros(N_SAMPLES, np.float32)
    truth[: len(clip)] = normalise(clip)
    for stage in stages:
        twin = drum.render(stage.drum, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
        for name, value in zip(NAMES, clip_distances(guess=twin, truth=truth)):
            row[f"{stage.name} {name}"] = value
        row[f"{stage.name} pitch, Hz"] = float(stage.drum.theta.pitch_hz)
        row[f"{stage.name} partial, Hz"] = low_partial(twin)
    if task.patience:
        start = search_space.start_of(found.theta)
        inputs = [file_digest(task.path), file_digest(task.model), task.patience]
        row |= cached_row("patience", inputs, lambda: search(clip, start, task.patience))
    return row
