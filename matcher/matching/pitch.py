"""The pitch of a drum: the tone with which its head moves most.

Far from a small source, pressure follows the acceleration of the head, so the power spectrum over
the squared frequency is that of its velocity. Its highest peak from 20 ms on, when the noise of the
strike has gone, is what a tuner or a drummer who turns lugs goes by: in most drums their lowest
strong partial. Overtones are often louder and change from stroke to stroke; this tone does so
least. Neighbouring tones count together, since two of a real head's modes may be a third of a
semitone apart.
"""

from functools import lru_cache

import numpy as np
import scipy.fft

from matcher.matching.features import SAMPLE_RATE

LOWEST_HZ, HIGHEST_HZ = 22.0, 1500.0  # Hz
RUMBLE_HZ = 40.0  # Hz: below, a tone is more often of the floor and the stands than of the head
RUMBLE_ORDER = 4
BEGIN_S = 0.02  # s from the onset: the noise of the strike has gone
OBSERVED_S = 0.2  # s from then on
FADE_S = 0.01  # s: so that the beginning is no step
EXPONENT = 2.0  # of frequency, that power is divided by
STEP_CENTS = 10.0  # cents between two values of the salience
TOGETHER_CENTS = 50.0  # cents: standard deviation within which tones count together
FINE_CENTS = 30.0  # cents: of the tone itself, around their highest peak
APART_CENTS = 150.0  # cents between two pitches that a drum may have
LEAST = 0.05  # of the highest peak's salience: less is no other pitch
FFT_SAMPLES = 2**17  # samples, zero-padded: lines 0.17 Hz apart


def pitches(clips: list[np.ndarray]) -> np.ndarray:
    """Pitches that the drum of some strokes may have.

    Args:
        clips: Each (samples,) at SAMPLE_RATE from its onset, without glide.

    Returns:
        Hz, the likeliest first; none where all is silent from BEGIN_S on.
    """
    power = sum(_salience(clip) for clip in clips)
    if not np.any(power):
        return np.zeros(0)
    smooth = np.convolve(power, _together(), "same")
    inside = np.flatnonzero((smooth[1:-1] >= smooth[:-2]) & (smooth[1:-1] > smooth[2:])) + 1
    order = inside[np.argsort(-smooth[inside], kind="stable")]
    found = []
    for peak in order[smooth[order] >= LEAST * smooth.max()]:
        near = np.exp(-0.5 * ((_cents() - _cents()[peak]) / FINE_CENTS) ** 2) * power
        cents = float(np.sum(near * _cents()) / np.sum(near)) if np.any(near) else _cents()[peak]
        if all(abs(cents - other) > APART_CENTS for other in found):
            found.append(cents)
    return LOWEST_HZ * 2 ** (np.array(found) / 1200)


@lru_cache(1)
def _cents() -> np.ndarray:
    """Where the salience is computed, cents above LOWEST_HZ."""
    return np.arange(0, 1200 * np.log2(HIGHEST_HZ / LOWEST_HZ), STEP_CENTS)


@lru_cache(1)
def _together() -> np.ndarray:
    """How much neighbouring values of the salience count for one: a Gaussian, to 4 sigma."""
    sigma = TOGETHER_CENTS / STEP_CENTS
    steps = np.arange(-round(4 * sigma), round(4 * sigma) + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    return weights / weights.sum()


def _salience(clip: np.ndarray) -> np.ndarray:
    """Power of the head's velocity at each of _cents, over its sum."""
    first = round(BEGIN_S * SAMPLE_RATE)
    x = clip[first : first + round(OBSERVED_S * SAMPLE_RATE)]
    fade = np.minimum(np.arange(len(x)) / (FADE_S * SAMPLE_RATE), 1)
    spectrum = scipy.fft.rfft(x * np.sin(np.pi / 2 * fade) ** 2, FFT_SAMPLES)
    hz = LOWEST_HZ * 2 ** (_cents() / 1200)
    lines = np.arange(len(spectrum)) * SAMPLE_RATE / FFT_SAMPLES
    power = np.interp(hz, lines, np.abs(spectrum) ** 2) / hz**EXPONENT
    power /= 1 + (RUMBLE_HZ / hz) ** RUMBLE_ORDER
    return power / max(power.sum(), np.finfo(float).tiny)
