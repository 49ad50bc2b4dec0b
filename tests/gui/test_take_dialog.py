"""The list of a take's drums by mouse and keys; its fits take no time here."""

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QMessageBox, QTableWidget

from gui.panels.take_dialog import TakeDialog
from gui.panels.take_table import DOTS_ROLE, HITS, _x
from gui.take_editor import TakeEditor, first_words
from matcher.kits.kit import Kit
from tests.gui.take_lists import InstantFits, drum_list

LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def dialog(qtbot):
    dialog = TakeDialog(TakeEditor(drum_list(), InstantFits(), "song", Kit()))
    qtbot.addWidget(dialog)
    with qtbot.waitActive(dialog):
        dialog.show()
        dialog.activateWindow()
    dialog.table.setFocus()
    return dialog


def column(dialog, number):
    table = dialog.table
    return [table.item(i, number).text() for i in range(table.rowCount())]


def press(qtbot, dialog, *buttons):
    for button in buttons:
        qtbot.mouseClick(button, LEFT)


def test_the_drums_are_listed(dialog):
    assert column(dialog, 0)[:2] == ["Kick", "Snare"]
    assert column(dialog, 1)[:2] == ["1, note 36 C2", "3, note 38 D2"]
    assert column(dialog, 2) == ["4", "4", "4"]
    assert all(text.endswith(" dB") for text in column(dialog, 3))
    assert all(text.startswith("drum ") for text in column(dialog, 4))
    assert column(dialog, 5) == ["distance 0.25"] * 3
    dots = dialog.table.item(1, HITS).data(DOTS_ROLE)
    assert len(dots.at) == 4 and max(dots.velocities) == 127
    assert dialog.words.text() == "3 drums in 12 hits"
    assert dialog.windowTitle() == "Drums of song"


def test_nothing_goes_on_pads_before_all_are_fitted(qtbot, dialog):
    fits = dialog.editor.fits
    fits.going = False
    dialog.table.choose(0)
    press(qtbot, dialog, dialog.split)
    assert not dialog.put_button.isEnabled() and not dialog.save_button.isEnabled()
    assert dialog.progress_words.text() == "fitted 2 of 4, 3 s left"
    assert "being fitted…" in column(dialog, 5)
    fits.go()
    assert dialog.put_button.isEnabled()
    assert dialog.progress_words.text() == "4 fitted"


