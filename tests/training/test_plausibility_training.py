import numpy as np
import pytest

from matcher.matching import plausibility, weights
from matcher.matching.features import SAMPLE_RATE
from tests.conftest import DATA
from training import performances, takes
from training.performances import RATE
from training.plausibility import (
    area,
    clip_of,
    fit,
    make_sounds,
    probabilities,
    sounds_by_kind,
    unmet,
)


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


def test_a_network_tells_what_differs_and_is_the_same_when_made_again():
    rng = np.random.default_rng(3)
    drums = np.arange(600) % 2 == 0
    x = rng.random((600, plausibility.N_FEATURES))
    x[drums, :5] += 0.5
    found = probabilities(fit(x, drums), x)
    assert area(found, drums) > 0.9
    np.testing.assert_array_equal(found, probabilities(fit(x, drums), x))


def test_kinds_that_a_network_never_met_are_measured_on_their_own():
    rng = np.random.default_rng(4)
    low, high = (rng.random((60, plausibility.N_FEATURES)) + at for at in (0.0, 0.4))
    both, accused, named = unmet({"a": high, "b": high}, {"c": low, "d": low}, "a", "c", 1.0)
    assert both > 0.9
    assert accused < 0.1 < 0.5 < named
    both, *_ = unmet({"a": low, "b": high}, {"c": high, "d": low}, "a", "c", 1.0)
    assert both < 0.1  # what was learned is wrong for these


def test_sounds_of_each_kind():
    recordings = performances.load(DATA)
    other = performances.Recording(recordings[0].x, 48, "other", False, "other", ("other",))
    drums, others = sounds_by_kind(takes.Pool([*recordings, other]), 2)
    assert set(drums) == {"recorded", "membrane", "tabla", "rim"}
    assert {"recorded", "clap", "voice"} < set(others)
    assert all(x.shape == (2, plausibility.N_FEATURES) for x in (drums | others).values())
