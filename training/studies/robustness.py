"""How well recordings are matched that are short, noisy, late, quiet, clipped or band-limited.

    python -m training.studies.robustness --folder recordings
    python -m training.studies.robustness --folder recordings --figure curves.png

Each recording is degraded and matched: by the network, then with the body refined, then with the
attack, then with its own partials. Distances are from the recording as it was. Rows that are done
are kept in the cache folder, so that a killed run continues where it was.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal

from matcher.matching import refine
from matcher.matching.effort import EFFORTS
from matcher.matching.encoder import Encoder
from matcher.matching.features import DISTANCE, N_SAMPLES, SAMPLE_RATE, distance_from
from matcher.matching.hear import analysed
from matcher.matching.match import MatchOptions, match_file
from matcher.matching.task import STAGES
from matcher.physics import drum
from matcher.recording import save_atomically
from training import command, jobs, recordings
from training.cached_rows import cached_row, file_digest
from training.markdown import table
from training.studies import figures

EFFORT = "normal"  # the default of a match
FULL_SCALE = 2**15  # steps of 16-bit samples
TELEPHONE_HZ = (300.0, 3400.0)  # Hz, the band of a telephone: ITU-T G.712
NOISE_REFERENCE_S = 0.05  # s from the onset, whose power the noise is relative to


def shorten(x, seconds):
    """Only the first seconds were received."""
    return x[: max(1, round(seconds * SAMPLE_RATE))]


def noise(x, snr_db):
    """White noise, snr_db below the power of the attack, which outlasts the drum."""
    y = np.random.default_rng(0).standard_normal(N_SAMPLES).astype(np.float32)
    loud = np.sqrt(np.mean(x[: round(NOISE_REFERENCE_S * SAMPLE_RATE)] ** 2))
    y *= np.float32(loud * 10 ** (-snr_db / 20))
    y[: len(x)] += x
    return y


def onset(x, milliseconds):
    """The onset is reported late, or (below 0) early, with silence before it."""
    n = round(abs(milliseconds) * 1e-3 * SAMPLE_RATE)
    return x[n:] if milliseconds > 0 else np.r_[np.zeros(n, np.float32), x]


def level(x, peak_db):
    """Quantised to 16 bits with this peak, dB relative to full scale."""
    x = x / np.abs(x).max() * 10 ** (peak_db / 20)
    return (np.round(x * FULL_SCALE) / FULL_SCALE).astype(np.float32)


def clipping(x, over_db):
    """Recorded so much too loud."""
    ceiling = np.abs(x).max() * 10 ** (-over_db / 20)
    return np.clip(x, -ceiling, ceiling)


def telephone(x, order):
    """Band-limited to TELEPHONE_HZ by a Butterworth filter of this order; 0 filters nothing."""
    if order == 0:
        return x
    sos = scipy.signal.butter(order, TELEPHONE_HZ, "bandpass", fs=SAMPLE_RATE, output="sos")
    return scipy.signal.sosfilt(sos, x).astype(np.float32)


@dataclass(frozen=True)
class Curve:
    """One way to degrade a recording, at several strengths."""

    degrade: Callable
    values: tuple[float, ...]
    axis: str


CURVES = (
    Curve(shorten, (0.03, 0.1, 0.3, 1.0, N_SAMPLES / SAMPLE_RATE), "received, s"),
    Curve(noise, (60, 50, 40, 30, 20, 10, 0), "signal to noise, dB"),
    Curve(onset, (-20, -10, -5, -2, 0, 2, 5, 10, 20), "onset late by, ms"),
    Curve(level, (-40, -30, -20, -10, 0), "peak at 16 bits, dBFS"),
    Curve(clipping, (0, 3, 6, 12, 18), "clipped by, dB"),
    Curve(telephone, (0, 2, 4), "order of the 300 to 3400 Hz band-pass"),
)


@dataclass(frozen=True)
class Task:
    """A recording and how it is degraded."""

    path: Path
    model: Path
    curve: int  # index in CURVES
    value: float


def measure(tasks: list[Task], workers: int) -> list[dict]:
    """Match degraded recordings.

    Returns:
        For each task {stage of STAGES: log-CQT distance from the recording as it was}.
    """
    return jobs.each(_measure, tasks, workers, "matches")


def _measure(task: Task) -> dict:
    inputs = [task.path.name, CURVES[task.curve].degrade.__name__, task.value, EFFORT]
    inputs += [file_digest(task.model), file_digest(task.path)]
    return cached_row("robustness", inputs, lambda: _match(task))


def _match(task: Task) -> dict:
    curve = CURVES[task.curve]
    encoder = Encoder(task.model)
    whole = match_file(task.path, MatchOptions(encoder=encoder))
    clip = analysed(whole.hit)
    truth = DISTANCE(clip)
    x = curve.degrade(clip, task.value)[:N_SAMPLES]
    cut = whole.hit.ended or (curve.degrade is shorten and len(x) < len(clip))
    row = {}
    for stage in refine.refine(x, encoder(x), cut, EFFORTS[EFFORT]):
        twin = drum.render(stage.drum, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
        row[stage.name] = distance_from(truth, twin[: len(clip)] if whole.hit.ended else twin)
    return row


def summarise(tasks: list[Task], rows: list[dict]) -> list[dict]:
    """Summarise the rows of `measure`.

    Args:
        tasks: Every value of every one of CURVES, for the same recordings.
        rows: Of these tasks.

    Returns:
        For each value of each curve, the median and the 90th percentile of each stage.
    """
    lines = []
    for number, curve in enumerate(CURVES):
        for value in curve.values:
            group = [r for t, r in zip(tasks, rows) if (t.curve, t.value) == (number, value)]
            line = {"curve": curve.axis, "value": f"{value:.3g}"}
            for share, word in ((0.5, ""), (0.9, ", 90th")):
                for stage in STAGES:
                    line[stage + word] = float(np.quantile([r[stage] for r in group], share))
            lines.append(line)
    return lines


@command.entry_point("training.studies.robustness")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.studies.robustness", __doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of the recordings")
    command.add_model(parser)
    parser.add_argument("--figure", type=Path, help="PNG to draw the curves in")
    command.add_workers(parser)
    arguments = parser.parse_args(argv)
    Encoder(arguments.model)  # a wrong model is one sentence, not an error of each worker
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
