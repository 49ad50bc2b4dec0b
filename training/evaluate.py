"""Measure a model.

    python -m training.evaluate                          2,000 fresh sounds, clean and augmented
    python -m training.evaluate --model mine.onnx --count 500
    python -m training.evaluate --folder recordings      real drums, after each stage of matching
    python -m training.evaluate --folder recordings --patience 10000     and beside CMA-ES

A folder's hits.csv (columns file, instrument, is_drum), where there is one, says which recordings
are of drums; without it all are. Tables are Markdown. Distances of sounds come with their
standard deviation and the standard error of their mean.
"""

import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from matcher.matching.encoder import SHIPPED, Encoder
from matcher.physics.theta import Preset, Theta
from training import command, recordings
from training.dataset import Recipe, make_clip
from training.distances import mean_and_error, sound_distances
from training.markdown import table

SEED = 2**31 - 1  # of the test sounds: no run of training.fit has heard them
UNITS = {"omega": "cents", "tau": "%", "p": "decades", "D": "decades", "alpha": ""}


def natural_errors(truth: Theta, guess: Theta) -> dict[str, np.ndarray]:
    """Absolute errors (sounds,) in the units of UNITS."""
    return {
        "omega": np.abs(1200 * np.log2(guess.omega / truth.omega)),
        "tau": np.abs(100 * (guess.tau / truth.tau - 1)),
        "p": np.abs(np.log10(guess.p / truth.p)),
        "D": np.abs(np.log10(guess.D / truth.D)),
        "alpha": np.abs(guess.alpha - truth.alpha),
    }


def infer_sounds(encoder: Encoder, count: int, augmented: bool) -> tuple[np.ndarray, np.ndarray]:
    """nu_hat and nu (count, 5) of fresh test sounds."""
    contract = encoder.contract
    preset = contract.preset
    recipe = Recipe(preset.name, float(augmented), contract.cqt)
    truth, guess = np.empty((count, 5)), np.empty((count, 5))
    for i in track(
        range(count), "augmented" if augmented else "clean", console=Console(stderr=True)
    ):
        truth[i], clip = make_clip(recipe, SEED, "test", i)
        guess[i] = encoder.nu(contract.cqt.features(clip))
    return guess, truth


def parameter_rows(guess: np.ndarray, truth: np.ndarray, preset: Preset) -> list[dict]:
    """nu_hat, nu (sounds, 5) -> a row for each parameter: median error, and MSE in nu."""
    errors = natural_errors(preset.from_nu(truth), preset.from_nu(guess))
    mse = dict(zip(Theta._fields, ((guess - truth) ** 2).mean(axis=0)))
    rows = [
        {"parameter": n, "median error": np.median(errors[n]), "unit": UNITS[n], "MSE": mse[n]}
        for n in Theta._fields
    ]
    mean = float(np.mean(list(mse.values())))
    return [*rows, {"parameter": "mean", "median error": "", "unit": "", "MSE": mean}]


def distance_rows(guess: np.ndarray, truth: np.ndarray, preset: Preset, workers: int) -> list[dict]:
    """nu_hat, nu (sounds, 5) -> a row for each distance of their sounds."""
    distances = sound_distances(guess, truth, preset, workers)
    return [{"distance": name} | mean_and_error(values) for name, values in distances.items()]


@command.named("evaluate")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("evaluate", __doc__)
    parser.add_argument("--model", type=Path, default=SHIPPED, help="default: the shipped model")
    parser.add_argument("--count", type=int, default=2000, help="sounds; default 2000")
    parser.add_argument("--folder", type=Path, help="measure on the recordings of this folder")
    parser.add_argument(
        "--budget-ms", type=float, default=300.0, help="for each stage of refining; default 300"
    )
    parser.add_argument(
        "--patience", type=int, default=0, metavar="N",
        help="evaluations of CMA-ES on each recording, which take some 10 ms each; default none",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes; default 2")
    arguments = parser.parse_args(argv)
    if arguments.count < 1:
        raise ValueError(f"count is {arguments.count}, allowed is 1 or more")
    if not 10 <= arguments.budget_ms <= 60000:
        raise ValueError(f"budget-ms is {arguments.budget_ms:g}, allowed is 10 to 60000")
    if arguments.patience < 0:
        raise ValueError(f"patience is {arguments.patience}, allowed is 0 or more")
    encoder = Encoder(arguments.model)
    if arguments.folder:
        tasks = [
            recordings.Task(
                path, kind, arguments.model, arguments.budget_ms / 1000, arguments.patience
            )
            for path, kind in recordings.drums(arguments.folder)
        ]
        rows = recordings.evaluate(tasks, arguments.workers)
        print(table(sorted(rows, key=lambda row: -row["attack"])), end="\n\n")
        print(table(recordings.summarise(rows)), end="\n\n")
        print(table(recordings.pitch_rows(rows)))
        return
    for augmented in (False, True):
        guess, truth = infer_sounds(encoder, arguments.count, augmented)
        preset = encoder.contract.preset
        print(f"{arguments.count} {'augmented' if augmented else 'clean'} sounds\n")
        print(table(parameter_rows(guess, truth, preset)), end="\n\n")
        print(table(distance_rows(guess, truth, preset, arguments.workers)), end="\n\n")


if __name__ == "__main__":
    sys.exit(main())
