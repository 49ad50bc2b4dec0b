"""Log-frequency spectrograms for display, the same in match.png and in the window."""

import numpy as np

from matcher.matching.features import SAMPLE_RATE, LogCqt, normalise

RANGE_DB = 60  # dB: displayed range below the maximum
TICKS_HZ = (31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000)  # Hz: octaves around 1 kHz
_CQT = LogCqt(
    f_min=22.45, n_bins=108, bandwidth=0.85, n_frames=200, growth=1.0, reach=5.0, oversampling=1.5
)


def levels(x: np.ndarray) -> np.ndarray:
    """x (samples,) at SAMPLE_RATE -> level in dB relative to its maximum, (bins, frames)."""
    level = 20 * np.log10(_CQT.magnitude(normalise(x)) + 1e-9)
    return level - level.max()


def edges_hz() -> np.ndarray:
    """Edges of the bins, (bins + 1,) Hz."""
    half_bin = 2 ** (1 / 24)  # frequency ratio of half a bin
    return np.append(_CQT.frequencies / half_bin, _CQT.frequencies[-1] * half_bin)


def edges_s() -> np.ndarray:
    """Edges of the frames, (frames + 1,) s."""
    return _CQT.edges / SAMPLE_RATE
