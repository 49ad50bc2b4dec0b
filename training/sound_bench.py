"""How fast a device makes training sounds, beside matcher's code, and trains on them."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.theta import PRESETS
from training import dataset
from training.augment import augment, log_uniform
from training.batch_augment import Draws, augment_all
from training.batch_cqt import BatchLogCqt
from training.batch_sounds import CHUNK, draw_strokes
from training.batch_synth import Strokes, render, render_attacks, render_bodies, to_device
from training.config import Config
from training.dataset import TENSION_RANGE, Recipe
from training.device_profile import busy_rows, kernels_of
from training.sound_source import batched_rate, one_by_one_rate, stream
from training.timing import best
from training.trainer import Trainer

RECIPE = Recipe()
PRESET = PRESETS[RECIPE.preset]
SEED = 0
ALONE = 32  # sounds that matcher's code makes one by one
REPEATS = 3  # times; the best one counts
SHARDS = 4  # made and trained on while both go on
BATCH = {"cpu": 32, "cuda": 512}  # sounds of a training step


@torch.no_grad()
def sound_rows(device: torch.device, count: int = CHUNK) -> list[dict]:
    """Table rows: sounds a second of each part of making them, in batches and one by one.

    Args:
        device: Where batches are made.
        count: Sounds in a batch.
    """
    rng = np.random.default_rng(SEED)
    strokes = draw_strokes(rng.uniform(-1, 1, (count, 5)), np.full(count, True), PRESET, rng)
    noisy = np.flatnonzero(strokes.attack_powers.any(axis=(1, 2)))
    strokes = strokes._replace(  # all glide and all have an attack, where it is measured
        tension=log_uniform(rng, *TENSION_RANGE, count),
        attack_powers=strokes.attack_powers[np.resize(noisy, count)],
    )
    x = render(strokes, PRESET, device)
    batched, single = _batched(strokes, x, device), _single(strokes, x[:ALONE].cpu().numpy())
    rows = []
    for part, make in batched.items():
        rate = count / best(make, REPEATS, device)
        with threadpool_limits(1):
            alone = min(count, ALONE) / best(single[part], REPEATS)
        rows.append({"sounds a second": part, device.type: rate, "one process": alone})
    return rows


def _batched(strokes: Strokes, x, device) -> dict[str, Callable]:
    """Each part, for all strokes at once; x: their sounds."""
    still = strokes._replace(tension=np.zeros(len(x)))
    powers = to_device(strokes.attack_powers, device, torch.float32)
    draws = Draws(np.random.default_rng(SEED), torch.Generator(device))
    cqt = BatchLogCqt(RECIPE.features, device)
    return {
        "body without tension": lambda: render_bodies(still, PRESET, device),
        "body with tension": lambda: render_bodies(strokes, PRESET, device),
        "attack": lambda: render_attacks(powers),
        "augmentation": lambda: augment_all(x, draws),
        "log-CQT": lambda: cqt(x),
    }


def _single(strokes: Strokes, clips) -> dict[str, Callable]:
    """The same for the first strokes, by the code of matcher; clips: their sounds."""
    fields = (strokes.nu, strokes.strike.T, strokes.mallet_hz, strokes.tension)
    drums = [
        Drum(PRESET.from_nu(nu), tuple(strike), mallet_hz, tension)
        for nu, strike, mallet_hz, tension in zip(*(field[:ALONE] for field in fields))
    ]
    rng = np.random.default_rng(SEED)

    def bodies(tension):
        for one in drums:
            drum.render_body(one._replace(tension=one.tension * tension), SAMPLE_RATE, N_SAMPLES)

    return {
        "body without tension": lambda: bodies(0),
        "body with tension": lambda: bodies(1),
        "attack": lambda: [
            attack.render(one, SAMPLE_RATE, N_SAMPLES) for one in strokes.attack_powers[:ALONE]
        ],
        "augmentation": lambda: [augment(x, rng) for x in clips],
        "log-CQT": lambda: [RECIPE.features(x) for x in clips],
    }


def shard_row(device: torch.device) -> dict:
    """Table row, as those of sound_rows: shards of the recipe, all parts together."""
    rates = {device.type: batched_rate(RECIPE, device), "one process": one_by_one_rate(RECIPE)}
    return {"sounds a second": "shards of all parts"} | rates


def settings(device: torch.device, precision: str) -> Config:
    """A run by P-loss that makes its sounds on the device.

    Args:
        device: Where it trains.
        precision: As in Config.
    """
    batch = BATCH[device.type]
    return Config(recipe=RECIPE, batch_size=batch, sounds="device", precision=precision)


def train(trainer: Trainer, order: Sequence[int]) -> None:
    """Train a run on shards, each made while it trains on the one before."""
    device = trainer.fabric.device
    for index, shard, _ in stream(trainer.train, order, trainer.config.sounds, 0, device):
        train_shard(trainer, index, shard)


def train_shard(trainer: Trainer, index: int, shard) -> None:
    """Train a run on a shard, as its `fit` does but for the rate."""
    for batch in np.arange(dataset.SHARD).reshape(-1, trainer.config.batch_size):
        trainer.optimiser.zero_grad()
        trainer.backward(index, shard, batch)
        trainer.optimiser.step()


def training_rates(trainer: Trainer) -> tuple[float, float]:
    """Sounds a second of a run: on a shard that is there, and while the next ones are made."""
    trainer.model.train()
    device = trainer.fabric.device
    ((index, shard, _),) = stream(trainer.train, [0], trainer.config.sounds, 0, device)
    alone = best(lambda: train_shard(trainer, index, shard), REPEATS, device)
    both = best(lambda: train(trainer, range(SHARDS)), 1, device)
    return dataset.SHARD / alone, SHARDS * dataset.SHARD / both


def profile_rows(trainer: Trainer) -> list[dict]:
    """Table rows: what the GPU is busy with while a run trains and its sounds are made."""

    def work():
        train(trainer, range(SHARDS))
        torch.cuda.synchronize(trainer.fabric.device)

    work()  # what is made once does not count
    return busy_rows(kernels_of(work))
