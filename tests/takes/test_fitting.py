import numpy as np
import pytest

from matcher.matching.features import SAMPLE_RATE
from matcher.matching.hear import Clip
from matcher.matching.match import shipped_encoder
from matcher.physics.drum import Drum
from matcher.takes import fitting, strength
from matcher.takes.fitting import Struck
from tests.conftest import TOM

FORCES = (1.0, 0.8, 0.5, 0.3, 0.2, 0.6)


def struck(drum: Drum, forces=FORCES, seconds: float = 1.0) -> list[Struck]:
    n = round(seconds * SAMPLE_RATE)
    sounds = strength.strokes(drum, SAMPLE_RATE, n, forces)
    clips = [Clip(0.5 * f * x, SAMPLE_RATE, seconds, True) for f, x in zip(forces, sounds)]
    return [Struck(clip, force) for clip, force in zip(clips, forces)]


def test_the_reference_is_loud_and_the_others_have_several_strengths():
    hits = struck(Drum(TOM))
    chosen = fitting.choose(hits)
    assert hits[chosen[0]].level >= 0.5
    assert len(set(chosen)) == len(chosen) <= fitting.MOST_STROKES
    levels = [hits[i].level for i in chosen]
    assert min(levels) < 0.4
    assert max(levels) > 0.7


def test_a_hit_that_something_else_sounds_in_is_not_the_reference():
    hits = struck(Drum(TOM), (1.0, 0.9))
    hits = [Struck(hits[0].clip, 1.0, clearness=0.2), hits[1]]
    assert fitting.choose(hits)[0] == 1


def test_one_hit_is_enough():
    assert fitting.choose(struck(Drum(TOM), (0.3,))) == [0]


@pytest.mark.slow
def test_the_drum_is_found_and_hits_that_were_not_fitted_are_as_near():
    hits = struck(Drum(TOM, mallet_hz=2000.0))
    fitted = fitting.fit(hits, shipped_encoder(), "normal")
    assert abs(1200 * np.log2(fitted.drum.theta.omega / TOM.omega)) < 30
    left = [hit for i, hit in enumerate(hits) if i not in fitted.fitted]
    heard = strength.Heard([hit.clip.samples for hit in left], [True] * len(left))
    assert np.mean(heard.distances(fitted.drum)) < np.mean(fitted.distances) + 0.05
