import pytest

from gui.editor import Editor
from gui.take_kit import places, put_on_pads
from matcher.kits.document import Document
from matcher.kits.kit import N_PADS, Kit
from matcher.live.protocol import Setup
from matcher.physics.drum import Drum
from tests.conftest import TOM
from tests.gui.take_lists import InstantFits, drum_list


@pytest.fixture
def made():
    """Kick, snare and tom on notes 36, 38 and 47."""
    list_, fits = drum_list(), InstantFits()
    fits.want(list_)
    return list_.made([fits.fit_of(row.hits) for row in list_.rows], "song")


def editor_of(kit):
    editor = Editor(Document(None, kit), Setup(), lambda command: None)
    editor.begin_kit()
    return editor


def test_a_note_goes_on_its_pad_and_one_of_no_pad_on_an_empty_one():
    kit = Kit().with_pad(0, drum=Drum(TOM)).with_note(3, 90)
    assert places(kit, [36, 90, 38]) == [0, 3, 2]
    assert places(kit, [39, 36]) == [1, 0]
    full = kit.with_pads({i: Kit().with_pad(i, drum=Drum(TOM)).pads[i] for i in range(3, N_PADS)})
    assert sorted(places(full, list(range(100, 116)))) == list(range(N_PADS))


def test_two_notes_of_one_pad_go_on_two():
    kit = Kit().with_more_notes(0, (20,))
    assert places(kit, [20, 36]) == [0, 1]
    assert len(set(places(kit, [36, 20]))) == 2


def test_all_drums_are_one_edit_and_the_other_pads_stay(made):
    kit = Kit("Mine").with_pad(0, name="Old", drum=Drum(TOM), pan=0.5, tune=3.0, choke=2)
    kit = kit.with_pad(5, name="Stays", drum=Drum(TOM))
    editor = editor_of(kit)
    assert put_on_pads(editor, made) == [0, 2, 11]
    pads = editor.kit.pads
    assert [pads[i].name for i in (0, 2, 11)] == ["Kick", "Snare", "Mid tom"]
    assert [pads[i].drum for i in (0, 2, 11)] == [pad.fitted.drum for pad in made.pads]
    assert (pads[0].pan, pads[0].choke, pads[0].tune) == (0.5, 2, 0.0)
    assert max(pads[i].gain_db for i in (0, 2, 11)) == 0.0
    assert pads[5] == kit.pads[5] and editor.kit.name == "Mine"
    assert editor.document.undo_text == "drums of song"
    editor.undo()
    assert editor.kit == kit
    editor.redo()
    assert editor.kit.pads == pads


def test_each_pad_is_matched_to_the_hit_that_was_fitted_first(made):
    editor = editor_of(Kit())
    put_on_pads(editor, made)
    matched = editor.matched[2]
    hit = made.take.hits[made.pads[1].found.hits[0]]
    assert (matched.clip.samples == made.take.clip(hit).samples).all()
    assert matched.drum == editor.kit.pads[2].drum
    assert matched.words == "body 0.25"


def test_a_drum_on_a_note_of_no_pad_takes_the_note_along(made):
    kit = Kit()
    for i in range(N_PADS):
        kit = kit.with_note(i, 60 + i)
    editor = editor_of(kit)
    pads = put_on_pads(editor, made)
    assert [editor.kit.pads[i].note for i in pads] == [36, 38, 47]
