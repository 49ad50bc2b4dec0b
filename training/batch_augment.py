"""Augmentation of many sounds at once in torch, on any device: the twin of training.augment.

What a step is told (when a burst has decayed, how loud a room is) is drawn in main memory; noise is
drawn on the device. With the same numbers and noise a step gives the same sound as in augment.
"""

from typing import NamedTuple

import numpy as np
import torch

from matcher.matching.features import SAMPLE_RATE
from training import augment
from training.augment import log_uniform
from training.batch_synth import to_device
from training.synth import normalised


class Clips(NamedTuple):
    """Clips of different lengths, padded with zeros."""

    x: torch.Tensor  # (clips, samples)
    length: np.ndarray  # (clips,), samples


class Draws(NamedTuple):
    """What augmentation is drawn from."""

    numbers: np.random.Generator
    noise: torch.Generator  # of the device

    def white(self, like: torch.Tensor, n_samples: int) -> torch.Tensor:
        """White noise (clips, n_samples) for clips, (clips, samples)."""
        return torch.randn(
            len(like), n_samples, generator=self.noise, dtype=like.dtype, device=like.device
        )


def strike_noise(clips: Clips, draws: Draws) -> Clips:
    """Add decaying bursts of noise."""
    x, count = clips.x, len(clips.x)
    decay = log_uniform(draws.numbers, *augment.BURST_S, count) * SAMPLE_RATE
    longest = augment.burst_samples(augment.BURST_S[1] * SAMPLE_RATE)
    white = draws.white(x, min(x.shape[1], longest))
    level_db = draws.numbers.uniform(*augment.BURST_DB, count)
    return clips._replace(x=add_burst(x, white, decay, level_db))


def add_burst(x, white, decay, level_db) -> torch.Tensor:
    """As augment.add_burst.

    Args:
        x: (clips, samples).
        white: White noise (clips, at most as many samples), of which each burst takes its length.
        decay: Samples, (clips,).
        level_db: (clips,).

    Returns:
        (clips, samples).
    """
    n = white.shape[1]
    lengths = np.floor(augment.BURST_DECAYS * decay)
    burst = _until(lengths, white * torch.exp(-_samples(n, x) / _column(decay, x)))
    gain = _column(10 ** (level_db / 20), x) / burst.abs().amax(dim=1, keepdim=True)
    x = x.clone()
    x[:, :n] += burst * gain
    return normalised(x)


def room_and_eq(clips: Clips, draws: Draws) -> Clips:
    """Apply gentle equalisers and short rooms."""
    count, numbers = len(clips.x), draws.numbers
    knots_db = numbers.normal(0, augment.EQ_DB, (count, len(augment.EQ_KNOTS)))
    decay = numbers.uniform(*augment.ROOM_S, count) / augment.T60_NEPERS * SAMPLE_RATE
    white = draws.white(clips.x, augment.ROOM_SAMPLES)
    level_db = numbers.uniform(*augment.ROOM_DB, count)
    return clips._replace(x=convolve(clips.x, knots_db, white, decay, level_db))


def convolve(x, knots_db, white, decay, level_db) -> torch.Tensor:
    """As augment.convolve.

    Args:
        x: (clips, samples).
        knots_db: (clips, knots).
        white: White noise (clips, augment.ROOM_SAMPLES).
        decay: Samples, (clips,).
        level_db: (clips,).

    Returns:
        (clips, samples).
    """
    n = augment.padded_samples(x.shape[1])
    tail = white * torch.exp(-_samples(white.shape[1], x) / _column(decay, x))
    tail *= _column(10 ** (level_db / 20), x) / torch.linalg.vector_norm(tail, dim=1, keepdim=True)
    tail[:, 0] += 1
    spectrum = torch.fft.rfft(x, n) * torch.fft.rfft(tail, n)
    spectrum *= _curve(knots_db, n, x)
    return normalised(torch.fft.irfft(spectrum, n)[:, : x.shape[1]])


