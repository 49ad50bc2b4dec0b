"""Drums with partials as a recording gives them, for tests."""

import numpy as np

from matcher.physics import partials
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

N = 16


def poles(drum: Drum, seed: int, n: int = N):
    """Parents, Hz, decay rates and amplitudes near a drum's loudest modes; the sum begins at 0."""
    rng = np.random.default_rng(seed)
    sigma, omega, gain = drum.modes()
    loud = np.argsort(-gain)[: n - n // 4]
    parents = np.concatenate([loud, loud[: n // 4]])  # the loudest have two partials
    hz = omega[parents] / (2 * np.pi) * 2 ** (rng.normal(0, 100, n) / 1200)
    decay = sigma[parents] * np.exp(rng.normal(0, 0.4, n))
    level = gain[parents] * 10 ** (rng.normal(0, 4, n) / 20)
    amplitude = level * np.exp(1j * rng.uniform(-1.5, 1.5, n))
    amplitude.imag -= amplitude.imag.mean()  # nothing clicks
    return np.stack(np.divmod(parents, 10), 1) + 1, hz, decay, amplitude


def recorded(seed: int, tension: float = 0.0, mallet_hz: float = 3000.0) -> Drum:
    """A drum with N partials of its own."""
    rng = np.random.default_rng(seed)
    theta = Theta(
        2 * np.pi * 10 ** rng.uniform(1.8, 2.5), rng.uniform(0.1, 0.5), 0.02, 0.03,
        rng.uniform(0.5, 1.0),
    )  # fmt: skip
    strike = tuple(rng.uniform(0.2, 0.45, 2).tolist())
    drum = Drum(Theta(*map(float, theta)), strike, mallet_hz, tension)
    return drum._replace(partials=partials.of_poles(drum, *poles(drum, seed)))
