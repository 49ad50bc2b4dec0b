"""Takes in the window as it is, from a dropped file to a kit that plays."""

import csv

import numpy as np
import pytest
import soundfile
from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent
from PyQt6.QtWidgets import QFileDialog, QMessageBox

from gui import takes
from gui.takes import folder_of
from matcher.kits.kit_file import load_kit
from matcher.takes import hits
from tests.conftest import DATA
from tests.gui.take_lists import InstantFits
from tests.takes import composed

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def told(window):
    """The messages of a window whose twins take no time."""
    told = []
    window.session.message.connect(told.append)
    return told


@pytest.fixture
def instant(monkeypatch):
    monkeypatch.setattr(takes, "TakeFits", lambda *_: InstantFits())


@pytest.fixture
def song(tmp_path):
    composed.write(tmp_path / "song.wav", n_hits=12)
    return tmp_path / "song.wav"


def drop(window, path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    window.dropEvent(QDropEvent(QPointF(200, 300), Qt.DropAction.CopyAction, data, LEFT,
                                Qt.KeyboardModifier.NoModifier))  # fmt: skip


def wait_for(qtbot, told, part):
    qtbot.waitUntil(lambda: any(part in message.text for message in told), timeout=300000)


def listed(qtbot, window):
    qtbot.waitUntil(lambda: window.files.takes.sheet is not None, timeout=300000)
    return window.files.takes.sheet


def test_a_dropped_take_is_listed_and_put_on_the_pads(qtbot, window, told, instant, song):
    before = window.session.editor.kit
    drop(window, song)
    sheet = listed(qtbot, window)
    assert sheet.table.rowCount() == 3 and sheet.isVisible()
    assert window.session.editor.kit == before
    qtbot.mouseClick(sheet.put_button, LEFT)
    kit = window.session.editor.kit
    assert [kit.pads[i].name for i in (0, 2, 11)] == ["Kick", "Snare", "Mid tom"]
    assert told[-1].text == "3 drums of song put on the pads"
    assert window.pads.isVisible() and not sheet.isVisible()
    assert window.session.editor.armed == 0
    qtbot.waitUntil(lambda: window.comparison.comparison is not None, timeout=60000)
    told[-1].action()  # undo
    assert window.session.editor.kit == before


def test_a_single_hit_that_is_dropped_is_matched_as_ever(qtbot, window, told):
    window.session.choose(15)
    drop(window, DATA / "snare_kit.flac")
    wait_for(qtbot, told, "matching snare_kit.flac")
    qtbot.waitUntil(lambda: window.session.editor.armed_match is not None, timeout=300000)
    assert window.session.editor.kit.pads[15].name == "snare_kit"
    assert window.files.takes.sheet is None


def test_a_recording_of_one_stroke_on_a_drum_is_no_take(request):
    """With --drums FOLDER those of another folder, as docs/takes.md reports."""
    folder, counts = request.config.getoption("--drums"), {}
    with open(folder / "hits.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("is_drum", "1") == "1"]
    for row in rows:
        counts[row["file"]] = len(hits.read(folder / row["file"]).hits)
    print(f"most hits in {len(rows)} recordings of one stroke: {max(counts.values())}")
    assert max(counts.values()) < takes.SEVERAL


def test_cancel_leaves_the_kit_as_it_was_and_keeps_the_list(qtbot, window, told, instant, song):
    before = window.session.editor.kit
    window.files.takes.open_take(song)
    sheet = listed(qtbot, window)
    qtbot.mouseClick(sheet.split, LEFT)
    sheet.drum.renamed.emit("Left kick")
    rows = sheet.editor.list_.to_values()
    qtbot.mouseClick(sheet.cancel, LEFT)
    assert window.files.takes.sheet is None
    assert window.session.editor.kit == before and not window.session.document.edited
    qtbot.waitUntil(lambda: len(list(folder_of("lists").glob("*.json"))) == 1, timeout=60000)
    window.files.takes.open_take(song)
    sheet = listed(qtbot, window)
    assert sheet.editor.list_.to_values() == rows
    assert "as you left them" in sheet.words.text()
    qtbot.mouseClick(sheet.undo, LEFT)  # back to what was found
    assert sheet.table.rowCount() == 3 and not sheet.undo.isEnabled()
    qtbot.waitUntil(lambda: not list(folder_of("lists").glob("*.json")), timeout=60000)


def test_another_take_takes_the_place_of_the_list(qtbot, window, instant, song, tmp_path):
    window.files.takes.open_take(song)
    first = listed(qtbot, window)
    composed.write(tmp_path / "other.wav", n_hits=8)
    window.files.takes.open_take(tmp_path / "other.wav")
    qtbot.waitUntil(lambda: window.files.takes.sheet is not first, timeout=300000)
    assert first.editor.fits.closed
    assert window.files.takes.sheet.title.text() == "DRUMS OF other"
    assert window.files.takes.sheet.isVisible()


def test_sounds_go_the_way_that_recordings_go(qtbot, window, instant, song, monkeypatch):
    sent = []
    monkeypatch.setattr(window.session.link, "send", sent.append)
    window.files.takes.open_take(song)
    sheet = listed(qtbot, window)
    qtbot.mouseClick(sheet.drum.recorded, LEFT)
    qtbot.waitUntil(lambda: bool(sent), timeout=60000)
    take = sheet.editor.list_.take
    np.testing.assert_array_equal(sent[-1].samples, take.clip(take.hits[sheet.editor.hit]).samples)


def test_the_same_recording_shows_the_list_that_is_there(qtbot, window, told, instant, song):
    window.files.takes.open_take(song)
    first = listed(qtbot, window)
    qtbot.mouseClick(first.close_button, LEFT)
    drop(window, song)
    qtbot.waitUntil(first.isVisible, timeout=60000)
    assert window.files.takes.sheet is first
    song.write_bytes(song.read_bytes() + b"more")  # it is another recording now
    assert not window.files.takes._show_again(song)


def test_a_take_may_be_matched_as_one_hit_all_the_same(qtbot, window, told, instant, song):
    window.session.choose(15)
    window.files.takes.open_take(song)
    qtbot.mouseClick(listed(qtbot, window).match_button, LEFT)
    qtbot.waitUntil(lambda: window.session.editor.armed_match is not None, timeout=300000)
    assert window.session.editor.kit.pads[15].name == "song"


def test_recordings_of_a_folder_are_listed_by_their_names(qtbot, window, instant, tmp_path,
                                                          monkeypatch):  # fmt: skip
    folder = tmp_path / "samples"
    folder.mkdir()
    for name, sound in zip(("kick", "snare"), composed.DRUMS):
        for layer in (1, 2):
            x = composed._recording(sound) * layer / 2
            soundfile.write(folder / f"{name}_v{layer}.wav", x, composed.RATE)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    window.files.choose_recordings()
    sheet = listed(qtbot, window)
    assert sorted(len(row.hits) for row in sheet.editor.list_.rows) == [2, 2]
    assert sheet.title.text() == "DRUMS OF samples"
    assert not sheet.match_button.isVisible()


@pytest.mark.parametrize(
    ("name", "why"),
    [("silent.wav", "is silent"), ("tone.wav", "has no hit"), ("text.wav", "is not a sound file"),
     ("gone.wav", "does not exist")],
)  # fmt: skip
def test_what_is_no_take_is_told_in_a_sentence(qtbot, window, told, tmp_path, name, why):
    t = np.arange(2 * composed.RATE) / composed.RATE
    soundfile.write(tmp_path / "silent.wav", 0 * t, composed.RATE)
    swell = np.sin(400 * t) * np.sin(np.pi * t / t[-1]) ** 2
    soundfile.write(tmp_path / "tone.wav", 0.1 * swell, composed.RATE)
    (tmp_path / "text.wav").write_text("no sound")
    window.files.takes.open_take(tmp_path / name)
    wait_for(qtbot, told, why)
    (error,) = (message for message in told if message.kind == "error" and message.text)
    assert name in error.text
    assert window.files.takes.sheet is None


def test_reading_can_be_cancelled(qtbot, window, told, song, monkeypatch):
    monkeypatch.setattr(takes, "TELL_EACH_S", 0.0)
    window.files.takes.open_take(song)
    wait_for(qtbot, told, "finding the drums of song.wav")
    note = next(message for message in told if "finding the drums" in message.text)
    assert note.action_label == "Cancel" and "s left" in note.text
    window.files.takes._cancel()
    wait_for(qtbot, told, "song.wav is not opened")
    assert window.files.takes.sheet is None


def test_files_are_saved_as_the_command_saves_them(qtbot, window, told, instant, song, tmp_path,
                                                   monkeypatch):  # fmt: skip
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    window.files.takes.open_take(song)
    sheet = listed(qtbot, window)
    qtbot.mouseClick(sheet.save_button, LEFT)
    wait_for(qtbot, told, f"written in {folder}: song.drumkit, song.mid, take-twin.wav, take.json")
    assert sheet.isVisible()
    kit, dropped = load_kit(folder / "song.drumkit")
    assert not dropped and kit.pads[0].name == "Kick"
    size = (folder / "song.mid").stat().st_mtime_ns
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    qtbot.mouseClick(sheet.save_button, LEFT)
    assert (folder / "song.mid").stat().st_mtime_ns == size


def test_closing_the_window_ends_the_list(qtbot, window, instant, song):
    window.files.takes.open_take(song)
    fits = listed(qtbot, window).editor.fits
    window.close()
    assert fits.closed


@pytest.mark.slow
def test_a_take_becomes_a_kit_that_is_there_at_once_the_next_time(qtbot, window, told, song):
    drop(window, song)
    sheet = listed(qtbot, window)
    qtbot.waitUntil(lambda: sheet.editor.ready, timeout=600000)
    qtbot.mouseClick(sheet.put_button, LEFT)
    kit = window.session.editor.kit
    assert all(kit.pads[i].drum.attack_powers is not None for i in (0, 2, 11))
    qtbot.waitUntil(lambda: len(list(folder_of("fitted").glob("*.json"))) == 3, timeout=60000)
    assert sheet.editor.fits._fitters is None  # processes that have nothing to do have ended
    window.files.takes.discard()
    drop(window, song)
    sheet = listed(qtbot, window)
    qtbot.waitUntil(lambda: sheet.editor.ready, timeout=60000)
    assert sheet.editor.fits._fitters is None  # nothing was fitted
    for row, (pad, *_) in sheet.editor.placed().items():
        assert sheet.editor.fitted(row).drum == kit.pads[pad].drum
