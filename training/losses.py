"""Losses of sound matching, and the damping of PNP.

Equations as in Han, Lostanlen, Lagrange, "Learning to Solve Inverse Problems for Perceptual Sound
Matching" (TASLP 2024, arXiv 2311.14213). nu_hat, nu (batch, 5); every loss is a scalar, the mean
over the batch.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import pad

RESOLUTIONS = (512, 1024, 2048)  # windows of the multi-scale STFT, samples; hop a quarter
TINY = 1e-12  # a squared distance below which a root has no slope
FLOOR = 1e-4  # below which a logarithmic magnitude is noise: -80 dB of a sine's peak


def p_loss(nu_hat: torch.Tensor, nu: torch.Tensor, power: int = 2) -> torch.Tensor:
    """Parameter loss: the mean of (nu_hat - nu)^2; with power 1 of |nu_hat - nu|."""
    d = nu_hat - nu
    return d.square().mean() if power == 2 else _mean_power(d.square().sum(1), power)


def pnp_loss(
    nu_hat, nu, M, damping: float = 0.0, diagonal: bool = False, power: int = 2
) -> torch.Tensor:
    """Perceptual-neural-physical loss, 1/2 d^T (M + damping D) d, d = nu_hat - nu.

    M (batch, 5, 5). D is the identity, or M's own diagonal (Marquardt). Gauss-Newton's second
    order approximation of 1/2 |Phi(g(nu_hat)) - Phi(g(nu))|^2 about nu; with power 1 of the
    distance itself, to which the sounds with the largest M do not matter more than the others.
    """
    d = nu_hat - nu
    damped = M.diagonal(dim1=1, dim2=2) if diagonal else torch.ones_like(d)
    quadratic = torch.einsum("bi,bij,bj->b", d, M, d) + damping * (damped * d.square()).sum(1)
    return _mean_power(quadratic, power)


def clip_eigenvalues(M: torch.Tensor, highest: float) -> torch.Tensor:
    """M (batch, 5, 5) with no eigenvalue above `highest`."""
    values, vectors = torch.linalg.eigh(M)
    return vectors * values.clamp(0, highest)[:, None] @ vectors.transpose(1, 2)


def feature_loss(
    a: torch.Tensor, b: torch.Tensor, power: int = 2, more: torch.Tensor | float = 0.0
) -> torch.Tensor:
    """Half the squared distance of two features (batch, paths), such as Phi: the spectral loss.

    With power 1 the distance itself. more (batch,): what is added to the squared distances.
    """
    return _mean_power((a - b).square().sum(1) + more, power)


def _mean_power(squared: torch.Tensor, power: int) -> torch.Tensor:
    """Squared distances (batch,) -> mean of distance^power / power; power is 1 or 2."""
    return squared.mean() / 2 if power == 2 else squared.clamp_min(TINY).sqrt().mean()


def multi_scale_stft_loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Multi-scale spectral loss of sounds (batch, samples).

    Spectral convergence and mean logarithmic difference of magnitudes, averaged over RESOLUTIONS.
    """
    total = 0.0
    for size in RESOLUTIONS:
        window = torch.hann_window(size, dtype=x.dtype, device=x.device)
        X, Y = (
            torch.stft(pad(s, (size // 2, size // 2)), size, size // 4, window=window / window.sum()
                       * 2, center=False, return_complex=True) for s in (x, y)
        )  # fmt: skip
        X, Y = ((Z.real.square() + Z.imag.square() + FLOOR**2).sqrt() for Z in (X, Y))
        convergence = (X - Y).square().sum((1, 2)).sqrt() / Y.square().sum((1, 2)).sqrt()
        total = total + convergence.mean() + (X.log() - Y.log()).abs().mean()
    return total / len(RESOLUTIONS)


@dataclass
class Damping:
    """lambda of PNP over training: constant, scheduled or adaptive.

    Adaptive is Levenberg-Marquardt: a validation loss that improves lowers lambda, one that does
    not raises it, and the caller goes back to the best weights.
    """

    kind: str
    start: float
    value: float = 0.0  # lambda now
    best: float = float("inf")

    KINDS = ("constant", "scheduled", "adaptive")
    LOWER, RAISE, FALL = 0.2, 3.0, 0.8  # factors: accepted, refused, each scheduled epoch

    def __post_init__(self):
        self.value = self.value or self.start

    @property
    def step(self) -> float:
        """Share of the learning rate: above its start, lambda shortens steps as in a linear solve.

        Adam alone would not: it takes a gradient of any size for the same.
        """
        return self.start / self.value if self.value > self.start else 1.0

    def update(self, validation: float) -> bool:
        """After an epoch with this undamped validation loss: False to restore the best weights."""
        accepted = validation < self.best
        if accepted:
            self.best = validation
        if self.kind == "scheduled":
            self.value *= self.FALL
        elif self.kind == "adaptive":
            self.value *= self.LOWER if accepted else self.RAISE
        return accepted or self.kind != "adaptive"
