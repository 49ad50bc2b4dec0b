import numpy as np
import pytest

from matcher.physics import bank
from matcher.physics.drum import Drum, make_bank
from tests.live.as_recorded import RECORDINGS, largest_steps_db, matched


@pytest.fixture(scope="module", params=RECORDINGS)
def drum(request) -> Drum:
    """A recording's drum, which has partials of its own."""
    found = matched(request.param)
    assert found.partials
    return found


@pytest.mark.slow
def test_ten_steps_to_the_recorded_drum_change_the_level_little(drum):
    steps = largest_steps_db(drum)
    print(f"largest steps of energy and peak {steps.round(1)} dB")
    assert np.all(steps < 3)


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [0.8, 1.25])
def test_a_turned_pitch_carries_the_partials_along(drum, ratio):
    own = slice(bank.N_MODES, bank.N_MODES + len(drum.partials))
    before = make_bank(drum, np.inf)
    after = make_bank(drum.with_value("omega", ratio * drum.theta.omega), np.inf)
    np.testing.assert_allclose(after["omega"][own], ratio * before["omega"][own], rtol=1e-12)
    np.testing.assert_allclose(after["index"][:, own], before["index"][:, own])
