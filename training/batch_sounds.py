"""Training sounds made in batches on the device that trains.

A network on a GPU may take more sounds a second than processors can make one by one. Theta of sound
i is the same as in training.dataset, and so are the laws and all distributions; what else is drawn
is not. A shard depends on its recipe, seed, split and number alone: all numbers are drawn in main
memory, for a whole shard, and are the same on every device; noise is drawn on the device, and
another kind of device has another.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from matcher.physics import attack, ftm
from matcher.physics.parameters import HARD_HZ
from matcher.physics.theta import PRESETS, Preset
from training import dataset
from training.augment import log_uniform
from training.batch_augment import Draws, augment_all
from training.batch_cqt import BatchLogCqt
from training.batch_synth import Strokes, render, to_device
from training.dataset import Recipe, draw_attacks, nu_of

CHUNK = 256  # sounds at a time: 67 MB for each copy of them; their noise depends on it
STREAM = 1  # in the seed, so that nothing is drawn twice that training.dataset draws


@dataclass(frozen=True)
class DeviceShards:
    """A split as a sequence of shards made on a device: shards[i] is (nu, log_cqt, observed).

    They are tensors of the device with the fields of training.dataset.Shards: nu (SHARD, 5)
    float32, log_cqt (SHARD, bins, frames) float16, observed (SHARD, frames) float16. None is kept.

    Args:
        recipe: How the sounds are made.
        seed: Of the sounds.
        split: One of training.dataset.SPLITS.
        device: Where they are made.
    """

    recipe: Recipe
    seed: int
    split: str
    device: torch.device

    @torch.no_grad()
    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        first, count, features = index * dataset.SHARD, dataset.SHARD, self.recipe.features
        nu = np.array([nu_of(self.seed, self.split, first + i) for i in range(count)])
        draws = self._draws(index)
        augmented = draws.numbers.random(count) < self.recipe.augmented
        strokes = draw_strokes(nu, augmented, PRESETS[self.recipe.preset], draws.numbers)
        log_cqt = torch.empty(
            count, features.n_bins, features.n_frames, dtype=torch.float16, device=self.device
        )
        lengths = np.empty(count, int)
        for start in range(0, count, CHUNK):
            chunk = slice(start, start + CHUNK)
            x, lengths[chunk] = self._clips(strokes.part(chunk), augmented[chunk], draws)
            log_cqt[chunk] = self._cqt(x)
        observed = self._cqt.observed(to_device(lengths, self.device)).half()
        return to_device(nu, self.device, torch.float32), log_cqt, observed

    @cached_property
    def _cqt(self) -> BatchLogCqt:
        return BatchLogCqt(self.recipe.features, self.device)

    def _clips(self, strokes: Strokes, augmented, draws: Draws):
        """Clips (strokes, samples) and their lengths (strokes,)."""
        x = render(strokes, PRESETS[self.recipe.preset], self.device)
        lengths = np.full(len(x), x.shape[1])
        if len(chosen := np.flatnonzero(augmented)):
            at = to_device(chosen, self.device)
            x[at], lengths[chosen] = augment_all(x[at], draws)
        return x, lengths

    def _draws(self, index: int) -> Draws:
        """What a shard is drawn from."""
        root = np.random.SeedSequence([self.seed, dataset.SPLITS[self.split], index, STREAM])
        noise = torch.Generator(self.device)
        noise.manual_seed(int(root.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        return Draws(np.random.default_rng(root.spawn(1)[0]), noise)


def draw_strokes(nu, augmented, preset: Preset, rng: np.random.Generator) -> Strokes:
    """Draw strokes as training.dataset.make_clip does.

    Args:
        nu: (strokes, 5).
        augmented: Which of them are struck anywhere, by any mallet, with any force and attack,
            (strokes,) bool; the others as a Drum is by default.
        preset: The ranges of nu.
        rng: What they are drawn from.
    """
    count, pitch_hz = len(nu), preset.from_nu(nu).pitch_hz

    def some(probability):
        return augmented & (rng.random(count) < probability)

    strike = np.tile(np.array(ftm.STRIKE)[:, None], count)
    elsewhere = some(dataset.STRIKE_PROBABILITY)
    strike[:, elsewhere] = rng.uniform(*dataset.STRIKE_RANGE, (2, elsewhere.sum()))
    soft = some(dataset.MALLET_PROBABILITY)
    cutoff = pitch_hz / np.sqrt(log_uniform(rng, *dataset.DULL_RANGE, count))
    tense = some(dataset.TENSION_PROBABILITY)
    noisy = some(dataset.ATTACK_PROBABILITY)
    powers = np.zeros((count, *attack.SHAPE))
    if noisy.any():
        powers[noisy] = [attack.widened(one) for one in draw_attacks(rng, noisy.sum())]
    return Strokes(
        nu,
        strike,
        np.where(soft, np.minimum(cutoff, HARD_HZ), HARD_HZ),
        np.where(tense, log_uniform(rng, *dataset.TENSION_RANGE, count), 0),
        powers,
    )
