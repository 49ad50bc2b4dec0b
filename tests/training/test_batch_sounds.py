"""Shards made on a device: seeded, with the fields and the distribution of training.dataset's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from matcher.matching.features import LogCqt
from matcher.physics.theta import LIVE
from training import batch_sounds, dataset
from training.batch_sounds import DeviceShards, draw_strokes
from training.dataset import Recipe, Shards, nu_of

TINY = Recipe(features=LogCqt(f_min=40.0, n_bins=24, bandwidth=0.85, n_frames=8, growth=1.3))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(dataset, "SHARD", 16)


def made(recipe=TINY, seed=1, split="train", index=0, device="cpu"):
    return DeviceShards(recipe, seed, split, torch.device(device))[index]


def test_a_shard_has_the_fields_of_the_numpy_path(small, tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    for ours, theirs in zip(made(index=2), Shards(TINY, 1, "train")[2]):
        assert ours.shape == theirs.shape
        assert ours.numpy().dtype == theirs.dtype


def test_theta_is_that_of_the_numpy_path(small):
    nu, _, _ = made(seed=4, split="test", index=3)
    for i, one in enumerate(nu.numpy()):
        assert np.array_equal(one, nu_of(4, "test", 3 * 16 + i).astype(np.float32))


def test_seed_split_index_and_recipe_each_make_other_sounds(small):
    _, first, _ = made()
    assert torch.equal(first, made()[1])
    others = [
        made(seed=2),
        made(split="validation"),
        made(index=1),
        made(replace(TINY, augmented=0.0)),
    ]
    for _, other, _ in others:
        assert not torch.equal(first, other)


def test_plain_sounds_are_those_of_the_numpy_path(small, tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    plain = replace(Recipe(), augmented=0.0)
    _, log_cqt, observed = made(plain)
    _, expected, all_observed = Shards(plain, 1, "train")[0]
    # rounded to float16, whose steps are 0.004 where log1p(C / FLOOR) is largest
    np.testing.assert_allclose(log_cqt.numpy(), expected, rtol=0, atol=8e-3)
    assert np.array_equal(observed.numpy(), all_observed) and (all_observed == 1).all()


def test_chunks_fill_the_shard(monkeypatch):
    monkeypatch.setattr(dataset, "SHARD", 10)
    monkeypatch.setattr(batch_sounds, "CHUNK", 4)
    plain = replace(TINY, augmented=0.0)
    _, log_cqt, _ = made(plain)
    monkeypatch.setattr(batch_sounds, "CHUNK", 10)
    torch.testing.assert_close(log_cqt, made(plain)[1], rtol=0, atol=4e-3)  # a step of float16


def test_strokes_vary_as_in_the_numpy_path():
    count, rng = 1500, np.random.default_rng(80)
    nu = rng.uniform(-1, 1, (count, 5))
    strokes = draw_strokes(nu, np.full(count, True), LIVE, rng)
    theirs = [dataset._any_strike(LIVE.from_nu(one), rng) for one in nu]
    dull = 2 * np.log10(LIVE.from_nu(nu).pitch_hz / strokes.mallet_hz)
    their_dull = [2 * np.log10(one.theta.pitch_hz / one.mallet_hz) for one in theirs]
    powers = [np.zeros((14, 7)) if d.attack_powers is None else d.attack_powers for d in theirs]
    for mine, other in (
        (strokes.strike[0], [one.strike[0] for one in theirs]),
        (strokes.strike[1], [one.strike[1] for one in theirs]),
        (dull, their_dull),
        (strokes.tension, [one.tension for one in theirs]),
        (strokes.attack_powers.sum(axis=(1, 2)), np.sum(powers, axis=(1, 2))),
        (strokes.attack_powers[:, 3, 2], np.array(powers)[:, 3, 2]),
    ):
        assert ks_2samp(mine, other).pvalue > 1e-3
    kept = draw_strokes(nu[:5], np.full(5, False), LIVE, rng)
    assert (kept.strike == 0.4).all() and not kept.tension.any() and not kept.attack_powers.any()


def summaries(log_cqt, observed) -> dict[str, np.ndarray]:
    """Numbers for each sound, to compare their distributions."""
    x, n_bins = np.asarray(log_cqt, np.float64), log_cqt.shape[1]
    frames = {f"frame {i}": x[:, :, i].mean(axis=1) for i in (0, 4, 12, 24, 47)}
    bands = {f"band {i}": x[:, i : i + n_bins // 6].mean(axis=(1, 2)) for i in (0, 36, 72, 90)}
    rough = np.abs(np.diff(x, axis=2)).mean(axis=(1, 2))  # noise makes frames differ
    return {
        **frames,
        **bands,
        "mean": x.mean(axis=(1, 2)),
        "floor": np.quantile(x, 0.1, axis=(1, 2)),
        "peak": x.max(axis=(1, 2)),
        "roughness": rough,
        "observed": np.asarray(observed, np.float64).sum(axis=1),
    }


@pytest.mark.slow
def test_augmented_sounds_are_distributed_as_those_of_the_numpy_path(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    monkeypatch.setattr(dataset, "SHARD", 400)
    recipe = replace(Recipe(), augmented=1.0)
    _, log_cqt, observed = made(recipe)
    _, other, other_observed = Shards(recipe, 1, "train")[0]
    theirs = summaries(other, other_observed)
    for name, mine in summaries(log_cqt.numpy(), observed.numpy()).items():
        difference = mine - theirs[name]  # of two sounds with the same theta
        assert abs(difference.mean()) < 3.5 * difference.std() / np.sqrt(len(mine)), name
        assert ks_2samp(mine, theirs[name]).pvalue > 1e-3, name  # all quantiles


@pytest.mark.cuda
def test_on_a_gpu(small):
    plain = replace(TINY, augmented=0.0)
    for here, there in zip(made(plain), made(plain, device="cuda")):
        torch.testing.assert_close(there.cpu(), here, rtol=0, atol=8e-3)
    once, again = made(device="cuda"), made(device="cuda")
    assert all(a.is_cuda and torch.equal(a, b) for a, b in zip(once, again))
