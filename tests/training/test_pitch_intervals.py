import numpy as np
import pytest

from matcher.physics.theta import PRESETS
from training.studies.pitch_intervals import SEMITONES, agreement, distances, transposed


def test_drums_differ_in_pitch_alone_by_the_intervals():
    nu = transposed(20, 0)
    theta = PRESETS["paper"].from_nu(nu)
    assert np.abs(nu).max() <= 1 + 1e-9
    np.testing.assert_allclose(
        12 * np.log2(theta.omega[:, 1:] / theta.omega[:, :1]), np.tile(SEMITONES, (20, 1))
    )
    assert np.ptp(nu[..., 1:], axis=1).max() == 0


def test_a_distance_that_grows_with_the_interval_agrees():
    rising = np.sqrt(SEMITONES)
    assert agreement(rising) == {
        "all": pytest.approx(1), "an octave to two": pytest.approx(1), "rises": 1.0,
    }  # fmt: skip
    flat_from_an_octave = np.where(np.array(SEMITONES) < 12, rising, 1 / rising)
    found = agreement(flat_from_an_octave)
    assert found["an octave to two"] == pytest.approx(-1)
    assert found["all"] < 0.6


@pytest.mark.slow
def test_no_interval_is_no_distance():
    nu = np.repeat(transposed(1, 1)[0, :1], 2, axis=0)
    np.testing.assert_allclose(distances(nu), 0, atol=1e-5)
