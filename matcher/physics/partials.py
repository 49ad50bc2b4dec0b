"""The recorded drum's own partials, each a deviation of one mode of the ideal membrane.

A real head is no ideal rectangle: air, a second head, shell and tuning put its partials elsewhere.
A partial is stored relative to its parent, a mode, so that pitch and decay of the drum carry it
along. How partials and modes mix is in physics.bank.
"""

from typing import NamedTuple

import numpy as np

from matcher.physics import ftm
from matcher.physics.parameters import HARD_HZ

MOST_PARTIALS = 16
# share of its largest gain that a partial keeps at the parent's nodes: a strike at another point
# raises none by more than 12 dB, wherever the drum was recorded
NODE = 1 / 3
MOST_SOFTNESS = 1.0  # a mallet damps a partial by 8.7 dB at most, with force 1: it fits the modes
GLIDE_S = (0.01, 1.0)  # s: range of the glide's decay
DEFAULT_GLIDE_S = 0.1


class Partial(NamedTuple):
    """A partial of the drum as it was recorded."""

    m: int  # of the parent, the mode (m, k), both from 1
    k: int
    cents: float  # above the parent's frequency without damping
    decay_ratio: float  # decay rate over the parent's
    gain_db: float  # over that of the fundamental, both struck at an antinode by a hard mallet
    phase: float  # rad, at the onset; 0 begins like a mode, with sin(0)


LIMITS = {  # of each field; wide, since they only keep out what cannot be meant
    "m": (1, ftm.N_MODES),
    "k": (1, ftm.N_MODES),
    "cents": (-12000.0, 12000.0),  # ten octaves
    "decay_ratio": (1e-6, 1e6),
    "gain_db": (-200.0, 200.0),
    "phase": (-2 * np.pi, 2 * np.pi),
}


def check(partials: tuple[Partial, ...], glide_s: float) -> None:
    """Raise ValueError, which names value and range, if partials or their glide are not allowed."""
    if len(partials) > MOST_PARTIALS:
        raise ValueError(f"a drum has {len(partials)} partials, allowed are up to {MOST_PARTIALS}")
    for partial in partials:
        if len(partial) != len(LIMITS):
            raise ValueError(
                f"a partial has {len(partial)} numbers, allowed are {len(LIMITS)}: "
                f"{', '.join(LIMITS)}"
            )
        for (name, limits), value in zip(LIMITS.items(), partial):
            _check_range(f"{name} of a partial", value, *limits)
            if name in ("m", "k") and value != int(value):
                raise ValueError(f"{name} of a partial is {value}, allowed are whole numbers")
    _check_range("the decay of the glide", glide_s, *GLIDE_S, " s")


def _check_range(name: str, value, low: float, high: float, unit: str = "") -> None:
    number = not isinstance(value, bool) and isinstance(value, (int, float, np.number))
    if not number or not low <= value <= high:  # NaN fails
        raise ValueError(f"{name} is {value}, allowed is {low:g} to {high:g}{unit}")


# These three are compiled for the bank as well: they take floats, or arrays that broadcast.


def softness(omega, mallet_hz):
    """Exponent by which a mallet damps a frequency with force 1, rad/s: (omega / cutoff)^2 / 2."""
    return (omega / (2 * np.pi * mallet_hz)) ** 2 / 2 * (mallet_hz < HARD_HZ)


def capped(soft):
    """Softness of a partial at a frequency where that of a mode is `soft`."""
    return np.minimum(soft, MOST_SOFTNESS)


def gain(shape, omega, alpha):
    """Gain of a partial of 0 dB without mallet, on the modes' own scale.

    shape: of the parent at the strike point (ftm.shape). omega, alpha: of theta.
    """
    return (shape + NODE) / (1 + NODE) / (omega * alpha)


def of_poles(drum, parents, hz, sigma, amplitude) -> tuple[Partial, ...]:
    """Partials with which a drum, as recorded and struck with force 1, sounds like given poles.

    Its body is then sum Im(amplitude exp((-sigma + 2 pi i hz) t)).

    Args:
        drum: the Drum that is to have them; its theta, strike point and mallet count.
        parents: (K, 2), modes (m, k).
        hz: (K,), Hz, of the drum at rest.
        sigma: (K,), decay rates, 1/s.
        amplitude: (K,) complex, on the modes' own scale, none of them 0.

    Returns:
        K partials in the same order.
    """
    m, k = np.asarray(parents, float).reshape(-1, 2).T
    omega, amplitude = 2 * np.pi * np.asarray(hz, float), np.asarray(amplitude, complex)
    theta = drum.theta
    sigma_mk, undamped, _ = ftm.closed_form(*theta, ftm.mode_excess(theta.alpha, m, k))
    unit = gain(ftm.shape(m, k, *drum.strike), theta.omega, theta.alpha)
    unit = unit * np.exp(-capped(softness(omega, drum.mallet_hz)))
    columns = (
        1200 * np.log2(omega / np.sqrt(undamped)),
        np.asarray(sigma, float) / sigma_mk,
        20 * np.log10(np.abs(amplitude) / unit),
        np.angle(amplitude),
    )
    modes = zip(m.astype(int).tolist(), k.astype(int).tolist())
    return tuple(Partial(*mode, *row) for mode, row in zip(modes, np.stack(columns, 1).tolist()))
