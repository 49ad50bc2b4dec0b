"""What refining gains on synthetic sounds, whose theta is known, and how sure it may be of theta.

    python -m training.confidence --count 300

Prints the errors of the network and after refining, in natural units, on clean and on augmented
sounds; then the WEIGHTS of matching.confidence, fitted on half of all sounds, and the share of
errors in the other half that are within the spread that these weights give. Rows that are done are
kept in the cache folder.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from matcher.matching import confidence, refine
from matcher.matching.effort import EFFORTS
from matcher.matching.encoder import Encoder
from matcher.matching.features import N_SAMPLES
from matcher.matching.task import STAGES
from matcher.physics.theta import LIVE, Theta
from training import command, jobs
from training.cached_rows import cached_row, file_digest
from training.dataset import Recipe, make_clip
from training.evaluate import SEED, UNITS, natural_errors
from training.markdown import table

EFFORT = "normal"  # what matches are made with
WHOLE = 0.999  # of the window's samples; a shorter clip counts as cut off
PENALTY = 1e-3  # of the weights' squares; keeps weights small that no sound needs
SMALLEST = 1e-4  # nu, added to errors; below it their logarithm tells nothing


@dataclass(frozen=True)
class Task:
    """A sound of the test split to refine."""

    model: Path
    augmented: bool
    index: int


def refine_sounds(model: Path, count: int, augmented: bool, workers: int) -> list[dict]:
    """Refine test sounds.

    Args:
        model: The ONNX file of the encoder.
        count: Sounds.
        augmented: Whether the sounds are augmented.
        workers: Processes.

    Returns:
        For each sound "nu", the nu of each of STAGES by its name, "distances" of the stages
        and "deviation", None where there is none.
    """
    tasks = [Task(model, augmented, i) for i in range(count)]
    return jobs.each(_refine, tasks, workers, "augmented" if augmented else "clean")


def _refine(task: Task) -> dict:
    inputs = [SEED, task.augmented, task.index, EFFORT, file_digest(task.model)]
    return cached_row("confidence", inputs, lambda: _match(task))


def _match(task: Task) -> dict:
    recipe = Recipe(augmented=float(task.augmented))
    nu, clip = make_clip(recipe, SEED, "test", task.index)
    first = Encoder(task.model)(clip)
    stages = refine.refine(clip, first, len(clip) < WHOLE * N_SAMPLES, EFFORTS[EFFORT])
    row = {"nu": nu.tolist(), "distances": [stage.distance for stage in stages]}
    row |= {s.name: np.clip(LIVE.to_nu(s.drum.theta), -1, 1).tolist() for s in stages}
    deviation = stages[-1].deviation
    row["deviation"] = None if deviation is None else deviation.tolist()
    return row


def error_rows(rows: list[dict]) -> list[dict]:
    """Median errors of each stage: a table row for each parameter, in natural units."""

    def theta(name):
        return LIVE.from_nu(np.array([row[name] for row in rows]))

    errors = {stage: natural_errors(theta("nu"), theta(stage)) for stage in STAGES}
    return [
        {"parameter": name, "unit": UNITS[name]}
        | {stage: float(np.median(errors[stage][name])) for stage in STAGES}
        for name in Theta._fields
    ]


def fit(rows: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Fit the weights by quantile regression on every other sound.

    Source: Koenker and Bassett, "Regression Quantiles", Econometrica 46 (1978).

    Args:
        rows: As `refine_sounds` returns them.

    Returns:
        WEIGHTS (5, 4) of matching.confidence, and the share (5,) of errors of the other sounds that
        are within the spread, which should be confidence.SHARE.
    """
    rows = [row for row in rows if row["deviation"] is not None]
    nu, refined, inferred = (
        np.array([row[name] for row in rows]) for name in ("nu", STAGES[-1], "network")
    )
    evidence = np.array([
        confidence.evidence(row["deviation"], row["distances"][-1], np.abs(after - before))
        for row, after, before in zip(rows, refined, inferred)
    ])  # fmt: skip
    log_errors = np.log(np.abs(refined - nu) + SMALLEST)
    weights, shares = [], []
    for i in range(len(Theta._fields)):
        x, y = evidence[:, i], log_errors[:, i]
        weights.append(_quantile(x[::2], y[::2]))
        shares.append(np.mean(y[1::2] < x[1::2] @ weights[-1]))
    return np.array(weights), np.array(shares)


def _quantile(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights of x (sounds, columns) for which SHARE of y (sounds,) is below x @ weights."""
    q = confidence.SHARE

    def cost(w):
        above = y - x @ w
        return np.mean(np.maximum(q * above, (q - 1) * above)) + PENALTY * np.sum(w[1:] ** 2)

    first = np.r_[np.quantile(y, q), np.zeros(x.shape[1] - 1)]
    return minimize(cost, first, method="Powell", options={"maxiter": 10000}).x


@command.entry_point("training.confidence")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.confidence", __doc__)
    command.add_model(parser)
    parser.add_argument("--count", type=int, default=300, help="sounds of each kind; default 300")
    command.add_workers(parser)
    arguments = parser.parse_args(argv)
    command.check_at_least(arguments, count=8)
    Encoder(arguments.model)  # a wrong model is one sentence, not an error of each worker
    rows = []
    for augmented in (False, True):
        sounds = refine_sounds(arguments.model, arguments.count, augmented, arguments.workers)
        print(f"{arguments.count} {'augmented' if augmented else 'clean'} sounds\n")
        print(table(error_rows(sounds)), end="\n\n")
        rows += sounds
    weights, shares = fit(rows)
    print(np.array2string(weights, precision=2, separator=", "), end="\n\n")
    lines = zip(Theta._fields, map(float, shares))
    print(table([{"parameter": name, "within": share} for name, share in lines]))


if __name__ == "__main__":
    sys.exit(main())
