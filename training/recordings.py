"""What each stage of matching reaches on real recordings, beside what patience buys."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from matcher.matching import descent, refine
from matcher.matching.encoder import Encoder
from matcher.matching.features import DISTANCE, N_SAMPLES, SAMPLE_RATE, distance_from, normalise
from matcher.matching.match import match_file, to_analysis_rate
from matcher.physics import drum
from training import jobs
from training.cached_rows import cached_row, file_digest
from training.distances import NAMES, clip_distances

SOUNDS = {".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3"}
PARTIAL = "partial, Hz"  # of the recording
HIDDEN = (PARTIAL, *(f"{s} {what}, Hz" for s in refine.STAGES for what in ("pitch", "partial")))
PARTIAL_HZ, PARTIAL_S = (30.0, 1500.0), (0.03, 0.5)  # where the strongest partial is looked for
STANDS_OUT_DB, NEAR_CENTS = 20.0, 100
CMA_STEP = 0.3  # of each parameter's range, which is 2
CMA_MARKS = (1000, 10000)  # evaluations after which the best is noted


@dataclass(frozen=True)
class Task:
    """A recording and what to do with it."""

    path: Path
    instrument: str
    model: Path
    budget_s: float
    patience: int  # evaluations of CMA-ES


def drums(folder: Path) -> list[tuple[Path, str]]:
    """The drum recordings of a folder, each with its instrument.

    Its hits.csv (columns file, instrument, is_drum), where there is one, says which are of drums;
    without it all are. ValueError where there is none.
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
    """A row for each recording: file, instrument, and columns like "body JTFS"."""
    return jobs.each(_evaluate, tasks, workers, "recordings")


def summarise(rows: list[dict]) -> list[dict]:
    """Medians for each instrument and for all, and for all the 90th percentiles."""
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
    """Hz of the strongest partial of a hit (samples,) behind its attack; NaN where none stands out.

    Between PARTIAL_HZ, and STANDS_OUT_DB above the median of the octave on each side of it.
    """
    first, last = (round(seconds * SAMPLE_RATE) for seconds in PARTIAL_S)
    x = clip[first : min(last, len(clip))]
    if len(x) < first:
        return np.nan
    n = 2**17
    level = 20 * np.log10(np.abs(np.fft.rfft(x * np.hanning(len(x)), n)) + 1e-9)
    hz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
    low = np.flatnonzero((hz >= PARTIAL_HZ[0]) & (hz <= PARTIAL_HZ[1]))
    at = low[np.argmax(level[low])]
    around = level[(hz >= hz[at] / 2) & (hz <= 2 * hz[at])]
    return float(hz[at]) if level[at] - np.median(around) >= STANDS_OUT_DB else np.nan


def pitch_rows(rows: list[dict]) -> list[dict]:
    """How each stage's pitch, and the strongest partial of its sound, stand to the recording's."""
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
    inputs = [task.path.name, task.instrument, task.budget_s, task.patience]
    inputs += [file_digest(task.path), file_digest(task.model)]
    return cached_row("recordings", inputs, lambda: _match(task))


def _match(task: Task) -> dict:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        heard = match_file(task.path, encoder=Encoder(task.model))
        clip = to_analysis_rate(heard.hit, heard.sample_rate)
        stages = refine.refine(clip, heard.theta, heard.ends_in_hit, task.budget_s)
        row = {"file": task.path.name, "instrument": task.instrument}
        row[PARTIAL] = low_partial(clip)
        row |= {stage.name: stage.distance for stage in stages}
        row |= {f"{stage.name} ms": stage.elapsed_ms for stage in stages[1:]}
        padded = np.zeros(N_SAMPLES, np.float32)
        padded[: len(clip)] = normalise(clip)
        for stage in stages:
            twin = drum.render(stage.drum, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
            for name, value in zip(NAMES, clip_distances(guess=twin, truth=padded)):
                row[f"{stage.name} {name}"] = value
            row[f"{stage.name} pitch, Hz"] = float(stage.drum.theta.pitch_hz)
            row[f"{stage.name} partial, Hz"] = low_partial(twin)
        if task.patience:
            start = descent.start_of(heard.theta)
            inputs = [file_digest(task.path), file_digest(task.model), task.patience]
            row |= cached_row("patience", inputs, lambda: patience(clip, start, task.patience))
        return row


def patience(clip: np.ndarray, start: np.ndarray, evaluations: int) -> dict[str, float]:
    """The least log-CQT distance that CMA-ES finds with the body's parameters, from start on.

    Noted after CMA_MARKS. The search hears drums as refining does, in the shortest window; what is
    noted is the distance.
    """
    import cma  # of development only

    middle, half = (descent.HIGH + descent.LOW) / 2, (descent.HIGH - descent.LOW) / 2
    cqt = descent.window_for(descent.last_heard(normalise(clip)))
    short, heard = cqt(clip), DISTANCE(clip)
    near, nearest = np.inf, np.inf

    def cost(u):
        nonlocal near, nearest
        found = descent.to_drum(np.clip(middle + half * u, descent.LOW, descent.HIGH))
        body = drum.render_body(found, SAMPLE_RATE, cqt.n_samples)
        away = float(np.linalg.norm(short - cqt(body)))
        if away < near:
            near = away
            whole = drum.render(found, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
            nearest = min(nearest, distance_from(heard, whole))
        return away

    options = {"bounds": [-1, 1], "maxfevals": evaluations, "seed": 1, "verbose": -9}
    first = np.clip((start - middle) / half, -0.999, 0.999)
    strategy, best = cma.CMAEvolutionStrategy(first, CMA_STEP, options), {}
    while not strategy.stop():
        tried = strategy.ask()
        strategy.tell(tried, [cost(u) for u in tried])
        for mark in CMA_MARKS:
            if strategy.result.evaluations <= mark <= evaluations:
                best[f"CMA-ES {mark}"] = nearest
    return best
