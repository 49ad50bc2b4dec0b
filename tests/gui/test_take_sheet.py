"""The sheet with a take's drums by mouse and keys, in the window; its fits take no time here."""

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QAbstractButton

from gui import takes
from gui.panels.take_table import DOTS_ROLE, HITS, SHAPES, _x
from gui.take_editor import TakeEditor, first_words
from gui.takes import Opened
from matcher.kits.kit import Kit
from matcher.live.protocol import NotePlayed, Silence, Strike
from tests.gui.take_lists import InstantFits, drum_list

LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
DRUM, PAD, N_HITS, TWIN = 1, 2, 3, 4  # columns


@pytest.fixture
def sheet(qtbot, window, tmp_path, monkeypatch):
    """The sheet of a take that was just read, with the kit empty."""
    monkeypatch.setattr(takes, "TakeFits", lambda *_: InstantFits())
    window.session.new_kit(Kit())
    (tmp_path / "song.wav").touch()
    window.files.takes._list(Opened(tmp_path / "song.wav", drum_list(), "key"))
    return window.files.takes.sheet


def column(sheet, number):
    table = sheet.table
    return [table.item(i, number).text() for i in range(table.rowCount())]


def press(qtbot, sheet, *buttons):
    for button in buttons:
        qtbot.mouseClick(button, LEFT)


def test_the_drums_are_listed(sheet):
    assert column(sheet, DRUM)[:2] == ["1  Kick", "2  Snare"]
    assert column(sheet, PAD)[:2] == ["1, note 36 C2", "3, note 38 D2"]
    assert column(sheet, N_HITS) == ["4", "4", "4"]
    assert column(sheet, TWIN) == ["distance 0.25"] * 3
    assert sheet.drum.title.text() == "DRUM 1: KICK"
    assert "dB, drum 0." in sheet.drum.words.text()
    dots = sheet.table.item(1, HITS).data(DOTS_ROLE)
    assert len(dots.at) == 4 and max(dots.velocities) == 127
    assert sheet.words.text() == "3 drums in 12 hits"
    assert sheet.title.text() == "DRUMS OF song"


def test_nothing_goes_on_pads_before_all_are_fitted(qtbot, sheet):
    fits = sheet.editor.fits
    fits.going = False
    sheet.table.choose(0)
    press(qtbot, sheet, sheet.split)
    assert not sheet.put_button.isEnabled() and not sheet.save_button.isEnabled()
    assert sheet.progress_words.text() == "fitted 2 of 4, 3 s left"
    assert "being fitted…" in column(sheet, TWIN)
    fits.go()
    assert sheet.put_button.isEnabled()
    assert sheet.progress_words.text() == "4 fitted"


