"""The auditory image of a drum sound: loudness over critical bands and time.

A model of similarity that people's ratings of bass drums, snares and toms confirmed: Pampalk,
Herrera and Goto, "Computational Models of Similarity for Drum Samples" (IEEE TASLP 16(2), 2008),
after Pampalk, Hlavac and Herrera (DAFx 2004). The chain is theirs: a short-time spectrum, the outer
and middle ear (Terhardt 1979), 24 critical bands (Zwicker and Fastl 1999), spread of masking
(Schroeder, Atal and Hall 1979), decibels, and sones (Bladon and Lindblom 1981). Ours, since they
varied them or we do not know which they took: the hop, the level at which a sound is heard, the lag
that is allowed, frames that count alike, and the distance relative to the reference.
"""

from functools import cache

import numpy as np
import scipy.fft

from matcher.matching.features import normalise

WINDOW_S = 1024 / 44100  # s: window of the spectrum, 23 ms
HOP_S = WINDOW_S / 4  # s: so that a Hann window misses nothing of an attack
PEAK_DB = 96.0  # dB SPL of a sine whose peak is the sound's: 16 bits over the threshold of hearing
BARK_HZ = (  # upper edges of the critical bands, Hz (Zwicker and Fastl 1999, table 6.1)
    100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720,
    2000, 2320, 2700, 3150, 3700, 4400, 5300, 6400, 7700, 9500, 12000, 15500,
)  # fmt: skip
LAG = 4  # frames, 23 ms: onsets of two recordings differ by less


def auditory_image(x: np.ndarray, rate: float) -> np.ndarray:
    """The auditory image of a sound, whatever its level.

    Args:
        x: (samples,) from the onset.
        rate: Hz.

    Returns:
        Sones, (24, frames), a frame each HOP_S; the first one ends at the onset.
    """
    size, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    padded = np.pad(normalise(x), size)  # the first frame ends where the sound begins
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size + 1)[:-1]
    spectra = scipy.fft.rfft(frames * window, axis=1) / (window.sum() / 2)  # (frames, lines)
    power = 10 ** (PEAK_DB / 10) * np.abs(spectra) ** 2
    return sones(10 * np.log10(np.maximum(_ear(size, rate) @ power.T, 1)))


def distance(reference: np.ndarray, other: np.ndarray) -> float:
    """Distance of two auditory images, (24, frames) each, at the lag where it is least.

    Returns:
        |A - B| / |A|: 0 for equal images; 1 is the distance of silence.

    Raises:
        ValueError: The reference is silent.
    """
    if not np.any(reference):
        raise ValueError("the reference is silent; its image has to have a loud frame")
    frames = max(reference.shape[1], other.shape[1]) + LAG
    A, B = (np.pad(i, ((0, 0), (LAG, frames - i.shape[1]))) for i in (reference, other))
    gaps = [np.linalg.norm(A - np.roll(B, lag, axis=1)) for lag in range(-LAG, LAG + 1)]
    return float(min(gaps) / np.linalg.norm(reference))


def ear_db(hz: np.ndarray) -> np.ndarray:
    """Gain of the outer and middle ear in dB (Terhardt 1979, threshold in quiet); hz above 0."""
    khz = np.asarray(hz) / 1000
    return -3.64 * khz**-0.8 + 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) - 1e-3 * khz**4


def spread_db(bark: np.ndarray) -> np.ndarray:
    """What a band excites so many Bark above it, in dB (Schroeder, Atal and Hall 1979, eq. 1)."""
    shifted = np.asarray(bark) + 0.474
    return 15.81 + 7.5 * shifted - 17.5 * np.sqrt(1 + shifted**2)


def sones(phons: np.ndarray) -> np.ndarray:
    """Loudness of a level (Bladon and Lindblom 1981): 1 at 40 phons, doubled by each 10 more."""
    return np.where(phons < 40, (phons / 40) ** 2.642, 2 ** ((phons - 40) / 10))


@cache
def _ear(size: int, rate: float) -> np.ndarray:
    """Matrix from the power of FFT lines to the excitation of critical bands, (24, lines)."""
    hz = np.arange(1, size // 2 + 1) * rate / size
    bands = np.zeros((len(BARK_HZ), size // 2 + 1))
    band = np.searchsorted(BARK_HZ, hz)
    inside = band < len(BARK_HZ)
    lines = 1 + np.flatnonzero(inside)
    bands[band[inside], lines] = 10 ** (ear_db(hz[inside]) / 10)
    number = np.arange(len(BARK_HZ))
    return 10 ** (spread_db(number[:, None] - number) / 10) @ bands
