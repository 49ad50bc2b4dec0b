"""What the network for real drums minimises: of its pitch, and of the body at the true pitch."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from training.bodies import Bodies
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
        self.n_shards = None  # any sound has a metric

    def __call__(self, logits, nu_hat, sounds: Bodies, batch: np.ndarray) -> torch.Tensor:
        """The loss, a scalar.

        Args:
            logits: Of the pitches, (batch, pitches).
            nu_hat: At the true pitch, (batch, N_INFERRED).
            sounds: A shard.
            batch: Which of its sounds, (batch,).
        """
        nu, weight = self._tensor(sounds.nu[batch]), self._tensor(sounds.weight[batch])
        of_pitch = cross_entropy(logits, blurred(nu[:, 0], self.grid), reduction="none")
        of_body = (self.body_p if self.loss == "p" else self.body_pnp)(nu_hat, nu, sounds, batch)
        return (weight * (PITCH_WEIGHT * of_pitch + of_body)).sum() / weight.sum()

    def body_p(self, nu_hat, nu, sounds: Bodies, batch: np.ndarray) -> torch.Tensor:
        """Mean squared error of all but the pitch, (batch,)."""
        return (nu_hat - nu)[:, 1:].square().mean(1)

    def body_pnp(self, nu_hat, nu, sounds: Bodies, batch: np.ndarray) -> torch.Tensor:
        """Distance in the metric at the true pitch, (batch,): of nu, about that of the log-CQT."""
        M = self._tensor(full(sounds.factor[batch])[:, 1:, 1:])
        d = (nu_hat - nu)[:, 1:]
        squared = torch.einsum("bi,bij,bj->b", d, clip_eigenvalues(M, HIGHEST), d)
        return (squared + self.damping.value * d.square().sum(1)).clamp_min(TINY).sqrt()

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.grid.device)