def test_drums_are_merged_by_keys_alone_and_undone(qtbot, sheet):
    before = len(sheet.editor.fits.made)
    qtbot.keyClick(sheet.table, Qt.Key.Key_Down, SHIFT)
    assert sheet.table.chosen == [0, 1] and not sheet.split.isEnabled()
    qtbot.keyClick(sheet, Qt.Key.Key_M, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: column(sheet, N_HITS) == ["8", "4"], timeout=60000)
    assert len(sheet.editor.fits.made) == before + 1  # the other drum was not fitted again
    qtbot.keyClick(sheet.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert column(sheet, N_HITS) == ["4", "4", "4"]
    assert sheet.table.chosen == [0]  # with Ctrl held down as well
    assert len(sheet.editor.fits.made) == before + 1
    assert not sheet.undo.isEnabled()


def test_a_split_gives_two_of_which_one_is_chosen(qtbot, sheet):
    sheet.table.choose(0)
    press(qtbot, sheet, sheet.split)
    assert len(column(sheet, DRUM)) == 4
    assert sum(map(int, column(sheet, N_HITS))) == 12
    assert sheet.table.chosen in ([0], [1])


def test_what_cannot_be_done_is_a_sentence(qtbot, sheet):
    hit = sheet.editor.list_.rows[0].hits[0]
    sheet._change("alone", hit)
    sheet._change("split", sheet.editor.list_.row_of(hit))
    assert sheet.words.text() == "This drum has one hit, so it cannot be split"
    assert len(column(sheet, DRUM)) == 4


def test_a_drum_is_left_out_and_taken_back(qtbot, sheet):
    qtbot.keyClick(sheet.table, Qt.Key.Key_Delete)
    assert column(sheet, PAD)[0] == "no pad"
    assert sheet.leave_out.text() == "&Give a pad"
    assert not sheet.drum.name.isEnabled()
    press(qtbot, sheet, sheet.leave_out)
    assert column(sheet, PAD)[0] == "1, note 36 C2"
    assert sheet.leave_out.text() == "&Leave out"


def test_without_a_drum_there_is_nothing_to_put_on_pads(qtbot, sheet):
    sheet.table.selectAll()
    press(qtbot, sheet, sheet.leave_out)
    assert not sheet.put_button.isEnabled()
    assert sheet.progress_words.text() == "no drum goes on a pad"


def test_a_drum_is_named_and_goes_on_another_pad(qtbot, sheet):
    name = sheet.drum.name
    name.setFocus()
    name.selectAll()
    qtbot.keyClicks(name, "<b>Bass & drum")
    qtbot.keyClick(name, Qt.Key.Key_Return)
    assert column(sheet, DRUM)[0] == "1  <b>Bass & drum"
    assert sheet.isVisible()  # Enter ends the name and nothing else
    sheet.drum.pad.setCurrentIndex(2)
    sheet.drum.pad.activated.emit(2)
    assert column(sheet, PAD)[:2] == ["3, note 38 D2", "1, note 36 C2"]  # the two swapped
    assert sheet.drum.pad.currentIndex() == 2


def test_a_long_name_leaves_room_for_the_hits(qtbot, sheet):
    sheet._change("named", 0, "W" * 64)
    assert column(sheet, DRUM)[0] == "1  " + "W" * 64
    assert sheet.drum.title.text() == "DRUM 1: " + "W" * 23 + "…"
    assert sheet.table.columnWidth(HITS) > 2 * sheet.table.columnWidth(TWIN)


def test_one_hit_goes_to_another_drum_or_to_none(qtbot, sheet):

    def actions():
        sheet.drum.move_button.menu().aboutToShow.emit()
        return sheet.drum.move_button.menu().actions()

    texts = [action.text() for action in actions()]
    assert texts[0] == "to Snare, drum 2 of the list"
    assert texts[-2:] == ["to a drum of its own", "to no drum"]
    hit = sheet.editor.hit
    actions()[0].trigger()
    assert column(sheet, N_HITS) == ["3", "5", "4"]
    assert hit in sheet.editor.list_.rows[1].hits
    actions()[-1].trigger()
    assert column(sheet, N_HITS) == ["2", "5", "4"]
    actions()[-2].trigger()
    assert column(sheet, N_HITS) == ["1", "1", "5", "4"]


def test_a_list_that_is_open_stays_while_drums_are_fitted(sheet):
    box, cleared = sheet.drum.hit, []
    box.model().rowsRemoved.connect(lambda *_: cleared.append(1))
    sheet.editor.fits.changed.emit()
    assert box.count() == 4 and cleared == []


def test_hits_and_twins_are_heard(qtbot, sheet):
    heard = []
    sheet.play.connect(lambda x, rate: heard.append((x, rate)))

    def next_one(n):
        qtbot.waitUntil(lambda: len(heard) == n, timeout=300000)
        return heard[-1]

    list_ = sheet.editor.list_
    clip = list_.take.clip(list_.take.hits[sheet.editor.hit])
    press(qtbot, sheet, sheet.drum.recorded)
    x, rate = next_one(1)
    assert rate == clip.sample_rate
    np.testing.assert_array_equal(x, clip.samples)
    press(qtbot, sheet, sheet.drum.twin)
    x, _ = next_one(2)
    assert len(x) == len(clip.samples)
    assert np.abs(x).max() == pytest.approx(np.abs(clip.samples).max(), rel=1e-4)
    assert np.corrcoef(x, clip.samples)[0, 1] < 0.99
    qtbot.keyClick(sheet.table, Qt.Key.Key_B)  # the twin was played: the hit is next
    np.testing.assert_array_equal(next_one(3)[0], clip.samples)
    qtbot.keyClick(sheet.table, Qt.Key.Key_B)
    assert len(next_one(4)[0]) == len(clip.samples)
    sheet.drum.hit.activated.emit(3)
    last = list_.take.hits[list_.rows[0].hits[3]]
    np.testing.assert_array_equal(next_one(5)[0], list_.take.clip(last).samples)
    qtbot.keyClick(sheet.table, Qt.Key.Key_Space)
    assert len(next_one(6)[0]) == len(heard[-2][0])


def test_a_click_on_a_dot_chooses_and_plays_its_hit(qtbot, sheet):
    heard, table = [], sheet.table
    sheet.play.connect(lambda x, rate: heard.append(x))
    box = table.visualRect(table.model().index(2, HITS))
    at = table.item(2, HITS).data(DOTS_ROLE).at[1]
    point = box.center()
    point.setX(round(_x(table, box.toRectF(), at)))
    qtbot.mouseClick(table.viewport(), LEFT, pos=point)
    hit = sheet.editor.list_.rows[2].hits[1]
    assert sheet.row == 2 and sheet.editor.hit == hit
    assert table.item(2, HITS).data(DOTS_ROLE).chosen == 1
    qtbot.waitUntil(lambda: len(heard) == 1, timeout=300000)


def test_the_sheet_takes_the_place_of_the_pads_and_the_window_goes_on(qtbot, window, sheet):
    sent = []
    window.session.link.send, send = sent.append, window.session.link.send
    assert sheet.isVisible() and not window.pads.isVisible()
    assert window.drum.isVisible() and window.input.isVisible() and window.comparison.isVisible()
    assert sheet.window() is window and window.focusWidget() is sheet.table
    qtbot.keyClicks(sheet.table, "zx")  # pads play from the keys
    assert [command.pad for command in sent if isinstance(command, Strike)] == [0, 1]
    window._take(NotePlayed(time_s=1.0, note=36, velocity=96, pad=0))
    assert "velocity 96" in window.status.midi.text()
    window.session.link.send = send


def test_escape_puts_the_list_away_and_keeps_it(qtbot, window, sheet):
    sent = []
    window.session.link.send, send = sent.append, window.session.link.send
    press(qtbot, sheet, sheet.split)
    qtbot.keyClick(sheet.table, Qt.Key.Key_Escape)
    window.session.link.send = send
    assert Silence() in sent
    assert window.pads.isVisible() and not sheet.isVisible()
    assert isinstance(window.focusWidget(), type(window.pads.buttons[0]))
    assert not sheet.editor.fits.closed
    qtbot.keyClick(window.pads.buttons[0], Qt.Key.Key_T, CONTROL)
    assert sheet.isVisible() and window.menus.take.isChecked()
    assert len(column(sheet, DRUM)) == 4
    press(qtbot, sheet, sheet.close_button)
    assert window.pads.isVisible() and not window.menus.take.isChecked()


def test_escape_in_a_field_takes_back_what_was_typed(qtbot, window, sheet):
    name = sheet.drum.name
    name.setFocus()
    qtbot.keyClicks(name, "zzz")
    qtbot.keyClick(name, Qt.Key.Key_Escape)
    assert sheet.isVisible() and window.focusWidget() is sheet.table
    assert name.text() == "Kick" and column(sheet, DRUM)[0] == "1  Kick"


def test_cancel_ends_fits_and_list(qtbot, window, sheet):
    fits = sheet.editor.fits
    press(qtbot, sheet, sheet.cancel)
    assert window.files.takes.sheet is None and fits.closed
    assert window.pads.isVisible() and not window.menus.take.isEnabled()


def test_put_on_pads_gives_the_kit_of_the_list(qtbot, window, sheet):
    put = []
    sheet.put.connect(put.append)
    press(qtbot, sheet, sheet.leave_out, sheet.put_button)
    (made,) = put
    assert [pad.name for pad in made.pads] == ["Snare", "Mid tom"]
    assert window.pads.isVisible() and not sheet.isVisible()
    window.files.takes.show()  # the list is still there
    assert column(sheet, PAD)[0] == "no pad"


def test_each_drum_has_a_play_button(qtbot, sheet):
    heard = []
    sheet.play.connect(lambda x, rate: heard.append(x))
    names = [button.accessibleName() for button in sheet.table.play_buttons]
    assert names == ["Play drum 1, Kick", "Play drum 2, Snare", "Play drum 3, Mid tom"]
    press(qtbot, sheet, sheet.table.play_buttons[2])
    qtbot.waitUntil(lambda: len(heard) == 1, timeout=300000)
    list_ = sheet.editor.list_
    clip = list_.take.clip(list_.take.hits[list_.clearest(2)])
    np.testing.assert_array_equal(heard[0], clip.samples)
    assert sheet.row == 2 and sheet.table.chosen == [2]
    sheet.table.play_buttons[0].setFocus()
    qtbot.keyClick(sheet.table.play_buttons[0], Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(heard) == 2, timeout=300000)
    assert sheet.row == 0


def test_drums_are_told_apart_without_colour(qtbot, sheet):
    pictures = [sheet.table._sign(row, True).toImage() for row in range(len(SHAPES))]
    pictures += [sheet.table._sign(row, False).toImage() for row in range(len(SHAPES))]
    shapes = [picture.createAlphaMask() for picture in pictures]
    for i, one in enumerate(shapes):
        assert all(one != other for other in shapes[:i])
    assert [text.split()[0] for text in column(sheet, DRUM)] == ["1", "2", "3"]


def test_no_letter_for_alt_is_taken_twice(window, sheet):
    texts = [action.text() for action in window.menuBar().actions()]
    texts += [b.text() for b in sheet.findChildren(QAbstractButton) if b.isVisibleTo(window)]
    texts.append("&Give a pad")
    letters = [text[text.index("&") + 1].upper() for text in texts if "&" in text]
    assert len(letters) == len(set(letters)) >= 14


def test_what_is_found_is_one_sentence():
    def words(list_, kept=None):
        return first_words(TakeEditor(list_, InstantFits(), "song", Kit(), kept))

    list_ = drum_list()
    assert words(list_) == "3 drums in 12 hits"
    assert "only one drum" in words(list_.merged([0, 1, 2]))
    assert "none of this" in words(list_.with_pad([0, 1, 2], False))
    assert "as you left them" in words(list_, list_.merged([0, 1]))
