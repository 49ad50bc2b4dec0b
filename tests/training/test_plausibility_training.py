import numpy as np
import pytest

from matcher.matching import plausibility, weights
from matcher.matching.features import SAMPLE_RATE
from tests.conftest import DATA
from training import performances, takes
from training.performances import RATE
from training.plausibility import area, clip_of, make_sounds


def test_the_area_is_how_often_a_drum_is_ahead():
    drums = np.array([True, True, False, False])
    assert area(np.array([4, 3, 2, 1]), drums) == 1
    assert area(np.array([1, 2, 3, 4]), drums) == 0
    assert area(np.array([2, 3, 1, 2]), drums) == pytest.approx(3.5 / 4)


def test_half_the_sounds_are_drums_and_all_features_are_in_range():
    recordings = performances.load(DATA)
    other = performances.Recording(recordings[0].x, 48, "other", False, "other", ("other",))
    x, drums = make_sounds(takes.Pool([*recordings, other]), 12, 0)
    assert x.shape == (12, plausibility.N_FEATURES)
    assert drums.sum() == 6
    assert 0 <= x.min() < x.max() <= 1


def test_features_do_not_depend_on_the_level():
    r = performances.load(DATA)[0]
    clip = clip_of(r.x, r.onset)
    loud, soft = (plausibility.features(gain * clip) for gain in (1.0, 0.01))
    np.testing.assert_allclose(loud, soft, atol=1e-4)
    assert len(clip) == pytest.approx(0.4 * SAMPLE_RATE, abs=10) or len(r.x) < 0.4 * RATE


def test_the_shipped_weights_are_of_these_features():
    read = weights.read(plausibility.SHIPPED, plausibility.WEIGHTS, plausibility.contract())
    assert read["hidden"].shape == (plausibility.N_FEATURES, plausibility.N_HIDDEN)
