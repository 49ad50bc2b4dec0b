"""How fast a device makes training sounds, beside matcher's code, and trains on them."""

from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.theta import PRESETS
from training.augment import augment, log_uniform
from training.batch_augment import Draws, augment_all
from training.batch_cqt import BatchLogCqt
from training.batch_sounds import CHUNK, DeviceShards, draw_strokes
from training.batch_synth import Strokes, render, render_attacks, render_bodies, to_device
from training.dataset import SHARD, TENSION_RANGE, Recipe, make_clip
from training.encoder import Encoder
from training.timing import best

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
    shards = DeviceShards(RECIPE, SEED, "train", device)
    rate = SHARD / best(lambda: shards[0], 1, device)

    def one_by_one():
        for i in range(2 * ALONE):
            RECIPE.features(make_clip(RECIPE, SEED, "train", i)[1])

    with threadpool_limits(1):
        alone = 2 * ALONE / best(one_by_one, 1)
    return {"sounds a second": "shards of all parts", device.type: rate, "one process": alone}


class Training:
    """Steps of an untrained encoder on sounds of a shard, as a run by P-loss makes them.

    Args:
        device: Where it trains.
        precision: torch.float32, or torch.bfloat16 for a mixed one.
    """

    def __init__(self, device: torch.device, precision: torch.dtype = torch.float32):
        self.device, self.precision = device, precision
        model = Encoder(RECIPE.features.n_bins).train()
        self.model = model.to(device, memory_format=torch.channels_last)
        self.batch = BATCH[device.type]

    def step(self, nu, log_cqt, observed) -> None:
        """Forward and backward pass of a batch, fields of a shard."""
        log_cqt, observed = log_cqt.float(), observed.float()
        features = torch.stack([log_cqt, observed[:, None].expand_as(log_cqt)], dim=1)
        with torch.autocast(self.device.type, self.precision, self.precision != torch.float32):
            loss = (self.model(features) - nu).square().mean()
        self.model.zero_grad()
        loss.backward()

    def shard(self, shard) -> None:
        """Steps through a whole shard."""
        for batch in zip(*(field.split(self.batch) for field in shard)):
            self.step(*batch)

    def rate(self, shard) -> float:
        """Sounds a second of a step."""
        batch = [field[: self.batch] for field in shard]
        return self.batch / best(lambda: self.step(*batch), REPEATS, self.device)


def busy_share(training: Training) -> float:
    """Share of its time that a GPU trains, while a stream beside makes the next shard."""
    shards = DeviceShards(RECIPE, SEED, "train", training.device)
    here, beside = torch.cuda.current_stream(), torch.cuda.Stream()
    first = shards[0]

    def both():
        ready = first
        for i in range(SHARDS):
            with torch.cuda.stream(beside):
                following = shards[1 + i]
            training.shard(ready)
            here.wait_stream(beside)
            for field in following:
                field.record_stream(here)
            ready = following

    alone = best(lambda: training.shard(first), REPEATS, training.device)
    return SHARDS * alone / best(both, 1, training.device)