def _curve(knots_db, n, like):
    """Gain of equalisers at the lines of a transform of n samples, (clips, n // 2 + 1)."""
    lines = torch.arange(n // 2 + 1, dtype=like.dtype, device=like.device) * (SAMPLE_RATE / n)
    octaves = torch.log2(lines.clamp(min=augment.EQ_HZ) / augment.EQ_HZ)
    knots = to_device(augment.EQ_KNOTS, like.device, like.dtype)
    spacing = float(augment.EQ_KNOTS[1])
    hats = (1 - (octaves - knots[:, None]).abs() / spacing).clamp(min=0)  # (knots, lines)
    return 10 ** (to_device(knots_db, like.device, like.dtype) @ hats / 20)


def shift(clips: Clips, draws: Draws) -> Clips:
    """Move the onsets."""
    seconds = draws.numbers.uniform(*augment.SHIFT_S, len(clips.x))
    return delay(clips, np.trunc(seconds * SAMPLE_RATE).astype(int))


def delay(clips: Clips, n) -> Clips:
    """As augment.delay; n: samples, (clips,)."""
    x, last = clips.x, clips.x.shape[1] - 1
    place = torch.arange(last + 1, device=x.device) - to_device(n, x.device)[:, None]
    inside = (place >= 0) & (place <= last)
    x = torch.where(inside, x.gather(1, place.clamp(0, last)), 0)
    return Clips(x, clips.length + np.minimum(n, 0))


def noise(clips: Clips, draws: Draws) -> Clips:
    """Add white or pink noise or hum."""
    x, count = clips.x, len(clips.x)
    kind = draws.numbers.choice(augment.NOISES, count)
    mains_hz = draws.numbers.choice(augment.MAINS_HZ, count)
    amplitudes = draws.numbers.uniform(0, 1, (count, augment.N_HUM))
    phases = draws.numbers.uniform(0, 2 * np.pi, (count, augment.N_HUM))
    y = draws.white(x, x.shape[1])
    if len(some := np.flatnonzero(kind == "pink")):
        at = to_device(some, x.device)
        y[at] = pink(_until(clips.length[some], y[at]))
    if len(some := np.flatnonzero(kind == "hum")):
        at = to_device(some, x.device)
        y[at] = hum(x, mains_hz[some], amplitudes[some], phases[some])
    return add_noise(clips, y, draws.numbers.uniform(*augment.NOISE_DB, count))


def hum(like, mains_hz, amplitudes, phases) -> torch.Tensor:
    """As augment.hum.

    Args:
        like: Clips (any number, samples), whose length, type and device it gets.
        mains_hz: (clips,).
        amplitudes: (clips, augment.N_HUM).
        phases: rad, likewise.

    Returns:
        (clips, samples).
    """
    t = _samples(like.shape[1], like) / SAMPLE_RATE
    y = 0
    for k in range(1, augment.N_HUM + 1):
        turns = _column(2 * np.pi * mains_hz * k, like) * t
        of_phase = torch.sin(turns + _column(phases[:, k - 1], like))
        y = y + _column(amplitudes[:, k - 1] / k, like) * of_phase
    return y


def pink(white) -> torch.Tensor:
    """White noise (clips, samples) as pink noise, as augment.pink."""
    n = white.shape[1]
    slope = to_device(augment.pink_slope(n), white.device, white.dtype)
    return torch.fft.irfft(torch.fft.rfft(white) / slope, n)


def add_noise(clips: Clips, y, level_db) -> Clips:
    """As augment.add_noise; y: (clips, samples), used as far as each clip goes."""
    x = clips.x
    y = _until(clips.length, y)
    attack = x[:, : round(augment.ATTACK_S * SAMPLE_RATE)]
    loud = attack.square().mean(dim=1, keepdim=True).sqrt()
    power = y.square().sum(dim=1, keepdim=True) / _column(clips.length, x)
    return clips._replace(x=x + y * (loud / power.sqrt() * _column(10 ** (level_db / 20), x)))


def clipping(clips: Clips, draws: Draws) -> Clips:
    """Clip at full scale."""
    return clips._replace(x=clip(clips.x, draws.numbers.uniform(*augment.CEILING_DB, len(clips.x))))


def clip(x, ceiling_db) -> torch.Tensor:
    """As augment.clip; x: (clips, samples), ceiling_db: (clips,)."""
    ceiling = _column(10 ** (ceiling_db / 20), x)
    return torch.minimum(torch.maximum(normalised(x), -ceiling), ceiling)


def truncation(clips: Clips, draws: Draws) -> Clips:
    """End the clips early."""
    longest = clips.length
    lengths = log_uniform(draws.numbers, augment.SHORTEST * SAMPLE_RATE, longest, len(longest))
    return truncate(clips, lengths.astype(int))


def truncate(clips: Clips, lengths) -> Clips:
    """End clips after so many samples, (clips,)."""
    return Clips(_until(lengths, clips.x), lengths)


TWINS = {
    augment.strike_noise: strike_noise,
    augment.room_and_eq: room_and_eq,
    augment.shift: shift,
    augment.noise: noise,
    augment.clipping: clipping,
    augment.truncation: truncation,
}


def augment_all(x: torch.Tensor, draws: Draws) -> Clips:
    """Apply to each sound a random choice of augment.STEPS and a random level.

    Args:
        x: (clips, samples) at features.SAMPLE_RATE from the onset.
        draws: What all choices are drawn from.

    Returns:
        The clips, whose peaks are about -40 to 0 dBFS.
    """
    x, length = normalised(x), np.full(len(x), x.shape[1])
    for step, probability in augment.STEPS:
        chosen = np.flatnonzero(draws.numbers.random(len(x)) < probability)
        if len(chosen):
            at = to_device(chosen, x.device)
            x[at], length[chosen] = TWINS[step](Clips(x[at], length[chosen]), draws)
    level_db = draws.numbers.uniform(*augment.LEVEL_DB, len(x))
    return Clips(x * _column(10 ** (level_db / 20), x), length)


def _samples(n, like):
    return torch.arange(n, dtype=like.dtype, device=like.device)


def _column(values, like):
    """Values (clips,) with the type and device of clips, (clips, 1)."""
    return to_device(values, like.device, like.dtype)[:, None]


def _until(lengths, x):
    """x (clips, samples), with zeros after so many samples of each."""
    lengths = to_device(lengths, x.device)[:, None]
    return torch.where(torch.arange(x.shape[1], device=x.device) < lengths, x, 0)
