"""The plugin's noise beside the instrument's, which numpy and scipy make."""

import numpy as np
import pytest

from export.plugin import noise
from matcher.live.noise import BLOCK, N_BANDS, N_FIXED, N_FREE, NOISE, noise_table
from matcher.physics import attack

pytestmark = pytest.mark.slow  # compiles the transform


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000, 192000])
def test_it_is_the_noise_of_the_instrument(rate):
    n = min(NOISE, round(attack.PERIOD_S * rate))
    bands = np.zeros((N_BANDS, n), np.float32)
    fixed, free = (np.zeros((NOISE + BLOCK, k), np.float32) for k in (N_FIXED, N_FREE))
    noise.fill(bands, fixed, free, float(rate), np.zeros(1, noise.ROOM)[0])
    tables = noise_table(rate)
    # of an RMS of 1; the last digit of a 32-bit float is 6e-8 of it
    np.testing.assert_allclose(bands, attack.noise(rate)[:, :n], atol=1e-6)
    np.testing.assert_allclose(fixed, tables[0], atol=1e-6)
    np.testing.assert_allclose(free, tables[1], atol=1e-6)


def test_random_numbers_are_those_of_numpy():
    high, low, found = noise.STATE_HIGH, noise.STATE_LOW, []
    for _ in range(1000):
        high, low, x = noise.random(np.uint64(high), np.uint64(low))
        found.append(x)
    expected = np.random.default_rng(attack.SEED).random(1000)
    np.testing.assert_array_equal(found, expected)


def test_the_transform_has_room_for_every_band():
    for band in range(N_BANDS):
        n_lines = noise.line_at(band + 1.0) - noise.line_at(band - 1.0)
        assert 0 < n_lines <= noise.SIZE - noise.POINTS
