"""Training sounds: seeded theta, rendered, augmented and analysed by the code of matcher.

Sound i of a split depends on the recipe, the seed, the split and i, on nothing else. Sounds come
in shards of SHARD; a shard is kept on disk while the cache has room, and made again otherwise.
"""

import hashlib
import json
import os
import zipfile
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path

import numpy as np
import platformdirs
from threadpoolctl import threadpool_limits

from matcher.matching.features import BINS_PER_OCTAVE, N_SAMPLES, SAMPLE_RATE, LogCqt
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.theta import PRESETS, Theta
from matcher.recording import save_atomically
from training.augment import augment, log_uniform

SHARD = 1024  # sounds; 11 MB of features, some 15 to 50 s of work on a core
VERSION = 2  # raise it when a sound of the same recipe and seed would differ
SPLITS = {"train": 0, "validation": 1, "test": 2}
# Augmented sounds vary more than theta, each quantity with its probability; else it is as in Drum.
STRIKE_PROBABILITY = 0.5
STRIKE_RANGE = (0.05, 0.5)  # of the sides; from the rim to the middle
MALLET_PROBABILITY = 0.5
DULL_RANGE = (1e-4, 0.3)  # (pitch / cutoff)^2; from a stick to a soft mallet
TENSION_PROBABILITY = 0.4
TENSION_RANGE = (0.01, 1.0)  # as Drum's; from a glide that is barely audible to a hard hit
ATTACK_PROBABILITY = 0.6
ATTACK_DB = (-35.0, 3.0)  # dB, power of all bands over the square of the body's peak
ATTACK_OCTAVES = (0.5, 3.0)  # octaves, width of the attack's spectrum
ATTACK_FLOOR = 1e-12  # power; every band has some, so that decibels are finite


