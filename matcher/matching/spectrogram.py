"""Log-frequency spectrograms as people look at them; picture and window draw the same."""

import numpy as np

from matcher.matching.features import SAMPLE_RATE, LogCqt, normalise

RANGE_DB = 60  # that are shown
TICKS_HZ = (31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000)
_CQT = LogCqt(
    f_min=22.45, n_bins=108, bandwidth=0.85, n_frames=200, growth=1.0, reach=5.0, oversampling=1.5
)


def levels(x: np.ndarray) -> np.ndarray:
    """x (samples,) at SAMPLE_RATE -> dB below its loudest place, (bins, frames)."""
    level = 20 * np.log10(_CQT.magnitude(normalise(x)) + 1e-9)
    return level - level.max()


def edges_hz() -> np.ndarray:
    """Borders of the bins, (bins + 1,) Hz."""
    octave = 2 ** (1 / 24)  # half a bin
    return np.append(_CQT.frequencies / octave, _CQT.frequencies[-1] * octave)


def edges_s() -> np.ndarray:
    """Borders of the frames, (frames + 1,) s."""
    return _CQT.edges / SAMPLE_RATE
