"""Drawing the picture of a match in a process of its own, which loads matplotlib meanwhile."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np

from matcher.matching import confidence, spectrogram
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.hear import to_analysis_rate
from matcher.matching.match import Match
from matcher.matching.shown import Ladder, Scales, Shown, Sound
from matcher.physics import bank, ftm
from matcher.physics.drum import Drum, describe_strike, make_bank
from matcher.physics.theta import describe
from matcher.recording import save_atomically

LONGEST = N_SAMPLES / SAMPLE_RATE  # s: the displayed time, at most the analysed window
LADDER_DB = 50.0  # dB below the loudest where a mode or a partial is not drawn
COMMAND = ("-m", "matcher.matching.picture")  # what the process runs


class Painter:
    """A process that draws one picture; a context manager, which ends it.

    It is told nothing but what to draw, and where it cannot be started or fails, this process draws
    instead: whatever is wrong is then reported from here.
    """

    def __init__(self):
        try:
            self._process = subprocess.Popen(
                [sys.executable, *COMMAND],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def save(self, match: Match, path: Path, title: str) -> None:
        """Draw a match and write it to a PNG file atomically.

        Args:
            match: the match.
            path: path of the file.
            title: text above the picture.

        Raises:
            OSError: if the file cannot be written.
            ValueError: if its folder does not exist.
        """
        shown = shown_of(match, title)
        png = self._drawn(shown)
        if not png:
            from matcher.matching.picture import to_png

            png = to_png(shown)
        save_atomically(path, lambda file: file.write(png))

    def _drawn(self, shown: Shown) -> bytes:
        """The picture as the process draws it; empty where it does not."""
        if self._process is None:
            return b""
        png, _ = self._process.communicate(pickle.dumps(shown))
        return png if self._process.returncode == 0 else b""


def shown_of(match: Match, title: str) -> Shown:
    """What the picture of a match shows; title: text above it."""
    scales = Scales(
        spectrogram.edges_s(), spectrogram.edges_hz(), spectrogram.TICKS_HZ, spectrogram.RANGE_DB
    )
    return Shown(
        title=title,
        distance=match.log_cqt_distance,
        seconds=min(LONGEST, match.hit.observed_s),
        scales=scales,
        recorded=_sound(match.hit.samples, match.hit.sample_rate),
        twin=_sound(match.twin, match.twin_rate),
        ladder=_ladder(match.drum) if match.drum.partials else None,
        words=_words(match),
        no_drum_reason=match.no_drum_reason,
    )


def _sound(x: np.ndarray, sample_rate: float) -> Sound:
    return Sound(x, sample_rate, spectrogram.levels(to_analysis_rate(x, sample_rate)))


def _ladder(drum: Drum) -> Ladder:
    modes, rows = drum.modes(), make_bank(drum, np.inf)
    own = slice(bank.N_MODES, bank.N_MODES + len(drum.partials))
    hz, mode_hz = (omega / (2 * np.pi) for omega in (rows["omega"][own], modes.omega))
    heights = _heights(np.hypot(rows["re"][own], rows["im"][own]))
    parents = np.array([ftm.N_MODES * (p.m - 1) + p.k - 1 for p in drum.partials])
    mode_heights = np.where(np.isin(np.arange(bank.N_MODES), parents), 1, _heights(modes.gain))
    return Ladder(hz, heights, parents, mode_hz, mode_heights)


def _heights(amplitude: np.ndarray) -> np.ndarray:
    """Amplitudes -> 1 for the loudest, down to 0 for what is LADDER_DB below it."""
    db = 20 * np.log10(np.maximum(amplitude, 1e-30) / max(amplitude.max(), 1e-30))
    return np.clip(1 + db / LADDER_DB, 0, 1)


def _words(match: Match) -> list[tuple[str, str, str]]:
    rows = [
        *describe(match.theta),
        *describe_strike(match.drum, match.attack_mix, match.as_recorded),
    ]
    margins = confidence.margins(match.spread).values() if match.spread else []
    for i, margin in enumerate(margins):
        label, value, meaning = rows[i]
        rows[i] = label, value, f"{meaning} ({margin})"
    return rows
