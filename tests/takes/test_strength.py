import numpy as np
import pytest

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import drum
from matcher.physics.drum import Drum
from matcher.takes import strength
from tests.conftest import TOM

SOFT = Drum(TOM, mallet_hz=800.0, tension=0.1)


def test_force_one_is_the_drum_itself():
    x = strength.strokes(SOFT, SAMPLE_RATE, 20000, (1.0,))[0]
    np.testing.assert_allclose(x, drum.render_mixed(SOFT, SAMPLE_RATE, 20000)[0], atol=1e-6)


def test_a_softer_stroke_is_duller():
    hard, soft = strength.strokes(SOFT, SAMPLE_RATE, 8192, (1.0, 0.2))
    hz = np.fft.rfftfreq(8192, 1 / SAMPLE_RATE)
    centre = [hz @ np.abs(np.fft.rfft(x)) ** 2 / np.sum(np.abs(np.fft.rfft(x)) ** 2)
              for x in (hard, soft)]  # fmt: skip
    assert centre[1] < centre[0]


@pytest.mark.parametrize("force", strength.FORCES)
def test_a_hit_of_some_force_is_found_again_whatever_its_level(force):
    x = 0.01 * strength.strokes(SOFT, SAMPLE_RATE, N_SAMPLES, (force,))[0]
    heard = strength.Heard([x, x[:6000]], [False, True])
    assert max(heard.distances(SOFT)) < 1e-3
