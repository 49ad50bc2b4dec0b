"""Clip -> log-CQT: the only definition; training, matching and the distance all use it.

Each constant-Q band is cut out of one FFT of the clip by a Gaussian and inverted at the lowest rate
that holds its power without aliasing; its mean over each time frame is then exact.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.fft

from matcher.compiled import native

SAMPLE_RATE = 22050  # Hz, of every clip that is analysed
N_SAMPLES = 2**16  # length of the window, 2.97 s
BINS_PER_OCTAVE = 12
FLOOR = 1e-3  # log1p(C / FLOOR): about linear below -60 dB of the peak, logarithmic above
FFT_ROWS = 4  # of float32, that pocketfft takes at once
EPSILON = 1e-12  # power that keeps the square root away from rounding below zero


@dataclass(frozen=True)
class LogCqt:
    """A constant-Q transform, pooled by RMS in frames of time and compressed by log1p."""

    f_min: float  # centre of the lowest bin, Hz
    n_bins: int
    bandwidth: float  # sigma of a bin's Gaussian, as a share of the distance to the next bin
    n_frames: int
    growth: float  # length of each frame over the one before it; 1 makes them equal
    reach: float = 4.0  # sigma at which a bin's Gaussian is cut: exp(-8) is -70 dB
    oversampling: float = 1.0  # samples of a band over its width, 2 reach: less folding, more time
    n_samples: ClassVar[int] = N_SAMPLES  # of the window
    padding: ClassVar[int] = 2**14  # zeros behind it, so that no band wraps round onto its start

    @cached_property
    def frequencies(self) -> np.ndarray:
        """Centres of the bins, (n_bins,) Hz."""
        return self.f_min * 2 ** (np.arange(self.n_bins) / BINS_PER_OCTAVE)

    @cached_property
    def edges(self) -> np.ndarray:
        """Borders of the frames, (n_frames + 1,) in samples, from 0 to n_samples."""
        steps = np.concatenate([[0], np.cumsum(self.growth ** np.arange(self.n_frames))])
        return self.n_samples * steps / steps[-1]

    def observed(self, n_samples: int) -> np.ndarray:
        """Share of each frame that a clip of n_samples covers, (n_frames,) float32."""
        share = (n_samples - self.edges[:-1]) / np.diff(self.edges)
        return np.clip(share, 0, 1).astype(np.float32)

    def magnitude(self, x: np.ndarray) -> np.ndarray:
        """Clips (..., samples) at SAMPLE_RATE from their onset -> C (..., n_bins, n_frames).

        Shorter clips are padded with zeros, longer ones cut. A sine of amplitude 1 gives 1.
        """
        clips = x.reshape(-1, x.shape[-1])
        padded = np.zeros((len(clips), self.n_samples + self.padding), np.float32)
        padded[:, : min(x.shape[-1], self.n_samples)] = clips[:, : self.n_samples]
        spectra = scipy.fft.rfft(padded, axis=-1)
        power = np.empty((len(clips), self.n_bins, self.n_frames), np.float32)
        for bins, take, window, pool in self._plan:
            rows, size = len(clips) * len(bins), take.shape[1]
            band = np.empty((rows + _missing(rows), size), np.complex64)
            band[rows:] = 0
            _cut_out(spectra, take, window, band)
            band = scipy.fft.ifft(band, axis=-1, overwrite_x=True)
            squares = np.empty((rows, size), np.float32)
            _square(band, squares)
            power[:, bins] = (squares @ pool).reshape(len(clips), len(bins), -1)
        power = power.reshape(*x.shape[:-1], self.n_bins, self.n_frames)
        return np.sqrt(np.maximum(power, EPSILON))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Clip (samples,) -> log1p(C / FLOOR) of the peak-normalised clip, (n_bins, n_frames)."""
        return np.log1p(self.magnitude(normalise(x)) / np.float32(FLOOR))

    def features(self, x: np.ndarray) -> np.ndarray:
        """What the encoder hears of a clip (samples,): (2, n_bins, n_frames) float32.

        Channel 0 is the log-CQT, channel 1 tells which frames were observed, so that the end of a
        short clip is not taken for a damped drum.
        """
        return stack(self(x), self.observed(len(x)))

    @cached_property
    def _plan(self) -> list:
        """For the bins of each band size: (bins, FFT indices, windows, pooling matrix)."""
        length = self.n_samples + self.padding
        hz = SAMPLE_RATE / length  # between two lines of the FFT
        sigma = self.bandwidth * (2 ** (1 / BINS_PER_OCTAVE) - 1) * self.frequencies
        half = np.ceil(self.reach * sigma / hz).astype(int)  # lines on each side of the centre
        centre = np.round(self.frequencies / hz).astype(int)
        sizes = np.array([_fast_size(self.oversampling * 2 * h + 1) for h in half])
        plan = []
        for size in np.unique(sizes):
            bins = np.flatnonzero(sizes == size)
            offset = np.arange(-half[bins].max(), half[bins].max() + 1)
            lines = centre[bins, None] + offset  # (bins, lines)
            gauss = np.exp(
                -0.5 * ((lines * hz - self.frequencies[bins, None]) / sigma[bins, None]) ** 2
            )
            gauss[(np.abs(offset) > half[bins, None]) | (lines < 1) | (lines >= length // 2)] = 0
            window = np.zeros((len(bins), size), np.float32)
            take = np.zeros((len(bins), size), np.intp)
            window[:, offset] = 2 * gauss * size / length  # 2: a sine has half of itself at +f
            take[:, offset] = np.clip(lines, 0, length // 2)
            plan.append((bins, take, window, self._pooling(size, length)))
        return plan

    def _pooling(self, size: int, length: int) -> np.ndarray:
        """(size, n_frames): from samples of a periodic band-limited signal to its frame means."""
        q = np.arange(size // 2 + 1)[:, None]  # harmonics of the window's length
        turn = 2j * np.pi * q / length
        a, b = self.edges[:-1], self.edges[1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (np.exp(turn * b) - np.exp(turn * a)) / (turn * (b - a))  # (harmonics, frames)
        mean[0] = 1
        mean[size // 2] = 0  # the Nyquist harmonic has no sign
        return scipy.fft.irfft(mean.conj(), size, axis=0).astype(np.float32)


@native(fastmath=True)
def _cut_out(spectra, take, window, band):
    """band (clips * bins, size) = spectra (clips, lines) at take (bins, size), times window."""
    n_bins = take.shape[0]
    for clip in range(spectra.shape[0]):
        for i in range(n_bins):
            for j in range(take.shape[1]):
                band[clip * n_bins + i, j] = spectra[clip, take[i, j]] * window[i, j]


@native(fastmath=True)
def _square(z, out):
    """out = |z|^2, of as many rows as out (rows, size) has."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = z[i, j].real * z[i, j].real + z[i, j].imag * z[i, j].imag


def _missing(rows: int) -> int:
    """Rows to add: the last ones, one by one, take as long each as FFT_ROWS together."""
    missing = -rows % FFT_ROWS
    return missing if missing < FFT_ROWS - 1 else 0


def _fast_size(n: int) -> int:
    """The smallest even size of the form 2^k or 3 * 2^k that holds n."""
    power = 2 ** int(np.ceil(np.log2(n)))
    return power * 3 // 4 if power * 3 // 4 >= n else power


def stack(log_cqt: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """(..., bins, frames) and (..., frames) -> the two channels (..., 2, bins, frames)."""
    mask = np.broadcast_to(observed[..., None, :], log_cqt.shape)
    return np.stack([log_cqt, mask], axis=-3, dtype=np.float32)


def normalise(x: np.ndarray) -> np.ndarray:
    """Divide by the largest magnitude; silence stays as it is."""
    peak = np.max(np.abs(x), initial=0)
    return x / peak if peak > 0 else x


# reach and oversampling: within 0.1 % of the definition even where a hit is followed by silence
DISTANCE = LogCqt(
    f_min=40.0, n_bins=96, bandwidth=0.6, n_frames=64, growth=1.0, reach=5.0, oversampling=1.5
)


def distance(x: np.ndarray, y: np.ndarray) -> float:
    """log-CQT distance of y from x, both (samples,) at SAMPLE_RATE from their onset.

    ||C(x) - C(y)|| / ||C(x)||: 0 is the same sound, 1 is as far as silence.
    """
    return distance_from(DISTANCE(x), y)


def distance_from(c_x: np.ndarray, y: np.ndarray) -> float:
    """distance(x, y) where C(x), (bins, frames), is known already."""
    return float(np.linalg.norm(c_x - DISTANCE(y)) / np.linalg.norm(c_x))
