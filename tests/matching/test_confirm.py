import numpy as np

from matcher.matching.confirm import first_confirmed
from matcher.matching.features import N_SAMPLES
from matcher.matching.match import shipped_encoder
from matcher.physics.drum import Drum
from tests.conftest import TOM, sound

CQT = shipped_encoder().contract.cqt
OCTAVE_UP = Drum(TOM._replace(omega=2 * TOM.omega))


def test_an_octave_above_the_sound_is_not_confirmed():
    x = CQT.features(sound(Drum(TOM)))
    assert first_confirmed([OCTAVE_UP, Drum(TOM)], x, CQT) == Drum(TOM)


def test_the_likelier_of_two_that_are_about_as_near_is_first():
    near = Drum(TOM._replace(tau=1.02 * TOM.tau))
    x = CQT.features(sound(Drum(TOM), 1.0))
    assert first_confirmed([near, Drum(TOM)], x, CQT) == near


def test_only_what_was_observed_is_compared():
    """A long ring is as good as a short one for whoever has heard 60 ms."""
    ringing, short = Drum(TOM._replace(tau=3.0)), Drum(TOM._replace(tau=0.9))
    x = CQT.features(sound(short)[: N_SAMPLES // 50])
    assert first_confirmed([ringing, short], x, CQT) == ringing


def test_a_single_answer_is_first():
    assert first_confirmed([OCTAVE_UP], np.zeros((2, 108, 48), np.float32), CQT) == OCTAVE_UP
