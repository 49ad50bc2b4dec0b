"""What the network alone reaches on recordings, as text: of how much of a hit, and at which pitch.

Its twins are compared with the whole recording, however short the clip was that it heard. Pitches
are compared with the strongest low partial of the recording, where one stands out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matcher.matching.encoder import Encoder
from matcher.matching.hear import Clip, analysed, hear
from matcher.matching.match import match_file, twin_distance
from training import hits, jobs, lines
from training.bootstrap import mean_interval, median_interval
from training.cached_rows import cached_row, file_digest
from training.hits import Hit
from training.markdown import table, with_interval
from training.report import groups

HEARD_S = (0.03, 0.1, 0.3)  # s; beside the whole
WHOLE = "whole"
NEAR_CENTS = 100.0  # cents from the strongest low partial: at its pitch
WAYS = ("likeliest", "first", "nearest")  # answers: the one that is shown is the first


@dataclass(frozen=True)
class Task:
    """A recording and the network that hears it."""

    path: Path
    model: Path


def evaluate(folder: Path, part: str, count: int | None, model: Path, workers: int) -> str:
    """Tables of the network alone, by instrument.

    Args:
        folder: Of recordings.
        part: One of hits.PARTS.
        count: Recordings; None: all.
        model: The ONNX file.
        workers: Processes.

    Raises:
        ValueError: As hits.read.
    """
    chosen = hits.sample(hits.read(folder, part), count)
    rows = jobs.each(_evaluate, [Task(hit.path, model) for hit in chosen], workers, "recordings")
    pairs = list(zip(chosen, rows))
    return "\n\n".join([
        f"{len(chosen)} recordings, the network alone. Medians of the log-CQT distance from the "
        "whole recording, in brackets their bootstrap intervals over drums, by what was heard:",
        table(distance_rows(pairs)),
        f"Pitch within {NEAR_CENTS:.0f} cents of the strongest low partial, share of the "
        "recordings that have one: of the likeliest answer, of the one shown first, of any; "
        "and the probability of the first where it is right and where it is wrong:",
        table(pitch_rows(pairs)),
    ])  # fmt: skip


def _evaluate(task: Task) -> dict:
    inputs = [file_digest(task.path), file_digest(task.model)]
    return cached_row("network", inputs, lambda: _hear(task))


def _hear(task: Task) -> dict:
    encoder = Encoder(task.model)
    hit = match_file(task.path).hit
    x = analysed(hit)
    heard = hear(hit, encoder)
    row = {WHOLE: twin_distance(x, heard.drum, hit.ended)}
    for seconds in HEARD_S:
        drum = hear(Clip(hit.samples, hit.sample_rate, seconds, True), encoder).drum
        row[str(seconds)] = twin_distance(x, drum, hit.ended)
    row["partial"] = lines.low_partial(x)
    row["answers"] = [(float(a.drum.theta.pitch_hz), a.probability) for a in heard.answers]
    row["first"] = next(i for i, a in enumerate(heard.answers) if a.drum == heard.drum)
    return row


def distance_rows(pairs: list[tuple[Hit, dict]]) -> list[dict]:
    """Median distances by instrument, a column for each length that was heard."""
    rows = []
    for name, group in groups(pairs, lambda pair: pair[0].instrument).items():
        row = {"instrument": name, "recordings": len(group)}
        for key in (*map(str, HEARD_S), WHOLE):
            values = [r[key] for _, r in group]
            interval = median_interval(values, [hit.shell for hit, _ in group])
            label = key if key == WHOLE else f"{1e3 * float(key):.0f} ms"
            row[label] = with_interval(np.median(values), interval)
        rows.append(row)
    return rows


def pitch_rows(pairs: list[tuple[Hit, dict]]) -> list[dict]:
    """Shares of recordings with a low partial whose pitch is at it."""
    rows = []
    for name, group in groups(pairs, lambda pair: pair[0].instrument).items():
        group = [(hit, row) for hit, row in group if row["partial"]]
        if not group:
            continue
        clusters = [hit.shell for hit, _ in group]
        right = {way: [_is_right(row, way) for _, row in group] for way in WAYS}
        said = {"instrument": name, "with a low partial": len(group)}
        for way in WAYS:
            share = np.array(right[way], float)
            said[way] = f"{sum(right[way])}, " + with_interval(
                share.mean(), mean_interval(share, clusters), ".2f"
            )
        of_first = [row["answers"][row["first"]][1] for _, row in group]
        for label, is_right in (("right", True), ("wrong", False)):
            some = [p for p, r in zip(of_first, right["first"]) if r == is_right]
            said[f"probability where {label}"] = f"{np.mean(some):.2f}" if some else ""
        rows.append(said)
    return rows


def _is_right(row: dict, way: str) -> bool:
    off = [abs(lines.cents(hz, row["partial"])) for hz, _ in row["answers"]]
    chosen = {"likeliest": off[0], "first": off[row["first"]], "nearest": min(off)}
    return bool(chosen[way] <= NEAR_CENTS)
