"""match.png: the hit and its twin side by side, and the parameters in words."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from matcher.matching import confidence, spectrogram
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.hear import to_analysis_rate
from matcher.matching.match import Match
from matcher.physics.drum import describe_strike
from matcher.physics.theta import describe
from matcher.recording import save_atomically

BACKGROUND = "#16181d"
PANEL = "#1f232b"
LINE = "#353b47"
TEXT = "#e8eaee"
SECONDARY = "#a3abb8"
RECORDED = "#ffb02e"
TWIN = "#4cc2ff"
NO_DRUM = "#ff7a7a"
LONGEST = N_SAMPLES / SAMPLE_RATE  # s: the displayed time, at most the analysed window


def save_picture(match: Match, path, title: str) -> None:
    """Draw a match and write it to a PNG file atomically.

    Args:
        match: the match.
        path: path of the file.
        title: text above the picture.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if its folder does not exist.
    """
    figure = draw(match, title)
    save_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))


def draw(match: Match, title: str) -> Figure:
    """Draw a match: spectrograms, waveforms and parameters, 12 x 8 inches."""
    figure = Figure(figsize=(12, 8), facecolor=BACKGROUND)
    grid = figure.add_gridspec(
        3, 3, width_ratios=(1, 1, 0.03), height_ratios=(5, 2.2, 2.6), hspace=0.42, wspace=0.06,
        left=0.075, right=0.925, top=0.9, bottom=0.03,
    )  # fmt: skip
    seconds = min(LONGEST, match.hit.observed_s)
    figure.suptitle(title, color=TEXT, fontsize=15, x=0.075, ha="left")
    figure.text(
        0.925, 0.955, f"log-CQT distance {match.log_cqt_distance:.2f}", color=SECONDARY,
        fontsize=12, ha="right",
    )  # fmt: skip
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    _spectrogram(left, match.hit.samples, match.hit.sample_rate, seconds)
    image = _spectrogram(right, match.twin, match.twin_rate, seconds)
    left.set_title("Recorded", color=RECORDED, loc="left")
    right.set_title("Twin", color=TWIN, loc="left")
    left.set_ylabel("Frequency (Hz)", color=SECONDARY)
    right.tick_params(labelleft=False)
    bar = figure.colorbar(image, cax=figure.add_subplot(grid[0, 2]))
    bar.set_label("dB relative to the maximum", color=SECONDARY)
    bar.ax.tick_params(colors=SECONDARY)
    bar.outline.set_edgecolor(LINE)
    _waveforms(figure.add_subplot(grid[1, :2]), match, seconds)
    _words(figure.add_subplot(grid[2, :2]), match)
    return figure


def _style(axes) -> None:
    axes.set_facecolor(PANEL)
    axes.tick_params(colors=SECONDARY)
    for spine in axes.spines.values():
        spine.set_edgecolor(LINE)


def _spectrogram(axes, x, sample_rate, seconds):
    """Draw the level of x in dB over time and log frequency."""
    level = spectrogram.levels(to_analysis_rate(x, sample_rate))
    edges = spectrogram.edges_hz()
    image = axes.pcolormesh(
        spectrogram.edges_s(),
        edges,
        level,
        cmap="magma",
        vmin=-spectrogram.RANGE_DB,
        vmax=0,
        rasterized=True,
    )
    axes.set(yscale="log", xlim=(0, seconds), ylim=(edges[0], edges[-1]))
    axes.yaxis.set_major_locator(FixedLocator(spectrogram.TICKS_HZ))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda hz, _: f"{hz:g}"))
    axes.set_xlabel("Time (s)", color=SECONDARY)
    _style(axes)
    axes.set_facecolor("black")
    return image


def _waveforms(axes, match, seconds) -> None:
    rows = (
        (match.hit.samples, match.hit.sample_rate, RECORDED, "recorded"),
        (match.twin, match.twin_rate, TWIN, "twin"),
    )
    for x, rate, colour, label in rows:
        x = x[: int(seconds * rate)]
        axes.plot(np.arange(len(x)) / rate, x, color=colour, lw=0.8, alpha=0.75, label=label)
    peak = 1.05 * float(np.abs(match.hit.samples).max())
    axes.set(xlim=(0, seconds), ylim=(-peak, peak))
    axes.set_xlabel("Time (s)", color=SECONDARY)
    axes.set_ylabel("Amplitude", color=SECONDARY)
    axes.legend(loc="upper right", ncols=2, frameon=False, labelcolor="linecolor")
    _style(axes)


def _words(axes, match) -> None:
    axes.axis("off")
    rows = [*describe(match.theta), *describe_strike(match.drum, match.attack_mix)]
    margins = list(confidence.margins(match.spread).values()) if match.spread else []
    for i, (label, value, meaning) in enumerate(rows):
        y = 0.95 - i / 9
        if i < len(margins):
            meaning += f" ({margins[i]})"
        axes.text(0.0, y, label, color=SECONDARY, fontsize=11, transform=axes.transAxes)
        axes.text(0.12, y, value, color=TWIN, fontsize=11, transform=axes.transAxes)
        axes.text(0.27, y, meaning, color=TEXT, fontsize=11, transform=axes.transAxes)
    axes.text(
        0.0, 0.95 - len(rows) / 9, match.no_drum_reason, color=NO_DRUM, transform=axes.transAxes
    )
