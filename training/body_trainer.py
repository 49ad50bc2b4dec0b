"""Training of the network for real drums."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from training.batch_synth import to_device
from training.bodies import Bodies, BodyShards
from training.body_encoder import BodyEncoder
from training.body_objective import BodyObjective
from training.dataset import ShardCache
from training.mixed_shards import MixedShards
from training.trainer import Trainer


class BodyTrainer(Trainer):
    """A run whose network infers the body: see Trainer."""

    def new_model(self) -> BodyEncoder:
        """The network, untrained."""
        return BodyEncoder(self.config.recipe.features.n_bins, self.config.trunk)

    def new_objective(self) -> BodyObjective:
        """What is minimised."""
        return BodyObjective(self.config.loss, self.model.grid)

    def shards(self, split: str, cache_bytes: int) -> ShardCache:
        """The sounds of a split; recordings are among those that are trained on."""
        config = self.config
        synthetic = BodyShards(config.recipe, config.seed, split, cache_bytes)
        if not config.answers or split != "train":
            return synthetic
        return MixedShards(synthetic, Path(config.answers), config.answers_share)

    def decide_sounds(self) -> None:
        """Sounds are made one by one: those of a batch come without their metric."""
        self.config = replace(self.config, sounds="cpu")

    def backward(self, index: int, shard, batch: np.ndarray, metric=None) -> torch.Tensor:
        """Compute gradients: see Trainer."""
        loss = self._loss(shard, to_device(batch, self.fabric.device))
        self.fabric.backward(loss)
        return loss.detach()

    def measure(self, shard, batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean squared error in nu of the likeliest answers for some sounds (batch,); the loss."""
        x, _, nu = self.inputs(shard, batch)
        answers, _ = self.model.module.answers(x)
        return (answers[:, 0] - nu).square().mean(), self._loss(shard, batch)

    def _loss(self, shard, batch) -> torch.Tensor:
        """The loss of some sounds (batch,) of a shard."""
        sounds = Bodies(*shard)
        x, _, nu = self.inputs(shard, batch)
        logits, nu_hat = self.model(x, nu[:, 0])
        return self.objective(logits, nu_hat, nu, sounds.factor[batch], sounds.weight[batch])
