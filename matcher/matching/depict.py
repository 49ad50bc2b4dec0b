"""What the picture of a match shows, made of the match."""

import numpy as np

from matcher.matching import confidence, spectrogram
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.hear import to_analysis_rate
from matcher.matching.match import Match
from matcher.matching.shown import Ladder, Scales, Shown, Sound
from matcher.physics import bank, ftm
from matcher.physics.drum import Drum, describe_strike, make_bank
from matcher.physics.theta import describe

LONGEST = N_SAMPLES / SAMPLE_RATE  # s: the displayed time, at most the analysed window
LADDER_DB = 50.0  # dB below the loudest where a mode or a partial is not drawn


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
