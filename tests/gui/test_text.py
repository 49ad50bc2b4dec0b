"""Names of kits, pads, files and devices are shown as they are, not as HTML."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QMessageBox, QToolTip, QWidget

from gui.controls import as_text, label
from gui.panels.preferences_dialog import PreferencesDialog
from gui.preferences import Preferences
from matcher.live.protocol import Failed, NotePlayed, Ready

HTML = "<b>Tom</b><img src='file:///etc/hostname'>"


def shown_by_qt(text: str) -> str:
    """What a tool tip of this text shows, which Qt draws in a label."""
    tip = QLabel(text)
    return tip.text() if not Qt.mightBeRichText(text) else _plain(text)


def _plain(text: str) -> str:
    from PyQt6.QtGui import QTextDocument

    document = QTextDocument()
    document.setHtml(text)
    return document.toPlainText()


@pytest.mark.parametrize("text", ["Tom", "a < b & c", HTML, "<qt>x", "Q&A <i>"])
def test_a_tip_shows_text_as_it_is(qapp, text):
    assert shown_by_qt(as_text(text)) == text
    assert QToolTip is not None


def test_every_label_is_plain(window):
    assert label(HTML).textFormat() == Qt.TextFormat.PlainText
    labels = [w for w in window.findChildren(QLabel) if w.text()]
    rich = [w.text() for w in labels if w.textFormat() != Qt.TextFormat.PlainText]
    assert rich == []


def test_tips_of_what_a_kit_names_show_it_as_it_is(window):
    window.session.change_pad("name of a pad", "name", HTML[:64])
    window.session.edit(window.session.editor.rename, HTML[:64])
    for widget in window.findChildren(QWidget):
        tip = widget.toolTip()
        if HTML[:10] in _plain(tip) or HTML[:10] in tip:
            assert HTML[:40] in shown_by_qt(tip)
    assert HTML[:40] in shown_by_qt(window.pads.buttons[0].toolTip())


def test_names_of_devices_and_errors_are_text(window):
    window._take(Ready(time_s=1.0, sample_rate=48000.0, block=64, input=HTML, output=HTML,
                       input_latency_s=None, output_latency_s=None))  # fmt: skip
    assert window.status.output.text() == HTML
    window.session.take(Failed(time_s=1.0, message=f"{HTML} is broken"))
    assert window.notice.text.text() == f"{HTML} is broken"
    window._take(NotePlayed(time_s=1.0, note=36, velocity=96, pad=0))
    assert window.status.midi.textFormat() == Qt.TextFormat.PlainText


def test_questions_show_the_name_of_a_kit_as_it_is(window, monkeypatch):
    asked = []
    cancel = QMessageBox.StandardButton.Cancel
    monkeypatch.setattr(QMessageBox, "question", lambda *a: asked.append(a[2]) or cancel)
    window.session.edit(window.session.editor.rename, HTML[:64])
    assert not window.files.may_leave()
    assert HTML[:64] in shown_by_qt(asked[0])


def test_an_ampersand_in_a_menu_is_one(window):
    window.session.remember(recent=("/kits/R&B.drumkit",))
    window._show_remembered()
    assert [action.text() for action in window.menus.recent.actions()] == ["/kits/R&&B.drumkit"]


def test_ports_are_listed_as_text_and_ticked_by_their_whole_name(qtbot):
    dialog = PreferencesDialog(Preferences(midi_in=("LPD8 #2",)))
    qtbot.addWidget(dialog)
    dialog.show_devices([HTML], [], ["LPD8", "LPD8 #2", HTML])
    texts = [dialog.midi.item(i).text() for i in range(dialog.midi.count())]
    assert texts == ["LPD8", "LPD8 #2", HTML]
    checked = Qt.CheckState.Checked
    assert [dialog.midi.item(i).checkState() == checked for i in range(3)] == [False, True, False]
