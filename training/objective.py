"""What training minimises: from a run's settings to the loss of a batch."""

import numpy as np
import torch

from matcher.physics.theta import PRESETS
from training import losses
from training.dataset import SHARD
from training.jtfs import Phi
from training.metric import load_table
from training.surrogate import MetricNetwork, PhiNetwork
from training.synth import render

KEPT_PHI = 100_000  # sounds, 21 kB each with F = 2; one that comes again is not analysed again


class Objective:
    """The loss of a batch.

    Args:
        config: Config; used are recipe, seed, loss, power, F, metric, table, network, clip,
            damping, damping_start, damping_fall, damping_matrix and pnp_unit.
        device: Where tensors are kept.

    Raises:
        ValueError: A table or network is missing, or is of another preset, seed or F.
    """

    def __init__(self, config, device: torch.device):
        self.config, self.device = config, device
        self.preset = PRESETS[config.recipe.preset]
        self.damping = losses.Damping("constant", 1.0)
        self.of_shard = None  # what to compute of nu of a whole shard: a GPU is waited for
        self.n_shards = None  # shards whose sounds have a metric; None: any sound has one
        if config.loss == "pnp":
            self._prepare_metric()
        elif config.loss == "jtfs":
            self.phi = Phi(F=config.F).to(device)
            self.phi_of = {}  # a sound's index in the training split -> its Phi, (1, paths)
        elif config.loss == "proxy":
            self.network = PhiNetwork.load(config.network, self.preset).to(device)
            self.damping = self._damping(largest=0.0)

    def __call__(self, nu_hat, nu, index, metric=None) -> torch.Tensor:
        """The loss, a scalar.

        Args:
            nu_hat: What the encoder infers, (batch, 5).
            nu: The truth, (batch, 5).
            index: Of the sounds in the training split, (batch,).
            metric: What `of_shard` gave for them, (batch, 5, 5), where it was asked before.
        """
        if self.config.loss == "pnp":
            if self.of_shard is None:
                M = self.table[index]
            else:
                M = self.of_shard(nu) if metric is None else metric
            return self._pnp_loss(nu_hat, nu, M, self.damping.value)
        if self.config.loss == "mss":
            with torch.no_grad():
                truth = render(nu, self.preset)
            return losses.multi_scale_stft_loss(render(nu_hat, self.preset), truth)
        if self.config.loss == "jtfs":
            return one_by_one(self._jtfs_loss, nu_hat, nu, index)
        if self.config.loss == "proxy":
            return self._proxy_loss(nu_hat, nu, self.damping.value)
        return losses.p_loss(nu_hat, nu, self.config.power)

    def watch(self, nu_hat, nu, index) -> torch.Tensor:
        """The loss of validation sounds without damping, which adaptive damping depends on.

        Args:
            nu_hat: What the encoder infers, (batch, 5).
            nu: The truth, (batch, 5).
            index: Of the sounds in the validation split, (batch,).
        """
        if self.config.loss == "proxy":
            return self._proxy_loss(nu_hat, nu, 0.0)
        return self._pnp_loss(nu_hat, nu, self.validation[index], 0.0)

    def _pnp_loss(self, nu_hat, nu, M, damping: float):
        diagonal, power = self.config.damping_matrix == "diagonal", self.config.power
        units = {"largest": self.highest, "damped": damping + self.median, "none": 1.0}
        loss = losses.pnp_loss(nu_hat, nu, M, damping, diagonal, power)
        return loss / units[self.config.pnp_unit] ** (power / 2)

    def _proxy_loss(self, nu_hat, nu, damping: float):
        penalty = damping * (nu_hat - nu).square().sum(1)
        features = self.network(nu_hat), self.network(nu)
        return losses.feature_loss(*features, self.config.power, penalty)

    def _prepare_metric(self):
        config = self.config
        table = load_table(config.table or config.recipe.preset)
        job = table.job
        if (job.preset, job.seed, job.F) != (config.recipe.preset, config.seed, config.F):
            raise ValueError(
                f"the table is of preset {job.preset}, seed {job.seed}, F {job.F}; "
                f"the run is of {config.recipe.preset}, {config.seed}, {config.F}"
            )
        if min(len(table.R), len(table.validation)) < SHARD:
            raise ValueError(
                f"the table has {len(table.R)} sounds and {len(table.validation)} of validation, "
                f"allowed is {SHARD} or more of each"
            )
        largest = np.linalg.svd(table.R, compute_uv=False)[:, 0] ** 2
        self.highest = float(np.quantile(largest, config.clip))
        self.median = float(np.median(largest))
        self.table, self.validation = map(self._clipped, (table.R, table.validation))
        if config.metric == "network":
            self.network = MetricNetwork.load(config.network, self.preset).to(self.device)
            self.of_shard = self._learned_metric
        else:
            self.n_shards = len(table.R) // SHARD
        self.damping = self._damping(1.0 if config.damping_matrix == "diagonal" else self.highest)

    def _damping(self, largest: float) -> losses.Damping:
        """lambda, which starts at `largest` where the configuration gives no start."""
        config, start = self.config, self.config.damping_start
        start = largest if start is None else start
        return losses.Damping(config.damping, start, config.damping_fall)

    def _clipped(self, R: np.ndarray) -> torch.Tensor:
        """R (sounds, 5, 5) -> M (sounds, 5, 5) float32."""
        M = torch.from_numpy(np.swapaxes(R, 1, 2) @ R)
        return losses.clip_eigenvalues(M, self.highest).float().to(self.device)

    @torch.no_grad()
    def _learned_metric(self, nu):
        return losses.clip_eigenvalues(self.network(nu), self.highest)

    def _jtfs_loss(self, nu_hat, nu, index):
        truth, guess = self._true_phi(nu, index.item()), self.phi(render(nu_hat, self.preset))
        return losses.feature_loss(guess, truth, self.config.power)

    @torch.no_grad()
    def _true_phi(self, nu, index: int) -> torch.Tensor:
        """Phi (1, paths) of the sound with this index."""
        if index in self.phi_of:
            return self.phi_of[index]
        phi = self.phi(render(nu, self.preset))
        if len(self.phi_of) < KEPT_PHI:
            self.phi_of[index] = phi
        return phi


def one_by_one(loss, nu_hat, *others) -> torch.Tensor:
    """The mean of a loss over a batch, with the graph of one sound in memory at a time.

    Args:
        loss: Of one sound's nu_hat (1, 5) and of what belongs to it, a scalar.
        nu_hat: (batch, 5), with a gradient.
        others: What else the loss takes, (batch, ...) each.

    Returns:
        A scalar with the gradient of the mean with respect to nu_hat.
    """
    leaf, values = nu_hat.detach().requires_grad_(), []
    for i in range(len(nu_hat)):
        value = loss(*(field[i : i + 1] for field in (leaf, *others))) / len(nu_hat)
        value.backward()
        values.append(value.detach())
    linear = (leaf.grad * nu_hat).sum()  # has the same gradient; its own value cancels
    return torch.stack(values).sum() + linear - linear.detach()
