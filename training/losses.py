"""Losses of sound matching, and the damping of PNP.

Equations as in Han, Lostanlen and Lagrange, "Learning to Solve Inverse Problems for Perceptual
Sound Matching" (TASLP 2024, arXiv 2311.14213). Every loss is a scalar, the mean over the batch.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import pad

RESOLUTIONS = (512, 1024, 2048)  # samples, windows of the multi-scale STFT; hops are a quarter
TINY = 1e-12  # squared distance below which the root is constant: its slope would be infinite
FLOOR = 1e-4  # magnitude, -80 dB below the peak of a sine; logarithms below it are of noise


def p_loss(nu_hat: torch.Tensor, nu: torch.Tensor, power: int = 2) -> torch.Tensor:
    """Parameter loss, P-loss.

    Args:
        nu_hat: What the encoder infers, (batch, 5).
        nu: The truth, (batch, 5).
        power: 2 for the mean of (nu_hat - nu)^2, 1 for the mean of the norm |nu_hat - nu|.
    """
    d = nu_hat - nu
    return d.square().mean() if power == 2 else _mean_power(d.square().sum(1), power)


def pnp_loss(
    nu_hat, nu, M, damping: float = 0.0, diagonal: bool = False, power: int = 2
) -> torch.Tensor:
    """Perceptual-neural-physical loss, 1/2 d^T (M + damping D) d with d = nu_hat - nu.

    The second-order approximation of Gauss and Newton to 1/2 |Phi(g(nu_hat)) - Phi(g(nu))|^2
    about nu. With power 1 it approximates the distance itself, in which sounds with a large M
    dominate the others less.

    Args:
        nu_hat: What the encoder infers, (batch, 5).
        nu: The truth, (batch, 5).
        M: The metric at nu, (batch, 5, 5).
        damping: lambda.
        diagonal: Whether D is the diagonal of M (Marquardt 1963); else it is the identity
            (Levenberg 1944).
        power: Of the distance, 1 or 2.
    """
    d = nu_hat - nu
    damped = M.diagonal(dim1=1, dim2=2) if diagonal else torch.ones_like(d)
    quadratic = torch.einsum("bi,bij,bj->b", d, M, d) + damping * (damped * d.square()).sum(1)
    return _mean_power(quadratic, power)


def clip_eigenvalues(M: torch.Tensor, highest: float) -> torch.Tensor:
    """Replace eigenvalues of M (batch, 5, 5) above `highest` by it, and those below 0 by 0."""
    values, vectors = torch.linalg.eigh(M)
    return vectors * values.clamp(0, highest)[:, None] @ vectors.transpose(1, 2)


def feature_loss(
    a: torch.Tensor, b: torch.Tensor, power: int = 2, penalty: torch.Tensor | float = 0.0
) -> torch.Tensor:
    """Spectral loss: half the squared distance of features, or the distance itself.

    Args:
        a: Features such as Phi, (batch, paths).
        b: Likewise.
        power: 2 for half the square, 1 for the distance.
        penalty: Is added to the squared distances, (batch,).
    """
    return _mean_power((a - b).square().sum(1) + penalty, power)


def _mean_power(squared: torch.Tensor, power: int) -> torch.Tensor:
    """Mean of distance^power / power from squared distances (batch,); power is 1 or 2."""
    return squared.mean() / 2 if power == 2 else squared.clamp_min(TINY).sqrt().mean()


def multi_scale_stft_loss(guess: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Multi-scale spectral loss of sounds.

    Spectral convergence, which is relative to the truth, plus the mean logarithmic difference of
    magnitudes, averaged over RESOLUTIONS. Source: Yamamoto, Song and Kim, "Parallel WaveGAN"
    (ICASSP 2020), equations 4 to 6.

    Args:
        guess: (batch, samples).
        truth: (batch, samples).
    """
    total = 0.0
    for size in RESOLUTIONS:
        window = torch.hann_window(size, dtype=truth.dtype, device=truth.device)
        X, Y = (
            torch.stft(pad(s, (size // 2, size // 2)), size, size // 4, window=window / window.sum()
                       * 2, center=False, return_complex=True) for s in (guess, truth)
        )  # fmt: skip
        X, Y = ((Z.real.square() + Z.imag.square() + FLOOR**2).sqrt() for Z in (X, Y))
        convergence = (X - Y).square().sum((1, 2)).sqrt() / Y.square().sum((1, 2)).sqrt()
        total = total + convergence.mean() + (X.log() - Y.log()).abs().mean()
    return total / len(RESOLUTIONS)


@dataclass
class Damping:
    """lambda of PNP over training: constant, scheduled, adaptive or falling.

    Adaptive is the rule of Levenberg (1944) and Marquardt (1963): a validation loss that improves
    lowers lambda; one that does not raises it, and the caller restores the best weights. Falling is
    that rule as the code of Han, Lostanlen and Lagrange has it: where the loss does not improve,
    lambda and the weights stay as they are.
    """

    FALL = 0.8  # factor of each scheduled epoch: a tenth after ten

    kind: str  # one of KINDS
    start: float
    fall: float = FALL  # where it is scheduled
    value: float | None = None  # lambda now; None: start
    best: float = float("inf")  # smallest validation loss so far

    KINDS = ("constant", "scheduled", "adaptive", "falling")
    LOWER = 0.2  # factor after an epoch that is accepted
    RAISE = 3.0  # factor after one that is refused

    def __post_init__(self):
        if self.value is None:
            self.value = self.start

    @property
    def step(self) -> float:
        """Factor of the learning rate: a lambda above its start shortens steps.

        It would in a linear solve, but Adam takes steps that do not depend on the gradient's size.
        """
        return self.start / self.value if self.value > self.start else 1.0

    def update(self, validation: float) -> bool:
        """Change lambda after an epoch.

        Args:
            validation: The undamped validation loss.

        Returns:
            False where the caller has to restore the best weights.
        """
        accepted = validation < self.best
        if accepted:
            self.best = validation
        if self.kind == "scheduled":
            self.value *= self.fall
        elif self.kind == "adaptive":
            self.value *= self.LOWER if accepted else self.RAISE
        elif self.kind == "falling" and accepted:
            self.value *= self.LOWER
        return accepted or self.kind != "adaptive"
