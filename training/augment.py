"""Augmentation of rendered sounds: what a recording of a drum has that the model has not.

A step takes a clip (samples,) float32 at features.SAMPLE_RATE from the onset and a generator, draws
its numbers from it and returns a new clip. What it then does with these numbers is a function of
its own, without chance; training.batch_augment has the twin of each for a batch on any device.
"""

import numpy as np
import scipy.fft

from matcher.matching.features import SAMPLE_RATE, normalise

BURST_S = (0.001, 0.1)  # s, decay of the burst's amplitude to 1/e
BURST_DB = (-30.0, -3.0)  # dB, the burst's peak over the clip's
BURST_DECAYS = 7  # of its decays, the length of the burst: it ends at -61 dB
EQ_DB = 3.0  # dB, standard deviation of the equaliser at each of its knots
EQ_KNOTS = np.arange(0, 11, 2)  # octaves above EQ_HZ
EQ_HZ = 20.0  # Hz, the lowest knot; below it the curve is flat
ROOM_S = (0.05, 0.4)  # s, reverberation time
ROOM_DB = (-30.0, -6.0)  # dB, the room's energy over that of the direct sound
ROOM_SAMPLES = SAMPLE_RATE // 2  # samples, length of the room's response
T60_NEPERS = np.log(1000)  # decay of amplitude in the reverberation time: 60 dB
SHIFT_S = (-0.002, 0.005)  # s, where the clip has its onset: the detector is 2 ms late, 5 ms early
NOISES = ("white", "pink", "hum")
NOISE_DB = (-60.0, -10.0)  # dB, RMS of the noise over that of the attack
ATTACK_S = 0.05  # s from the onset, whose RMS the noise is relative to
PINK_FROM_HZ = 20.0  # Hz, below which pink noise is white
MAINS_HZ = (50.0, 60.0)
N_HUM = 5  # harmonics of the mains
CEILING_DB = (-9.0, 0.0)  # dB, where a clip with a peak of 1 is clipped
SHORTEST = 0.03  # s, the shortest clip that truncation leaves; a match allows 20 ms
LEVEL_DB = (-40.0, 0.0)  # dB, level of the augmented clip


def strike_noise(x, rng):
    """Add a decaying burst of noise: the stick, the attack of the skin, snare wires."""
    decay = log_uniform(rng, *BURST_S) * SAMPLE_RATE
    white = rng.standard_normal(min(len(x), burst_samples(decay)), np.float32)
    return add_burst(x, white, decay, rng.uniform(*BURST_DB))


def burst_samples(decay):
    """Length of a burst, samples; decay: samples."""
    return int(BURST_DECAYS * decay)


def add_burst(x, white, decay, level_db):
    """Add white noise (at most as long as x) that decays to 1/e in `decay` samples."""
    n = len(white)
    burst = white * np.exp(-np.arange(n, dtype=np.float32) / decay)
    x = x.copy()
    x[:n] += burst / np.abs(burst).max() * 10 ** (level_db / 20)
    return normalise(x)


def room_and_eq(x, rng):
    """Apply a gentle equaliser (a curve with knots every two octaves) and a short room."""
    knots_db = rng.normal(0, EQ_DB, len(EQ_KNOTS))
    decay = rng.uniform(*ROOM_S) / T60_NEPERS * SAMPLE_RATE  # samples
    white = rng.standard_normal(ROOM_SAMPLES, np.float32)
    return convolve(x, knots_db, white, decay, rng.uniform(*ROOM_DB))


