from matcher.live import report
from matcher.live.protocol import Answered, HitDetected, PlaceShown
from matcher.live.report import ANOTHER_DRUM, SAME_DRUM
from matcher.matching.hear import Clip
from matcher.physics.drum import Drum
from tests.conftest import TOM


def sentence(same_drum: bool | None) -> str:
    event = Answered(
        time_s=1.0, hit=2, revision=0, observed_part="full", stage="partials", pad=3,
        drum=Drum(TOM), distance=0.2, spread=None, no_drum_reason="", observed_s=1.0,
        latency_ms=400.0, clip=Clip(TOM, 48000, 1.0, False), same_drum=same_drum,
    )  # fmt: skip
    return report.sentence(event)


def test_an_answer_says_whether_the_drum_is_the_one_on_the_pad():
    assert "pad 4 (full, partials, fitted together with earlier hits on this drum): " in sentence(
        True
    )
    assert "pad 4 (full, partials, another drum than before): " in sentence(False)


def test_an_answer_says_nothing_of_it_where_no_drum_was_known():
    assert "pad 4 (full, partials): " in sentence(None)
    assert not any(words in sentence(None) for words in (SAME_DRUM, ANOTHER_DRUM))


def test_places_are_asked_for_and_told():
    def shown(middle: int, rim: int, **more) -> str:
        event = PlaceShown(time_s=1.0, revision=0, middle=middle, rim=rim, needed=8, **more)
        return report.sentence(event).split("  ")[-1]

    assert shown(0, 0) == "hit the middle of the drum: 0 of 8"
    assert shown(8, 0) == "hit it at the rim: 0 of 8"
    assert shown(8, 8, told_apart=0.984) == (
        "the place of hits is told: 98 % of the pairs of strokes are told apart"
    )
    hit = HitDetected(time_s=1.0, onset_s=1.0, velocity=90, pad=0)
    assert report.sentence(hit).endswith("velocity 90")
    hit = HitDetected(time_s=1.0, onset_s=1.0, velocity=90, pad=0, place=127)
    assert report.sentence(hit).endswith("velocity 90, place 127")
