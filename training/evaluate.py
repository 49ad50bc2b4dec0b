"""Measure a model.

    python -m training.evaluate                          2,000 fresh sounds, clean and augmented
    python -m training.evaluate --model mine.onnx --count 500
    python -m training.evaluate --folder recordings      real drums, after each stage of matching
    python -m training.evaluate --folder recordings --part apart --count 120     a sample of a part
    python -m training.evaluate --folder recordings --network        of the network alone
    python -m training.evaluate --folder recordings --strokes        strokes on one drum agree?
    python -m training.evaluate --folder recordings --patience 10000     and beside CMA-ES

A folder's hits.csv (columns file, instrument, is_drum), if there is one, says which recordings are
of drums; without it all are. With the columns kit, drum, mic, stroke, velocity_layer, round_robin
and hit as well, twins have positions between another stroke on the same drum, 0, and another drum
of its kind, 1, and equal strokes are matched alone and with their drum known from others. Tables
are Markdown. Distances of synthetic sounds come with their standard deviation and the standard
error of their mean; what is of recordings, with bootstrap intervals of 95 %.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from matcher.matching.effort import EFFORTS
from matcher.matching.encoder import Encoder
from matcher.physics.theta import Preset, Theta
from training import command, folder_evaluation, hits, network_evaluation
from training.dataset import Recipe, make_clip
from training.distances import mean_and_error, sound_distances
from training.markdown import table

SEED = 2**31 - 1  # of the test sounds; a seed that no run of training.fit is trained with
COUNT = 2000  # sounds
UNITS = {"omega": "cents", "tau": "%", "p": "decades", "D": "decades", "alpha": ""}


def natural_errors(truth: Theta, guess: Theta) -> dict[str, np.ndarray]:
    """Absolute errors of each parameter.

    Args:
        truth: Fields (sounds,).
        guess: Fields (sounds,).

    Returns:
        {parameter: (sounds,)}, in the units of UNITS.
    """
    return {
        "omega": np.abs(1200 * np.log2(guess.omega / truth.omega)),
        "tau": np.abs(100 * (guess.tau / truth.tau - 1)),
        "p": np.abs(np.log10(guess.p / truth.p)),
        "D": np.abs(np.log10(guess.D / truth.D)),
        "alpha": np.abs(guess.alpha - truth.alpha),
    }


def infer_sounds(encoder: Encoder, count: int, augmented: bool) -> tuple[np.ndarray, np.ndarray]:
    """What a model infers from fresh test sounds.

    Args:
        encoder: The model.
        count: Sounds.
        augmented: Whether the sounds are augmented.

    Returns:
        nu_hat and nu, (count, 5) each.
    """
    contract = encoder.contract
    recipe = Recipe(contract.preset.name, float(augmented), contract.cqt)
    label = "augmented" if augmented else "clean"
    truth, guess = np.empty((count, 5)), np.empty((count, 5))
    for i in track(range(count), label, console=Console(stderr=True)):
        truth[i], clip = make_clip(recipe, SEED, "test", i)
        guess[i] = contract.preset.to_nu(encoder(clip).theta)
    return guess, truth


def parameter_rows(guess: np.ndarray, truth: np.ndarray, preset: Preset) -> list[dict]:
    """Errors of each parameter.

    Args:
        guess: nu_hat, (sounds, 5).
        truth: nu, (sounds, 5).
        preset: The ranges of nu.

    Returns:
        A row for each parameter with its median error in natural units and its mean squared error
        in nu, and a row with the mean of the latter.
    """
    errors = natural_errors(preset.from_nu(truth), preset.from_nu(guess))
    mse = dict(zip(Theta._fields, ((guess - truth) ** 2).mean(axis=0)))
    rows = [
        {"parameter": n, "median error": np.median(errors[n]), "unit": UNITS[n], "MSE": mse[n]}
        for n in Theta._fields
    ]
    mean = float(np.mean(list(mse.values())))
    return [*rows, {"parameter": "mean", "median error": "", "unit": "", "MSE": mean}]


def distance_rows(guess: np.ndarray, truth: np.ndarray, preset: Preset, workers: int) -> list[dict]:
    """Distances of the sounds of nu_hat and nu (sounds, 5): a row for each kind of distance."""
    distances = sound_distances(guess, truth, preset, workers)
    return [{"distance": name} | mean_and_error(values) for name, values in distances.items()]


def side_by_side(rows: dict[str, list[dict]], common: tuple[str, ...]) -> list[dict]:
    """Rows of several kinds of sounds as one table.

    Args:
        rows: For each kind, the same rows.
        common: Columns that do not depend on the kind.
    """
    joined = []
    for group in zip(*rows.values()):
        row = {name: group[0][name] for name in common}
        for kind, of_kind in zip(rows, group):
            row |= {f"{name}, {kind}": v for name, v in of_kind.items() if name not in common}
        joined.append(row)
    return joined


@command.entry_point("training.evaluate")
def main(argv=None) -> None:
    """The command line."""
    arguments = _parse(argv)
    if arguments.folder:
        if arguments.network:
            print(
                network_evaluation.evaluate(
                    arguments.folder, arguments.part, arguments.count, arguments.model,
                    arguments.workers,
                )
            )  # fmt: skip
            return
        settings = folder_evaluation.Settings(
            folder=arguments.folder, model=arguments.model, effort=arguments.effort,
            part=arguments.part, count=arguments.count, patience=arguments.patience,
            jtfs=arguments.jtfs, workers=arguments.workers,
        )  # fmt: skip
        evaluate = (
            folder_evaluation.of_strokes if arguments.strokes else folder_evaluation.of_stages
        )
        print(evaluate(settings))
        return
    encoder, count = Encoder(arguments.model), arguments.count or COUNT
    preset, parameters, distances = encoder.contract.preset, {}, {}
    for kind, augmented in (("clean", False), ("augmented", True)):
        guess, truth = infer_sounds(encoder, count, augmented)
        parameters[kind] = parameter_rows(guess, truth, preset)
        distances[kind] = distance_rows(guess, truth, preset, arguments.workers)
    print(f"{count} sounds of each kind\n")
    print(table(side_by_side(parameters, ("parameter", "unit"))), end="\n\n")
    print(table(side_by_side(distances, ("distance",))))


def _parse(argv) -> argparse.Namespace:
    parser = command.parser("training.evaluate", __doc__)
    command.add_model(parser)
    parser.add_argument(
        "--count",
        type=int,
        help=f"sounds, default {COUNT}; recordings or pairs of strokes, default all",
    )
    parser.add_argument("--folder", type=Path, help="measure on the recordings of this folder")
    parser.add_argument(
        "--effort",
        choices=[name for name in EFFORTS if name != "network"],
        default="normal",
        help="of refining; default normal",
    )
    parser.add_argument(
        "--patience", type=int, default=0, metavar="N",
        help="evaluations of CMA-ES on each recording, which take some 10 ms each; default none",
    )  # fmt: skip
    parser.add_argument(
        "--part",
        choices=hits.PARTS,
        default="all",
        help="of the folder: the drums that matching is developed on, those apart; default all",
    )
    parser.add_argument("--strokes", action="store_true", help="of the folder: equal strokes")
    parser.add_argument("--network", action="store_true", help="of the folder: the network alone")
    parser.add_argument("--jtfs", action="store_true", help="judge by JTFS, some 10 s a recording")
    command.add_workers(parser)
    arguments = parser.parse_args(argv)
    command.check_at_least(arguments, patience=0, workers=1)
    if arguments.count is not None:
        command.check_at_least(arguments, count=1)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
