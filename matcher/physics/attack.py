"""The attack: what stick, wires and skin add to the modes, as bands of noise that die away.

Each band has an envelope whose power is a sum of decays, so that its powers enter the power of the
sound linearly. The noise is the same at every sample rate: a sum of sines of random phase, on the
harmonics of a period of PERIOD_S.
"""

from functools import lru_cache

import numpy as np
import scipy.fft

LOWEST_HZ, OCTAVES = 40.0, 8.0  # that the bands cover together
N_BANDS = 12
DECAYS_S = (0.008, 0.025, 0.07, 0.2, 0.6)  # of amplitude
N_DECAYS = len(DECAYS_S)
PERIOD_S = 2**16 / 22050  # of the noise
RISE_S = 0.0005  # in which it begins, so that it does not click
SEED = 20231
SHAPE = (N_BANDS, N_DECAYS)  # of powers
LOUDEST = 1e6  # level


@lru_cache(4)
def noise(sample_rate: float) -> np.ndarray:
    """One period of each band, (N_BANDS, samples) float32 of RMS 1 where all of it can be heard.

    Neighbouring bands overlap by half: their powers add up to a flat spectrum over the octave.
    """
    n = round(PERIOD_S * sample_rate)
    rng = np.random.default_rng(SEED)
    hz = np.arange(1, int(2 * LOWEST_HZ * 2**OCTAVES * PERIOD_S)) / PERIOD_S
    phase = np.exp(2j * np.pi * rng.random(len(hz)))
    place = np.log2(hz / LOWEST_HZ) / OCTAVES * N_BANDS - 0.5  # band 0 has its middle at 0
    out = np.empty((N_BANDS, n), np.float32)
    for band in range(N_BANDS):
        distance = np.clip(np.abs(place - band), 0, 1)
        lines = np.cos(np.pi / 2 * distance) * phase
        lines *= np.sqrt(2 / np.sum(np.abs(lines) ** 2))  # sines of this amplitude: RMS 1
        spectrum = np.zeros(n // 2 + 1, complex)
        heard = min(len(lines), (n - 1) // 2)
        spectrum[1 : heard + 1] = lines[:heard] * n / 2
        out[band] = scipy.fft.irfft(spectrum, n)
    return out


def envelopes(powers: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Amplitudes (N_BANDS, times) of bands with powers SHAPE, the power of each decay at 0 s."""
    decay = np.exp(-2 * seconds / np.array(DECAYS_S)[:, None])  # (N_DECAYS, times)
    return rise(seconds) * np.sqrt(np.maximum(powers @ decay, 0))


def rise(seconds: np.ndarray) -> np.ndarray:
    """How far the noise has begun, in amplitude, 0 to 1."""
    return np.minimum(seconds / RISE_S, 1)


def render(powers: np.ndarray, sample_rate: int, n_samples: int) -> np.ndarray:
    """The noise of these powers, (n_samples,) float32; it begins where its period does."""
    amplitudes = envelopes(powers, np.arange(n_samples) / sample_rate)
    out = np.zeros(n_samples, np.float32)
    for band, amplitude in zip(noise(sample_rate), amplitudes):
        out += amplitude * np.resize(band, n_samples)
    return out


def decays_of(powers) -> tuple[float, ...]:
    """Those of DECAYS_S that powers SHAPE, or None, let sound."""
    if powers is None:
        return ()
    return tuple(s for s, column in zip(DECAYS_S, np.array(powers).T) if np.any(column > 0))


def edges_hz() -> np.ndarray:
    """Where the bands meet, (N_BANDS + 1,) Hz."""
    return LOWEST_HZ * 2 ** (OCTAVES * np.arange(N_BANDS + 1) / N_BANDS)


def check_powers(powers) -> None:
    """Raise ValueError where nested tuples are not powers of SHAPE within their range."""
    shape = tuple(len(row) for row in powers) == (N_DECAYS,) * N_BANDS
    if not shape or not all(0 <= value <= LOUDEST for row in powers for value in row):
        raise ValueError(
            f"levels are wrong; allowed are {N_BANDS} rows of {N_DECAYS} numbers from 0 to "
            f"{LOUDEST:g}"
        )
