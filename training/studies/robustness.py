"""How matches of recordings hold when they are short, noisy, late, soft, clipped or narrow.

    python -m training.studies.robustness --folder recordings
    python -m training.studies.robustness --folder recordings --figure curves.png

Each recording is spoiled and matched, by the network alone and refined, body and attack; the
distance of the match is that from the recording as it was. Rows that are done are kept in the cache
folder, so that a killed run goes on from there.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
import torch
from threadpoolctl import threadpool_limits

from matcher.matching import refine
from matcher.matching.encoder import SHIPPED, Encoder
from matcher.matching.features import DISTANCE, N_SAMPLES, SAMPLE_RATE, distance_from
from matcher.matching.match import match_file, to_analysis_rate
from matcher.physics import drum
from matcher.recording import save_atomically
from training import command, jobs, recordings
from training.cached_rows import cached_row, file_digest
from training.markdown import table
from training.studies import figures

BUDGET_S = 0.3  # for body and attack, each: the default of match
STEPS_OF_16_BITS = 2**15
PHONE_HZ = (300.0, 3400.0)


def heard(x, seconds):
    """The first seconds of it."""
    return x[: max(1, round(seconds * SAMPLE_RATE))]


def noise(x, snr_db):
    """A room's white noise below the power of the first 50 ms, also when the drum is silent."""
    y = np.random.default_rng(0).standard_normal(N_SAMPLES).astype(np.float32)
    loud = np.sqrt(np.mean(x[: SAMPLE_RATE // 20] ** 2))
    y *= np.float32(loud * 10 ** (-snr_db / 20))
    y[: len(x)] += x
    return y


def onset(x, milliseconds):
    """The onset is reported late, or (below 0) early, where silence is before it."""
    n = round(abs(milliseconds) * 1e-3 * SAMPLE_RATE)
    return x[n:] if milliseconds > 0 else np.r_[np.zeros(n, np.float32), x]


def level(x, peak_db):
    """A recording of 16 bits with this peak, dB of full scale."""
    x = x / np.abs(x).max() * 10 ** (peak_db / 20)
    return (np.round(x * STEPS_OF_16_BITS) / STEPS_OF_16_BITS).astype(np.float32)


def clipping(x, over_db):
    """So much too loud."""
    ceiling = np.abs(x).max() * 10 ** (-over_db / 20)
    return np.clip(x, -ceiling, ceiling)


def phone(x, order):
    """What is left of it by telephone: PHONE_HZ, by a Butterworth filter; order 0: all."""
    if order == 0:
        return x
    sos = scipy.signal.butter(order, PHONE_HZ, "bandpass", fs=SAMPLE_RATE, output="sos")
    return scipy.signal.sosfilt(sos, x).astype(np.float32)


@dataclass(frozen=True)
class Curve:
    """One way to spoil a recording, at several strengths."""

    spoil: Callable
    values: tuple[float, ...]
    axis: str


CURVES = (
    Curve(heard, (0.03, 0.1, 0.3, 1.0, N_SAMPLES / SAMPLE_RATE), "heard, s"),
    Curve(noise, (60, 50, 40, 30, 20, 10, 0), "signal to noise, dB"),
    Curve(onset, (-20, -10, -5, -2, 0, 2, 5, 10, 20), "onset late by, ms"),
    Curve(level, (-40, -30, -20, -10, 0), "peak at 16 bits, dBFS"),
    Curve(clipping, (0, 3, 6, 12, 18), "clipped by, dB"),
    Curve(phone, (0, 2, 4), "order of the 300 to 3400 Hz band-pass"),
)


@dataclass(frozen=True)
class Task:
    """A recording and how it is spoiled."""

    path: Path
    model: Path
    curve: int  # index in CURVES
    value: float


def measure(tasks: list[Task], workers: int) -> list[dict]:
    """For each: the distance of every stage of refine.STAGES."""
    return jobs.each(_measure, tasks, workers, "matches")


def _measure(task: Task) -> dict:
    inputs = [task.path.name, CURVES[task.curve].spoil.__name__, task.value, BUDGET_S]
    inputs += [file_digest(task.model), file_digest(task.path)]
    return cached_row("robustness", inputs, lambda: _match(task))


def _match(task: Task) -> dict:
    curve = CURVES[task.curve]
    torch.set_num_threads(1)
    with threadpool_limits(1):
        encoder = Encoder(task.model)
        whole = match_file(task.path, encoder=encoder)
        clip = to_analysis_rate(whole.hit, whole.sample_rate)
        exact = DISTANCE(clip)
        x = curve.spoil(clip, task.value)[:N_SAMPLES]
        cut = whole.ends_in_hit or (curve.spoil is heard and len(x) < len(clip))
        stages = refine.refine(x, encoder(x), cut, BUDGET_S)
        row = {}
        for stage in stages:
            twin = drum.render(stage.drum, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
            row[stage.name] = distance_from(exact, twin[: len(clip)] if whole.ends_in_hit else twin)
    return row


def summarise(tasks: list[Task], rows: list[dict]) -> list[dict]:
    """Median and 90th percentile of each stage, for each value of each curve."""
    lines = []
    for number, curve in enumerate(CURVES):
        for value in curve.values:
            group = [r for t, r in zip(tasks, rows) if (t.curve, t.value) == (number, value)]
            line = {"curve": curve.axis, "value": f"{value:.3g}"}
            for share, word in ((0.5, ""), (0.9, ", 90th")):
                for stage in refine.STAGES:
                    line[stage + word] = float(np.quantile([r[stage] for r in group], share))
            lines.append(line)
    return lines


@command.named("robustness")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("robustness", __doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of the recordings")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="default: the shipped model")
    parser.add_argument("--figure", type=Path, help="PNG to draw the curves in")
    parser.add_argument("--workers", type=int, default=2, help="processes; default 2")
    arguments = parser.parse_args(argv)
    Encoder(arguments.model)
    tasks = [
        Task(path, arguments.model, number, float(value))
        for number, curve in enumerate(CURVES)
        for value in curve.values
        for path, _ in recordings.drums(arguments.folder)
    ]
    lines = summarise(tasks, measure(tasks, arguments.workers))
    print(table(lines))
    if arguments.figure:
        axes = {curve.axis: curve.values for curve in CURVES}
        figure = figures.robustness(lines, axes)
        save_atomically(arguments.figure, lambda file: figure.savefig(file, dpi=80))


if __name__ == "__main__":
    sys.exit(main())
