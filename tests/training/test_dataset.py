from dataclasses import replace

import numpy as np
import pytest

from matcher.matching.features import LogCqt
from matcher.physics import attack
from matcher.physics.drum import Drum
from matcher.physics.theta import PRESETS
from training import dataset
from training.dataset import Recipe, Shards, make_clip

TINY = Recipe(features=LogCqt(f_min=40.0, n_bins=24, bandwidth=0.85, n_frames=8, growth=1.3))


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    monkeypatch.setattr(dataset, "SHARD", 16)


def same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b))


def test_a_shard_from_the_cache_is_the_shard_made_anew():
    shards = Shards(TINY, seed=1, split="train")
    made, kept = shards[3], shards[3]
    assert (shards.folder / "000003.npz").exists()
    assert same(made, kept)
    assert same(made, shards.make(3))
    nu, log_cqt, observed = made
    assert (nu.shape, log_cqt.shape, observed.shape) == ((16, 5), (16, 24, 8), (16, 8))
    assert np.abs(nu).max() <= 1


def test_seed_split_index_and_recipe_each_make_other_sounds():
    first = Shards(TINY, 1, "train")[0]
    others = [
        Shards(TINY, 2, "train")[0],
        Shards(TINY, 1, "validation")[0],
        Shards(TINY, 1, "train")[1],
        Shards(replace(TINY, augmented=0.0), 1, "train")[0],
    ]
    for other in others:
        assert not np.array_equal(first[1], other[1])


def test_past_the_bound_shards_are_made_on_the_fly():
    bounded = Shards(TINY, 1, "train", cache_bytes=30_000)
    shards = [bounded[i] for i in range(6)]
    kept = sorted(bounded.folder.glob("*.npz"))
    assert 0 < len(kept) < 6
    assert sum(path.stat().st_size for path in kept) <= 30_000
    assert same(shards[5], Shards(TINY, 1, "train")[5])


def test_a_shard_that_was_cut_off_is_made_again():
    shards = Shards(TINY, 1, "train")
    made = shards[0]
    path = shards.folder / "000000.npz"
    path.write_bytes(path.read_bytes()[:1000])
    assert same(shards[0], made)


def test_clean_sounds_fill_the_window_and_some_augmented_are_cut():
    lengths = [len(make_clip(replace(TINY, augmented=0.0), 1, "test", i)[1]) for i in range(5)]
    assert set(lengths) == {2**16}
    augmented = [len(make_clip(replace(TINY, augmented=1.0), 1, "test", i)[1]) for i in range(30)]
    assert 10 < sum(n < 2**16 - 100 for n in augmented) < 29


def test_theta_covers_the_preset():
    nu = np.array([make_clip(replace(TINY, augmented=0.0), 1, "test", i)[0] for i in range(200)])
    assert (nu.min(axis=0) < -0.95).all()
    assert (nu.max(axis=0) > 0.95).all()
    PRESETS["live"].check(PRESETS["live"].from_nu(nu[0]))


def test_augmented_sounds_are_struck_in_many_ways():
    rng = np.random.default_rng(0)
    theta = PRESETS["live"].from_nu(np.zeros(5))
    struck = [dataset._any_strike(theta, rng) for _ in range(200)]
    plain = Drum(theta)
    for name in ("strike", "mallet_hz", "tension", "attack_powers"):
        changed = sum(getattr(one, name) != getattr(plain, name) for one in struck)
        assert 50 < changed < 150, name
    sums = [
        10 * np.log10(np.sum(one.attack_powers)) for one in struck if one.attack_powers is not None
    ]
    low, high = dataset.ATTACK_DB
    assert low <= min(sums) < low + 5 and high - 5 < max(sums) <= high


def test_attacks_stay_as_they_were_drawn_for_the_shipped_model():
    rng = np.random.default_rng(3)
    theta = PRESETS["live"].from_nu(np.zeros(5))
    last = [dataset._any_strike(theta, rng) for _ in range(20)][-1]
    powers = np.array(last.attack_powers)
    assert powers.shape == attack.SHAPE
    assert powers.sum() == pytest.approx(0.25596416795034355, rel=1e-12)
    assert np.unravel_index(powers.argmax(), powers.shape) == (3, 2)
    assert powers.max() == pytest.approx(0.014444670355314897, rel=1e-12)
    n_bands, n_decays = attack.EARLIER_SHAPE
    assert not powers[n_bands:].any() and not powers[:, [0, n_decays + 1]].any()
    assert last.tension == pytest.approx(0.217908989248149, rel=1e-12)
    assert rng.random() == 0.49519990859903784  # not one draw more or less
