"""match.png: the hit and its twin side by side, the drum's partials, and parameters in words."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from matcher.matching import confidence, spectrogram
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.hear import to_analysis_rate
from matcher.matching.match import Match
from matcher.physics import bank, ftm
from matcher.physics.drum import Drum, describe_strike, make_bank
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
WIDTH = 12  # inches
HEIGHTS = (5, 2.2, 2.6)  # of spectrograms, waveforms, words, relative
LADDER = (1.1, 3.2)  # of the ladder of partials and the words, where there are partials
INCHES = 0.82  # height of the whole per unit of HEIGHTS
LADDER_DB = 50.0  # dB below the loudest where a mode or a partial is not drawn
LADDER_HZ = (20, 30, 50, 70, 100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 4000, 5000,
             7000, 10000, 15000, 20000)  # fmt: skip
RUNG = (0.36, 0.64)  # of the ladder's height: where lines from partials to their modes begin, end
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
    """Draw a match: spectrograms, waveforms, a ladder of its partials if any, and parameters."""
    heights = (*HEIGHTS[:-1], *LADDER) if match.drum.partials else HEIGHTS
    figure = Figure(figsize=(WIDTH, round(INCHES * sum(heights), 1)), facecolor=BACKGROUND)
    grid = figure.add_gridspec(
        len(heights), 3, width_ratios=(1, 1, 0.03), height_ratios=heights, hspace=0.42,
        wspace=0.06, left=0.075, right=0.925, top=0.9, bottom=0.03,
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
    if match.drum.partials:
        _ladder(figure.add_subplot(grid[2, :2]), match.drum)
    _words(figure.add_subplot(grid[-1, :2]), match)
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


def _ladder(axes, drum: Drum) -> None:
    """Draw the drum's own partials below the membrane's modes, each joined to its mode."""
    modes, rows = drum.modes(), make_bank(drum, np.inf)
    own = slice(bank.N_MODES, bank.N_MODES + len(drum.partials))
    hz, mode_hz = (omega / (2 * np.pi) for omega in (rows["omega"][own], modes.omega))
    levels = _levels(np.hypot(rows["re"][own], rows["im"][own]))
    parents = np.array([ftm.N_MODES * (p.m - 1) + p.k - 1 for p in drum.partials])
    low, high = RUNG
    mode_levels = np.where(np.isin(np.arange(bank.N_MODES), parents), 1, _levels(modes.gain))
    axes.vlines(mode_hz, 1 - (1 - high) * mode_levels, 1, color=SECONDARY, lw=1, alpha=0.5)
    for frequency, parent, level in zip(hz, parents, levels):
        alpha = 0.3 + 0.7 * level
        axes.plot([mode_hz[parent]] * 2, [high, 1], color=SECONDARY, lw=1.5)
        axes.plot([mode_hz[parent], frequency], [high, low], color=TWIN, lw=1, alpha=alpha)
        axes.plot([frequency] * 2, [low, low * (1 - level)], color=TWIN, lw=2, alpha=alpha)
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


def _levels(amplitude: np.ndarray) -> np.ndarray:
    """Amplitudes -> 1 for the loudest, down to 0 for what is LADDER_DB below it."""
    db = 20 * np.log10(np.maximum(amplitude, 1e-30) / max(amplitude.max(), 1e-30))
    return np.clip(1 + db / LADDER_DB, 0, 1)


def _words(axes, match) -> None:
    axes.axis("off")
    rows = [
        *describe(match.theta),
        *describe_strike(match.drum, match.attack_mix, match.as_recorded),
    ]
    margins = list(confidence.margins(match.spread).values()) if match.spread else []
    step = 1 / max(9, len(rows) + bool(match.no_drum_reason))  # all fit
    for i, (label, value, meaning) in enumerate(rows):
        y = 0.95 - i * step
        if i < len(margins):
            meaning += f" ({margins[i]})"
        axes.text(0.0, y, label, color=SECONDARY, fontsize=11, transform=axes.transAxes)
        axes.text(0.12, y, value, color=TWIN, fontsize=11, transform=axes.transAxes)
        axes.text(0.27, y, meaning, color=TEXT, fontsize=11, transform=axes.transAxes)
    axes.text(
        0.0, 0.95 - len(rows) * step, match.no_drum_reason, color=NO_DRUM, transform=axes.transAxes
    )
