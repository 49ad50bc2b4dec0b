"""Measure a model.

    python -m training.evaluate                          2,000 fresh sounds, clean and augmented
    python -m training.evaluate --model mine.onnx --count 500
    python -m training.evaluate --folder recordings      real drums, against random theta and CMA-ES

A folder's hits.csv (columns file, instrument, is_drum), where there is one, says which recordings
are of drums; without it all are. Tables are Markdown. Distances of sounds come with their
standard deviation and the standard error of their mean.
"""

import argparse
import csv
import sys
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from threadpoolctl import threadpool_limits

from matcher.encoder import SHIPPED, Encoder
from matcher.features import DISTANCE, N_SAMPLES, SAMPLE_RATE, distance_from
from matcher.matching import match_file, to_analysis_rate
from matcher.modal import render
from matcher.theta import PRESETS, Preset, Theta
from training import jobs
from training.dataset import Recipe, make_clip
from training.distances import mean_and_error, sound_distances
from training.markdown import table

SEED = 2**31 - 1  # of the test sounds: no run of training.fit has heard them
RANDOM_TRIES = 40
CMA_EVALUATIONS = 1400
CMA_STEP = 0.5  # in nu
UNITS = {"omega": "cents", "tau": "%", "p": "decades", "D": "decades", "alpha": ""}
SOUNDS = {".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3"}


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


def evaluate_recording(path: Path, encoder: Encoder, seed: int) -> dict:
    """log-CQT distances of one recording: the model, random theta, CMA-ES."""
    result = match_file(path, encoder=encoder)
    clip, preset = to_analysis_rate(result.hit, result.sample_rate), PRESETS["live"]
    rng = np.random.default_rng([seed, 0])
    cost = partial(_cost, heard=DISTANCE(clip), preset=preset)
    tries = [cost(nu) for nu in rng.uniform(-1, 1, (RANDOM_TRIES, 5))]
    return {
        "model": result.log_cqt_distance,
        "random": float(np.median(tries)),
        "best of 40": min(tries),
        "CMA-ES": search(cost, seed),
    }


def search(cost, seed: int) -> float:
    """The least cost(nu) that CMA_EVALUATIONS evaluations of CMA-ES find in [-1, 1]^5."""
    import cma  # of development only

    options = {"bounds": [-1, 1], "maxfevals": CMA_EVALUATIONS, "seed": seed + 1, "verbose": -9}
    strategy = cma.CMAEvolutionStrategy(np.zeros(5), CMA_STEP, options)
    strategy.optimize(cost)
    return float(strategy.result.fbest)


def _cost(nu, heard: np.ndarray, preset: Preset) -> float:
    """twin_distance of nu's sound from the clip whose log-CQT is `heard`."""
    twin = render(preset.from_nu(nu), SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
    return distance_from(heard, twin)


def _evaluate_one(job) -> dict:
    path, instrument, model, seed = job
    with threadpool_limits(1):
        return {"file": path.name, "instrument": instrument} | evaluate_recording(
            path, Encoder(model), seed
        )


def evaluate_folder(folder: Path, model: Path, workers: int) -> list[dict]:
    """A row for each drum recording of the folder. ValueError where there is none."""
    listing = folder / "hits.csv"
    if listing.is_file():
        with open(listing, newline="") as file:
            drums = [row for row in csv.DictReader(file) if row.get("is_drum") == "1"]
        names = [(row["file"], row["instrument"]) for row in drums]
    else:
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        names = [(path.name, "all") for path in files if path.suffix.lower() in SOUNDS]
    if not names:
        raise ValueError(f"{folder} holds no drum recordings; allowed are {', '.join(SOUNDS)}")
    todo = [(folder / name, kind, model, seed) for seed, (name, kind) in enumerate(names)]
    with jobs.executor(workers) as pool:
        done = pool.map(_evaluate_one, todo)
        return list(track(done, "recordings", len(todo), console=Console(stderr=True)))


def summarise(rows: list[dict]) -> list[dict]:
    """Medians for each instrument and for all, and how often the model beats the best of 40."""
    kinds = dict.fromkeys(row["instrument"] for row in rows)
    groups = {kind: [row for row in rows if row["instrument"] == kind] for kind in kinds}
    if len(groups) > 1:
        groups["all"] = rows
    columns = ("model", "random", "best of 40", "CMA-ES")
    return [
        {"instrument": kind, "recordings": len(group)}
        | {name: float(np.median([row[name] for row in group])) for name in columns}
        | {"nearer than 40 tries": np.mean([r["model"] < r["best of 40"] for r in group])}
        for kind, group in groups.items()
    ]


def main(argv=None) -> int:
    """The command line; 2 after a sentence on stderr where something given was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--model", type=Path, default=SHIPPED, help="default: the shipped model")
    parser.add_argument("--count", type=int, default=2000, help="sounds; default 2000")
    parser.add_argument("--folder", type=Path, help="measure on the recordings of this folder")
    parser.add_argument("--workers", type=int, default=2, help="processes; default 2")
    arguments = parser.parse_args(argv)
    try:
        if arguments.count < 1:
            raise ValueError(f"count is {arguments.count}, allowed is 1 or more")
        encoder = Encoder(arguments.model)
        if arguments.folder:
            rows = evaluate_folder(arguments.folder, arguments.model, arguments.workers)
            print(table(sorted(rows, key=lambda row: -row["model"])), end="\n\n")
            print(table(summarise(rows)))
            return 0
        for augmented in (False, True):
            guess, truth = infer_sounds(encoder, arguments.count, augmented)
            preset = encoder.contract.preset
            print(f"{arguments.count} {'augmented' if augmented else 'clean'} sounds\n")
            print(table(parameter_rows(guess, truth, preset)), end="\n\n")
            print(table(distance_rows(guess, truth, preset, arguments.workers)), end="\n\n")
    except (OSError, ValueError) as error:
        print(f"training.evaluate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
