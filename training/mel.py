"""Log-mel spectra and mel-frequency cepstra of drum sounds, and their distances."""

from functools import cache

import numpy as np
import scipy.fft

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE

RATE = 44100  # Hz: noise above 11 kHz is heard as well
LENGTH = N_SAMPLES * RATE // SAMPLE_RATE  # samples: the analysed window, 2.97 s
N_FFT = 2048  # samples, 46 ms
HOP = 512  # samples, 12 ms
N_FRAMES = 1 + LENGTH // HOP
N_MELS = 128
FLOOR_DB = 80.0  # dB below the reference's loudest cell, where silence begins
N_MFCC = 20  # coefficients, the zeroth (level) among them
SILENCE = 1e-12  # power: its logarithm is far below every floor


def log_mel(x: np.ndarray) -> np.ndarray:
    """Log-mel spectrum of a sound of at most LENGTH samples at RATE; silence follows it.

    Returns:
        dB, (N_MELS, N_FRAMES) float32.
    """
    padded = np.zeros(LENGTH + N_FFT, np.float32)
    padded[N_FFT // 2 : N_FFT // 2 + len(x)] = x  # frames are centred, the first on the onset
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    spectra = scipy.fft.rfft(frames * np.hanning(N_FFT + 1)[:-1].astype(np.float32), axis=1)
    power = filters() @ (np.abs(spectra) ** 2).T
    return 10 * np.log10(np.maximum(power, SILENCE))


def log_mel_distance(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Root mean square difference of log-mel spectra, with a floor under both.

    The floor is FLOOR_DB below the reference's loudest cell. Squares of all cells are added up and
    divided by the number of those in which the reference is above it: silence after both sounds
    counts nothing, what one does while the other is silent counts.

    Args:
        reference: (N_MELS, frames), as `log_mel` makes it.
        other: (..., N_MELS, frames).

    Returns:
        dB, (...).
    """
    reference, other, audible = _floored(reference, other)
    return np.sqrt(((reference - other) ** 2).sum(axis=(-2, -1)) / audible.sum())


def mfcc_distance(reference: np.ndarray, other: np.ndarray) -> float:
    """Mean Euclidean distance of mel-frequency cepstra over the frames that are audible.

    Args:
        reference: As of `log_mel_distance`, with the same floor; its frames with a cell above it
            are those that the sum over all is divided by.
        other: (N_MELS, frames).
    """
    reference, other, audible = _floored(reference, other)
    cepstrum = scipy.fft.dct(reference - other, axis=0, norm="ortho")[:N_MFCC]
    return float(np.linalg.norm(cepstrum, axis=0).sum() / audible.any(axis=0).sum())


@cache
def filters() -> np.ndarray:
    """Triangles of equal area on the mel scale (Slaney 1998), (N_MELS, lines) float32."""
    edges = mel_to_hz(np.linspace(0, hz_to_mel(RATE / 2), N_MELS + 2))
    hz = np.arange(N_FFT // 2 + 1) * RATE / N_FFT
    rising = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def hz_to_mel(hz):
    """Slaney's mel scale: linear to 1 kHz, 15 mel; then 27 mel for each factor of 6.4."""
    return np.where(np.less(hz, 1000), 0.015 * np.asarray(hz),
                    15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))  # fmt: skip


def mel_to_hz(mel):
    """The inverse of hz_to_mel."""
    return np.where(np.less(mel, 15), np.asarray(mel) / 0.015,
                    1000 * 6.4 ** ((np.asarray(mel) - 15) / 27))  # fmt: skip


def _floored(reference: np.ndarray, other: np.ndarray):
    """Both with their floor, and where the reference is above it."""
    floor = reference.max() - np.float32(FLOOR_DB)
    return np.maximum(reference, floor), np.maximum(other, floor), reference > floor
