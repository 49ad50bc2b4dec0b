import numpy as np
import pytest

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import drum
from matcher.physics.theta import Theta
from tests.conftest import rms
from training import augment
from training.augment import STEPS

TOM = Theta(omega=2 * np.pi * 110, tau=0.3, p=0.02, D=0.02, alpha=0.8)


@pytest.fixture(scope="module")
def x():
    return drum.render(TOM, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)


@pytest.mark.parametrize("seed", range(20))
def test_a_seed_gives_one_finite_sound(x, seed):
    once, again = (augment.augment(x, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(once, again)
    assert np.isfinite(once).all()
    assert once.dtype == np.float32
    assert augment.SHORTEST * SAMPLE_RATE - 1 <= len(once) <= N_SAMPLES
    assert 0.003 < np.abs(once).max() < 2


@pytest.mark.parametrize("step", [step for step, _ in STEPS], ids=lambda step: step.__name__)
def test_a_step_leaves_its_input_alone(x, step):
    before = x.copy()
    changed = step(x, np.random.default_rng(1))
    assert np.array_equal(x, before)
    assert changed.shape != x.shape or not np.array_equal(changed, x)


def test_noise_is_10_to_60_db_below_the_attack(x):
    attack = rms(x[: SAMPLE_RATE // 20])
    ratios = []
    for seed in range(60):
        added = augment.noise(x, np.random.default_rng(seed)) - x
        ratios.append(20 * np.log10(attack / rms(added)))
    assert 9.9 <= min(ratios) < 15
    assert 55 < max(ratios) <= 60.1


def test_pink_noise_falls_3_db_an_octave(x):
    class Pink(np.random.Generator):
        def choice(self, kinds):
            return kinds[1]

    added = augment.noise(x, Pink(np.random.PCG64(2))) - x
    power = np.abs(np.fft.rfft(added)) ** 2
    hz = SAMPLE_RATE / N_SAMPLES
    low, high = (power[int(f / hz) : int(2 * f / hz)].mean() for f in (500, 4000))
    assert 10 * np.log10(low / high) == pytest.approx(9, abs=1.5)  # three octaves


def test_shift_is_a_few_milliseconds(x):
    starts = []
    for seed in range(50):
        y = augment.shift(x, np.random.default_rng(seed))
        starts.append(int(np.flatnonzero(y)[0]) - (len(x) - len(y)))
    assert -0.002 * SAMPLE_RATE - 1 <= min(starts) < 0 < max(starts) <= 0.005 * SAMPLE_RATE + 1


def test_clipping_cuts_both_peaks(x):
    y = augment.clipping(x, np.random.default_rng(3))
    ceiling = np.abs(y).max()
    assert 10 ** (-9 / 20) <= ceiling < 1
    assert (np.abs(y) == ceiling).sum() > 10
    inside = np.abs(x) < ceiling
    assert np.array_equal(x[inside], y[inside])
