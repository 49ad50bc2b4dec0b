"""What refining gains on synthetic sounds, whose theta is known, and how sure it may be of it.

    python -m training.confidence --count 300

Prints errors in natural units, of the network and refined, on clean and augmented sounds; then
WEIGHTS of matching.confidence, fitted on half of all sounds, and how many errors of the other half
are within the spread that they give. Rows that are done are kept in the cache folder.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from matcher.matching import confidence, descent, refine
from matcher.matching.encoder import SHIPPED, Encoder
from matcher.matching.features import N_SAMPLES
from matcher.physics.theta import Theta
from training import command, jobs
from training.cached_rows import cached_row, file_digest
from training.dataset import Recipe, make_clip
from training.evaluate import SEED, UNITS, natural_errors
from training.markdown import table

BUDGET_S = 1.0  # for body and attack, each
FLAT = 1e-3  # of the weights' squares: what nothing speaks for stays small
SMALLEST = 1e-4  # nu


@dataclass(frozen=True)
class Task:
    """A sound."""

    model: Path
    augmented: bool
    index: int


def refine_sounds(model: Path, count: int, augmented: bool, workers: int) -> list[dict]:
    """A row for each sound: nu, of the network, and of each stage; deviation, distances."""
    tasks = [Task(model, augmented, i) for i in range(count)]
    return jobs.each(_refine, tasks, workers, "augmented" if augmented else "clean")


def _refine(task: Task) -> dict:
    inputs = [SEED, task.augmented, task.index, BUDGET_S, file_digest(task.model)]
    return cached_row("confidence", inputs, lambda: _match(task))


def _match(task: Task) -> dict:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        recipe = Recipe(augmented=float(task.augmented))
        nu, clip = make_clip(recipe, SEED, "test", task.index)
        theta = Encoder(task.model)(clip)
        cut = len(clip) < 0.999 * N_SAMPLES
        stages = refine.refine(clip, theta, cut, BUDGET_S)
    row = {"nu": nu.tolist(), "distances": [stage.distance for stage in stages]}
    row |= {s.name: np.clip(descent.RANGE.to_nu(s.drum.theta), -1, 1).tolist() for s in stages}
    deviation = stages[-1].deviation
    row["deviation"] = None if deviation is None else deviation.tolist()
    return row


def error_rows(rows: list[dict]) -> list[dict]:
    """Median errors in natural units, of each stage."""

    def theta(name):
        return descent.RANGE.from_nu(np.array([row[name] for row in rows]))

    errors = {stage: natural_errors(theta("nu"), theta(stage)) for stage in refine.STAGES}
    return [
        {"parameter": name, "unit": UNITS[name]}
        | {stage: float(np.median(errors[stage][name])) for stage in refine.STAGES}
        for name in Theta._fields
    ]


def fit(rows: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """WEIGHTS (5, 4) by quantile regression on every other sound; of the others, the share within.

    share: (5,), which shall be confidence.SHARE.
    """
    rows = [row for row in rows if row["deviation"] is not None]
    nu, found, heard = (
        np.array([row[name] for row in rows]) for name in ("nu", refine.STAGES[-1], "network")
    )
    known = np.array([
        confidence.evidence(row["deviation"], row["distances"][-1], np.abs(to - at))
        for row, to, at in zip(rows, found, heard)
    ])  # fmt: skip
    logs = np.log(np.abs(found - nu) + SMALLEST)
    weights, shares = [], []
    for i in range(len(Theta._fields)):
        x, y = known[:, i], logs[:, i]
        weights.append(_quantile(x[::2], y[::2]))
        shares.append(np.mean(y[1::2] < x[1::2] @ weights[-1]))
    return np.array(weights), np.array(shares)


def _quantile(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights of x (sounds, columns) at which SHARE of y (sounds,) is below their sum."""
    q = confidence.SHARE

    def cost(w):
        above = y - x @ w
        return np.mean(np.maximum(q * above, (q - 1) * above)) + FLAT * np.sum(w[1:] ** 2)

    first = np.r_[np.quantile(y, q), np.zeros(x.shape[1] - 1)]
    return minimize(cost, first, method="Powell", options={"maxiter": 10000}).x


@command.named("confidence")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("confidence", __doc__)
    parser.add_argument("--model", type=Path, default=SHIPPED, help="default: the shipped model")
    parser.add_argument("--count", type=int, default=300, help="sounds of each kind; default 300")
    parser.add_argument("--workers", type=int, default=2, help="processes; default 2")
    arguments = parser.parse_args(argv)
    if arguments.count < 8:
        raise ValueError(f"count is {arguments.count}, allowed is 8 or more")
    Encoder(arguments.model)
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
