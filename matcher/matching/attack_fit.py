"""The attack beside a finished body, on the whole band of the recording.

Powers of bands and decays are added to the power of the body, and the compressed log-CQT of the sum
is fitted to the recording's by non-negative least squares, linearised again after each solution
(Gauss-Newton). The level of the body is given, in the recording's own units.
"""

from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from matcher.matching import features
from matcher.matching.descent import BY_CHANCE, nnls
from matcher.matching.features import FLOOR, LogCqt
from matcher.matching.kept import kept
from matcher.matching.target import background
from matcher.physics import attack

RATE = 44100  # Hz: of recordings and bodies here
FLOORS = (FLOOR, 0.1)  # amplitude over the peak: with the other one, loud cells weigh more
ROUNDS = 8  # linearisations, at most
ENOUGH = 1e-3  # of the cost: a round that gains less is the last
SHARES = (1.0, 0.5, 0.2, 0.05)  # of the way to a solution, tried until one is nearer
REGULAR = 1e-5  # added to a diagonal of 1: bands and decays overlap
WIRES_TRIED_S = (0.06, 0.1, 0.18, 0.3, 0.6)  # s
WIRES_GAIN = 0.01  # of the cost, that stopping wires have to gain
SUBSTEPS = 16  # of a frame, in which the decays and the wires are followed
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


@kept(attack, features)
def unit_power() -> np.ndarray:
    """Power of each band and decay of the attack, (attack_powers, bins, frames) float32."""
    rows = [power(unit) for unit in attack.units(RATE, CQT.n_samples)]
    return np.array(rows, np.float32)


@lru_cache(1 + len(WIRES_TRIED_S))
def unit_power_until(wires_s: float) -> np.ndarray:
    """As unit_power, with wires that stop."""
    if wires_s == attack.NEVER_S:
        return unit_power()
    powers = unit_power().reshape(*attack.SHAPE, CQT.n_bins, CQT.n_frames).copy()
    powers[attack.FIRST_WIRES_BAND :] *= _left_of_frames(wires_s)[:, None]
    return powers.reshape(unit_power().shape)


def _left_of_frames(wires_s: float) -> np.ndarray:
    """Share of each decay's power that stopping wires leave in each frame, (decays, frames)."""
    inside = (np.arange(SUBSTEPS) + 0.5) / SUBSTEPS
    edges = CQT.edges / RATE
    seconds = edges[:-1, None] + np.diff(edges)[:, None] * inside  # (frames, SUBSTEPS)
    stopped = attack.stopping(seconds, wires_s) ** 2
    rows = []
    for decay in attack.DECAYS_S:
        weight = np.exp(-2 * (seconds - seconds[:, :1]) / decay)
        rows.append(np.sum(weight * stopped, axis=1) / np.sum(weight, axis=1))
    return np.array(rows, np.float32)


class Attack(NamedTuple):
    """The noise of a stroke."""

    powers: np.ndarray  # attack.SHAPE, in the recording's units
    wires_s: float  # s, when the wires stop


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

    def attack(self, body: np.ndarray, wires_s: float | None = None) -> Attack:
        """The attack beside a body.

        Args:
            body: (samples,) at RATE, in the recording's units.
            wires_s: s, when the wires stop; None: that is found as well.
        """
        there = self._cells(power(body)) + self._noise + SMALLEST
        fit = _Fit(self._power, there, self._noise)
        if wires_s is None:
            wires_s, start = self._wires(fit)
        else:
            start = fit.first(len(self._usable))
        powers = np.zeros(attack.N_BANDS * attack.N_DECAYS)
        powers[self._usable] = fit.solve(start, self._units(wires_s), ROUNDS)
        return Attack(powers.reshape(attack.SHAPE), wires_s)

    def _wires(self, fit: "_Fit") -> tuple[float, np.ndarray]:
        """When the wires stop, and nearly the powers (usable,) beside that."""
        units = self._units(attack.NEVER_S)
        whole = fit.solve(fit.first(len(units)), units, ROUNDS)
        best, start, least = attack.NEVER_S, whole, (1 - WIRES_GAIN) * fit.cost(whole, units)
        for wires_s in WIRES_TRIED_S:
            units = self._units(wires_s)
            powers = fit.solve(whole, units, 1)
            if (cost := fit.cost(powers, units)) < least:
                best, start, least = wires_s, powers, cost
        return best, start

    def _units(self, wires_s: float) -> np.ndarray:
        """Power of the usable bands and decays, (usable, cells)."""
        return self._cells(unit_power_until(wires_s)[self._usable])

    def _cells(self, power_: np.ndarray) -> np.ndarray:
        """(..., bins, frames) -> those cells that are compared, (..., cells)."""
        return power_[..., : self._n_frames].reshape(*power_.shape[:-2], -1)


