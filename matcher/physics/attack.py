"""The attack: the noise of stick, snare wires and skin, as bands of noise that decay.

The power of each band's envelope is a sum of exponential decays, so the power of the sound is
linear in the attack powers. The noise is the same at every sample rate: a sum of sines of random
phase at the harmonics of 1 / PERIOD_S.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy.fft

LOWEST_HZ = 40.0  # Hz: lower edge of the lowest band
HIGHEST_HZ = 22000.0  # Hz: no line of the noise is above, where 44.1 kHz would miss it
N_BANDS = 14
OCTAVES = 8 * N_BANDS / 12  # octaves: width of all bands together
# s: decay times of the amplitude to 1/e, from the stick's contact to snare wires
DECAYS_S = (0.003, 0.008, 0.025, 0.07, 0.2, 0.6, 1.8)
N_DECAYS = len(DECAYS_S)
PERIOD_S = 2**16 / 22050  # s: period of the noise, the length of the analysed window
RISE_S = 0.0005  # s: rise time of the noise, so that it does not click
SEED = 20231
SHAPE = (N_BANDS, N_DECAYS)  # shape of attack powers
EARLIER_SHAPE = (12, 5)  # of attack powers of earlier files: without the two highest bands and
FIRST_DECAY = 1  # the first and the last decay
FIRST_WIRES_BAND = 4  # bands from here on, above 254 Hz, stop with the wires
NEVER_S = 10.0  # s: wires that stop so late never do, the noise dies away by its decays alone
WIRES_S = (0.01, NEVER_S)  # s: range of the time when the wires stop
INAUDIBLE = 1e-12  # amplitude
LOUDEST = 1e6  # power: largest allowed attack power, 60 dB above the body's peak


@lru_cache(4)
def noise(sample_rate: float) -> np.ndarray:
    """One period of the noise of each band.

    Neighbouring bands overlap by half; their powers add up to a spectrum that is flat over log
    frequency.

    Args:
        sample_rate: Hz.

    Returns:
        (N_BANDS, samples) float32, with an RMS of 1 where a band lies below the Nyquist frequency.
    """
    n = round(PERIOD_S * sample_rate)
    rng = np.random.default_rng(SEED)
    hz = np.arange(1, int(HIGHEST_HZ * PERIOD_S) + 1) / PERIOD_S
    phase = np.exp(2j * np.pi * rng.random(len(hz)))
    place = np.log2(hz / LOWEST_HZ) / OCTAVES * N_BANDS - 0.5  # the centre of band i is at i
    out = np.empty((N_BANDS, n), np.float32)
    for band in range(N_BANDS):
        distance = np.clip(np.abs(place - band), 0, 1)
        lines = np.cos(np.pi / 2 * distance) * phase
        lines *= np.sqrt(2 / np.sum(np.abs(lines) ** 2))  # so that the sines have an RMS of 1
        spectrum = np.zeros(n // 2 + 1, complex)
        n_lines = min(len(lines), (n - 1) // 2)  # those below the Nyquist frequency
        spectrum[1 : n_lines + 1] = lines[:n_lines] * n / 2
        out[band] = scipy.fft.irfft(spectrum, n)
    return out


def envelopes(powers: np.ndarray, seconds: np.ndarray, wires_s: float = NEVER_S) -> np.ndarray:
    """Amplitude of each band over time.

    Args:
        powers: SHAPE, the power of each decay at 0 s.
        seconds: (times,), s from the onset.
        wires_s: s, when the wires stop, as Drum has it.

    Returns:
        (N_BANDS, times).
    """
    out = amplitudes(powers, fading(seconds))
    out[FIRST_WIRES_BAND:] *= stopping(seconds, wires_s)
    return out


def amplitudes(powers: np.ndarray, faded: np.ndarray) -> np.ndarray:
    """Amplitude of each band, (N_BANDS, times), of wires that never stop.

    Args:
        powers: SHAPE, the power of each decay at 0 s.
        faded: (N_DECAYS, times), as `fading` gives it.
    """
    return np.sqrt(np.maximum(powers @ faded, 0))


def stopping(seconds, wires_s: float):
    """What wires that stop leave of the amplitude; compiled for the voices as well.

    They rattle no more once the head moves too little to throw them off: noise of snares ends
    faster than any exponential.
    """
    return np.exp(-((seconds / wires_s) ** 2)) if wires_s < NEVER_S else np.exp(0 * seconds)


def fading(seconds: np.ndarray) -> np.ndarray:
    """Share of the power of each decay over time, (N_DECAYS, times), for `envelopes`."""
    decay = np.exp(-2 * seconds / np.array(DECAYS_S)[:, None])
    return rise(seconds) ** 2 * decay


def units(sample_rate: float, n_samples: int) -> Iterator[np.ndarray]:
    """The sound of each band and decay with a power of 1 at the onset, without its rise.

    Args:
        sample_rate: Hz.
        n_samples: length of each; they end with the noise's period.

    Yields:
        (samples,) float32, for each band its decays. What cannot be heard is 0: the smallest
        float32 numbers would slow down whatever is done with them.
    """
    bands = noise(sample_rate)[:, :n_samples]
    seconds = np.arange(bands.shape[1]) / sample_rate
    for band in bands:
        for decay in DECAYS_S:
            amplitude = np.exp(-seconds / decay)
            yield band * np.where(amplitude > INAUDIBLE, amplitude, 0).astype(np.float32)


def rise(seconds: np.ndarray) -> np.ndarray:
    """Amplitude of the linear rise at the onset, 0 to 1, at times in s from the onset."""
    return np.minimum(seconds / RISE_S, 1)


def render(
    powers: np.ndarray, sample_rate: int, n_samples: int, wires_s: float = NEVER_S
) -> np.ndarray:
    """Render the attack.

    Args:
        powers: SHAPE.
        sample_rate: Hz.
        n_samples: length of the result.
        wires_s: as in `envelopes`.

    Returns:
        (n_samples,) float32, from the beginning of the noise's period.
    """
    out, seconds = np.zeros(n_samples, np.float32), np.arange(n_samples) / sample_rate
    for band, amplitude in zip(noise(sample_rate), envelopes(powers, seconds, wires_s)):
        out += amplitude * np.resize(band, n_samples)
    return out


def widened(powers) -> np.ndarray:
    """Attack powers of EARLIER_SHAPE, as in earlier files, as ones of SHAPE that sound the same."""
    out = np.zeros(SHAPE)
    n_bands, n_decays = EARLIER_SHAPE
    out[:n_bands, FIRST_DECAY : FIRST_DECAY + n_decays] = powers
    return out


def decays_of(powers) -> tuple[float, ...]:
    """Those of DECAYS_S that have any power; powers: SHAPE, or None for no attack."""
    if powers is None:
        return ()
    return tuple(s for s, column in zip(DECAYS_S, np.array(powers).T) if np.any(column > 0))


def edges_hz() -> np.ndarray:
    """Edges of the bands, (N_BANDS + 1,) Hz."""
    return LOWEST_HZ * 2 ** (OCTAVES * np.arange(N_BANDS + 1) / N_BANDS)


def check_wires(wires_s: float) -> None:
    """Raise ValueError, which names value and range, unless the wires may stop after wires_s."""
    low, high = WIRES_S
    if isinstance(wires_s, bool) or not low <= wires_s <= high:  # NaN fails
        raise ValueError(f"the wires stop after {wires_s} s, allowed is {low:g} to {high:g} s")


def check_powers(powers) -> None:
    """Raise ValueError unless powers, nested tuples, have SHAPE and are in 0 to LOUDEST."""
    shape = tuple(len(row) for row in powers) == (N_DECAYS,) * N_BANDS
    if not shape or not all(0 <= value <= LOUDEST for row in powers for value in row):
        raise ValueError(
            f"the attack's levels are wrong, allowed are {N_BANDS} rows of {N_DECAYS} numbers "
            f"from 0 to {LOUDEST:g}"
        )
