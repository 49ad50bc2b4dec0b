"""The metric of the log-CQT: how far it moves with each of the numbers that a network infers.

PNP with Phi the log-CQT by which matches are compared, of the body alone, estimated by the power of
its modes. J holds secants of STEP in nu, and is divided by |Phi|: d^T M d is then the square of the
log-CQT distance, to first order.
"""

import numpy as np
import torch

from matcher.matching.confirm import log_cqt_of_body
from matcher.matching.cost import SMALLEST_PEAK
from matcher.matching.features import DISTANCE
from matcher.matching.inferred import N_INFERRED, drum_of_nu

STEP = 0.03  # nu, of secants
UPPER = np.triu_indices(N_INFERRED)  # the order of the numbers of a triangle


def log_cqt_at(nu: np.ndarray) -> np.ndarray:
    """Log-CQT of a body (N_INFERRED,), estimated, (cells,)."""
    return log_cqt_of_body(drum_of_nu(nu), DISTANCE, DISTANCE.n_frames).ravel()


def metric_factor(nu: np.ndarray) -> np.ndarray:
    """The upper triangle of R, with R^T R = M, at a body.

    Args:
        nu: (N_INFERRED,).

    Returns:
        In the order of UPPER, (45,) float32; zeros where nothing sounds.
    """
    here = log_cqt_at(nu)
    columns = []
    for i in range(N_INFERRED):
        step = STEP if nu[i] + STEP <= 1 else -STEP
        there = np.array(nu, float)
        there[i] += step
        columns.append((log_cqt_at(there) - here) / step)
    J = np.array(columns).T / max(float(np.linalg.norm(here)), SMALLEST_PEAK)  # (cells, 9)
    return np.linalg.qr(J, mode="r")[UPPER].astype(np.float32)


def full(factor: torch.Tensor) -> torch.Tensor:
    """M (sounds, 9, 9) from triangles of R (sounds, 45)."""
    R = factor.new_zeros(len(factor), N_INFERRED, N_INFERRED)
    R[:, UPPER[0], UPPER[1]] = factor
    return R.transpose(1, 2) @ R
