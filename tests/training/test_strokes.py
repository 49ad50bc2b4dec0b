from pathlib import Path

import numpy as np
import pytest

from training.folder_evaluation import sample_pairs
from training.hits import Hit
from training.strokes import agreement, earlier, microphones, on_another_drum, round_robins


def hit(drum="a", mic="close", layer=1, number=1, stroke="t", instrument="tom"):
    name = f"{drum}_{stroke}_{layer}_{number}"
    path = Path(f"{name}_{mic}.flac")
    return Hit(path, instrument, "kit", drum, mic, stroke, layer, number, name)


def test_round_robins_are_of_one_drum_stroke_microphone_and_layer():
    a, b, c = (hit(number=n) for n in (1, 2, 3))
    unlike = [hit(drum="b"), hit(mic="front", number=2), hit(layer=2, number=2), hit(stroke="u")]
    assert round_robins([a, b, *unlike, c]) == [(a, b), (a, c), (b, c)]


def test_one_hit_in_several_microphones():
    close, front, window = (hit(mic=mic) for mic in ("close", "front", "window"))
    assert microphones([close, front, hit(mic="front", number=2), window]) == [
        (close, front), (close, window), (front, window),
    ]  # fmt: skip


def test_recordings_of_unknown_drums_are_no_pairs():
    unknown = [Hit(Path("a.flac")), Hit(Path("b.flac"))]
    assert round_robins(unknown) == [] == microphones(unknown)


def test_agreement_of_pitch_and_decay_by_each_way_of_matching():
    pairs = [(hit(drum, number=1), hit(drum, number=2)) for drum in "abcd"]
    off = {"a": 0, "b": 49, "c": -49, "d": 1200}

    def alone(pair):
        cents = off[pair[0].drum]
        return (
            {"pitch_hz": 100.0, "tau_s": 0.2},
            {"pitch_hz": 100 * 2 ** (cents / 1200), "tau_s": 0.2 * np.exp(0.1)},
        )

    known = {"pitch_hz": 100.0, "tau_s": 0.2}
    row = agreement(pairs, {"alone": alone, "drum known": lambda pair: (known, known)})
    assert (row["pairs"], row["drums"]) == (4, 4)
    assert row["alone: pitch within 50 cents"].startswith("0.75 (")
    assert row["alone: decay, %"] == "10 (10 to 10)"
    assert row["drum known: pitch within 50 cents"] == "1.00 (1.00 to 1.00)"


def test_pairs_without_matches_are_left_out():
    pairs = [(hit(drum, number=1), hit(drum, number=2)) for drum in "ab"]
    match = {"pitch_hz": 100.0, "tau_s": 0.2}
    row = agreement(pairs, {
        "some": lambda pair: (match, match) if pair is pairs[0] else None,
        "none": lambda pair: None,
    })  # fmt: skip
    assert row["some: pitch within 50 cents"] == "1.00" and row["some: decay, %"] == "0"
    assert row["none: pitch within 50 cents"] == row["none: decay, %"] == ""


def test_a_drum_is_known_from_other_strokes_of_any_layer_in_the_same_microphone():
    one, two = pair = hit(number=1), hit(number=2)
    near = [hit(layer=layer, number=n) for layer, n in ((1, 3), (2, 1), (2, 2))]
    unlike = [hit(drum="b"), hit(mic="front", number=4), hit(stroke="u")]
    found = earlier(one, pair, [one, two, *near, *unlike])
    assert len(found) == 2 and set(found) < set(near)
    assert earlier(two, pair, [*unlike, *near[::-1], two, one]) == found  # in any order
    assert earlier(one, pair, [one, two, near[0]]) == [near[0]]
    assert earlier(one, pair, [one, two, *unlike]) == []


def test_a_stroke_on_another_drum_is_of_the_same_instrument_and_microphone():
    one, same = hit(), hit(number=2)
    others = [hit(drum="b", stroke="u"), hit(drum="c", layer=2)]
    unlike = [hit(drum="b", mic="front"), hit(drum="d", instrument="kick")]
    found = on_another_drum(one, [one, same, *unlike, *others])
    assert found in others
    assert on_another_drum(one, [*others[::-1], same, one]) == found  # in any order
    assert on_another_drum(one, [one, same, *unlike]) is None


@pytest.mark.parametrize("count", [None, 3])
def test_a_sample_of_pairs(count):
    pairs = [(hit(drum, number=1), hit(drum, number=n)) for drum in "abc" for n in (2, 3, 4)]
    chosen = sample_pairs(pairs, count)
    assert len({pair[0].drum for pair in chosen}) == 3
    assert chosen == [pair for pair in pairs if pair in chosen][: count or 9]
