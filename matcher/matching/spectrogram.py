"""Log-frequency spectrograms for display, the same in match.png and in the window."""

import numpy as np
from scipy.sparse import csr_array

from matcher.matching.features import SAMPLE_RATE, LogCqt, normalise

RANGE_DB = 60  # dB: displayed range below the maximum
TICKS_HZ = (31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000)  # Hz: octaves around 1 kHz


class _Display(LogCqt):
    """A transform with many frames, whose means are taken along straight lines between samples.

    Each frame then needs the few samples in it: exact means of so many frames would take two
    seconds to prepare. Bands are sampled often enough for the lines.
    """

    def _poolings(self, sizes: np.ndarray, length: int) -> list[csr_array]:
        return [self._lines(size, length) for size in sizes]

    def _lines(self, size: int, length: int) -> csr_array:
        edges = self.edges * size / length  # in samples of the band
        begin, end = edges[:-1], edges[1:]
        first = np.floor(begin).astype(int)
        n = np.ceil(end).astype(int) - first + 1  # samples of each frame
        frame = np.repeat(np.arange(self.n_frames), n)
        sample = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n - first, n)
        weight = _triangle_until(end[frame] - sample) - _triangle_until(begin[frame] - sample)
        weight /= (end - begin)[frame]
        shape = size, self.n_frames
        return csr_array((weight.astype(np.float32), (sample, frame)), shape=shape)


def _triangle_until(x: np.ndarray) -> np.ndarray:
    """Integral until x of the triangle that is 1 at 0 and 0 from -1 and 1 outwards."""
    x = np.clip(x, -1, 1)
    return np.where(x < 0, (x + 1) ** 2 / 2, 0.5 + x - x**2 / 2)


_CQT = _Display(
    f_min=22.45, n_bins=108, bandwidth=0.85, n_frames=200, growth=1.0, reach=5.0, oversampling=4.0
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
