"""Training of the network for real drums."""

from pathlib import Path

import numpy as np
import torch

from training.bodies import Bodies, BodyShards
from training.body_encoder import BodyEncoder
from training.body_objective import BodyObjective
from training.dataset import SHARD, ShardCache
from training.mixed_shards import MixedShards
from training.trainer import EVALUATION_BATCH, Trainer


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

    def loss(self, shard, batch: np.ndarray) -> torch.Tensor:
        """The loss of some sounds (batch,) of a shard."""
        sounds = Bodies(*shard)
        x, _, nu = self.inputs(sounds, batch)
        logits, nu_hat = self.model(x, nu[:, 0])
        return self.objective(logits.float(), nu_hat.float(), sounds, batch)

    def backward(self, index: int, shard, batch: np.ndarray) -> float:
        """Compute gradients: see Trainer."""
        loss = self.loss(shard, batch)
        self.fabric.backward(loss)
        return loss.item()

    @torch.no_grad()
    def evaluate(self, shard) -> tuple[float, float]:
        """Mean squared error in nu of the likeliest answers on a validation shard, and the loss."""
        self.model.eval()
        mse, loss, batches = 0.0, 0.0, np.arange(SHARD).reshape(-1, EVALUATION_BATCH)
        for batch in batches:
            x, _, nu = self.inputs(shard, batch)
            answers, _ = self.model.answers(x)
            mse += (answers[:, 0].float() - nu).square().mean().item() / len(batches)
            loss += self.loss(shard, batch).item() / len(batches)
        return mse, loss
