"""Clip -> log-CQT: the one definition that training, matching and the distance all use.

A constant-Q transform after Brown (1991): each band is cut out of one FFT of the clip by a Gaussian
window and inverted at the lowest rate that represents its power without aliasing, so that the mean
power over each time frame is exact.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.fft

from matcher.compiled import native

SAMPLE_RATE = 22050  # Hz: rate of every analysed clip
N_SAMPLES = 2**16  # samples: length of the analysed window, 2.97 s
BINS_PER_OCTAVE = 12  # bins: semitones
FLOOR = 1e-3  # amplitude: log1p(C / FLOOR) is linear below -60 dB, logarithmic above
FFT_ROWS = 4  # rows of float32 that pocketfft transforms at once
NEGLIGIBLE = 1e-20  # power: less is 0, since the smallest float32 numbers are slow to compute with
EPSILON = 1e-12  # power: lower bound before the square root; rounding gives negative powers


@dataclass(frozen=True)
class LogCqt:
    """A constant-Q transform, RMS-pooled over time frames and compressed by log1p."""

    f_min: float  # Hz: centre of the lowest bin
    n_bins: int
    bandwidth: float  # sigma of a bin's Gaussian, as a share of the distance to the next bin
    n_frames: int
    growth: float  # ratio of the lengths of consecutive frames; 1: equal frames
    reach: float = 4.0  # sigma: where a bin's Gaussian is truncated; exp(-8) is -70 dB
    oversampling: float = 1.0  # rate of a band over its width, 2 reach: less aliasing, more time
    sample_rate: ClassVar[float] = SAMPLE_RATE  # Hz
    n_samples: ClassVar[int] = N_SAMPLES  # samples of the window
    padding: ClassVar[int] = 2**14  # zeros after the window, so that no band wraps around

    @cached_property
    def frequencies(self) -> np.ndarray:
        """Centre frequencies of the bins, (n_bins,) Hz."""
        return self.f_min * 2 ** (np.arange(self.n_bins) / BINS_PER_OCTAVE)

    @cached_property
    def edges(self) -> np.ndarray:
        """Edges of the frames, (n_frames + 1,) in samples, from 0 to n_samples."""
        steps = np.concatenate([[0], np.cumsum(self.growth ** np.arange(self.n_frames))])
        return self.n_samples * steps / steps[-1]

    def observed(self, n_samples: int) -> np.ndarray:
        """Share of each frame that is covered by a clip of n_samples, (n_frames,) float32."""
        share = (n_samples - self.edges[:-1]) / np.diff(self.edges)
        return np.clip(share, 0, 1).astype(np.float32)

    def magnitude(self, x: np.ndarray) -> np.ndarray:
        """Transform clips; a sine of amplitude 1 gives 1.

        Args:
            x: (..., samples) at sample_rate, from the onset. Clips shorter than the window are
                padded with zeros, longer ones truncated.

        Returns:
            C, (..., n_bins, n_frames) float32.
        """
        clips = x.reshape(-1, x.shape[-1])
        padded = np.zeros((len(clips), self.n_samples + self.padding), np.float32)
        padded[:, : min(x.shape[-1], self.n_samples)] = clips[:, : self.n_samples]
        spectra = scipy.fft.rfft(padded, axis=-1)
        power = np.empty((len(clips), self.n_bins, self.n_frames), np.float32)
        for bins, take, window, pool in self.plan:
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
        """Clip (samples,) -> log1p(C / FLOOR) of the clip with a peak of 1, (n_bins, n_frames)."""
        return np.log1p(self.magnitude(normalise(x)) / np.float32(FLOOR))

    def features(self, x: np.ndarray) -> np.ndarray:
        """The encoder's input for a clip.

        Channel 0 is the log-CQT; channel 1 is the observed share of each frame, so that the end of
        a short clip is not mistaken for the decay of a damped drum.

        Args:
            x: (samples,) at SAMPLE_RATE, from the onset.

        Returns:
            (2, n_bins, n_frames) float32.
        """
        return stack(self(x), self.observed(len(x)))

    @cached_property
    def plan(self) -> list:
        """Rows of (bins, FFT indices, windows, pooling matrix), one per size of band."""
        length = self.n_samples + self.padding
        hz = self.sample_rate / length  # distance of two lines of the FFT
        sigma = self.bandwidth * (2 ** (1 / BINS_PER_OCTAVE) - 1) * self.frequencies
        half = np.ceil(self.reach * sigma / hz).astype(int)  # lines on each side of the centre
        centre = np.round(self.frequencies / hz).astype(int)
        sizes = np.array([_fast_size(self.oversampling * 2 * h + 1) for h in half])
        plan, distinct = [], np.unique(sizes)
        for size, pool in zip(distinct, self._poolings(distinct, length)):
            bins = np.flatnonzero(sizes == size)
            offset = np.arange(-half[bins].max(), half[bins].max() + 1)
            lines = centre[bins, None] + offset  # (bins, lines)
            gauss = np.exp(
                -0.5 * ((lines * hz - self.frequencies[bins, None]) / sigma[bins, None]) ** 2
            )
            gauss[(np.abs(offset) > half[bins, None]) | (lines < 1) | (lines >= length // 2)] = 0
            window = np.zeros((len(bins), size), np.float32)
            take = np.zeros((len(bins), size), np.intp)
            window[:, offset] = 2 * gauss * size / length  # 2: half of a sine's amplitude is at +f
            take[:, offset] = np.clip(lines, 0, length // 2)
            plan.append((bins, take, window, pool))
        return plan

    def _poolings(self, sizes: np.ndarray, length: int) -> list:
        """Matrices (size, n_frames) from samples of periodic band-limited signals to frame means.

        Args:
            sizes: samples of the signals' period, ascending.
            length: of that period in samples of the window.
        """
        turn = 2 * np.pi * np.arange(sizes[-1] // 2 + 1)[:, None] / length  # (harmonics, 1)
        at_edges = turn * self.edges
        with np.errstate(divide="ignore", invalid="ignore"):  # of harmonic 0
            scale = 1 / (turn * np.diff(self.edges))
            mean = np.diff(np.sin(at_edges)) * scale + 1j * (np.diff(np.cos(at_edges)) * scale)
        mean[0] = 1  # (harmonics, frames), the conjugate of each harmonic's mean
        matrices = []
        for size in sizes:
            own = mean[: size // 2 + 1].copy()
            own[-1] = 0  # the Nyquist harmonic has no sign
            matrices.append(scipy.fft.irfft(own, size, axis=0).astype(np.float32))
        return matrices


@native(fastmath=True)
def _cut_out(spectra, take, window, band):
    """Set band (clips * bins, size) to spectra (clips, lines) at take (bins, size) times window."""
    n_bins = take.shape[0]
    for clip in range(spectra.shape[0]):
        for i in range(n_bins):
            for j in range(take.shape[1]):
                band[clip * n_bins + i, j] = spectra[clip, take[i, j]] * window[i, j]


@native(fastmath=True)
def _square(z, out):
    """Write |z|^2 of the first rows of z to out (rows, size)."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            power = z[i, j].real * z[i, j].real + z[i, j].imag * z[i, j].imag
            out[i, j] = power if power > np.float32(NEGLIGIBLE) else np.float32(0)


