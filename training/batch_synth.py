"""Strokes of many drums at once in torch, on any device: the twin of matcher.physics.drum.render.

Their parameters stay in main memory, so that which of them glide or have an attack is known without
waiting for the device.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import attack
from matcher.physics.theta import Preset
from training.bank import Rows, fill
from training.synth import glide, normalised, ring, theta_from_nu

GLIDING = 32  # sounds that glide at a time: each takes 30 MB; one on a CPU, to stay in its cache


class Strokes(NamedTuple):
    """Strokes on membranes, float64; fields are those of matcher.physics.drum.Drum."""

    nu: np.ndarray  # (strokes, 5), normalised theta
    strike: np.ndarray  # (2, strokes)
    mallet_hz: np.ndarray  # (strokes,)
    tension: np.ndarray  # (strokes,)
    attack_powers: np.ndarray  # (strokes, *attack.SHAPE), zeros for no attack

    def part(self, chosen) -> "Strokes":
        """Those that a slice chooses."""
        return self._replace(
            strike=self.strike[:, chosen],
            **{k: v[chosen] for k, v in self._asdict().items() if k != "strike"},
        )


def to_device(array, device, dtype: torch.dtype | None = None) -> torch.Tensor:
    """A NumPy array as a tensor there; the program does not wait until a GPU has it."""
    tensor = torch.as_tensor(array, dtype=dtype)
    if torch.device(device).type == "cuda" and not tensor.is_cuda:
        tensor = tensor.pin_memory()  # from other memory it would wait
    return tensor.to(device, non_blocking=True)


def render(strokes: Strokes, preset: Preset, device, dtype=torch.float32) -> torch.Tensor:
    """Render strokes at features.SAMPLE_RATE.

    Args:
        strokes: What sounds.
        preset: The ranges of nu.
        device: Where it is rendered.
        dtype: Type of the sounds. What changes by rotations is computed in float64.

    Returns:
        (strokes, N_SAMPLES) on the device, each with a peak of 1, or silent.
    """
    x = normalised(render_bodies(strokes, preset, device, dtype))
    noisy = np.flatnonzero(strokes.attack_powers.any(axis=(1, 2)))
    if len(noisy):
        powers = to_device(strokes.attack_powers[noisy], device, dtype)
        x.index_add_(0, to_device(noisy, device), render_attacks(powers))
    return normalised(x)


def render_bodies(strokes: Strokes, preset: Preset, device, dtype=torch.float32) -> torch.Tensor:
    """Render strokes without their attack, as `render`, on the modes' own scale."""
    theta = theta_from_nu(to_device(strokes.nu, device), preset)
    mallet_hz = to_device(strokes.mallet_hz[:, None], device)
    rows = fill(theta, tuple(to_device(strokes.strike, device)), mallet_hz, None, SAMPLE_RATE)
    x = torch.empty(len(strokes.nu), N_SAMPLES, dtype=dtype, device=device)
    if len(still := np.flatnonzero(strokes.tension == 0)):
        there = to_device(still, device)
        x[there] = ring(
            rows.sigma[there], rows.omega[there], rows.start.real[there], N_SAMPLES, SAMPLE_RATE,
            dtype,
        )  # fmt: skip
    moving = np.flatnonzero(strokes.tension)
    at_once = 1 if x.device.type == "cpu" else GLIDING
    for first in range(0, len(moving), at_once):
        some = moving[first : first + at_once]
        there = to_device(some, device)
        tension = to_device(strokes.tension[some], device)
        gliding = Rows(*(column[there] for column in rows))
        x[there] = glide(gliding, tension, N_SAMPLES, SAMPLE_RATE, dtype)
    return x


def render_attacks(powers: torch.Tensor) -> torch.Tensor:
    """Render attacks, as matcher.physics.attack.render at features.SAMPLE_RATE.

    Args:
        powers: (batch, *attack.SHAPE).

    Returns:
        (batch, N_SAMPLES) with the same type and device.
    """
    noise, fading = _attack_tables(powers.device, powers.dtype)
    x = torch.zeros(len(powers), N_SAMPLES, dtype=powers.dtype, device=powers.device)
    for of_band, band in zip(powers.unbind(1), noise):
        x.addcmul_(torch.sqrt(of_band @ fading), band)
    return x


@lru_cache(4)
def _attack_tables(device, dtype):
    """One period of the noise (bands, samples), and how the power of each decay fades."""
    fading = attack.fading(np.arange(N_SAMPLES) / SAMPLE_RATE)  # (decays, samples)
    fading[fading < attack.INAUDIBLE**2] = 0  # the smallest numbers are slow to compute with
    noise = attack.noise(SAMPLE_RATE)
    return tuple(torch.from_numpy(table).to(device, dtype) for table in (noise, fading))
