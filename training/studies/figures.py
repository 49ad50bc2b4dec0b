"""The figures of docs/study.md and docs/quality.md."""

import numpy as np
from matplotlib.figure import Figure

from matcher.matching.task import STAGES

# blue and orange, told apart in any kind of colour vision; grey for references
COLOURS = ("#0b6fb8", "#d1480f")
GREY, BAND = "#555555", "#c9d6e2"


def distances(measured: dict[str, dict[str, tuple[float, float]]], name: str) -> Figure:
    """Mean distance of each model, with bars of two standard errors either way.

    Args:
        measured: {pitch setting: {model: (mean, standard error)}}; models are drawn in the order of
            the first setting.
        name: Of the distance.
    """
    names = list(dict.fromkeys(name for models in measured.values() for name in models))
    figure = Figure(figsize=(9, 0.8 + 0.32 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    for (pitch, models), colour, mark, shift in zip(measured.items(), COLOURS, "os", (-0.12, 0.12)):
        rows = [names.index(name) + shift for name in models]
        mean, error = np.array(list(models.values())).T
        axes.errorbar(mean, rows, xerr=2 * error, fmt=mark, color=colour, label=f"pitch {pitch}",
                      markersize=5, capsize=2)  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(f"{name} distance of 1,024 test sounds, mean ± 2 standard errors")
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    axes.legend(frameon=False)
    return figure


def damping(runs: dict[str, list[dict]], eigenvalues: np.ndarray) -> Figure:
    """lambda over the epochs, and the undamped loss of PNP on validation sounds.

    Args:
        runs: {run: history, one dict an epoch}.
        eigenvalues: Of M, (sounds, 5). Bands are their 10th to 90th percentiles, lines medians.
    """
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    low, middle, high = np.quantile(eigenvalues, [0.1, 0.5, 0.9], axis=0)
    for i in range(5):
        left.axhspan(max(low[i], 1e-3), high[i], color=BAND, alpha=0.45, lw=0)
        left.axhline(middle[i], color=GREY, lw=0.6)
        left.annotate(
            f"eigenvalue {i + 1}", (1.0, middle[i]), xycoords=("axes fraction", "data"),
            ha="right", va="bottom", fontsize=7, color=GREY, annotation_clip=True,
        )  # fmt: skip
    for (name, history), style in zip(runs.items(), ("-", "--", ":", "-.")):
        epochs = [row["epoch"] for row in history]
        left.plot(epochs, [row["damping"] for row in history], style, label=name)
        right.plot(epochs, [row["validation_loss"] for row in history], style, label=name)
    left.set(title="lambda, and the eigenvalues of M", yscale="log", xlabel="epoch")
    left.set_ylim(bottom=0.3)
    right.set(title="undamped PNP of validation sounds", yscale="log", xlabel="epoch")
    right.legend(frameon=False, fontsize=8)
    return figure


def reach(quantiles: dict[str, np.ndarray], steps) -> Figure:
    """How |dPhi|^2 as each metric predicts it compares with the truth.

    Args:
        quantiles: As metric_quality.reach returns them.
        steps: |d| of each quantile, in nu.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, len(quantiles), sharey=True)
    for axes, (name, values) in zip(panels, quantiles.items()):
        low, middle, high, _ = np.asarray(values).T
        axes.fill_between(steps, low, high, color=BAND)
        axes.plot(steps, middle, "o-", color=COLOURS[0], markersize=4)
        axes.axhline(1, color=GREY, lw=0.8)
        axes.set(title=name, xscale="log", yscale="log", xlabel="|d|, in nu")
    panels[0].set_ylabel("predicted / true squared distance")
    return figure


def robustness(lines: list[dict], curves: dict[str, tuple[float, ...]]) -> Figure:
    """Distances of each stage over the strength of each degradation.

    Args:
        lines: As robustness.summarise returns them.
        curves: {axis label: values}.
    """
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    for axes, (axis, values) in zip(figure.subplots(2, 3, sharey=True).flat, curves.items()):
        rows = [line for line in lines if line["curve"] == axis]
        for stage, colour in zip(STAGES, (GREY, *COLOURS)):
            axes.plot(values, [row[stage] for row in rows], "o-", color=colour, label=stage)
            worse = [row[f"{stage}, 90th"] for row in rows]
            axes.plot(values, worse, ":", color=colour)
        if axis.endswith(", s"):
            axes.set_xscale("log")
        axes.set(xlabel=axis, ylim=(0, 1.2))
        axes.grid(color="#dddddd")
    figure.supylabel("log-CQT distance from the recording as it was (dotted: 90th percentile)")
    figure.axes[0].legend(frameon=False)
    return figure
