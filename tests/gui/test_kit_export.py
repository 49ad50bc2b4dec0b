from pathlib import Path

import pytest
from PyQt6.QtWidgets import QFileDialog, QMessageBox

from gui.kit_export import KitExport
from matcher.kits.kit import Kit
from matcher.packs.formats import FORMATS
from matcher.physics.drum import Drum
from matcher.plugin import places
from tests.conftest import TOM

SMALL = Kit("Small & loud").with_pad(0, name="Tom", drum=Drum(TOM))


@pytest.fixture
def told(window):
    window.session.new_kit(SMALL)
    told = []
    window.session.message.connect(told.append)
    return told


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The one that is chosen whenever the window asks for a folder."""
    folder = tmp_path / "packs"
    folder.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    return folder


def entries(window, title):
    """The entries of a submenu of File."""
    (file, *_) = (action.menu() for action in window.menuBar().actions())
    (menu,) = (a.menu() for a in file.actions() if a.menu() and a.text().replace("&", "") == title)
    return menu.actions()


def wait_for(qtbot, told, part):
    qtbot.waitUntil(lambda: any(part in message.text for message in told), timeout=60000)


def test_each_format_has_its_entry_and_is_written(qtbot, window, told, folder):
    actions = entries(window, "Export the kit")
    labels = [*(f"{row.label}…" for row in FORMATS.values()), "Plugin (LV2, CLAP, VST3)"]
    assert [action.text() for action in actions] == labels
    for action, row in zip(actions, FORMATS.values()):
        path = folder / f"Small-loud{row.suffix}"
        action.trigger()
        wait_for(qtbot, told, f"{path} is written: ")
        assert path.exists()
    assert [message.kind for message in told if message.text].count("error") == 0


def test_a_plugin_is_installed_where_hosts_look(qtbot, window, told, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "installed", lambda api: tmp_path / api)
    entries(window, "Export the kit")[-1].trigger()
    wait_for(qtbot, told, "GPL-3.0-or-later")
    assert sorted(path.parent.name for path in tmp_path.glob("*/small*")) == sorted(places.APIS)
    window.session.new_kit()
    entries(window, "Export the kit")[-1].trigger()
    wait_for(qtbot, told, "no pad of the kit has a drum")


def test_an_empty_kit_is_refused_in_one_sentence(qtbot, window, told, folder):
    window.session.new_kit()
    window.files.export_kit("wav")
    wait_for(qtbot, told, "no pad of the kit has a drum")
    assert told[-1].kind == "error" and not list(folder.iterdir())


def test_what_is_there_stays_unless_it_may_be_replaced(window, told, folder, monkeypatch):
    there = folder / "Small-loud-sfz"
    there.mkdir()
    started = []
    monkeypatch.setattr(KitExport, "start", lambda self, *what: started.append(what))
    window.files.export_kit("sfz")  # the question is answered with Discard
    assert started == []
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    window.files.export_kit("sfz")
    assert started == [("sfz", there, True)]


def test_no_folder_writes_nothing(window, told, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    window.files.export_kit("sfz")
    assert told == []


def test_cancel_leaves_nothing(qtbot, window, told, folder):
    window.files.export_kit("wav")
    (note,) = (message for message in told if message.text.startswith("writing"))
    assert note.action_label == "Cancel"
    note.action()
    wait_for(qtbot, told, "is not written")
    assert not list(folder.iterdir())


def test_the_kit_is_named_as_its_file(window, told, tmp_path):
    assert window.session.save(tmp_path / "mine.drumkit")
    assert window.files.kit_export.target("hydrogen", Path("x")) == Path("x/mine.h2drumkit")


def test_starter_kits_open_as_new_ones(window, told):
    for action, name in zip(entries(window, "Starter kits"), ("Acoustic kit", "Twelve snares")):
        action.trigger()
        assert window.session.document.kit.name == name
        assert window.session.document.path is None and not window.session.document.edited
