"""Training sounds of which a share are recordings whose bodies are known from refining."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from matcher.matching.features import SAMPLE_RATE
from matcher.physics.theta import LIVE
from training.answers import Answers
from training.augment import augment
from training.bodies import Bodies, BodyShards
from training.cached_rows import file_digest
from training.dataset import SHARD, ShardCache
from training.log_cqt_metric import metric_factor

TRANSPOSED = 3.0  # semitones, up or down, at most
PLAIN = 0.3  # share of the variants that are the recording itself, transposed
STREAM = 2  # in the seed, so that nothing is drawn twice that training.dataset draws
PITCH_NU, DECAY_NU = (
    2 * np.log(2) / 12 / np.log(LIVE[name].high / LIVE[name].low) for name in ("omega", "tau")
)  # nu of a semitone


@dataclass(frozen=True)
class MixedShards(ShardCache):
    """Shards of synthetic sounds of which a share is replaced by variants of recordings.

    Args:
        synthetic: The others.
        answers: A file of this module.
        share: Of recordings.
    """

    synthetic: BodyShards
    answers: Path
    share: float

    def __getitem__(self, index: int) -> Bodies:
        return Bodies(*self.kept(index))

    def __getattr__(self, name: str):
        if name in ("recipe", "split", "cache_bytes"):
            return getattr(self.synthetic, name)
        raise AttributeError(name)

    @property
    def about(self) -> tuple:
        """What the shards depend on."""
        return "mixed", file_digest(self.answers), self.share, *self.synthetic.about

    def make(self, index: int) -> Bodies:
        """Make a shard: recordings in the order of a permutation of all, then the others."""
        answers, features = Answers.load(self.answers), self.recipe.features
        shard = Bodies(*(array.copy() for array in self.synthetic[index]))
        rng = np.random.default_rng([self.synthetic.seed, STREAM, index])
        count = round(self.share * SHARD)
        n = len(answers.clips)
        order = np.concatenate([rng.permutation(n) for _ in range(-(-count // n))])[:count]
        scale = 1 / np.mean(answers.weight)  # so that the share is one of the loss, too
        for row, i in enumerate(order):
            clip, nu = variant(answers, i, rng)
            shard.nu[row], shard.weight[row] = nu, answers.weight[i] * scale
            shard.log_cqt[row], shard.observed[row] = features(clip), features.observed(len(clip))
            shard.factor[row] = metric_factor(nu)
        return shard


def variant(answers: Answers, i: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A recording played faster or slower, often noisy, cut short and so on.

    Returns:
        Clip (samples,) and nu (N_INFERRED,): all that changes is pitch and decay.
    """
    semitones = rng.uniform(-TRANSPOSED, TRANSPOSED)
    nu = answers.nu[i].copy()
    nu[0] += semitones * PITCH_NU
    nu[1] -= semitones * DECAY_NU
    clip = answers.clips[i]
    if np.all(np.abs(nu[:2]) <= 1):
        clip = soxr.resample(clip, SAMPLE_RATE * 2 ** (semitones / 12), SAMPLE_RATE)
    else:
        nu = answers.nu[i]
    return (clip if rng.random() < PLAIN else augment(clip, rng)), nu
