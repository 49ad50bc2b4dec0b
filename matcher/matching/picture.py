"""match.png: the hit and its twin side by side, the drum's partials, and parameters in words.

As a program it reads one pickled Shown from its standard input and writes the PNG file to its
standard output (painter.py).
"""

import io
import pickle
import signal
import sys

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from matcher.matching.shown import Ladder, Shown, Sound

BACKGROUND = "#16181d"
PANEL = "#1f232b"
LINE = "#353b47"
TEXT = "#e8eaee"
SECONDARY = "#a3abb8"
RECORDED = "#ffb02e"
TWIN = "#4cc2ff"
NO_DRUM = "#ff7a7a"
WIDTH = 12  # inches
HEIGHTS = (5, 2.2, 2.6)  # of spectrograms, waveforms, words, relative
LADDER = (1.1, 3.2)  # of the ladder of partials and the words, where there are partials
INCHES = 0.82  # height of the whole per unit of HEIGHTS
LADDER_HZ = (20, 30, 50, 70, 100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 4000, 5000,
             7000, 10000, 15000, 20000)  # fmt: skip
RUNG = (0.36, 0.64)  # of the ladder's height: where lines from partials to their modes begin, end


def to_png(shown: Shown) -> bytes:
    """The picture of a match as a PNG file."""
    file = io.BytesIO()
    draw(shown).savefig(file, format="png", dpi=100)
    return file.getvalue()


def draw(shown: Shown) -> Figure:
    """Draw a match: spectrograms, waveforms, a ladder of its partials if any, and parameters."""
    heights = (*HEIGHTS[:-1], *LADDER) if shown.ladder else HEIGHTS
    figure = Figure(figsize=(WIDTH, round(INCHES * sum(heights), 1)), facecolor=BACKGROUND)
    grid = figure.add_gridspec(
        len(heights), 3, width_ratios=(1, 1, 0.03), height_ratios=heights, hspace=0.42,
        wspace=0.06, left=0.075, right=0.925, top=0.9, bottom=0.03,
    )  # fmt: skip
    figure.suptitle(shown.title, color=TEXT, fontsize=15, x=0.075, ha="left")
    figure.text(
        0.925, 0.955, f"log-CQT distance {shown.distance:.2f}", color=SECONDARY,
        fontsize=12, ha="right",
    )  # fmt: skip
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    _spectrogram(left, shown, shown.recorded)
    image = _spectrogram(right, shown, shown.twin)
    left.set_title("Recorded", color=RECORDED, loc="left")
    right.set_title("Twin", color=TWIN, loc="left")
    left.set_ylabel("Frequency (Hz)", color=SECONDARY)
    right.tick_params(labelleft=False)
    bar = figure.colorbar(image, cax=figure.add_subplot(grid[0, 2]))
    bar.set_label("dB relative to the maximum", color=SECONDARY)
    bar.ax.tick_params(colors=SECONDARY)
    bar.outline.set_edgecolor(LINE)
    _waveforms(figure.add_subplot(grid[1, :2]), shown)
    if shown.ladder:
        _ladder(figure.add_subplot(grid[2, :2]), shown.ladder)
    _words(figure.add_subplot(grid[-1, :2]), shown)
    return figure


def _style(axes) -> None:
    axes.set_facecolor(PANEL)
    axes.tick_params(colors=SECONDARY)
    for spine in axes.spines.values():
        spine.set_edgecolor(LINE)


def _spectrogram(axes, shown: Shown, sound: Sound):
    """Draw the level of a sound in dB over time and log frequency."""
    edges_s, edges_hz, ticks_hz, range_db = shown.scales
    image = axes.pcolormesh(
        edges_s, edges_hz, sound.levels, cmap="magma", vmin=-range_db, vmax=0, rasterized=True
    )
    axes.set(yscale="log", xlim=(0, shown.seconds), ylim=(edges_hz[0], edges_hz[-1]))
    axes.yaxis.set_major_locator(FixedLocator(ticks_hz))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda hz, _: f"{hz:g}"))
    axes.set_xlabel("Time (s)", color=SECONDARY)
    _style(axes)
    axes.set_facecolor("black")
    return image


def _waveforms(axes, shown: Shown) -> None:
    rows = (shown.recorded, RECORDED, "recorded"), (shown.twin, TWIN, "twin")
    for (x, rate, _), colour, label in rows:
        x = x[: int(shown.seconds * rate)]
        axes.plot(np.arange(len(x)) / rate, x, color=colour, lw=0.8, alpha=0.75, label=label)
    peak = 1.05 * float(np.abs(shown.recorded.samples).max())
    axes.set(xlim=(0, shown.seconds), ylim=(-peak, peak))
    axes.set_xlabel("Time (s)", color=SECONDARY)
    axes.set_ylabel("Amplitude", color=SECONDARY)
    axes.legend(loc="upper right", ncols=2, frameon=False, labelcolor="linecolor")
    _style(axes)


def _ladder(axes, ladder: Ladder) -> None:
    """Draw the drum's own partials below the membrane's modes, each joined to its mode."""
    hz, heights, parents, mode_hz, mode_heights = ladder
    low, high = RUNG
    axes.vlines(mode_hz, 1 - (1 - high) * mode_heights, 1, color=SECONDARY, lw=1, alpha=0.5)
    for frequency, parent, height in zip(hz, parents, heights):
        alpha = 0.3 + 0.7 * height
        axes.plot([mode_hz[parent]] * 2, [high, 1], color=SECONDARY, lw=1.5)
        axes.plot([mode_hz[parent], frequency], [high, low], color=TWIN, lw=1, alpha=alpha)
        axes.plot([frequency] * 2, [low, low * (1 - height)], color=TWIN, lw=2, alpha=alpha)
    ends = np.concatenate([hz, mode_hz[parents]])
    axes.set(xscale="log", xlim=(ends.min() / 1.1, ends.max() * 1.1), ylim=(0, 1))
    axes.xaxis.set_major_locator(FixedLocator(LADDER_HZ))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda hz, _: f"{hz:g}"))
    axes.set_xlabel("Frequency (Hz)", color=SECONDARY)
    axes.set_yticks([low / 2, (1 + high) / 2], ["own", "ideal"])
    title = "The drum's own partials, joined to the modes of the ideal membrane"
    axes.set_title(title, color=SECONDARY, loc="left", fontsize=10)
    _style(axes)


def _words(axes, shown: Shown) -> None:
    axes.axis("off")
    step = 1 / max(9, len(shown.words) + bool(shown.no_drum_reason))  # all fit
    for i, (label, value, meaning) in enumerate(shown.words):
        y = 0.95 - i * step
        axes.text(0.0, y, label, color=SECONDARY, fontsize=11, transform=axes.transAxes)
        axes.text(0.12, y, value, color=TWIN, fontsize=11, transform=axes.transAxes)
        axes.text(0.27, y, meaning, color=TEXT, fontsize=11, transform=axes.transAxes)
    y = 0.95 - len(shown.words) * step
    axes.text(0.0, y, shown.no_drum_reason, color=NO_DRUM, transform=axes.transAxes)


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked for the picture is told as well
    try:
        shown = pickle.load(sys.stdin.buffer)
    except EOFError:  # there is nothing to draw
        return
    sys.stdout.buffer.write(to_png(shown))


if __name__ == "__main__":
    _main()
