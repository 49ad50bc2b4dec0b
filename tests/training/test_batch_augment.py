"""With the same numbers and noise each step gives the sound of training.augment."""

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import drum
from matcher.physics.theta import LIVE
from training import augment, batch_augment
from training.batch_augment import Clips, Draws

COUNT = 6
ALLOWED = 5e-6  # float32: transforms of 77,000 samples, and exponentials in float64 there


@pytest.fixture(scope="module")
def sounds() -> np.ndarray:
    nu = np.random.default_rng(70).uniform(-0.8, 0.8, (COUNT, 5))
    return np.array(
        [drum.render(LIVE.from_nu(n), SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE) for n in nu]
    )


def whole(sounds, device="cpu") -> Clips:
    return Clips(torch.from_numpy(sounds).to(device), np.full(len(sounds), sounds.shape[1]))


def assert_same(clips: Clips, expected, allowed=ALLOWED):
    for i, (x, length, one) in enumerate(zip(clips.x.numpy(), clips.length, expected)):
        assert length == len(one)
        assert np.abs(x[:length] - one).max() <= allowed, i
        assert not x[length:].any()


@pytest.fixture
def rng():
    return np.random.default_rng(71)


def test_bursts(sounds, rng):
    decay = rng.uniform(*augment.BURST_S, COUNT) * SAMPLE_RATE
    white = rng.standard_normal((COUNT, 20000), np.float32)
    level_db = rng.uniform(*augment.BURST_DB, COUNT)
    lengths = [augment.burst_samples(d) for d in decay]
    expected = [
        augment.add_burst(*row)
        for row in zip(sounds, (w[:n] for w, n in zip(white, lengths)), decay, level_db)
    ]
    x = batch_augment.add_burst(torch.from_numpy(sounds), torch.from_numpy(white), decay, level_db)
    assert_same(whole(x.numpy()), expected)


def test_rooms_and_equalisers(sounds, rng):
    drawn = (
        rng.normal(0, augment.EQ_DB, (COUNT, len(augment.EQ_KNOTS))),
        rng.standard_normal((COUNT, augment.ROOM_SAMPLES), np.float32),
        rng.uniform(500, 4000, COUNT),
        rng.uniform(*augment.ROOM_DB, COUNT),
    )
    expected = [augment.convolve(*row) for row in zip(sounds, *drawn)]
    knots_db, white, decay, level_db = drawn
    x = batch_augment.convolve(
        torch.from_numpy(sounds), knots_db, torch.from_numpy(white), decay, level_db
    )
    assert_same(whole(x.numpy()), expected)


def test_shifts(sounds):
    n = np.array([-44, -1, 0, 1, 57, 110])
    expected = [augment.delay(x, m) for x, m in zip(sounds, n)]
    assert_same(batch_augment.delay(whole(sounds), n), expected, allowed=0)


def shifted(sounds) -> Clips:
    """Clips of several lengths, as the step before leaves them."""
    return batch_augment.delay(whole(sounds), np.array([-44, 0, -7, 30, -1, 0]))


def test_hum(sounds, rng):
    mains_hz = rng.choice(augment.MAINS_HZ, COUNT)
    amplitudes, phases = rng.uniform(0, 1, (2, COUNT, augment.N_HUM))
    y = batch_augment.hum(torch.from_numpy(sounds), mains_hz, amplitudes, phases).numpy()
    for one, *drawn in zip(y, mains_hz, amplitudes, phases):
        expected = augment.hum(N_SAMPLES, *drawn)
        assert np.abs(one - expected).max() <= 1e-3  # a phase of 5,000 rad, rounded to float32


def test_pink_noise(sounds, rng):
    white = rng.standard_normal((COUNT, N_SAMPLES), np.float32)
    x = batch_augment.pink(torch.from_numpy(white)).numpy()
    for one, w in zip(x, white):
        expected = augment.pink(w)
        assert np.abs(one - expected).max() <= ALLOWED * np.abs(expected).max()


def test_pink_noise_of_a_shortened_clip(sounds, rng):
    clips, white = shifted(sounds), rng.standard_normal((COUNT, N_SAMPLES), np.float32)
    pink = batch_augment.pink(batch_augment._until(clips.length, torch.from_numpy(white)))
    for one, w, n in zip(pink.numpy(), white, clips.length):
        np.testing.assert_allclose(one[:n], augment.pink(w[:n]), rtol=0, atol=1e-6)


def test_noise_is_as_loud(sounds, rng):
    clips, y = shifted(sounds), rng.standard_normal((COUNT, N_SAMPLES), np.float32)
    level_db = rng.uniform(*augment.NOISE_DB, COUNT)
    expected = [
        augment.add_noise(x[:n], one[:n], db)
        for x, n, one, db in zip(clips.x.numpy(), clips.length, y, level_db)
    ]
    assert_same(batch_augment.add_noise(clips, torch.from_numpy(y), level_db), expected)


