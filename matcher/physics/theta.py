"""Theta, the five physical parameters of a drum, and the presets of their ranges.

Presets: `paper` has the ranges of Han, Lostanlen and Lagrange (ICASSP 2023, arXiv 2301.02886);
`live` contains these ranges and extends them to those of real drums.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from matcher.physics.parameters import PARAMETERS, Parameter


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
class Preset:
    """A named set of ranges: one Parameter per field of Theta, in the same order."""

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
        """Raise ValueError, which names parameter and range, if theta is out of range."""
        for row in self.parameters:
            row.check(getattr(theta, row.name))


TURN = 2 * np.pi  # rad: one cycle
LIVE = Preset("live", tuple(PARAMETERS[name] for name in Theta._fields))
PAPER = Preset(
    "paper",
    tuple(
        replace(LIVE[name], low=low, high=high, scale=scale)
        for name, low, high, scale in (
            # 40 to 1004 Hz; rounded via Hz like the tables of metrics that ship
            ("omega", TURN * (10**2.4 / TURN), TURN * (10**3.8 / TURN), "log"),
            ("tau", 0.07, 0.80, "linear"),
            ("p", 1e-5, 0.2, "log"),
            ("D", 1e-5, 0.3, "log"),
            ("alpha", 0.05, 1.0, "linear"),
        )
    ),
)
PRESETS = {preset.name: preset for preset in (PAPER, LIVE)}


NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def midi_note_name(note: int) -> str:
    """A MIDI note as musicians write it; 60 is C4."""
    return f"{NOTES[note % 12]}{note // 12 - 1}"


def note_name(hz: float) -> str:
    """The nearest note of equal temperament at A4 = 440 Hz, and the deviation from it in cents."""
    number = 69 + 12 * np.log2(hz / 440)
    nearest = round(number)
    cents = round(100 * (number - nearest))
    return f"{NOTES[nearest % 12]}{nearest // 12 - 1} {cents:+d} cents"


def describe(theta: Theta) -> list[tuple[str, str, str]]:
    """Describe theta in words a drummer understands.

    "An octave up" is a mode at twice the fundamental on an ideal membrane (q = 3 in physics.ftm).

    Returns:
        Rows of (label, value, meaning), in the order of Theta's fields.
    """
    beta = theta.alpha + 1 / theta.alpha
    faster = 1 + 3 * theta.p * beta
    sharp = 600 * np.log2(1 + 3 * (theta.D * beta) ** 2)  # cents
    form = "square" if theta.alpha > 0.9 else "oblong" if theta.alpha > 0.4 else "long and narrow"
    meanings = {
        "omega": note_name(theta.pitch_hz),
        "tau": f"rings {np.log(1000) * theta.tau:.2g} s until -60 dB",
        "p": f"a tone an octave up decays {faster:.3g} times as fast",
        "D": f"a tone an octave up is {sharp:.0f} cents sharp",
        "alpha": f"{form}: the short side is {theta.alpha:.2f} of the long",
    }
    return [
        (row.label, row.format(getattr(theta, row.name)), meanings[row.name])
        for row in LIVE.parameters
    ]