class _Fit:
    """Powers of units (powers, cells), so that there + powers @ units is like what is wanted.

    Args:
        wanted: power of the recording, (cells,).
        there: power of the body and the background, (cells,).
        noise: power of the background alone, (cells,).
    """

    def __init__(self, wanted: np.ndarray, there: np.ndarray, noise: np.ndarray):
        self._amplitude, self._there, self._noise = np.sqrt(wanted), there, noise
        sizes = [np.linalg.norm(np.log1p(self._amplitude / floor)) for floor in FLOORS]
        self._weights = [sizes[0] / max(size, SMALLEST) for size in sizes]

    def first(self, n: int) -> np.ndarray:
        """So many powers to begin with."""
        return np.full(n, FIRST_POWER)

    def cost(self, powers: np.ndarray, units: np.ndarray) -> float:
        """Squared distance of compressed amplitudes."""
        return sum(float(r @ r) for r in self._residuals(powers, units)[1])

    def solve(self, powers: np.ndarray, units: np.ndarray, rounds: int) -> np.ndarray:
        """Better powers than those given, after so many linearisations at most."""
        cost = self.cost(powers, units)
        for _ in range(rounds):
            wanted = self._linear(powers, units)
            if wanted is None:
                break
            for share in SHARES:
                tried = powers + share * (wanted - powers)
                if (cost_tried := self.cost(tried, units)) < cost:
                    break
            else:
                break
            before, powers, cost = cost, tried, cost_tried
            if cost > before * (1 - ENOUGH):
                break
        return powers

    def _residuals(self, powers, units) -> tuple[np.ndarray, list[np.ndarray]]:
        """Amplitude of the sum, and what it lacks over each of FLOORS."""
        x = np.sqrt(self._there + powers @ units)
        return x, [
            weight * (np.log1p(self._amplitude / floor) - np.log1p(x / floor))
            for weight, floor in zip(self._weights, FLOORS)
        ]

    def _linear(self, powers, units) -> np.ndarray | None:
        """The powers that are best where the model is linear in them; None where that fails.

        In noise a power has to explain more than the background does by chance, as in descent.
        """
        x, residuals = self._residuals(powers, units)
        slopes = [w * x / (floor + x) for w, floor in zip(self._weights, FLOORS)]
        share = (0.5 * np.sqrt(sum(slope**2 for slope in slopes)) / x**2).astype(np.float32)
        rows = units * share  # (powers, cells): all floors in one row, as they share the derivative
        matrix = (rows @ rows.T).astype(float)
        gradient = units @ (0.5 * sum(s * r for s, r in zip(slopes, residuals)) / x**2)
        scale = np.sqrt(np.diag(matrix)) + 1e-30
        normal = matrix / np.outer(scale, scale) + REGULAR * np.eye(len(scale))
        wanted = gradient + matrix @ powers
        if np.any(self._noise):
            by_chance = sum(slope**4 for slope in slopes) * self._noise / (16 * x**6)
            wanted -= BY_CHANCE * np.sqrt(units**2 @ by_chance)
        wanted /= scale
        lower = np.linalg.cholesky(normal)
        try:
            return nnls()(lower.T, np.linalg.solve(lower, wanted))[0] / scale
        except RuntimeError:  # nnls did not converge
            return None
