"""How a membrane moves after it was struck, in slow motion."""

import time

import numpy as np

from matcher.physics import ftm
from matcher.physics.theta import Theta

SHOWN_HZ = 2.0  # Hz that the fundamental is slowed down to
QUIETEST = 0.01  # share of the first deflection below which the membrane counts as still
GRID = (48, 32)  # points along and across
MOST_HITS = 4  # that move it at once
EXCURSION = 3.0  # factor by which the field is drawn larger


class Vibration:
    """A membrane and the hits that move it."""

    def __init__(self):
        self.theta: Theta | None = None
        self.strike = ftm.STRIKE
        self._hits: list[tuple[float, float]] = []  # time.monotonic, force

    def set_drum(self, theta: Theta | None, strike: tuple[float, float]) -> None:
        """Set the drum, or None; another theta begins at rest."""
        if theta != self.theta:
            self._hits.clear()
        self.theta, self.strike = theta, strike

    def hit(self, force: float) -> bool:
        """Strike it now, force in [0, 1]; False where there is no drum."""
        if self.theta is not None:
            self._hits = [*self._hits[1 - MOST_HITS :], (time.monotonic(), force)]
        return self.theta is not None

    def stop(self) -> None:
        """Bring it to rest."""
        self._hits.clear()

    def field(self) -> np.ndarray | None:
        """Its deflection now in [-1, 1], GRID; None once it is still."""
        if self.theta is None or not self._hits:
            return None
        modes = ftm.modes(self.theta, self.strike)
        m, k = (1 + np.arange(ftm.N_MODES) for _ in range(2))
        at = np.sin(m * np.pi * self.strike[0])[:, None] * np.sin(k * np.pi * self.strike[1])
        excited = (at.ravel() / modes.omega).reshape(len(m), len(k))  # by a strike there
        moving = np.zeros_like(excited)
        for began, force in self._hits:
            t = time.monotonic() - began
            phase = t * 2 * np.pi * SHOWN_HZ * modes.omega / self.theta.omega
            now = np.exp(-modes.sigma * t) * np.sin(phase)
            moving += force * excited * now.reshape(excited.shape)
        began, force = self._hits[-1]
        if np.exp(-modes.sigma.min() * (time.monotonic() - began)) < QUIETEST:
            return None
        x, y = ((np.arange(n) + 0.5) / n for n in GRID)
        field = np.sin(np.pi * np.outer(x, m)) @ moving @ np.sin(np.pi * np.outer(k, y))
        return np.clip(EXCURSION * field / (force * np.abs(excited).sum()), -1, 1)
