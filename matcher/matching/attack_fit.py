"""The attack beside a finished body, on the whole band of the recording.

Powers of bands and decays are added to the power of the body, and the compressed log-CQT of the sum
is fitted to the recording's by non-negative least squares, linearised again after each solution
(Gauss-Newton). The level of the body is given, in the recording's own units.
"""

from functools import lru_cache
from typing import ClassVar

import numpy as np

from matcher.matching.descent import BY_CHANCE, nnls
from matcher.matching.features import FLOOR, LogCqt
from matcher.matching.target import background
from matcher.physics import attack

RATE = 44100  # Hz: of recordings and bodies here
FLOORS = (FLOOR, 0.1)  # amplitude over the peak: with the other one, loud cells weigh more
ROUNDS = 8  # linearisations, at most
ENOUGH = 1e-3  # of the cost: a round that gains less is the last
SHARES = (1.0, 0.5, 0.2, 0.05)  # of the way to a solution, tried until one is nearer
REGULAR = 1e-5  # added to a diagonal of 1: bands and decays overlap
FIRST_POWER = 1e-9  # inaudible
SMALLEST = 1e-12  # power, added to each cell


class _WholeBand(LogCqt):
    sample_rate: ClassVar[float] = RATE
    n_samples: ClassVar[int] = 2**17
    padding: ClassVar[int] = 2**14


# 40 Hz to 20 kHz; frames grow from 7 ms, since attacks begin fast and end slowly
CQT = _WholeBand(f_min=40.0, n_bins=108, bandwidth=0.6, n_frames=64, growth=1.05)


def power(x: np.ndarray) -> np.ndarray:
    """Power of x (samples,) at RATE in the cells, (bins, frames)."""
    return CQT.magnitude(np.asarray(x, np.float32)) ** 2


@lru_cache(1)
def unit_power() -> np.ndarray:
    """Power of each band and decay of the attack, (attack_powers, bins, frames) float32."""
    rows = [power(unit) for unit in attack.units(RATE, CQT.n_samples)]
    return np.array(rows, np.float32)


class WholeBand:
    """A recording, of which a body is to be the tones and an attack the noise.

    Args:
        recording: (samples,) at RATE from its onset, with a peak of 1.
        ends_in_hit: Whether the next hit cuts the recording off; otherwise it dies away.
    """

    def __init__(self, recording: np.ndarray, ends_in_hit: bool):
        self.n_samples = len(recording)
        whole = int(np.searchsorted(CQT.edges, len(recording), side="right")) - 1  # frames
        self._n_frames = max(1, min(whole, CQT.n_frames)) if ends_in_hit else CQT.n_frames
        power_ = power(recording)
        # the last frame is disturbed by the end
        steady = background(np.log1p(np.sqrt(power_[:, : max(0, whole - 1)]) / FLOOR))
        self._power, self._noise = (
            self._cells(power_),
            self._cells(np.broadcast_to(steady[:, None] ** 2, power_.shape)),
        )
        observed_s = len(recording) / RATE
        told = [not ends_in_hit or decay <= observed_s for decay in attack.DECAYS_S]
        self._usable = np.flatnonzero(np.tile(told, attack.N_BANDS))
        self._units = self._cells(unit_power()[self._usable])

    def attack_powers(self, body: np.ndarray) -> np.ndarray:
        """Powers of the attack beside a body.

        Args:
            body: (samples,) at RATE, in the recording's units.

        Returns:
            attack.SHAPE, in the recording's units.
        """
        powers = np.zeros(attack.N_BANDS * attack.N_DECAYS)
        there = self._cells(power(body)) + self._noise + SMALLEST
        powers[self._usable] = _solve(self._power, there, self._noise, self._units)
        return powers.reshape(attack.SHAPE)

    def _cells(self, power_: np.ndarray) -> np.ndarray:
        """(..., bins, frames) -> those cells that are compared, (..., cells)."""
        return power_[..., : self._n_frames].reshape(*power_.shape[:-2], -1)


def _solve(
    wanted: np.ndarray, there: np.ndarray, noise: np.ndarray, units: np.ndarray
) -> np.ndarray:
    """Powers (powers,) of units (powers, cells), so that there + powers @ units is like wanted.

    noise: power of the background, which is part of `there`, (cells,).
    """
    amplitude = np.sqrt(wanted)
    sizes = [np.linalg.norm(np.log1p(amplitude / floor)) for floor in FLOORS]
    weights = [sizes[0] / max(size, SMALLEST) for size in sizes]

    def residuals(powers):
        x = np.sqrt(there + powers @ units)
        return x, [w * (np.log1p(amplitude / f) - np.log1p(x / f)) for w, f in zip(weights, FLOORS)]

    powers = np.full(len(units), FIRST_POWER)
    x, residual = residuals(powers)
    cost = sum(r @ r for r in residual)
    for _ in range(ROUNDS):
        new = _linear(powers, x, residual, weights, units, noise)
        if new is None:
            break
        for share in SHARES:
            tried = powers + share * (new - powers)
            x_tried, residual_tried = residuals(tried)
            cost_tried = sum(r @ r for r in residual_tried)
            if cost_tried < cost:
                break
        else:
            break
        before, powers, x, residual, cost = cost, tried, x_tried, residual_tried, cost_tried
        if cost > before * (1 - ENOUGH):
            break
    return powers


def _linear(powers, x, residual, weights, units, noise) -> np.ndarray | None:
    """The powers that are best where the model is linear in them; None where that fails.

    In noise a power has to explain more than the background does by chance, as in descent.
    """
    slopes = [w * x / (floor + x) for w, floor in zip(weights, FLOORS)]
    share = (0.5 * np.sqrt(sum(slope**2 for slope in slopes)) / x**2).astype(np.float32)
    rows = units * share  # (powers, cells): all floors in one row, as they share the derivative
    matrix = (rows @ rows.T).astype(float)
    gradient = units @ (0.5 * sum(s * r for s, r in zip(slopes, residual)) / x**2)
    scale = np.sqrt(np.diag(matrix)) + 1e-30
    normal = matrix / np.outer(scale, scale) + REGULAR * np.eye(len(scale))
    wanted = gradient + matrix @ powers
    if np.any(noise):
        by_chance = sum(slope**4 for slope in slopes) * noise / (16 * x**6)
        wanted -= BY_CHANCE * np.sqrt(units**2 @ by_chance)
    wanted /= scale
    lower = np.linalg.cholesky(normal)
    try:
        return nnls()(lower.T, np.linalg.solve(lower, wanted))[0] / scale
    except RuntimeError:  # nnls did not converge
        return None
