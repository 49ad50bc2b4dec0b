"""What the network for real drums minimises: of its pitch, and of the body at the true pitch."""

import torch
from torch.nn.functional import cross_entropy

from training.body_encoder import blurred
from training.log_cqt_metric import full
from training.losses import TINY, Damping, clip_eigenvalues

PITCH_WEIGHT = 0.1  # of the cross-entropy: it begins at log(144) = 5, a body's loss at 0.3
HIGHEST = 10.0  # eigenvalues of M: the log-CQT distance of a body 0.3 away is about 1, its most
DAMPING = 0.05  # lambda: what does not sound is learned, too, where nothing else is lost


class BodyObjective:
    """The loss of a batch.

    Args:
        loss: "p" for the mean square of the errors in nu; "pnp" for the distance in the metric of
            the log-CQT, eigenvalues clipped at HIGHEST, damped by DAMPING.
        grid: nu of the pitches, (pitches,).
    """

    def __init__(self, loss: str, grid: torch.Tensor):
        self.loss, self.grid = loss, grid
        self.damping = Damping("constant", DAMPING)
        self.n_shards = None  # any sound has a metric ...
        self.of_shard = None  # ... that comes with it

    def __call__(self, logits, nu_hat, nu, factor, weight) -> torch.Tensor:
        """The loss, a scalar.

        Args:
            logits: Of the pitches, (batch, pitches).
            nu_hat: At the true pitch, (batch, N_INFERRED).
            nu: The truth, likewise.
            factor: R of the metric, (batch, 45), as in Bodies.
            weight: Of each sound, (batch,).
        """
        of_pitch = cross_entropy(logits, blurred(nu[:, 0], self.grid), reduction="none")
        of_body = body_p(nu_hat, nu) if self.loss == "p" else self.body_pnp(nu_hat, nu, factor)
        return (weight * (PITCH_WEIGHT * of_pitch + of_body)).sum() / weight.sum()

    def body_pnp(self, nu_hat, nu, factor) -> torch.Tensor:
        """Distance in the metric at the true pitch, (batch,): of nu, about that of the log-CQT."""
        M, d = full(factor)[:, 1:, 1:], (nu_hat - nu)[:, 1:]
        squared = torch.einsum("bi,bij,bj->b", d, clip_eigenvalues(M, HIGHEST), d)
        return (squared + self.damping.value * d.square().sum(1)).clamp_min(TINY).sqrt()


def body_p(nu_hat, nu) -> torch.Tensor:
    """Mean squared error of all but the pitch, (batch,)."""
    return (nu_hat - nu)[:, 1:].square().mean(1)