def test_clipped_peaks(sounds, rng):
    ceiling_db = rng.uniform(*augment.CEILING_DB, COUNT)
    x = batch_augment.clip(torch.from_numpy(0.1 * sounds), ceiling_db)
    expected = [augment.clip(np.float32(0.1) * one, db) for one, db in zip(sounds, ceiling_db)]
    assert_same(whole(x.numpy()), expected, allowed=3e-7)


def test_ends(sounds):
    lengths = np.array([700, 5000, N_SAMPLES, 1234, 662, 30000])
    expected = [x[:n] for x, n in zip(sounds, lengths)]
    assert_same(batch_augment.truncate(whole(sounds), lengths), expected, allowed=0)


def draws(seed, device="cpu") -> Draws:
    return Draws(np.random.default_rng(seed), torch.Generator(device).manual_seed(seed))


def test_every_step_has_a_twin_that_changes_sounds_and_not_its_input(sounds):
    for step, _ in augment.STEPS:
        clips = whole(sounds)
        changed = batch_augment.TWINS[step](clips, draws(1))
        assert np.array_equal(clips.x, sounds) and (clips.length == N_SAMPLES).all()
        assert changed.x.shape == clips.x.shape and torch.isfinite(changed.x).all()
        unchanged = sum(torch.equal(a, b) for a, b in zip(changed.x, clips.x))
        assert unchanged < COUNT / 2, step.__name__  # some sounds have ended where they are cut


def loudness(x, changed) -> np.ndarray:
    """What a step changed in a clip: dB of the difference early, late, low and high; its length."""
    difference = np.zeros(len(x))
    difference[: len(changed)] = changed - x[: len(changed)]
    spectrum = np.abs(np.fft.rfft(difference)) ** 2 / len(x)
    parts = (difference[:200] ** 2, difference[-2000:] ** 2, spectrum[:100], spectrum[-4000:])
    return np.array([*(10 * np.log10(part.sum() + 1e-12) for part in parts), len(changed)])


@pytest.mark.parametrize("step", [step for step, _ in augment.STEPS], ids=lambda one: one.__name__)
def test_a_step_draws_as_its_twin(sounds, step):
    x, count, rng = sounds[0, :16384], 250, np.random.default_rng(72)
    theirs = np.array([loudness(x, step(x, rng)) for _ in range(count)])
    clips = batch_augment.TWINS[step](whole(np.tile(x, (count, 1))), draws(73))
    mine = np.array([loudness(x, y[:n]) for y, n in zip(clips.x.numpy(), clips.length)])
    for a, b in zip(mine.T, theirs.T):
        assert ks_2samp(a, b).pvalue > 1e-3


def test_a_seed_gives_the_same_clips(sounds):
    once, again = (batch_augment.augment_all(torch.from_numpy(sounds), draws(3)) for _ in range(2))
    assert torch.equal(once.x, again.x) and np.array_equal(once.length, again.length)
    other = batch_augment.augment_all(torch.from_numpy(sounds), draws(4))
    assert not torch.equal(once.x, other.x)


def test_steps_come_as_often_and_levels_are_as_wide_as_in_augment(sounds):
    count = 300
    x = torch.from_numpy(np.tile(sounds[:1, :8192], (count, 1)))
    clips = batch_augment.augment_all(x, draws(5))
    lengths, peaks = [], []
    for seed in range(count):
        one = augment.augment(sounds[0, :8192], np.random.default_rng(seed))
        lengths.append(len(one))
        peaks.append(20 * np.log10(np.abs(one).max()))
    shortened = np.array(lengths) < 8192 - 50
    assert (clips.length < 8192 - 50).mean() == pytest.approx(shortened.mean(), abs=0.12)
    own = 20 * np.log10(clips.x.abs().amax(dim=1).numpy())
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(own, share) == pytest.approx(np.quantile(peaks, share), abs=6)


@pytest.mark.cuda
def test_on_a_gpu(sounds, rng):
    white = rng.standard_normal((COUNT, augment.ROOM_SAMPLES), np.float32)
    drawn = (
        rng.normal(0, 3, (COUNT, len(augment.EQ_KNOTS))),
        white,
        np.full(COUNT, 1e3),
        np.zeros(COUNT),
    )
    here, there = (
        batch_augment.convolve(
            torch.from_numpy(sounds).to(device),
            drawn[0],
            torch.from_numpy(white).to(device),
            *drawn[2:],
        ).cpu()
        for device in ("cpu", "cuda")
    )
    torch.testing.assert_close(there, here, rtol=0, atol=ALLOWED)
    for step, _ in augment.STEPS:
        changed = batch_augment.TWINS[step](whole(sounds, "cuda"), draws(1, "cuda"))
        assert changed.x.is_cuda and torch.isfinite(changed.x).all()
    again, once = (
        batch_augment.augment_all(whole(sounds, "cuda").x, draws(3, "cuda")) for _ in range(2)
    )
    assert torch.equal(once.x, again.x)