def convolve(x, knots_db, white, decay, level_db):
    """Apply an equaliser (knots,), dB, and a room whose response is white noise that decays."""
    n = padded_samples(len(x))
    octaves = np.log2(np.maximum(scipy.fft.rfftfreq(n, 1 / SAMPLE_RATE), EQ_HZ) / EQ_HZ)
    curve = 10 ** (np.interp(octaves, EQ_KNOTS, knots_db) / 20)
    tail = white.copy()
    tail *= np.exp(-np.arange(len(tail), dtype=np.float32) / decay)
    tail *= 10 ** (level_db / 20) / np.linalg.norm(tail)
    tail[0] += 1
    spectrum = scipy.fft.rfft(x, n) * scipy.fft.rfft(tail, n) * curve.astype(np.float32)
    return normalise(scipy.fft.irfft(spectrum, n)[: len(x)])


def padded_samples(n_samples: int) -> int:
    """Length of the transform of a clip and a room's response."""
    return scipy.fft.next_fast_len(n_samples + ROOM_SAMPLES, real=True)


def shift(x, rng):
    """Move the onset: the detector reports it up to 2 ms late or 5 ms early."""
    return delay(x, int(rng.uniform(*SHIFT_S) * SAMPLE_RATE))


def delay(x, n):
    """Begin n samples earlier, with silence, or -n samples later."""
    return x[-n:] if n < 0 else np.concatenate([np.zeros(n, np.float32), x])[: len(x)]


def noise(x, rng):
    """Add white or pink noise or hum, 10 to 60 dB below the RMS of the attack."""
    kind = rng.choice(NOISES)
    if kind == "hum":
        mains = rng.choice(MAINS_HZ)
        drawn = [(rng.uniform(0, 1), rng.uniform(0, 2 * np.pi)) for _ in range(N_HUM)]
        y = hum(len(x), mains, *zip(*drawn))
    else:
        y = rng.standard_normal(len(x), np.float32)
        if kind == "pink":
            y = pink(y)
    return add_noise(x, y, rng.uniform(*NOISE_DB))


def hum(n_samples, mains_hz, amplitudes, phases):
    """Hum: harmonic k of the mains with its amplitude over k, and its phase, rad."""
    t = np.arange(n_samples, dtype=np.float32) / SAMPLE_RATE
    return sum(
        a / k * np.sin(np.float32(2 * np.pi * mains_hz * k) * t + phase)
        for k, a, phase in zip(range(1, N_HUM + 1), amplitudes, phases)
    )


def pink(white):
    """White noise (samples,) as pink noise, 3 dB an octave less."""
    n = scipy.fft.next_fast_len(len(white), real=True)
    return scipy.fft.irfft(scipy.fft.rfft(white, n) / pink_slope(n), n)[: len(white)]


def pink_slope(n: int) -> np.ndarray:
    """What pink noise divides a spectrum (n // 2 + 1,) by, float32."""
    lowest = PINK_FROM_HZ * n / SAMPLE_RATE
    return np.sqrt(np.maximum(np.arange(n // 2 + 1, dtype=np.float32), lowest))


def add_noise(x, y, level_db):
    """Add y (as many samples as x) with an RMS of level_db over that of the attack."""
    loud = np.sqrt(np.mean(x[: round(ATTACK_S * SAMPLE_RATE)] ** 2))
    scale = loud / np.sqrt(np.mean(y**2)) * 10 ** (level_db / 20)
    return x + y.astype(np.float32) * np.float32(scale)


def clipping(x, rng):
    """Clip at full scale, the recording up to 9 dB too loud."""
    return clip(x, rng.uniform(*CEILING_DB))


def clip(x, ceiling_db):
    """Clip x, scaled to a peak of 1."""
    ceiling = np.float32(10 ** (ceiling_db / 20))
    return np.clip(normalise(x), -ceiling, ceiling)


def truncation(x, rng):
    """End the clip early, as the next hit or the end of the recording does."""
    return x[: int(log_uniform(rng, SHORTEST * SAMPLE_RATE, len(x)))]


def log_uniform(rng, low, high, size=None):
    """Draw a number, or an array of this size, between low and high whose logarithm is uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


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
    return x * np.float32(10 ** (rng.uniform(*LEVEL_DB) / 20))
