"""Functional transformation method (FTM): theta -> modes of a damped, stiff, rectangular membrane.

The method is by Trautmann and Rabenstein (2003). This is the closed form of the chain theta -> PDE
-> modes in Han, Lostanlen and Lagrange (TASLP 2024, arXiv 2311.14213); it avoids the cancellation
in their difference of large terms. beta = alpha + 1/alpha, and q = r - 1 >= 0, where r is the
ratio of a mode's eigenvalue of the Laplacian to the fundamental's.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from matcher.physics.theta import Theta

N_MODES = 10  # modes per direction, as in the paper
STRIKE = (0.4, 0.4)  # share of each side: strike and pick-up point, as in the paper


class Modes(NamedTuple):
    """Modes, each field (..., modes): x(t) = sum gain exp(-sigma t) sin(omega t)."""

    sigma: np.ndarray  # decay rate, 1/s
    omega: np.ndarray  # angular frequency, rad/s
    gain: np.ndarray  # amplitude, no unit


class Pde(NamedTuple):
    """u_tt + S4 lap^2 u - c2 lap u + d1 u_t + d3 lap u_t = strike, with sides pi and pi alpha."""

    S4: np.ndarray | float  # bending stiffness
    c2: np.ndarray | float  # tension; negative where stiffness alone gives more than omega
    d1: np.ndarray | float  # frequency-independent damping, 1/s; negative where p beta > 1
    d3: np.ndarray | float  # frequency-dependent damping


def modes(theta: Theta, strike=STRIKE, n_modes: int = N_MODES) -> Modes:
    """Modes of a membrane that is struck and picked up at one point.

    Args:
        theta: fields of shape (...).
        strike: (x1, x2) in [0, 1], the strike and pick-up point, as a share of each side.
        n_modes: modes per direction.

    Returns:
        Modes with fields (..., n_modes^2), ordered by (m, k). Modes that the strike point
        silences are kept.
    """
    omega, tau, p, D, alpha = (np.asarray(v, np.float64)[..., None] for v in theta)  # (..., 1)
    m, k = _indices(n_modes)
    sigma, _, omega_mk = closed_form(omega, tau, p, D, alpha, mode_excess(alpha, m, k))
    return Modes(sigma, omega_mk, shape(m, k, *strike) / (omega_mk * alpha))


# These three are compiled for the bank as well: they take floats, or arrays that broadcast.


def closed_form(omega, tau, p, D, alpha, q):
    """Sigma, squared frequency without damping, and frequency of a mode of a theta."""
    beta = alpha + 1 / alpha
    sigma = (1 + p * beta * q) / tau
    undamped = omega**2 * (1 + q) * (1 + D**2 * beta**2 * q)
    return sigma, undamped, np.sqrt(undamped + q * (1 - p * beta) ** 2 / tau**2)


def mode_excess(alpha, m, k):
    """q = r - 1 of mode (m, k)."""
    return (alpha**2 * (m**2 - 1) + k**2 - 1) / (1 + alpha**2)


def shape(m, k, x1, x2):
    """How strongly a strike at (x1, x2), shares of each side, sounds mode (m, k) there: 0 to 1."""
    return (np.sin(m * np.pi * x1) * np.sin(k * np.pi * x2)) ** 2


def excess(alpha, n_modes: int = N_MODES) -> np.ndarray:
    """q = r - 1 of each mode, (..., n_modes^2); alpha: (..., 1) or a float."""
    return mode_excess(alpha, *_indices(n_modes))


@lru_cache
def _indices(n_modes: int) -> tuple[np.ndarray, ...]:
    return tuple(index.ravel() for index in np.mgrid[1.0 : n_modes + 1, 1.0 : n_modes + 1])


def pde(theta: Theta) -> Pde:
    """Coefficients of the partial differential equation (TASLP 2024, section II)."""
    omega, tau, p, D, alpha = theta
    beta = alpha + 1 / alpha
    return Pde(
        S4=(D * omega * alpha) ** 2 + (p * alpha / tau) ** 2,
        c2=alpha * ((1 / beta - p**2 * beta) / tau**2 + omega**2 * (1 / beta - D**2 * beta)),
        d1=2 * (1 - p * beta) / tau,
        d3=-2 * p * alpha / tau,
    )