def _missing(rows: int) -> int:
    """Rows to append so that the FFT is fast: a single row takes as long as FFT_ROWS together."""
    missing = -rows % FFT_ROWS
    return missing if missing < FFT_ROWS - 1 else 0


def _fast_size(n: int) -> int:
    """The smallest size of at least n of the form 2^k or 3 * 2^k."""
    power = 2 ** int(np.ceil(np.log2(n)))
    return power * 3 // 4 if power * 3 // 4 >= n else power


def stack(log_cqt: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Stack log-CQT (..., bins, frames) and observed (..., frames) to (..., 2, bins, frames)."""
    mask = np.broadcast_to(observed[..., None, :], log_cqt.shape)
    return np.stack([log_cqt, mask], axis=-3, dtype=np.float32)


def normalise(x: np.ndarray) -> np.ndarray:
    """Scale x to a peak of 1; silence is unchanged."""
    peak = np.max(np.abs(x), initial=0)
    return x / peak if peak > 0 else x


# with this reach and oversampling the error is below 0.1 % even where silence follows a hit
DISTANCE = LogCqt(
    f_min=40.0, n_bins=96, bandwidth=0.6, n_frames=64, growth=1.0, reach=5.0, oversampling=1.5
)


def distance(x: np.ndarray, y: np.ndarray) -> float:
    """Log-CQT distance ||C(x) - C(y)|| / ||C(x)||, C being the log-CQT of DISTANCE.

    Args:
        x: (samples,) at SAMPLE_RATE, from the onset; the reference.
        y: (samples,) at SAMPLE_RATE, from the onset.

    Returns:
        0 for equal sounds; 1 is the distance of silence.
    """
    return distance_from(DISTANCE(x), y)


def distance_from(c_x: np.ndarray, y: np.ndarray) -> float:
    """distance(x, y), given C(x) as c_x (bins, frames)."""
    return float(np.linalg.norm(c_x - DISTANCE(y)) / np.linalg.norm(c_x))
