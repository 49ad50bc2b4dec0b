"""Tables of the runs of the authors' recipe that are done."""

import json

import numpy as np

from matcher.physics.theta import PRESETS, Theta
from training.distances import NAMES
from training.evaluate import UNITS, natural_errors
from training.studies.paper import MODELS, PRESET, PaperStudy

PERCENTILES = {"1st percentile": 0.01, "median": 0.5, "99th percentile": 0.99, "largest": 1.0}
SUPPRESSING = ("PNP", "PNP, over lambda, best epoch")  # models whose errors are held against M_jj
QUARTER = 0.25  # of the test sounds, those with the lowest or the highest M_jj


def spread(values: list[float], form: str = ".3f") -> str:
    """Mean ± standard deviation over seeds; the mean alone where there is one, or nothing."""
    if not values:
        return ""
    mean = f"{np.mean(values):{form}}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):{form}}"


def result_rows(study: PaperStudy, pitch: str, seeds: int) -> list[dict]:
    """A row for each model of a pitch setting with runs that are done.

    Returns:
        Seeds; epochs that they were trained for; mean ± standard deviation over them of the mean
        distances of test sounds, of their differences to P of the same seed, of the median errors
        in natural units, and of lambda at the end.
    """
    rows, baseline = [], study.done("P", pitch, seeds)
    for model in MODELS:
        runs = study.done(model, pitch, seeds)
        if not runs:
            continue
        epochs = sorted({len(_history(test)) for test in runs.values()})
        row = {"model": model, "seeds": len(runs), "epochs": ", ".join(map(str, epochs))}
        for name in NAMES:
            means = {seed: float(np.mean(test[name])) for seed, test in runs.items()}
            row[name] = spread(list(means.values()))
            pairs = [m - np.mean(baseline[s][name]) for s, m in means.items() if s in baseline]
            row[f"{name}, less P"] = "" if model == "P" else spread(pairs)
        errors = [_median_errors(test) for test in runs.values()]
        for name in Theta._fields[pitch == "known" :]:
            column = f"{name}, {UNITS[name]}".rstrip(", ")
            row[column] = spread([e[name] for e in errors], ".3g")
        row["lambda, last"] = ""
        if model.startswith("PNP"):
            ends = [_history(test)[-1]["damping"] for test in runs.values()]
            row["lambda, last"] = f"{np.median(ends):.2g}"
        rows.append(row)
    return rows


def _history(test: dict) -> list[dict]:
    """A dict for each epoch of a run."""
    return json.loads(str(test["history"]))


def _median_errors(test: dict) -> dict[str, float]:
    preset = PRESETS[PRESET]
    errors = natural_errors(preset.from_nu(test["nu"]), preset.from_nu(test["nu_hat"]))
    return {name: float(np.median(values)) for name, values in errors.items()}


def time_rows(study: PaperStudy, seeds: int) -> list[dict]:
    """Training time of an epoch with each loss at unknown pitch: a row for each with runs.

    Returns:
        Sounds in an epoch, the median of its time over all epochs and seeds, s, and that over P's.
    """
    rows, baseline = [], None
    for model in ("P", "PNP", "multi-scale STFT", "JTFS"):
        histories = map(_history, study.done(model, "unknown", seeds).values())
        times = [row["training_seconds"] for history in histories for row in history]
        if not times:
            continue
        seconds = float(np.median(times))
        baseline = baseline or seconds
        sounds = study.config(model, "unknown", 0).epoch_sounds
        rows.append({
            "loss": model, "sounds": sounds, "s an epoch": seconds, "over P": seconds / baseline,
        })  # fmt: skip
    return rows


def eigenvalue_rows(study: PaperStudy) -> list[dict]:
    """Quantiles over the training sounds of each eigenvalue of M, from the largest."""
    rows = []
    for number, values in enumerate(study.eigenvalues().T, start=1):
        quantiles = {name: f"{np.quantile(values, q):.2g}" for name, q in PERCENTILES.items()}
        rows.append({"eigenvalue": number} | quantiles)
    return rows


def suppression_rows(study: PaperStudy, pitch: str, seeds: int, model: str = "PNP") -> list[dict]:
    """Errors in nu where M_jj is low and where it is high: a row for each parameter.

    Args:
        study: The study.
        pitch: known or unknown.
        seeds: As many as `done` is asked for.
        model: One by PNP.

    Returns:
        Quartiles of M_jj over the test sounds; for P and the model, the median of |nu_hat - nu|
        among the quarter of them with the highest M_jj over that among the quarter with the lowest;
        and of the model's over P's in either quarter. Mean ± standard deviation over the seeds of
        both.
    """
    P, PNP = study.done("P", pitch, seeds), study.done(model, pitch, seeds)
    pairs = sorted(P.keys() & PNP.keys())
    if not pairs:
        return []
    M, rows = study.test_metric(), []
    for j, name in enumerate(Theta._fields):
        if name == "omega" and pitch == "known":
            continue
        low, middle, high = np.quantile(M[:, j, j], (QUARTER, 0.5, 1 - QUARTER))
        ends = {"lowest": M[:, j, j] <= low, "highest": M[:, j, j] >= high}
        errors = {
            name: {end: [_error(runs[s], j, which) for s in pairs] for end, which in ends.items()}
            for name, runs in (("P", P), (model, PNP))
        }
        row = {"parameter": name, "M_jj, quartiles": f"{low:.2g}, {middle:.2g}, {high:.2g}"}
        for one, error in errors.items():
            row[f"{one}, highest / lowest"] = _ratio(error["highest"], error["lowest"])
        for end in ends:
            row[f"{model} / P, {end}"] = _ratio(errors[model][end], errors["P"][end])
        rows.append(row)
    return rows


def _error(test: dict, j: int, which: np.ndarray) -> float:
    return float(np.median(np.abs(test["nu_hat"] - test["nu"])[which, j]))


def _ratio(above: list[float], below: list[float]) -> str:
    return spread([a / b for a, b in zip(above, below)], ".2f")