def cache_folder() -> Path:
    """Where shards and runs are kept: $DRUM_MATCHER_CACHE, or the user's cache folder."""
    given = os.environ.get("DRUM_MATCHER_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("drum-matcher")


@dataclass(frozen=True)
class Recipe:
    """How a sound is made: the ranges of theta, augmentation, and the features."""

    preset: str = "live"
    augmented: float = 0.6  # share of the sounds that are augmented
    features: LogCqt = field(
        default_factory=lambda: LogCqt(
            f_min=40 * 2 ** (-10 / BINS_PER_OCTAVE),  # 22.4 Hz, below the lowest pitch
            n_bins=108,
            bandwidth=0.85,
            n_frames=48,
            growth=1.07,
        )
    )


def make_clip(recipe: Recipe, seed: int, split: str, index: int):
    """Make one sound.

    Args:
        recipe: How it is made.
        seed: Of the sounds.
        split: One of SPLITS.
        index: Which sound of the split.

    Returns:
        nu (5,) and the clip (samples,) float32 at SAMPLE_RATE from the onset.
    """
    return nu_of(seed, split, index), make_stroke(recipe, seed, split, index)[1]


def make_stroke(recipe: Recipe, seed: int, split: str, index: int) -> tuple[Drum, np.ndarray]:
    """The drum of a sound, and its clip; arguments as `make_clip`."""
    rng = np.random.default_rng([seed, SPLITS[split], index])
    nu = rng.uniform(-1, 1, 5)  # drawn first, as in nu_of
    augmented = rng.random() < recipe.augmented
    theta = PRESETS[recipe.preset].from_nu(nu)
    struck = _any_strike(theta, rng) if augmented else Drum(theta)
    x = drum.render(struck, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
    return struck, augment(x, rng) if augmented else x


def _any_strike(theta: Theta, rng: np.random.Generator) -> Drum:
    """A drum of this theta, struck anywhere, by any mallet, with any force and attack."""
    struck = Drum(theta)
    if rng.random() < STRIKE_PROBABILITY:
        struck = struck._replace(strike=tuple(rng.uniform(*STRIKE_RANGE, 2)))
    if rng.random() < MALLET_PROBABILITY:
        cutoff = theta.pitch_hz / np.sqrt(log_uniform(rng, *DULL_RANGE))
        struck = struck._replace(mallet_hz=min(float(cutoff), drum.HARD_HZ))
    if rng.random() < TENSION_PROBABILITY:
        struck = struck._replace(tension=float(log_uniform(rng, *TENSION_RANGE)))
    if rng.random() < ATTACK_PROBABILITY:
        struck = struck._replace(attack_powers=_any_attack(rng))
    return struck


def _any_attack(rng: np.random.Generator):
    """Powers of an attack of attack.SHAPE, as nested tuples."""
    return tuple(map(tuple, attack.widened(draw_attacks(rng)).tolist()))


def draw_attacks(rng: np.random.Generator, *count: int) -> np.ndarray:
    """Powers of attacks: a hump over the bands, longer decays at one end.

    They have attack.EARLIER_SHAPE, so that sounds stay as models were trained on them.

    Args:
        rng: What they are drawn from.
        count: How many; none for a single one.

    Returns:
        (*count, bands, decays).
    """
    n_bands, n_decays = attack.EARLIER_SHAPE
    size = (*count, 1, 1)
    band = np.arange(n_bands)[:, None]
    octave = attack.OCTAVES / attack.N_BANDS
    middle = rng.uniform(0, n_bands, size)
    width = rng.uniform(*ATTACK_OCTAVES, size) / octave
    hump = np.exp(-0.5 * ((band - middle) / width) ** 2)  # (*count, bands, 1)
    slow = rng.uniform(-0.5, n_decays, size) + rng.uniform(-0.2, 0.1, size) * (band - middle)
    attack_powers = hump * np.exp(-0.5 * (np.arange(n_decays) - slow) ** 2) + ATTACK_FLOOR
    total = attack_powers.sum(axis=(-2, -1), keepdims=True)
    return attack_powers * (10 ** (rng.uniform(*ATTACK_DB, size) / 10) / total)


def nu_of(seed: int, split: str, index: int) -> np.ndarray:
    """nu (5,) of a sound, which does not depend on the recipe."""
    return np.random.default_rng([seed, SPLITS[split], index]).uniform(-1, 1, 5)


class ShardCache:
    """A sequence of shards that are kept on disk while the cache has room.

    A subclass is a dataclass with `recipe`, `split` and `cache_bytes`; it says by `about` what its
    shards depend on, and makes them.
    """

    @property
    def about(self) -> tuple:
        """What the shards depend on, beside the split."""
        raise NotImplementedError

    def make(self, index: int) -> tuple[np.ndarray, ...]:
        """The arrays of a shard."""
        raise NotImplementedError

    def kept(self, index: int) -> tuple[np.ndarray, ...]:
        """The arrays of a shard, from the cache or made."""
        path = self.folder / f"{index:06d}.npz"
        try:
            with np.load(path, allow_pickle=False) as kept:
                return tuple(kept[name] for name in kept.files)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # missing or damaged: made again
        shard = self.make(index)
        self.folder.mkdir(parents=True, exist_ok=True)
        size = sum(array.nbytes for array in shard)
        if _folder_bytes(self.folder.parent.parent) + size <= self.cache_bytes:
            save_atomically(path, lambda f: np.savez(f, *shard))
        return shard

    @property
    def folder(self) -> Path:
        """Where this split is cached; its name depends on all that the sounds depend on."""
        key = json.dumps([VERSION, *map(_plain, self.about)], sort_keys=True)
        name = f"{self.recipe.preset}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        return cache_folder() / "shards" / name / self.split


def _plain(value):
    return asdict(value) if is_dataclass(value) else value


@dataclass(frozen=True)
class Shards(ShardCache):
    """A split as a sequence of shards: shards[i] is (nu, log_cqt, observed).

    nu: (SHARD, 5) float32. log_cqt: (SHARD, bins, frames) float16. observed: (SHARD, frames)
    float16. They are rounded to float16 whether they come from the cache or not.

    Args:
        recipe: How the sounds are made.
        seed: Of the sounds.
        split: One of SPLITS.
        cache_bytes: Size up to which the shards of all recipes together are kept.
    """

    recipe: Recipe
    seed: int
    split: str
    cache_bytes: int = 4 * 10**9

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return self.kept(index)

    @property
    def about(self) -> tuple:
        """What the shards depend on."""
        return self.recipe, self.seed

    def make(self, index: int) -> tuple[np.ndarray, ...]:
        """Make a shard."""
        cqt = self.recipe.features
        nu = np.empty((SHARD, 5), np.float32)
        log_cqt = np.empty((SHARD, cqt.n_bins, cqt.n_frames), np.float16)
        observed = np.empty((SHARD, cqt.n_frames), np.float16)
        with threadpool_limits(1):  # BLAS threads of many processes would compete for the cores
            for i in range(SHARD):
                nu[i], x = make_clip(self.recipe, self.seed, self.split, index * SHARD + i)
                log_cqt[i], observed[i] = cqt(x), cqt.observed(len(x))
        return nu, log_cqt, observed


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.npz"))
