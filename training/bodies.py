"""Training sounds with all that a network may infer of them, and the metric at each.

The sounds are those of training.dataset with the preset live; recordings whose bodies are known
from refining may stand beside them (training.answers).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from matcher.matching.inferred import N_INFERRED, nu_of_drum
from training.dataset import SHARD, Recipe, ShardCache, make_stroke
from training.log_cqt_metric import UPPER, metric_factor

VERSION = 1  # raise it when a body or metric of the same sound would differ
FIELDS = ("nu", "log_cqt", "observed", "factor", "weight")


class Bodies(NamedTuple):
    """A shard of sounds."""

    nu: np.ndarray  # (sounds, N_INFERRED) float32
    log_cqt: np.ndarray  # (sounds, bins, frames) float16
    observed: np.ndarray  # (sounds, frames) float16
    factor: np.ndarray  # R of the metric, (sounds, 45) float32, as log_cqt_metric.metric_factor
    weight: np.ndarray  # of each sound in the loss, (sounds,) float32

    @classmethod
    def empty(cls, features, count: int) -> "Bodies":
        """Room for `count` sounds with features (LogCqt)."""
        return cls(
            np.empty((count, N_INFERRED), np.float32),
            np.empty((count, features.n_bins, features.n_frames), np.float16),
            np.empty((count, features.n_frames), np.float16),
            np.empty((count, len(UPPER[0])), np.float32),
            np.ones(count, np.float32),
        )


@dataclass(frozen=True)
class BodyShards(ShardCache):
    """A split of synthetic sounds as a sequence of shards; shards[i] is Bodies.

    Args:
        recipe: How the sounds are made; its preset is live.
        seed: Of the sounds.
        split: One of dataset.SPLITS.
        cache_bytes: Size up to which shards of all kinds together are kept.
    """

    recipe: Recipe
    seed: int
    split: str
    cache_bytes: int = 4 * 10**9

    def __getitem__(self, index: int) -> Bodies:
        return Bodies(*self.kept(index))

    @property
    def about(self) -> tuple:
        """What the shards depend on."""
        return "bodies", VERSION, self.recipe, self.seed

    def make(self, index: int) -> Bodies:
        """Make a shard."""
        features, shard = self.recipe.features, Bodies.empty(self.recipe.features, SHARD)
        with threadpool_limits(1):  # BLAS threads of many processes would compete for the cores
            for i in range(SHARD):
                drum_, x = make_stroke(self.recipe, self.seed, self.split, index * SHARD + i)
                shard.nu[i] = nu_of_drum(drum_)
                shard.log_cqt[i], shard.observed[i] = features(x), features.observed(len(x))
                shard.factor[i] = metric_factor(shard.nu[i].astype(float))
        return shard
