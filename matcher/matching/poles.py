"""Decay rates and frequencies of the damped sines in a recording, by ESPRIT in narrow bands.

ESPRIT (Roy and Kailath 1989, IEEE Trans. ASSP 37, 984) in bands of one spectrum, each decimated to
its own width, as Laroche (1993, J. Acoust. Soc. Am. 94, 1958) proposes for struck instruments. Each
band is analysed over several spans of time, so that long and short tones are found.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.fft

LOWEST_HZ = 20.0  # Hz
HIGHEST_HZ = 7000.0  # Hz: tones above it are heard as noise
NARROWEST_HZ = 90.0  # Hz: width of a band
WIDTH = 0.18  # of its lower edge, where that is more
STEP = 0.75  # of the width, from one band to the next: a quarter overlaps
SIGMA = (0.4, 200.0)  # 1/s: the slowest and the fastest decay that is looked for
SPANS_S = ((0.010, 0.12), (0.012, 0.45), (0.06, 0.9))  # s from the onset
SETTLED = 0.8  # periods of a band's width, after which the onset has passed its filter
INSIDE = 0.55  # widths from the centre of a band: beyond, the next band knows better
QUIETEST = 1e-4  # of the recording's peak: a band with less has nothing to tell
OVER = 2e-3  # of a band's peak: what follows below is left out
MATRIX = 40  # columns of the Hankel matrix, at most
ORDER = 7  # sines in a band and span, at most
LEAST_EIGENVALUE = 3e-4  # of the largest: below, it is noise
SHORTEST = 10  # samples of a decimated band
PADDING_S = 0.05  # s: so that a band does not wrap round


class _Band(NamedTuple):
    """What is cut out of a spectrum for a band."""

    rate: float  # Hz, after decimation
    centre: float  # Hz, which becomes 0
    width: float  # Hz
    lines: slice  # of the spectrum
    places: np.ndarray  # of these lines in the band's own spectrum
    window: np.ndarray  # (lines,)
    size: int


def find(x: np.ndarray, sample_rate: float) -> np.ndarray:
    """Damped sines that may be in a recording: more than there are, some of them several times.

    Args:
        x: (samples,), from the onset.
        sample_rate: Hz.

    Returns:
        Rows of frequency in Hz and decay rate in 1/s, (sines, 2).
    """
    size = scipy.fft.next_fast_len(int(len(x) + PADDING_S * sample_rate))
    spectrum = scipy.fft.rfft(x, size)
    floor = QUIETEST * np.abs(x).max()
    found = [np.zeros((0, 2))]
    for band in _bands(size, sample_rate):
        own = np.zeros(band.size, complex)
        own[band.places] = spectrum[band.lines] * band.window
        y = scipy.fft.ifft(own)[: int(len(x) * band.rate / sample_rate)]
        found += _in_band(y, band, floor)
    return np.concatenate(found)


def _in_band(y: np.ndarray, band: _Band, floor: float) -> list[np.ndarray]:
    """Sines of a band (samples,), in each of SPANS_S: arrays (sines, 2)."""
    level, found = np.abs(y), []
    for begin, end in SPANS_S:
        first = int(max(begin, SETTLED / band.width) * band.rate)
        span = level[first : int(end * band.rate)]
        if len(span) < SHORTEST or (top := span.max()) < floor:
            continue
        n = np.flatnonzero(span > OVER * top)[-1] + 1
        if n < SHORTEST:
            continue
        z = esprit(y[first : first + n])
        sigma = -np.log(np.abs(z)) * band.rate
        offset = np.angle(z) * band.rate / (2 * np.pi)
        inside = (SIGMA[0] < sigma) & (sigma < SIGMA[1]) & (np.abs(offset) < INSIDE * band.width)
        rows = np.stack([band.centre + offset, sigma], axis=1)[inside]
        found.append(rows[rows[:, 0] > LOWEST_HZ])
    return found


def esprit(y: np.ndarray) -> np.ndarray:
    """Poles z of a sum of damped sines a z^n.

    Args:
        y: (samples,) complex.

    Returns:
        (poles,) complex, at most ORDER.
    """
    width = min(len(y) // 2, MATRIX)
    if width < 4:
        return np.zeros(0, complex)
    hankel = np.lib.stride_tricks.sliding_window_view(y, width)
    power, vectors = np.linalg.eigh(hankel.conj().T @ hankel)  # ascending
    order = int(np.clip(np.sum(power > LEAST_EIGENVALUE * power[-1]), 1, min(ORDER, width - 2)))
    signal = vectors[:, ::-1][:, :order].conj()
    poles = np.linalg.eigvals(np.linalg.pinv(signal[:-1]) @ signal[1:])
    return poles[np.abs(poles) > 1e-3]


@lru_cache(8)
def _bands(size: int, sample_rate: float) -> list[_Band]:
    """The bands of a spectrum of `size` samples."""
    out, low = [], LOWEST_HZ + 8.0
    line = sample_rate / size  # Hz
    while low < min(HIGHEST_HZ, 0.45 * sample_rate):
        width = max(NARROWEST_HZ, WIDTH * low)
        centre = round((low + width / 2) / line)
        first = max(1, int(centre - width / line))
        last = min(size // 2, int(centre + width / line))
        lines = np.arange(first, last) - centre
        own = scipy.fft.next_fast_len(int(2.2 * width / line))
        window = np.cos(np.pi / 2 * lines * line / width) ** 2 * 2 / size * own
        out.append(
            _Band(own * line, centre * line, width, slice(first, last), lines % own, window, own)
        )
        low += STEP * width
    return out