def test_drums_are_merged_by_keys_alone_and_undone(qtbot, dialog):
    before = len(dialog.editor.fits.made)
    qtbot.keyClick(dialog.table, Qt.Key.Key_Down, SHIFT)
    assert dialog.table.chosen == [0, 1] and not dialog.split.isEnabled()
    qtbot.keyClick(dialog, Qt.Key.Key_M, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: column(dialog, 2) == ["8", "4"])
    assert len(dialog.editor.fits.made) == before + 1  # the other drum was not fitted again
    qtbot.keyClick(dialog.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert column(dialog, 2) == ["4", "4", "4"]
    assert dialog.table.chosen == [0]  # with Ctrl held down as well
    assert len(dialog.editor.fits.made) == before + 1
    assert not dialog.undo.isEnabled()


def test_a_split_gives_two_of_which_one_is_chosen(qtbot, dialog):
    dialog.table.choose(0)
    press(qtbot, dialog, dialog.split)
    assert len(column(dialog, 0)) == 4
    assert sum(map(int, column(dialog, 2))) == 12
    assert dialog.table.chosen in ([0], [1])


def test_what_cannot_be_done_is_a_sentence(qtbot, dialog):
    hit = dialog.editor.list_.rows[0].hits[0]
    dialog._change("alone", hit)
    dialog._change("split", dialog.editor.list_.row_of(hit))
    assert dialog.words.text() == "This drum has one hit, so it cannot be split"
    assert len(column(dialog, 0)) == 4


def test_a_drum_is_left_out_and_taken_back(qtbot, dialog):
    qtbot.keyClick(dialog.table, Qt.Key.Key_Delete)
    assert column(dialog, 1)[0] == "no pad"
    assert dialog.leave_out.text() == "&Give a pad"
    assert not dialog.drum.name.isEnabled()
    press(qtbot, dialog, dialog.leave_out)
    assert column(dialog, 1)[0] == "1, note 36 C2"
    assert dialog.leave_out.text() == "&Leave out"


def test_without_a_drum_there_is_nothing_to_put_on_pads(qtbot, dialog):
    dialog.table.selectAll()
    press(qtbot, dialog, dialog.leave_out)
    assert not dialog.put_button.isEnabled()
    assert dialog.progress_words.text() == "no drum goes on a pad"


def test_a_drum_is_named_and_goes_on_another_pad(qtbot, dialog):
    name = dialog.drum.name
    name.setFocus()
    name.selectAll()
    qtbot.keyClicks(name, "<b>Bass & drum")
    qtbot.keyClick(name, Qt.Key.Key_Return)
    assert column(dialog, 0)[0] == "<b>Bass & drum"
    assert dialog.isVisible()  # Enter ends the name and nothing else
    dialog.drum.pad.setCurrentIndex(2)
    dialog.drum.pad.activated.emit(2)
    assert column(dialog, 1)[:2] == ["3, note 38 D2", "1, note 36 C2"]  # the two swapped
    assert dialog.drum.pad.currentIndex() == 2


def test_one_hit_goes_to_another_drum_or_to_none(qtbot, dialog):

    def actions():
        dialog.drum.move_button.menu().aboutToShow.emit()
        return dialog.drum.move_button.menu().actions()

    texts = [action.text() for action in actions()]
    assert texts[0] == "to Snare, drum 2 of the list"
    assert texts[-2:] == ["to a drum of its own", "to no drum"]
    hit = dialog.editor.hit
    actions()[0].trigger()
    assert column(dialog, 2) == ["3", "5", "4"]
    assert hit in dialog.editor.list_.rows[1].hits
    actions()[-1].trigger()
    assert column(dialog, 2) == ["2", "5", "4"]
    actions()[-2].trigger()
    assert column(dialog, 2) == ["1", "1", "5", "4"]


def test_a_list_that_is_open_stays_while_drums_are_fitted(dialog):
    box, cleared = dialog.drum.hit, []
    box.model().rowsRemoved.connect(lambda *_: cleared.append(1))
    dialog.editor.fits.changed.emit()
    assert box.count() == 4 and cleared == []


def test_hits_and_twins_are_heard(qtbot, dialog):
    heard = []
    dialog.play.connect(lambda x, rate: heard.append((x, rate)))

    def next_one(n):
        qtbot.waitUntil(lambda: len(heard) == n, timeout=300000)
        return heard[-1]

    list_ = dialog.editor.list_
    clip = list_.take.clip(list_.take.hits[dialog.editor.hit])
    press(qtbot, dialog, dialog.drum.recorded)
    x, rate = next_one(1)
    assert rate == clip.sample_rate
    np.testing.assert_array_equal(x, clip.samples)
    press(qtbot, dialog, dialog.drum.twin)
    x, _ = next_one(2)
    assert len(x) == len(clip.samples)
    assert np.abs(x).max() == pytest.approx(np.abs(clip.samples).max(), rel=1e-4)
    assert np.corrcoef(x, clip.samples)[0, 1] < 0.99
    qtbot.keyClick(dialog.table, Qt.Key.Key_B)  # the twin was played: the hit is next
    np.testing.assert_array_equal(next_one(3)[0], clip.samples)
    qtbot.keyClick(dialog.table, Qt.Key.Key_B)
    assert len(next_one(4)[0]) == len(clip.samples)
    dialog.drum.hit.activated.emit(3)
    last = list_.take.hits[list_.rows[0].hits[3]]
    np.testing.assert_array_equal(next_one(5)[0], list_.take.clip(last).samples)
    qtbot.keyClick(dialog.table, Qt.Key.Key_Space)
    assert len(next_one(6)[0]) == len(heard[-2][0])


def test_a_click_on_a_dot_chooses_and_plays_its_hit(qtbot, dialog):
    heard, table = [], dialog.table
    dialog.play.connect(lambda x, rate: heard.append(x))
    box = table.visualRect(table.model().index(2, HITS))
    at = table.item(2, HITS).data(DOTS_ROLE).at[1]
    point = box.center()
    point.setX(round(_x(table, box.toRectF(), at)))
    qtbot.mouseClick(table.viewport(), LEFT, pos=point)
    hit = dialog.editor.list_.rows[2].hits[1]
    assert dialog.row == 2 and dialog.editor.hit == hit
    assert table.item(2, HITS).data(DOTS_ROLE).chosen == 1
    qtbot.waitUntil(lambda: len(heard) == 1, timeout=300000)


def test_cancel_asks_where_changes_would_be_lost(qtbot, dialog, monkeypatch):
    asked = []
    answers = iter([QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Discard])
    monkeypatch.setattr(QMessageBox, "question", lambda *a: asked.append(a) or next(answers))
    press(qtbot, dialog, dialog.split, dialog.cancel)
    assert dialog.isVisible() and len(asked) == 1
    qtbot.keyClick(dialog.table, Qt.Key.Key_Escape)
    assert not dialog.isVisible() and len(asked) == 2
    assert dialog.editor.fits.closed


def test_cancel_asks_nothing_where_nothing_was_changed(qtbot, dialog, monkeypatch):
    monkeypatch.setattr(QMessageBox, "question", lambda *_: pytest.fail("it asked"))
    put = []
    dialog.put.connect(put.append)
    press(qtbot, dialog, dialog.cancel)
    assert not dialog.isVisible() and put == []


def test_put_on_pads_gives_the_kit_of_the_list(qtbot, dialog):
    put = []
    dialog.put.connect(put.append)
    press(qtbot, dialog, dialog.leave_out, dialog.put_button)
    (made,) = put
    assert [pad.name for pad in made.pads] == ["Snare", "Mid tom"]
    assert not dialog.isVisible()


def test_every_control_has_a_name_and_is_reached_by_tab(qtbot, dialog):
    kinds = (QAbstractButton, QComboBox, QLineEdit, QTableWidget)
    controls = [w for kind in kinds for w in dialog.findChildren(kind)
                if w.isVisible() and w.focusPolicy() & Qt.FocusPolicy.TabFocus]  # fmt: skip
    for widget in controls:
        assert widget.accessibleName() or widget.text()
    reached = set()
    for _ in range(3 * len(controls)):
        reached.add(dialog.focusWidget())
        qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
    assert {w for w in controls if w.isEnabled()} <= reached


def test_what_is_found_is_one_sentence():
    list_ = drum_list()
    assert first_words(list_) == "3 drums in 12 hits"
    assert "only one drum" in first_words(list_.merged([0, 1, 2]))
    assert "none of this" in first_words(list_.with_pad([0, 1, 2], False))
