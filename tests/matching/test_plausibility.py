import numpy as np
import pytest

from matcher.matching import confidence, plausibility
from matcher.matching.features import SAMPLE_RATE
from matcher.matching.hear import analysed
from matcher.matching.plausibility import drum_probability, no_drum_reason
from matcher.physics import drum
from matcher.physics.drum import Drum
from matcher.physics.theta import PRESETS
from tests.conftest import TOM


def test_the_recorded_drums_are_drums(matches):
    for name, match in matches.items():
        assert no_drum_reason(analysed(match.hit)) == "", name
        assert match.no_drum_reason == "", name


def test_a_drum_is_likelier_than_a_swell_or_hiss():
    x = drum.render(Drum(TOM), SAMPLE_RATE, 1.0)
    assert no_drum_reason(x) == ""
    swell = x * np.minimum(np.arange(len(x)) / (0.3 * SAMPLE_RATE), 1)
    rng = np.random.default_rng(0)
    hiss = np.diff(rng.standard_normal(len(x) + 1)) * np.exp(-np.arange(len(x)) / 2000)
    assert drum_probability(x) > 0.9
    assert drum_probability(swell) < drum_probability(x)
    assert drum_probability(hiss) < 0.05


def test_the_reason_gives_the_probability(monkeypatch):
    monkeypatch.setattr(plausibility, "drum_probability", lambda clip: 0.001)
    assert "of such sounds 0.1 % are drums" in no_drum_reason(np.zeros(100))


def test_a_click_and_silence_have_a_probability():
    for n in (1, 20, 22050):
        assert 0 <= drum_probability(np.zeros(n)) <= 1
        assert 0 <= drum_probability(np.eye(1, n)[0]) <= 1


def test_margins_are_in_units_that_a_drummer_knows():
    words = confidence.margins((0.01, 0.05, 0.3, 0.8, 0.1))
    assert words == {
        "omega": "± 35 cents", "tau": "± 15 %", "p": "up to 6 times off", "D": "unsure",
        "alpha": "± 0.05",
    }  # fmt: skip


def test_the_interval_is_as_wide_as_the_spread():
    spread = (0.02, 0.1, 0.1, 0.1, 0.1)
    around = confidence.interval(TOM, spread)
    for name, (low, high) in around.items():
        row = PRESETS["live"][name]
        assert low < getattr(TOM, name) < high
        assert row.to_nu(high) - row.to_nu(low) == pytest.approx(
            2 * spread[list(around).index(name)]
        )


def test_a_theta_that_moved_far_or_a_distant_match_is_less_sure():
    deviation = np.full(5, 0.01)
    sure = confidence.spread(deviation, 0.1, np.zeros(5))
    moved = confidence.spread(deviation, 0.1, np.full(5, 0.5))
    far = confidence.spread(deviation, 0.5, np.zeros(5))
    assert all(np.array(moved) > sure)
    assert all(np.array(far) > sure)
    assert max(confidence.spread(np.ones(5), 1.0, np.ones(5))) <= 1
