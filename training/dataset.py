"""Sounds to learn from: seeded theta, rendered, augmented and analysed by matcher itself.

Sound i of a split depends on the recipe, the seed, the split and i, on nothing else. Sounds come
in shards of SHARD; a shard is kept on disk while the cache has room, and made again where not.
"""

import hashlib
import json
import os
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import platformdirs
from threadpoolctl import threadpool_limits

from matcher.matching.features import BINS_PER_OCTAVE, N_SAMPLES, SAMPLE_RATE, LogCqt, stack
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.theta import PRESETS, Theta
from matcher.recording import save_atomically
from training.augment import augment, log_uniform

SHARD = 1024  # sounds
VERSION = 2  # raise it when a sound of the same recipe and seed would come out otherwise
SPLITS = {"train": 0, "validation": 1, "test": 2}
# of the augmented sounds: what is beside theta, each with its chance; else it is as in Drum
STRIKE_CHANCE, STRIKE_RANGE = 0.5, (0.05, 0.5)
MALLET_CHANCE, DULL_RANGE = 0.5, (1e-4, 0.3)  # (pitch / cutoff)^2
TENSION_CHANCE, TENSION_RANGE = 0.4, (0.01, 1.0)
ATTACK_CHANCE, ATTACK_DB = 0.6, (-35.0, 3.0)  # power of all bands over the body's peak squared
ATTACK_OCTAVES = (0.5, 3.0)  # width of its spectrum


def cache_folder() -> Path:
    """Where shards and runs are kept: $DRUM_MATCHER_CACHE, or the user's cache folder."""
    given = os.environ.get("DRUM_MATCHER_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("drum-matcher")


@dataclass(frozen=True)
class Recipe:
    """What a sound is made of."""

    preset: str = "live"
    augmented: float = 0.6  # share of the sounds that are augmented
    features: LogCqt = field(
        default_factory=lambda: LogCqt(
            f_min=40 * 2 ** (-10 / BINS_PER_OCTAVE),  # 22.4 Hz; the bins of the distance stay bins
            n_bins=108,
            bandwidth=0.85,
            n_frames=48,
            growth=1.07,
        )
    )


def make_clip(recipe: Recipe, seed: int, split: str, index: int):
    """One sound: nu (5,) and its clip (samples,) float32 at SAMPLE_RATE, from the onset."""
    rng = np.random.default_rng([seed, SPLITS[split], index])
    nu = rng.uniform(-1, 1, 5)  # first, as in nu_of
    augmented = rng.random() < recipe.augmented
    theta = PRESETS[recipe.preset].from_nu(nu)
    struck = _any_strike(theta, rng) if augmented else Drum(theta)
    x = drum.render(struck, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
    return nu, augment(x, rng) if augmented else x


def _any_strike(theta: Theta, rng: np.random.Generator) -> Drum:
    """Theta as it may be struck: anywhere, by any mallet, hard, with noise."""
    struck = Drum(theta)
    if rng.random() < STRIKE_CHANCE:
        struck = struck._replace(strike=tuple(rng.uniform(*STRIKE_RANGE, 2)))
    if rng.random() < MALLET_CHANCE:
        cutoff = theta.pitch_hz / np.sqrt(log_uniform(rng, *DULL_RANGE))
        struck = struck._replace(mallet_hz=min(float(cutoff), drum.HARD_HZ))
    if rng.random() < TENSION_CHANCE:
        struck = struck._replace(tension=float(log_uniform(rng, *TENSION_RANGE)))
    if rng.random() < ATTACK_CHANCE:
        struck = struck._replace(attack_powers=_any_attack(rng))
    return struck


def _any_attack(rng: np.random.Generator):
    """Levels of attack: a hump over the bands that dies away sooner at one end."""
    band = np.arange(attack.N_BANDS)[:, None]
    octave = attack.OCTAVES / attack.N_BANDS
    middle, width = rng.uniform(0, attack.N_BANDS), rng.uniform(*ATTACK_OCTAVES) / octave
    hump = np.exp(-0.5 * ((band - middle) / width) ** 2)
    slow = rng.uniform(-0.5, attack.N_DECAYS) + rng.uniform(-0.2, 0.1) * (band - middle)
    attack_powers = hump * np.exp(-0.5 * (np.arange(attack.N_DECAYS) - slow) ** 2) + 1e-12
    attack_powers *= 10 ** (rng.uniform(*ATTACK_DB) / 10) / attack_powers.sum()
    return tuple(tuple(map(float, row)) for row in attack_powers)


def nu_of(seed: int, split: str, index: int) -> np.ndarray:
    """The nu (5,) of a sound, whatever its recipe."""
    return np.random.default_rng([seed, SPLITS[split], index]).uniform(-1, 1, 5)


@dataclass(frozen=True)
class Shards:
    """A split as a sequence of shards: shards[i] is (nu, log_cqt, observed).

    nu: (SHARD, 5) float32. log_cqt: (SHARD, bins, frames) float16. observed: (SHARD, frames)
    float16. Rounded to float16 whether they come from the cache or not.
    """

    recipe: Recipe
    seed: int
    split: str
    cache_bytes: int = 4 * 10**9

    def __getitem__(self, index: int):
        path = self.folder / f"{index:06d}.npz"
        try:
            with np.load(path, allow_pickle=False) as kept:
                return kept["nu"], kept["log_cqt"], kept["observed"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # not there, or damaged: made anew
        shard = self._make(index)
        self.folder.mkdir(parents=True, exist_ok=True)
        size = sum(array.nbytes for array in shard)
        if _folder_bytes(self.folder.parent.parent) + size <= self.cache_bytes:
            save_atomically(
                path, lambda f: np.savez(f, nu=shard[0], log_cqt=shard[1], observed=shard[2])
            )
        return shard

    @property
    def folder(self) -> Path:
        """Where this split is cached; named by everything its sounds depend on."""
        key = json.dumps([VERSION, asdict(self.recipe), self.seed], sort_keys=True)
        name = f"{self.recipe.preset}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        return cache_folder() / "shards" / name / self.split

    def _make(self, index: int):
        cqt = self.recipe.features
        nu = np.empty((SHARD, 5), np.float32)
        log_cqt = np.empty((SHARD, cqt.n_bins, cqt.n_frames), np.float16)
        observed = np.empty((SHARD, cqt.n_frames), np.float16)
        with threadpool_limits(1):  # small products in many processes: BLAS threads only collide
            for i in range(SHARD):
                nu[i], x = make_clip(self.recipe, self.seed, self.split, index * SHARD + i)
                log_cqt[i], observed[i] = cqt(x), cqt.observed(len(x))
        return nu, log_cqt, observed


def channels(log_cqt: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """float16 arrays of a shard -> what the encoder takes, (sounds, 2, bins, frames) float32."""
    return stack(log_cqt.astype(np.float32), observed.astype(np.float32))


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.npz"))
