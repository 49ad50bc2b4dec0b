"""The one table of parameters: whatever names, scales or explains theta reads it here.

Presets: `paper` is the range of Han, Lostanlen and Lagrange (ICASSP 2023, arXiv 2301.02886);
`live` holds it whole and reaches as far as real drums do.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Theta(NamedTuple):
    """Five physical parameters of a rectangular drum: floats, or arrays of one common shape."""

    omega: np.ndarray | float  # angular frequency of the fundamental, rad/s
    tau: np.ndarray | float  # decay time of the fundamental (amplitude e^-1), s
    p: np.ndarray | float  # inhomogeneous damping
    D: np.ndarray | float  # dispersion (stiffness)
    alpha: np.ndarray | float  # side ratio

    @property
    def pitch_hz(self):
        """Frequency of the fundamental, Hz."""
        return self.omega / (2 * np.pi)


@dataclass(frozen=True)
class Parameter:
    """One row of the table. `low` and `high` are in natural units, both included."""

    name: str  # a field of Theta
    label: str  # the word a drummer uses
    unit: str
    low: float
    high: float
    scale: str  # "log" or "linear": along which nu in [-1, 1] is uniform
    help: str

    def to_nu(self, value):
        """Natural units -> [-1, 1] inside the range."""
        value, low, high = map(self._warp, (value, self.low, self.high))
        return 2 * (value - low) / (high - low) - 1

    def from_nu(self, nu):
        """[-1, 1] -> natural units."""
        low, high = self._warp(self.low), self._warp(self.high)
        value = low + (np.asarray(nu) + 1) / 2 * (high - low)
        return np.exp(value) if self.scale == "log" else value

    def _warp(self, value):
        return np.log(value) if self.scale == "log" else value


@dataclass(frozen=True)
class Preset:
    """A named set of ranges, one Parameter for each field of Theta and in its order."""

    name: str
    parameters: tuple[Parameter, ...]

    def __getitem__(self, name: str) -> Parameter:
        return next(row for row in self.parameters if row.name == name)

    def to_nu(self, theta: Theta) -> np.ndarray:
        """Theta of shape (...) -> nu (..., 5), in the order of Theta's fields."""
        return np.stack([self[name].to_nu(getattr(theta, name)) for name in Theta._fields], axis=-1)

    def from_nu(self, nu) -> Theta:
        """nu (..., 5) -> Theta of shape (...)."""
        columns = np.moveaxis(np.asarray(nu, dtype=np.float64), -1, 0)
        return Theta(*(self[name].from_nu(c) for name, c in zip(Theta._fields, columns)))

    def check(self, theta: Theta) -> None:
        """Raise ValueError, naming the parameter and its range, where theta is not inside it."""
        for row in self.parameters:
            value = getattr(theta, row.name)
            inside = row.low * (1 - 1e-9) <= value <= row.high * (1 + 1e-9)  # NaN is outside
            if not inside:
                name, scale = ("pitch", 2 * np.pi) if row.name == "omega" else (row.name, 1.0)
                unit = "Hz" if row.name == "omega" else row.unit
                low, high = row.low / scale, row.high / scale
                raise ValueError(
                    f"{name} is {value / scale:g}, allowed is {low:g} to {high:g} {unit}".rstrip()
                )


def _preset(name: str, pitch_hz, tau, tau_scale, p, D, alpha) -> Preset:
    omega = tuple(2 * np.pi * np.array(pitch_hz))
    return Preset(
        name,
        (
            Parameter("omega", "Pitch", "rad/s", *omega, "log", "how high the drum is tuned"),
            Parameter("tau", "Decay", "s", *tau, tau_scale, "how long the lowest tone rings"),
            Parameter("p", "Damping", "", *p, "log", "how much faster the high tones die"),
            Parameter("D", "Stiffness", "", *D, "log", "how far the overtones spread apart"),
            Parameter("alpha", "Shape", "", *alpha, "linear", "side ratio: 1 is a square drum"),
        ),
    )


_PAPER_PITCH = (10**2.4 / (2 * np.pi), 10**3.8 / (2 * np.pi))  # omega 10^2.4 to 10^3.8 rad/s
PRESETS = {
    preset.name: preset
    for preset in (
        _preset(
            "paper", _PAPER_PITCH, (0.07, 0.80), "linear", (1e-5, 0.2), (1e-5, 0.3), (0.05, 1.0)
        ),
        _preset("live", (25.0, 1500.0), (0.01, 3.0), "log", (1e-5, 1.0), (1e-5, 1.0), (0.05, 1.0)),
    )
}


NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def note_name(hz: float) -> str:
    """The nearest note of equal temperament, A4 = 440 Hz, with the cents that are left."""
    number = 69 + 12 * np.log2(hz / 440)
    nearest = round(number)
    cents = round(100 * (number - nearest))
    return f"{NOTES[nearest % 12]}{nearest // 12 - 1} {cents:+d} cents"


def describe(theta: Theta) -> list[tuple[str, str, str]]:
    """Theta in words a drummer understands: rows of (label, value, what it means).

    "An octave up" is the mode whose frequency a perfect membrane doubles (q = 3 in physics.ftm).
    """
    beta = theta.alpha + 1 / theta.alpha
    faster = 1 + 3 * theta.p * beta
    sharp = 600 * np.log2(1 + 3 * (theta.D * beta) ** 2)  # cents
    form = "square" if theta.alpha > 0.9 else "oblong" if theta.alpha > 0.4 else "long and narrow"
    values = {
        "omega": (f"{theta.pitch_hz:.1f} Hz", note_name(theta.pitch_hz)),
        "tau": (f"{theta.tau:.3g} s", f"rings {np.log(1000) * theta.tau:.2g} s until -60 dB"),
        "p": (f"{theta.p:.2g}", f"a tone an octave up dies {faster:.3g} times as fast"),
        "D": (f"{theta.D:.2g}", f"a tone an octave up stands {sharp:.0f} cents sharp"),
        "alpha": (f"{theta.alpha:.2f}", f"{form}: the short side is {theta.alpha:.2f} of the long"),
    }
    return [(row.label, *values[row.name]) for row in PRESETS["live"].parameters]
