import numpy as np
import pytest

from matcher.matching.inferred import INFERRED, N_INFERRED, drum_of_nu, nu_of_drum
from matcher.matching.search_space import NAMES
from matcher.physics.drum import Drum
from matcher.physics.parameters import HARD_HZ
from tests.conftest import TOM


def test_the_numbers_are_those_that_refining_searches():
    assert tuple(INFERRED) == NAMES


def test_a_body_comes_back_from_its_numbers():
    drum = Drum(TOM, (0.31, 0.12), 900.0, 0.2)
    back = drum_of_nu(nu_of_drum(drum))
    np.testing.assert_allclose(back.theta, drum.theta)
    np.testing.assert_allclose(back.strike, drum.strike)
    assert (back.mallet_hz, back.tension) == pytest.approx((900.0, 0.2))


@pytest.mark.parametrize("drum", [Drum(TOM), Drum(TOM, (0.8, 0.6), 60.0, 2.0)])
def test_every_drum_has_numbers_in_their_range(drum):
    nu = nu_of_drum(drum)
    assert nu.shape == (N_INFERRED,) and np.all(np.abs(nu) <= 1)


def test_the_lowest_numbers_are_a_hard_mallet_and_next_to_no_tension():
    low = drum_of_nu(np.full(N_INFERRED, -1.0))
    assert low.mallet_hz > 0.1 * HARD_HZ
    assert low.tension == pytest.approx(0.01)
