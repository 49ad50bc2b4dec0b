"""The knob As recorded on matched recordings: python -m tests.live.as_recorded FILE [FOLDER]

Prints how the level changes in ten steps, with random drums and the recordings of a folder as well,
and draws docs/as-recorded.png.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from matcher.kits.kit import Pad, for_pad
from matcher.live import programs, voices
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.hear import to_analysis_rate
from matcher.matching.match import MatchOptions, match_file
from matcher.matching.picture import BACKGROUND, LINE, SECONDARY, TEXT
from matcher.matching.spectrogram import RANGE_DB, TICKS_HZ, edges_hz, edges_s, levels
from matcher.physics.drum import Drum
from matcher.recording import save_atomically
from tests.conftest import DATA
from tests.physics.recorded import recorded

RATE = 48000
BLOCK = 480  # frames
RECORDINGS = {
    "kick": "kick_heavy_clipped.flac",
    "snare": "snare_kit.flac",
    "tenor": "marching_tenor.flac",
}
STEPS = np.linspace(0, 1, 11)  # of the knob
SHOWN = (  # title, as recorded, ratio of the pitch
    ("membrane, 0 %", 0.0, 1.0),
    ("50 %", 0.5, 1.0),
    ("as recorded, 100 %", 1.0, 1.0),
    ("pitch times 0.8", 1.0, 0.8),
    ("pitch times 1.25", 1.0, 1.25),
)
N_RANDOM = 40  # drums, each with 16 partials
SECONDS = {"kick": 0.6, "snare": 0.6, "tenor": 1.0}


def matched(name: str) -> Drum:
    """The drum of a recording in tests/data, as a pad has it."""
    return for_pad(match_file(DATA / RECORDINGS[name], MatchOptions(effort="normal")).drum)


def played(drum: Drum, as_recorded: float, seconds: float = 1.0) -> np.ndarray:
    """A stroke of a pad's voice, (samples,) at RATE."""
    pool = voices.make_pool(RATE)
    record = pool[0]
    programs.write_pad(record["pads"][0], Pad(36), RATE)
    programs.write_program(record["programs"][0], drum, 1.0, RATE, as_recorded)
    voices.set_program(record, 0, 0)
    voices.strike(record, 0, 1.0)
    out = np.zeros((2, round(seconds * RATE)), np.float32)
    for start in range(0, out.shape[1], BLOCK):
        voices.render(record, *out[:, start : start + BLOCK])
    return out[0]


def levels_db(drum: Drum) -> np.ndarray:
    """Energy and peak of a stroke at each of STEPS, (11, 2) dB."""
    strokes = np.array([played(drum, share) for share in STEPS], float)
    energy, peak = np.sum(strokes**2, axis=1), np.max(np.abs(strokes), axis=1)
    return np.stack([10 * np.log10(energy), 20 * np.log10(peak)], axis=1)


def largest_steps_db(drum: Drum) -> np.ndarray:
    """Largest steps of energy and peak between STEPS, (2,) dB."""
    return np.abs(np.diff(levels_db(drum), axis=0)).max(axis=0)


def drums_of(folder: Path) -> list[Drum]:
    """Matched drums of the recordings in a folder, those that have partials of their own."""
    options = MatchOptions(effort="normal")
    found = [for_pad(match_file(path, options).drum) for path in sorted(folder.glob("*.flac"))]
    return [drum for drum in found if drum.partials]


def print_steps(title: str, drums: list[Drum]) -> None:
    """Print the largest steps of some drums: the median and the worst."""
    steps = np.array([largest_steps_db(drum) for drum in drums])
    median, worst = np.median(steps, axis=0).round(2), steps.max(axis=0).round(2)
    print(f"{len(drums)} {title}: energy and peak, median {median}, worst {worst} dB")


def draw(drums: dict[str, Drum]) -> Figure:
    """Spectrograms of each drum (rows) at each of SHOWN (columns)."""
    figure = Figure(figsize=(10, 5), facecolor=BACKGROUND, layout="constrained")
    grid = figure.subplots(len(drums), len(SHOWN), squeeze=False)
    for axes, (title, _, _) in zip(grid[0], SHOWN):
        axes.set_title(title, color=TEXT, fontsize=9)
    for row, (name, drum) in zip(grid, drums.items()):
        for axes, (_, share, ratio) in zip(row, SHOWN):
            turned = drum.with_value("omega", ratio * drum.theta.omega)
            x = to_analysis_rate(played(turned, share, N_SAMPLES / SAMPLE_RATE), RATE)
            shown = levels(x)
            axes.pcolormesh(edges_s(), edges_hz(), shown, vmin=-RANGE_DB, vmax=0, rasterized=True)
            axes.set(yscale="log", xlim=(0, SECONDS[name]), facecolor=BACKGROUND)
            axes.set_yticks(TICKS_HZ[1::2], [f"{hz:g}" for hz in TICKS_HZ[1::2]])
            axes.minorticks_off()
            axes.tick_params(colors=SECONDARY, labelsize=7, labelleft=axes is row[0])
            axes.axhline(turned.theta.pitch_hz, color=TEXT, linewidth=0.6, linestyle=":")
            for spine in axes.spines.values():
                spine.set_edgecolor(LINE)
        row[0].set_ylabel(f"{name}, Hz", color=TEXT, fontsize=9)
    grid[-1, -1].set_xlabel("s", color=SECONDARY, fontsize=8)
    return figure


if __name__ == "__main__":
    found = {name: matched(name) for name in RECORDINGS}
    for name, drum in found.items():
        print(f"{name}: largest step of energy and peak {largest_steps_db(drum).round(2)} dB")
    print_steps("random drums", [recorded(seed, 0.2 * (seed % 2)) for seed in range(N_RANDOM)])
    for folder in sys.argv[2:]:
        print_steps(f"drums of {folder}", drums_of(Path(folder)))
    picture = draw(found)
    save_atomically(Path(sys.argv[1]), lambda file: picture.savefig(file, format="png", dpi=100))
