import numpy as np
import pytest

from matcher.physics.drum import Drum
from matcher.physics.theta import Theta
from matcher.takes import drums, hits
from matcher.takes.drum_list import DrumList
from matcher.takes.fitting import Fitted
from tests.conftest import TOM
from tests.takes import composed


@pytest.fixture(scope="module")
def analysed():
    x, _ = composed.take(12)
    take = hits.of_samples(x, composed.RATE)
    measured = drums.measure(take)
    return take, measured, drums.find(measured)


@pytest.fixture
def found(analysed):
    """Kick, snare and tom, four hits each, in the order in which they are struck."""
    list_ = DrumList.of(*analysed)
    return DrumList(*analysed[:2], tuple(sorted(list_.rows, key=lambda row: row.hits)))


def hits_of(list_):
    return [row.hits for row in list_.rows]


def test_the_list_is_as_found(found):
    assert hits_of(found) == [tuple(range(k, 12, 3)) for k in range(3)]
    assert found.on_pads == (0, 1, 2) and found.left_out == ()
    names = {i: name for i, (_, name) in found.placed().items()}
    assert names == {0: "Kick", 1: "Snare", 2: "Mid tom"}
    assert max(found.velocities(0)) == 127
    loudest = max(found.take.hits[i].peak for i in found.rows[1].hits)
    assert found.loudest_db(1) == pytest.approx(20 * np.log10(loudest))
    assert found.clearest(2) in found.rows[2].hits


def test_hits_that_are_like_none_are_a_row_without_a_pad(found):
    drums_found = [row.found for row in found.without(4).without(8).rows]
    list_ = DrumList.of(found.take, found.measured, drums_found)
    assert hits_of(list_)[-1] == (4, 8) and list_.left_out == ()
    assert not list_.rows[-1].on_pad and list_.rows[-1].name == "Other hits"


def test_merged_drums_are_one_and_the_others_stay_as_they_were(found):
    merged = found.named(2, "Both").merged([2, 0])
    assert hits_of(merged) == [tuple(sorted((*range(0, 12, 3), *range(2, 12, 3)))),
                               tuple(range(1, 12, 3))]  # fmt: skip
    assert merged.rows[0].name == "Both"
    assert merged.rows[1] is found.rows[1]
    with pytest.raises(ValueError, match="two drums or more"):
        found.merged([1])


def test_a_split_takes_apart_what_was_merged(found):
    apart = found.merged([0, 1]).split(0)
    assert {frozenset(own) for own in hits_of(apart)} == {frozenset(own) for own in hits_of(found)}
    assert apart.rows[2] is found.rows[2]
    one = found.alone(0)
    with pytest.raises(ValueError, match="cannot be split"):
        one.split(1)


def test_a_hit_goes_to_another_drum_to_one_of_its_own_or_to_none(found):
    moved = found.moved(3, 1)
    assert hits_of(moved)[:2] == [(0, 6, 9), (1, 3, 4, 7, 10)]
    assert moved.rows[2] is found.rows[2]
    assert moved.moved(3, 1) is moved
    alone = found.alone(3)
    assert hits_of(alone)[:2] == [(0, 6, 9), (3,)]
    assert alone.rows[1].on_pad and alone.alone(3) is alone
    dropped = found.without(3)
    assert hits_of(dropped)[0] == (0, 6, 9) and dropped.left_out == (3,)
    assert hits_of(dropped.alone(3))[-1] == (3,)
    assert hits_of(dropped.moved(3, 0)) == hits_of(found)


def test_a_row_whose_last_hit_goes_is_gone(found):
    alone = found.alone(3)
    assert hits_of(alone.moved(3, 0)) == hits_of(found)
    assert len(alone.without(3).rows) == 3


def test_what_is_left_out_gets_no_pad_until_it_is_taken_back(found):
    out = found.with_pad([1], False)
    assert out.on_pads == (0, 2) and set(out.placed()) == {0, 2}
    assert out.with_pad([1], True).placed() == found.placed()


def test_names_and_notes_that_were_given_stay(found):
    list_ = found.named(0, "Boom\n").with_note(0, 60)
    assert list_.placed()[0] == (60, "Boom ")
    assert list_.merged([1, 2]).placed()[0] == (60, "Boom ")
    assert list_.named(0, "").placed()[0] == (60, "Kick")
    with pytest.raises(ValueError, match="allowed is 0 to 127"):
        found.with_note(0, 128)


def test_two_drums_never_have_one_note(found):
    swapped = found.with_note(0, 38)
    assert [swapped.placed()[i][0] for i in range(3)] == [38, 36, 47]
    out = found.with_note(0, 38).with_pad([0], False).with_note(1, 38).with_pad([0], True)
    notes = [note for note, _ in out.placed().values()]
    assert len(set(notes)) == 3
    many = found
    for hit in (*range(3, 12), 0, 1, 2):
        many = many.alone(hit)
    assert len(many.on_pads) == 12
    for row in range(12):
        many = many.with_note(row, 36 + (5 * row) % 12)
        notes = [note for note, _ in many.placed().values()]
        assert len(set(notes)) == 12 and many.placed()[row][0] == 36 + (5 * row) % 12


def test_more_drums_than_pads_are_refused_in_a_sentence():
    x, _ = composed.take(18)
    take = hits.of_samples(x, composed.RATE)
    list_ = DrumList.of(take, measured := drums.measure(take), drums.find(measured))
    with pytest.raises(ValueError, match="a kit has 16 pads"):
        for hit in range(18):
            list_ = list_.alone(hit)


def test_hits_that_are_too_short_get_no_pad(found):
    take = found.take
    short = [hits.TakeHit(h.onset, h.onset + 100, True, h.peak, h.drum) for h in take.hits]
    list_ = DrumList.of(hits.Take(take.x, take.sample_rate, tuple(short)), found.measured,
                        [row.found for row in found.rows])  # fmt: skip
    assert list_.on_pads == ()
    with pytest.raises(ValueError, match="shorter than 20 ms"):
        list_.with_pad([0], True)
    with pytest.raises(ValueError, match="no drum of this list"):
        list_.made([None] * 3, "kit")


def test_the_kit_has_the_drums_of_the_rows_on_pads(found):
    fits = [Fitted(Drum(Theta(TOM.omega * k, *TOM[1:])), (0,), (0.2,)) for k in (1, 2, 3)]
    list_ = found.with_pad([1], False).with_note(2, 45)
    made = list_.made([fits[0], None, fits[2]], "From a take")
    assert [(pad.note, pad.fitted) for pad in made.pads] == [(36, fits[0]), (45, fits[2])]
    assert [d.hits for d in made.others] == [found.rows[1].hits]
    assert made.kit.name == "From a take" and len(made.notes) == 8
