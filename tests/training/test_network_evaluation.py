from pathlib import Path

import pytest

from training.hits import Hit
from training.network_evaluation import distance_rows, pitch_rows


def pair(drum, instrument, distance, answers, first=0, partial=100.0):
    hit = Hit(Path(f"{drum}.wav"), instrument, drum=drum)
    row = {"whole": distance, "0.03": 0.9, "0.1": 0.7, "0.3": 0.6}
    return hit, row | {"partial": partial, "answers": answers, "first": first}


RIGHT, OCTAVE = (101.0, 0.9), (200.0, 0.6)
PAIRS = [
    pair("a", "tom", 0.2, [RIGHT]),
    pair("b", "tom", 0.4, [OCTAVE, (99.0, 0.3)]),
    pair("c", "tom", 0.6, [OCTAVE, (99.0, 0.3)], first=1),
    pair("d", "snare", 0.5, [OCTAVE], partial=None),
]


def test_medians_by_what_was_heard():
    tom, snare, everything = distance_rows(PAIRS)
    assert (tom["instrument"], snare["instrument"], everything["instrument"]) == (
        "tom", "snare", "all",
    )  # fmt: skip
    assert tom["whole"].startswith("0.4") and everything["whole"].startswith("0.45")
    assert snare["100 ms"].startswith("0.7")


def test_pitches_of_the_likeliest_the_first_and_any_answer():
    tom, everything = pitch_rows(PAIRS)
    assert everything["with a low partial"] == tom["with a low partial"] == 3
    assert [tom[way].split(",")[0] for way in ("likeliest", "first", "nearest")] == ["1", "2", "3"]
    assert float(tom["probability where right"]) == pytest.approx((0.9 + 0.3) / 2)
    assert float(tom["probability where wrong"]) == pytest.approx(0.6)
