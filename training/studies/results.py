"""Tables and figures of the runs of a study that are done."""

import json
from pathlib import Path

import numpy as np

from matcher.physics.theta import PRESETS, Theta
from matcher.recording import save_atomically
from training.distances import NAMES, mean_and_error
from training.evaluate import UNITS, natural_errors
from training.metric import load_table
from training.runs import load_checkpoint
from training.studies import figures, metric_quality
from training.studies.experiment import Study
from training.studies.settings import LAMBDA_SHOWN, LOSSES, PITCH, PRESET, VARIANTS


def done(study: Study, pitch: str) -> list[tuple[str, dict, dict]]:
    """Name, checkpoint and test arrays of each run of a pitch setting that is done."""
    runs = []
    for name in ("warm", *LOSSES, *VARIANTS):
        run = study.folder_of(f"{name}-{pitch}")
        if (run / "test.npz").exists():
            with np.load(run / "test.npz") as kept:
                test = dict(kept)
            name = "P (warm start)" if name == "warm" else name
            runs.append((name, load_checkpoint(run), test))
    return runs


def result_rows(study: Study, pitch: str) -> list[dict]:
    """A table row for each run of a pitch setting that is done.

    Returns:
        Mean ± standard error (standard deviation) of each distance, the median error of each
        parameter in natural units, sounds and minutes of training.
    """
    rows = []
    preset = PRESETS[PRESET]
    for name, state, test in done(study, pitch):
        row = {"model": name}
        for distance in NAMES:
            d = mean_and_error(test[distance])
            row[distance] = f"{d['mean']:.3f} ± {d['error']:.3f} ({d['deviation']:.2f})"
        errors = natural_errors(preset.from_nu(test["nu"]), preset.from_nu(test["nu_hat"]))
        row |= {f"{n}, {UNITS[n]}".rstrip(", "): float(np.median(errors[n])) for n in Theta._fields}
        config, sounds = json.loads(state["config"]), state["history"][-1]["sounds"]
        row["sounds"] = f"{sounds:,}"
        row["minutes"] = sounds * study.pace(config["loss"]) / 60
        rows.append(row)
    return rows


def save_figures(study: Study, folder: Path) -> None:
    """Draw the runs that are done as study-*.png.

    Args:
        study: The study.
        folder: Where the figures go; made if missing.
    """
    runs = {pitch: done(study, pitch) for pitch in PITCH}
    drawn = {
        distance.split()[0]: figures.distances(_measured(runs, distance), distance)
        for distance in NAMES
    }
    histories = {
        name: state["history"] for name, state, _ in runs["unknown"] if name in LAMBDA_SHOWN
    }
    eigenvalues = np.linalg.svd(load_table(PRESET).R, compute_uv=False) ** 2  # (sounds, 5)
    drawn["lambda"] = figures.damping(histories, eigenvalues)
    drawn["reach"] = figures.reach(study.reach(), metric_quality.STEPS)
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        save_atomically(
            folder / f"study-{name}.png",
            lambda file, f=figure: f.savefig(file, format="png", dpi=90),
        )


def _measured(runs: dict, distance: str) -> dict[str, dict[str, tuple[float, float]]]:
    """{pitch: {model: (mean distance, standard error)}} of the pitch settings with runs."""
    measured = {}
    for pitch, models in runs.items():
        for name, _, test in models:
            d = mean_and_error(test[distance])
            measured.setdefault(pitch, {})[name] = (d["mean"], d["error"])
    return measured
