"""The common glide of a drum's tones: f(t) = f sqrt(1 + rise exp(-2 t / seconds)).

The tension of a head rises with the energy in it, which decays twice as fast as the amplitude. The
glide of a recording is the one whose inverse makes its low tones sharpest.
"""

from typing import NamedTuple

import numpy as np
import scipy.fft

RISES = (0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.4, 0.6, 0.8)  # of the squared frequency
SECONDS = (0.02, 0.045, 0.1, 0.22, 0.4)  # s
LONGEST = 0.25  # of the recording: a glide that never ends is another pitch
LEAST_GAIN = 1.12  # times sharper than without, at least: by chance it is up to that
LOWEST_HZ, HIGHEST_HZ = 28.0, 1500.0  # Hz: where the strongest tone is looked for
BELOW, ABOVE = 0.6, 2.2  # times the strongest tone: what is made sharp
ABOVE_HZ = 2000.0  # Hz, at most
SLOPE = 8  # order of the band-pass
OBSERVED_S = 0.8  # s of the recording, at most
FADE_S = 0.01  # s: the noise of the attack is faded in
HALF = 0.5  # samples: step of the warped recording


class Glide(NamedTuple):
    """How far and how long a pitch glides."""

    rise: float = 0.0  # relative rise of the squared frequency at the onset
    seconds: float = 0.1  # s


def find(x: np.ndarray, sample_rate: float) -> Glide:
    """The glide of a recording (samples,) from its onset; no rise where there is none."""
    y, rate = _low_band(x, sample_rate)
    y = y[: int(OBSERVED_S * rate)]
    if len(y) < 32:
        return Glide()
    y = y * np.minimum(np.arange(len(y)) / rate / FADE_S, 1) ** 2
    straight = _sharpness(y, rate, Glide())
    longest = max(LONGEST * len(x) / sample_rate, SECONDS[0])
    glides = [Glide(r, s) for r in RISES for s in SECONDS if s <= longest]
    sharpness = [_sharpness(y, rate, glide) / straight for glide in glides]
    best = int(np.argmax(sharpness))
    return glides[best] if sharpness[best] > LEAST_GAIN else Glide()


def unglided(x: np.ndarray, sample_rate: float, glide: Glide) -> np.ndarray:
    """x (samples,) as it would be without the glide: its time runs as the phase of its tones."""
    if glide.rise == 0:
        return x.astype(float)
    from scipy.interpolate import CubicSpline  # takes long to load, and few sounds glide

    turns = _turns(len(x), sample_rate, glide)
    return CubicSpline(turns, x)(np.arange(0, turns[-1]))


def _turns(n: int, sample_rate: float, glide: Glide) -> np.ndarray:
    """Phase of a tone of 1 rad per sample at rest, at each of n samples."""
    seconds = np.arange(n) / sample_rate
    speed = np.sqrt(1 + glide.rise * np.exp(-2 * seconds / glide.seconds))
    return np.concatenate([[0], np.cumsum(speed)[:-1]])


def _low_band(x: np.ndarray, sample_rate: float) -> tuple[np.ndarray, float]:
    """The octave or so around the strongest tone, decimated, and its rate in Hz."""
    size = scipy.fft.next_fast_len(len(x) + int(sample_rate / 20))
    spectrum = scipy.fft.rfft(x, size)
    hz = np.arange(len(spectrum)) * sample_rate / size
    low = (hz > LOWEST_HZ) & (hz < HIGHEST_HZ)
    strongest = hz[np.argmax(np.where(low, np.abs(spectrum), 0))]
    below, above = max(25.0, BELOW * strongest), min(ABOVE * strongest, ABOVE_HZ)
    spectrum = spectrum / (1 + (below / np.maximum(hz, 1e-9)) ** SLOPE)
    spectrum /= 1 + (hz / above) ** SLOPE
    q = max(1, int(sample_rate / (5 * above)))
    m = int(np.ceil(size / q))
    return scipy.fft.irfft(spectrum[: m // 2 + 1], m)[: len(x) // q], sample_rate * m / size


def _sharpness(y: np.ndarray, rate: float, glide: Glide) -> float:
    """How few lines hold the power of y without the glide, whatever its length."""
    turns = _turns(len(y), rate, glide)
    z = np.interp(np.arange(0, turns[-1], HALF), turns, y)
    power = np.abs(scipy.fft.rfft(z, 1 << int(np.ceil(np.log2(4 * len(y)))))) ** 2
    return float(np.sum(power**2) / np.sum(power) ** 2 * len(y) / turns[-1])
