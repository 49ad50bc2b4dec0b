"""What training minimises: from a run's settings to the loss of a batch."""

from pathlib import Path

import numpy as np
import torch

from matcher.theta import PRESETS
from training import losses
from training.dataset import SHARD
from training.jtfs import Phi
from training.metric import load_table
from training.surrogate import MetricNetwork, PhiNetwork
from training.synth import render

LOSSES = ("p", "pnp", "mss", "jtfs", "proxy")
METRICS = ("table", "network")
MATRICES = ("identity", "diagonal")


class Objective:
    """The loss of a batch. Raises ValueError where its settings name what is not there.

    Of config: loss, metric, table, network, clip, damping, damping_start, damping_matrix.
    """

    def __init__(self, config, device: torch.device):
        self.config, self.device = config, device
        self.preset = PRESETS[config.recipe.preset]
        self.damping = losses.Damping(config.damping, config.damping_start)
        self.n_known = None  # sounds whose metric is known; None where any sound will do
        if config.loss == "pnp":
            self._prepare_metric()
        elif config.loss == "jtfs":
            self.phi = Phi().to(device)
        elif config.loss == "proxy":
            self.network = PhiNetwork.load(config.network, self.preset).to(device)

    def __call__(self, nu_hat, nu, index) -> torch.Tensor:
        """nu_hat, nu (batch, 5), index (batch,) of the sounds in their split -> a scalar."""
        if self.config.loss == "pnp":
            diagonal = self.config.damping_matrix == "diagonal"
            M = self.metric(nu, index) / self.scale
            return losses.pnp_loss(nu_hat, nu, M, self.damping.value / self.scale, diagonal)
        return self.undamped(nu_hat, nu, index)

    def undamped(self, nu_hat, nu, index) -> torch.Tensor:
        """The same without damping: what is watched on sounds that are not trained on."""
        if self.config.loss == "pnp":
            return losses.pnp_loss(nu_hat, nu, self.metric(nu, index)) / self.scale
        if self.config.loss == "mss":
            with torch.no_grad():
                heard = render(nu, self.preset)
            return losses.multi_scale_stft_loss(render(nu_hat, self.preset), heard)
        if self.config.loss == "jtfs":
            return _one_by_one(self._jtfs_loss, nu_hat, nu)
        if self.config.loss == "proxy":
            return losses.feature_loss(self.network(nu_hat), self.network(nu).detach())
        return losses.p_loss(nu_hat, nu)

    def metric(self, nu, index) -> torch.Tensor:
        """M (batch, 5, 5) of sounds, from the table or from the network that learned it."""
        if self.config.metric == "table":
            return self.table[index]
        with torch.no_grad():
            return losses.clip_eigenvalues(self.network(nu), self.highest)

    def _prepare_metric(self):
        config = self.config
        job, _, R = load_table(config.table or config.recipe.preset)
        if (job.preset, job.seed) != (config.recipe.preset, config.seed):
            raise ValueError(
                f"the table is of preset {job.preset}, seed {job.seed}; "
                f"the run is of {config.recipe.preset}, {config.seed}"
            )
        largest = np.linalg.svd(R, compute_uv=False)[:, 0] ** 2
        self.highest = float(np.quantile(largest, config.clip))
        M = torch.from_numpy(np.swapaxes(R, 1, 2) @ R)
        self.table = losses.clip_eigenvalues(M, self.highest).float().to(self.device)
        if config.metric == "network":
            self.network = MetricNetwork.load(config.network, self.preset).to(self.device)
        else:
            self.n_known = len(R)
            if self.n_known < 2 * SHARD:
                raise ValueError(f"the table has {len(R)} sounds, allowed is {2 * SHARD} or more")
        self.damping.value = self.damping.value or self.highest
        self.scale = self.damping.value  # keeps the loss about as large as P-loss

    def _jtfs_loss(self, nu_hat, nu):
        with torch.no_grad():
            heard = self.phi(render(nu, self.preset))
        return losses.feature_loss(self.phi(render(nu_hat, self.preset)), heard)


def _one_by_one(loss, nu_hat, nu) -> torch.Tensor:
    """The mean of loss over the batch, with one sound's graph in memory at a time."""
    if not nu_hat.requires_grad:
        return torch.stack([loss(a, b) for a, b in zip(nu_hat[:, None], nu[:, None])]).mean()
    leaf, values = nu_hat.detach().requires_grad_(), []
    for i in range(len(nu)):
        value = loss(leaf[i : i + 1], nu[i : i + 1]) / len(nu)
        value.backward()
        values.append(value.detach())
    linear = (leaf.grad * nu_hat).sum()  # the same gradient; its value is of no use
    return torch.stack(values).sum() + linear - linear.detach()


def check(config) -> None:
    """ValueError where a setting of the objective is none of those allowed."""
    for name, allowed in (
        ("loss", LOSSES),
        ("pitch", ("known", "unknown")),
        ("metric", METRICS),
        ("damping", losses.Damping.KINDS),
        ("damping_matrix", MATRICES),
    ):
        value = getattr(config, name)
        if value not in allowed:
            raise ValueError(f"{name} is {value!r}, allowed is one of: {', '.join(allowed)}")
    if not 0 < config.clip <= 1:
        raise ValueError(f"clip is {config.clip}, allowed is above 0, up to 1")
    if not config.damping_start >= 0:
        raise ValueError(f"damping_start is {config.damping_start}, allowed is 0 or more")
    learned = config.loss == "proxy" or (config.loss == "pnp" and config.metric == "network")
    if learned and not Path(config.network).is_file():
        raise ValueError(
            f"network is {config.network!r}; give a file that training.surrogate wrote"
        )
