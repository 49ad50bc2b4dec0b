"""The one table of what refining searches, and a drum as a vector of these parameters.

The attack's powers are not among them: they are solved for beside each body (matching.descent).
"""

from typing import NamedTuple

import numpy as np

from matcher.physics.drum import Drum
from matcher.physics.parameters import HARD_HZ, PARAMETERS
from matcher.physics.theta import LIVE, Theta

LEAST_DULLNESS = 1e-9  # no unit; below it a mallet is as good as hard, and nothing divides by zero


class Searched(NamedTuple):
    """One row of the table. `low` and `high` are both included."""

    name: str
    low: float
    high: float
    difference: float  # step of numerical derivatives
    least_first: float = -np.inf  # where a search begins at least


SEARCHED = (
    # theta, in nu of LIVE
    Searched("omega", -1, 1, 1e-3),
    Searched("tau", -1, 1, 1e-2),
    Searched("p", -1, 1, 1e-2),
    Searched("D", -1, 1, 1e-2),
    Searched("alpha", -1, 1, 1e-2),
    # strike point, as a share of each side: half of each, as the membrane is symmetric
    Searched("x1", 0.02, 0.5, 5e-3),
    Searched("x2", 0.02, 0.5, 5e-3),
    # dullness of the mallet, (pitch / mallet_hz)^2: 0 is a hard one
    Searched("dullness", 0, 1, 1e-3, 1e-3),
    Searched("tension", PARAMETERS["tension"].low, PARAMETERS["tension"].high, 1e-2, 0.03),
)
NAMES = tuple(row.name for row in SEARCHED)
LOW, HIGH, DIFFERENCE, LEAST_FIRST = (
    np.array([getattr(row, column) for row in SEARCHED], float)
    for column in ("low", "high", "difference", "least_first")
)  # (parameters,) each


def index(name: str) -> int:
    """Where a parameter stands in a vector (parameters,)."""
    return NAMES.index(name)


def indices(*names: str) -> list[int]:
    """Where several parameters stand in a vector (parameters,)."""
    return [index(name) for name in names]


THETA = indices(*Theta._fields)


def of_drum(drum_: Drum) -> np.ndarray:
    """A drum's body as a vector (parameters,), each clipped to its range."""
    dullness = 0.0
    if drum_.mallet_hz < HARD_HZ:
        dullness = (drum_.theta.pitch_hz / drum_.mallet_hz) ** 2
    vector = np.r_[LIVE.to_nu(drum_.theta), drum_.strike, dullness, drum_.tension]
    return np.clip(vector, LOW, HIGH)


def start_of(drum_: Drum) -> np.ndarray:
    """What a search begins with, as a vector (parameters,).

    Args:
        drum_: What the network inferred. Where it has no dullness or tension, or next to none, the
            search begins with a little: at 0 there would be no slope to go by.
    """
    return np.maximum(of_drum(drum_), LEAST_FIRST)


def to_drum(vector: np.ndarray, attack_powers=None) -> Drum:
    """A vector as a drum.

    Args:
        vector: (parameters,).
        attack_powers: As Drum has them; None: no attack.

    Returns:
        The drum, whose fields are Python's own numbers.
    """
    value = dict(zip(NAMES, vector))
    theta = Theta(*(float(natural) for natural in LIVE.from_nu(vector[THETA])))
    dullness = max(value["dullness"], LEAST_DULLNESS)
    mallet_hz = min(float(theta.pitch_hz / np.sqrt(dullness)), HARD_HZ)
    strike = float(value["x1"]), float(value["x2"])
    return Drum(theta, strike, mallet_hz, float(value["tension"]), attack_powers)
