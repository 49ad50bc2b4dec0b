"""The numbers that a network may infer of a stroke's body, each scaled to nu in [-1, 1].

They are theta, and how the membrane was struck: where, by how dull a mallet, with what tension. A
network for theta alone infers the first five.
"""

from dataclasses import replace

import numpy as np

from matcher.matching.search_space import HIGH, LOW, NAMES, SEARCHED, of_drum, to_drum
from matcher.physics.drum import Drum
from matcher.physics.parameters import PARAMETERS, Parameter
from matcher.physics.theta import LIVE, Theta

LEAST_DULLNESS = 1e-4  # below it a mallet is as good as hard: its cutoff is 100 times the pitch
LEAST_TENSION = 0.01  # a glide of 9 cents, which is barely audible
_SEARCHED = {row.name: row for row in SEARCHED}


def _row(name: str, low: float | None = None, **fields) -> Parameter:
    searched = _SEARCHED[name]
    low = searched.low if low is None else low
    return replace(PARAMETERS[name], low=low, high=searched.high, **fields)


# in the order of search_space.NAMES
INFERRED = {
    row.name: row
    for row in (
        *LIVE.parameters,
        _row("x1"),
        _row("x2"),
        Parameter(
            "dullness", "Dullness", "", LEAST_DULLNESS, _SEARCHED["dullness"].high, "log",
            "the square of pitch over the mallet's cutoff",
        ),
        _row("tension", LEAST_TENSION, scale="log"),
    )
}  # fmt: skip
N_INFERRED = len(INFERRED)
STRUCK = NAMES[len(Theta._fields) :]  # names of those that are not theta
STRUCK_ROWS = tuple(INFERRED[name] for name in STRUCK)


def nu_of_drum(drum_: Drum) -> np.ndarray:
    """A drum's body as nu (N_INFERRED,), each number clipped to its range."""
    vector = of_drum(drum_)
    struck = [
        row.to_nu(np.clip(value, row.low, row.high))
        for row, value in zip(STRUCK_ROWS, vector[len(Theta._fields) :])
    ]
    return np.r_[vector[: len(Theta._fields)], struck]


def drum_of_nu(nu: np.ndarray) -> Drum:
    """The drum of nu (N_INFERRED,), without an attack."""
    struck = [row.from_nu(value) for row, value in zip(STRUCK_ROWS, nu[len(Theta._fields) :])]
    vector = np.r_[nu[: len(Theta._fields)], struck]
    return to_drum(np.clip(vector, LOW, HIGH))
