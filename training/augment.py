"""Augmentation of rendered sounds: what a recording of a drum has that the model has not.

Every step takes a clip (samples,) float32 at features.SAMPLE_RATE from the onset and a generator to
draw from, and returns a new clip.
"""

import numpy as np
import scipy.fft

from matcher.matching.features import SAMPLE_RATE, normalise

SHORTEST = 0.03  # s, the shortest clip that truncation leaves; a match allows 20 ms
ATTACK_S = 0.05  # s from the onset, whose RMS the noise is relative to
T60_NEPERS = np.log(1000)  # decay of amplitude in the reverberation time: 60 dB


def strike_noise(x, rng):
    """Add a decaying burst of noise: the stick, the attack of the skin, snare wires."""
    decay = log_uniform(rng, 0.001, 0.1) * SAMPLE_RATE
    n = min(len(x), int(7 * decay))
    burst = rng.standard_normal(n, np.float32) * np.exp(-np.arange(n, dtype=np.float32) / decay)
    x = x.copy()
    x[:n] += burst / np.abs(burst).max() * 10 ** (rng.uniform(-30, -3) / 20)
    return normalise(x)


def room_and_eq(x, rng):
    """Apply a gentle equaliser (a curve with knots every two octaves) and a short room."""
    n = scipy.fft.next_fast_len(len(x) + SAMPLE_RATE // 2, real=True)
    octaves = np.log2(np.maximum(scipy.fft.rfftfreq(n, 1 / SAMPLE_RATE), 20) / 20)
    knots = np.arange(0, 11, 2)
    curve = 10 ** (np.interp(octaves, knots, rng.normal(0, 3, len(knots))) / 20)
    decay = rng.uniform(0.05, 0.4) / T60_NEPERS * SAMPLE_RATE  # samples; room of 50 to 400 ms
    tail = rng.standard_normal(SAMPLE_RATE // 2, np.float32)
    tail *= np.exp(-np.arange(len(tail), dtype=np.float32) / decay)
    tail *= 10 ** (rng.uniform(-30, -6) / 20) / np.linalg.norm(tail)
    tail[0] += 1
    spectrum = scipy.fft.rfft(x, n) * scipy.fft.rfft(tail, n) * curve.astype(np.float32)
    return normalise(scipy.fft.irfft(spectrum, n)[: len(x)])


def shift(x, rng):
    """Move the onset: the detector reports it up to 2 ms late or 5 ms early."""
    n = int(rng.uniform(-0.002, 0.005) * SAMPLE_RATE)
    return x[-n:] if n < 0 else np.concatenate([np.zeros(n, np.float32), x])[: len(x)]


def noise(x, rng):
    """Add white or pink noise or hum, 10 to 60 dB below the RMS of the attack."""
    kind = rng.choice(["white", "pink", "hum"])
    if kind == "hum":
        t = np.arange(len(x), dtype=np.float32) / SAMPLE_RATE
        mains = rng.choice([50.0, 60.0])
        partials = [(k, rng.uniform(0, 1) / k, rng.uniform(0, 2 * np.pi)) for k in range(1, 6)]
        y = sum(
            a * np.sin(np.float32(2 * np.pi * mains * k) * t + phase) for k, a, phase in partials
        )
    else:
        y = rng.standard_normal(len(x), np.float32)
        if kind == "pink":
            n = scipy.fft.next_fast_len(len(x), real=True)
            f = np.maximum(np.arange(n // 2 + 1, dtype=np.float32), 20 * n / SAMPLE_RATE)
            y = scipy.fft.irfft(scipy.fft.rfft(y, n) / np.sqrt(f), n)[: len(x)]
    loud = np.sqrt(np.mean(x[: round(ATTACK_S * SAMPLE_RATE)] ** 2))
    scale = loud / np.sqrt(np.mean(y**2)) * 10 ** (rng.uniform(-60, -10) / 20)
    return x + y.astype(np.float32) * np.float32(scale)


def clipping(x, rng):
    """Clip at full scale, the recording up to 9 dB too loud."""
    ceiling = np.float32(10 ** (rng.uniform(-9, 0) / 20))
    return np.clip(normalise(x), -ceiling, ceiling)


def truncation(x, rng):
    """End the clip early, as the next hit or the end of the recording does."""
    return x[: int(log_uniform(rng, SHORTEST * SAMPLE_RATE, len(x)))]


def log_uniform(rng, low, high):
    """Draw a number between low and high whose logarithm is uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high)))


# in the order of the signal path, each with the probability that it is applied
STEPS = (
    (strike_noise, 0.25),
    (room_and_eq, 0.7),
    (shift, 0.8),
    (noise, 0.8),
    (clipping, 0.15),
    (truncation, 0.6),
)


def augment(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apply a random choice of STEPS and a random level.

    Args:
        x: A clip (samples,) at features.SAMPLE_RATE from the onset.
        rng: What all choices are drawn from.

    Returns:
        (at most as many samples,) float32; its peak is about -40 to 0 dBFS.
    """
    x = normalise(x).astype(np.float32)
    for step, probability in STEPS:
        if rng.random() < probability:
            x = step(x, rng)
    return x * np.float32(10 ** (rng.uniform(-40, 0) / 20))
