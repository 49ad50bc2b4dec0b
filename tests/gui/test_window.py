"""The panels in their window, the engine not started; tests/e2e has it with sound."""

import re
from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDial,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QSlider,
    QSpinBox,
    QWidget,
)

from gui import preferences
from gui.comparison import compare
from gui.matched import Matched
from gui.panels.membrane import Membrane
from gui.panels.pad_button import KEYS, PadButton
from gui.panels.trace import Trace
from matcher.kits.kit import Sound, for_pad
from matcher.kits.kit_file import load_kit
from matcher.live.protocol import (
    NOTE,
    ControllerMoved,
    DeviceChanged,
    HitDetected,
    HitIgnored,
    NotePlayed,
    Rescan,
    Strike,
)
from matcher.matching.hear import Clip
from matcher.matching.task import Refined
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.partials import Partial
from matcher.physics.theta import Theta
from tests.conftest import DATA, TOM
from tests.physics.recorded import recorded

OWN = (Partial(1, 1, 20.0, 1.1, 0.0, 0.3), Partial(2, 1, -30.5, 1.2, -6.0, -0.3))
NO_AUDIO = DeviceChanged(time_s=1.0, system="audio", state="missing", name="no audio")
CONTROLS = (QAbstractButton, QDial, QComboBox, QLineEdit, QSpinBox, QSlider, Membrane)


@pytest.fixture
def played(window, monkeypatch):
    """The commands that the window sends, but for edits."""
    played = []
    monkeypatch.setattr(window.session.link, "send", played.append)
    return played


# input


PEAKS = np.full(25, 0.5, np.float32)
SNAPSHOT = {"running": True, "input_peak": 0.5, "output_peak": 0.0, "midi": [], "blocks": 10,
            "sample_rate": 48000.0, "seconds": 1.0, "load": 0.1, "voices": 1, "underflows": 0,
            "overflows": 0, "dropped": 0, "bad_samples": 0, "clipped": 0, "limited": 0,
            "time_s": 1.0, "channel_peaks": [0.5],
            "trace": {"time_s": 1.0, "step_s": 0.002, "peaks": PEAKS}}  # fmt: skip


def test_the_trace_moves_and_flags_what_was_found(window):
    trace = window.input.trace
    for i in range(4):
        part = {"time_s": 1 + 0.05 * i, "step_s": 0.002, "peaks": PEAKS * (i + 1) / 4}
        window._take_snapshots([SNAPSHOT | {"trace": part}])
    assert len(trace.history.peaks) == 100
    assert trace.history.end_s == pytest.approx(1.2)
    window._take(HitDetected(time_s=1.1, onset_s=1.1, velocity=90, pad=0))
    window._take(HitIgnored(time_s=1.12, reason="mask time"))
    assert [(flag.hit, flag.text) for flag in trace.history.flags] == [
        (True, "90"),
        (False, "mask time"),
    ]
    assert "64 frames" not in window.status.numbers.text()
    assert "load 10 %" in window.status.numbers.text()
    assert not trace.grab().isNull()
    assert window.input.meter.peak == pytest.approx(-6, abs=0.1)


def test_the_channels_of_an_input_show_their_levels_and_one_is_chosen(qtbot, window):
    box = window.input.channel
    window._take_snapshots([SNAPSHOT])
    assert not box.isVisibleTo(window)  # one channel is no choice
    window._take_snapshots([SNAPSHOT | {"time_s": 2.0, "channel_peaks": [0.0, 0.1, 0.5]}])
    assert box.isVisibleTo(window)
    texts = [box.itemText(i) for i in range(box.count())]
    assert texts == ["Input 1: silent", "Input 2: -20 dB", "Input 3: -6 dB"]
    qtbot.keyClick(box, Qt.Key.Key_Down)
    box.activated.emit(box.currentIndex())
    assert window.session.editor.setup.input_channel == 1
    assert window.session.preferences.input_channel == 1
    window._choose_input("Another (ALSA)")  # has other channels
    assert window.session.editor.setup.input_channel == 0


def test_what_the_callbacks_count_is_shown_where_there_is_any(window):
    window._take_snapshots([SNAPSHOT])
    assert window.status.numbers.text().endswith("voices 1")
    window._take_snapshots([SNAPSHOT | {"dropped": 2, "bad_samples": 1200, "limited": 7}])
    wrong = "2 lost reports, 1,200 invalid samples, 7 output samples limited"
    assert window.status.numbers.text().endswith(wrong)


def test_the_threshold_is_a_line_to_drag_or_to_move_by_keys(qtbot, window):
    trace = window.input.trace
    start = QPoint(100, round(trace._y(-40)))
    qtbot.mousePress(trace, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(trace, QPoint(100, round(trace._y(-24))))
    qtbot.mouseRelease(trace, Qt.MouseButton.LeftButton, pos=QPoint(100, round(trace._y(-24))))
    assert window.session.editor.setup.settings.threshold_db == pytest.approx(-24, abs=1)
    before = window.session.editor.setup.settings.threshold_db
    qtbot.keyClick(trace, Qt.Key.Key_Down)
    assert window.session.editor.setup.settings.threshold_db == before - 1
    assert window.input.knobs["threshold_db"].value == before - 1


def test_drums_only_is_a_switch_that_is_remembered(window):
    box = window.input.drums_only
    assert not box.isChecked()
    box.click()
    assert window.session.editor.setup.settings.drums_only
    window.session.set_detection(drums_only=False)
    window.input.show_settings()
    assert not box.isChecked()
    box.click()
    window.session.close()
    assert preferences.load().setup().settings.drums_only


def test_knobs_of_detection_reach_the_engine(qtbot, window):
    for name, knob in window.input.knobs.items():
        before = getattr(window.session.editor.setup.settings, name)
        qtbot.keyClick(knob.dial, Qt.Key.Key_PageDown)
        assert getattr(window.session.editor.setup.settings, name) < before
    qtbot.keyClick(window.input.gain.dial, Qt.Key.Key_PageUp)
    assert window.session.editor.setup.input_gain_db == 6.0


# hit and twin


def test_a_drum_is_its_own_twin():
    hit = Clip(drum.render(TOM, 44100, 3.0), 44100.0, 3.0, ended=False)
    assert compare(hit, Sound(Drum(TOM))).distance < 0.02
    assert compare(hit, Sound(Drum(TOM._replace(omega=2 * TOM.omega)))).distance > 0.4


def test_the_twin_is_the_drum_as_far_as_its_pad_takes_it_as_recorded():
    whole = recorded(3, tension=0.2)
    hit = Clip(drum.render(whole, 44100, 3.0), 44100.0, 3.0, ended=False)
    distances = [compare(hit, Sound(whole, 1.0, share)).distance for share in (1.0, 0.5, 0.0)]
    assert distances[0] < 0.02 < 0.2 < distances[1] < distances[2]
    membrane = compare(hit, Sound(whole, 1.0, 0.0))
    expected = drum.render(whole._replace(partials=()), 44100, 3.0)
    np.testing.assert_allclose(membrane.twin, expected, atol=1e-6)


def test_a_dropped_recording_is_matched_shown_and_heard(qtbot, window):
    window.session.choose(15)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(DATA / "tom_low.flac"))])
    drop = QDropEvent(QPointF(200, 300), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
                      Qt.KeyboardModifier.NoModifier)  # fmt: skip
    window.dropEvent(drop)
    qtbot.waitUntil(lambda: window.comparison.comparison is not None, timeout=60000)
    assert "distance" in window.comparison.distance.text()
    assert re.fullmatch(
        r"network \d.\d\d → (body \d.\d\d|…) → with attack \d.\d\d( → own partials \d.\d\d)?",
        window.comparison.stages.text(),
    )
    heard = []
    window.comparison.play.connect(lambda x, rate: heard.append((x, rate)))
    for _ in range(3):
        qtbot.keyClick(window, Qt.Key.Key_B)
    it = window.comparison.comparison
    assert heard[0][0] is it.clip.samples
    assert heard[1][0] is it.twin
    assert heard[2][0] is it.clip.samples
    assert np.abs(it.twin).max() == pytest.approx(np.abs(it.clip.samples).max(), rel=1e-3)
    qtbot.mouseClick(window.comparison.difference, Qt.MouseButton.LeftButton)
    assert window.comparison.titles[1].text() == "DIFFERENCE: blue twin louder, orange softer"
    before = it.distance
    window.drum.knobs["omega"].dial.setValue(900)
    qtbot.waitUntil(lambda: window.comparison.comparison.distance != before, timeout=60000)


# the drum


def test_the_knobs_turn_the_drum_and_undo_takes_it_back(qtbot, window):
    attack_powers = ((0.01,) * attack.N_DECAYS,) * attack.N_BANDS
    session, editor = window.session, window.session.editor
    drum = editor.pad.drum._replace(
        mallet_hz=900.0, tension=0.1, attack_powers=attack_powers, partials=OWN
    )
    session.edit(editor.change_pad, "test", drum=drum, attack_mix=0.5, as_recorded=0.5)
    before = editor.pad
    stroke = ["mallet_hz", "tension", "attack_mix", "as_recorded"]
    assert list(window.drum.knobs) == [*Theta._fields, *stroke]
    for name, knob in window.drum.knobs.items():
        qtbot.keyClick(knob.dial, Qt.Key.Key_PageUp)
        assert editor.pad.value(name) > before.value(name)
    qtbot.mouseClick(window.bar.undo, Qt.MouseButton.LeftButton)
    assert editor.pad.as_recorded == 0.5
    assert window.drum.knobs["as_recorded"].value == 0.5
    for _ in range(len(window.drum.knobs) - 1):
        qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert editor.pad == before
    qtbot.mouseDClick(window.drum.knobs["tau"].dial, Qt.MouseButton.LeftButton)
    assert editor.pad == before


def test_as_recorded_is_a_knob_of_drums_with_partials(qtbot, window):
    session, editor = window.session, window.session.editor
    knob = window.drum.knobs["as_recorded"]
    session.edit(editor.change_pad, "test", drum=editor.pad.drum._replace(partials=()))
    assert not knob.isEnabled()
    session.edit(editor.change_pad, "test", drum=editor.pad.drum._replace(partials=OWN))
    assert knob.isEnabled()
    assert knob.dial.accessibleName() == "As recorded"
    assert "the ideal membrane" in knob.toolTip() and "100 %" in knob.toolTip()
    qtbot.keyClick(knob.dial, Qt.Key.Key_PageDown)
    assert editor.pad.as_recorded == pytest.approx(0.9)
    qtbot.keyClick(knob.dial, Qt.Key.Key_Backspace)
    assert editor.pad.as_recorded == 1.0
    learned = []
    window.drum.learn.connect(learned.append)
    knob.learn.emit()
    assert learned == ["as_recorded"]
    moved = ControllerMoved(time_s=1.0, revision=editor.state.revision, controller=20, value=32,
                            turns="as_recorded", to=0.25, pad=0)  # fmt: skip
    session.take(moved)
    assert (editor.pad.as_recorded, knob.value) == (0.25, 0.25)


def test_how_sure_a_match_is_stands_below_its_knobs_until_they_are_turned(qtbot, window):
    matched = Matched(
        window.session.editor.pad.drum, spread=(0.01, 0.05, 0.3, 0.8, 0.1),
        no_drum_reason="this may be no drum: x",
    )  # fmt: skip
    window.session.document.attach({0: matched})
    window.refresh()
    assert window.drum.knobs["D"].sure.text() == "unsure"
    assert window.drum.knobs["omega"].sure.text() == "\N{PLUS-MINUS SIGN} 35 cents"
    assert "unsure" in window.drum.knobs["D"].dial.accessibleDescription()
    assert "no drum" in window.comparison.stages.text()
    qtbot.keyClick(window.drum.knobs["omega"].dial, Qt.Key.Key_PageUp)
    assert window.drum.knobs["D"].sure.text() == " "


def test_other_answers_are_found_picked_and_undone(qtbot, window):
    session, editor = window.session, window.session.editor
    session.choose(15)
    session.open(DATA / "tom_low.flac")
    qtbot.waitUntil(lambda: window.comparison.comparison is not None, timeout=60000)
    first = editor.pad
    qtbot.mouseClick(window.comparison.find, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.comparison.candidates.count() > 1, timeout=60000)
    played = []
    session.played.connect(lambda pad, velocity: played.append((pad, velocity)))
    chosen = window.comparison.candidates.currentIndex()
    drums = [for_pad(found.drum) for found in editor.armed_match.candidates]
    assert drums[chosen] == first.drum
    other = 1 - chosen if chosen < 2 else 0
    window.comparison.candidates.setCurrentIndex(other)
    window.comparison.candidates.activated.emit(other)
    assert editor.pad.drum == drums[other] != first.drum
    assert played == [(15, 102)]
    session.edit(editor.undo)
    assert editor.pad == first
    assert window.comparison.candidates.currentIndex() == chosen


def test_other_answers_can_be_looked_for_again_where_none_were_found(qtbot, window, monkeypatch):
    from gui import session as session_of

    window.session.choose(15)
    window.session.open(DATA / "tom_low.flac")
    qtbot.waitUntil(lambda: window.comparison.comparison is not None, timeout=60000)

    def fails(matched):
        raise ValueError("no answer")

    for find in (lambda matched: (Refined(matched.drum, 0.3, "attack"),), fails):
        monkeypatch.setattr(session_of, "find_candidates", find)
        qtbot.mouseClick(window.comparison.find, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(window.comparison.find.isEnabled, timeout=60000)
        assert window.comparison.find.text() == "Other answers"


def test_an_empty_pad_has_no_margins(window):
    pad = window.session.editor.pad
    window.drum.show_pad(pad, pad.drum, (0.01,) * 5)
    assert window.drum.knobs["tau"].sure.text().strip()
    window.drum.show_pad(window.session.editor.kit.pads[15], None)
    assert not window.drum.knobs["tau"].sure.text().strip()


def test_the_strike_point_is_dragged_and_moved_by_keys(qtbot, window):
    membrane = window.drum.membrane
    box = membrane._box()
    to = QPointF(box.left() + 0.25 * box.width(), box.top() + 0.75 * box.height()).toPoint()
    qtbot.mousePress(membrane, Qt.MouseButton.LeftButton, pos=box.center().toPoint())
    qtbot.mouseMove(membrane, to)
    qtbot.mouseRelease(membrane, Qt.MouseButton.LeftButton, pos=to)
    x1, x2 = window.session.editor.pad.drum.strike
    assert (x1, x2) == pytest.approx((0.25, 0.75), abs=0.02)
    qtbot.keyClick(membrane, Qt.Key.Key_Right)
    assert window.session.editor.pad.drum.strike == pytest.approx((x1 + 0.02, x2))
    assert window.session.document.undo_text == "strike point"


def test_the_membrane_moves_while_the_drum_sounds_and_then_rests(qtbot, window):
    window.session.change_pad("test", "drum", Drum(TOM._replace(tau=0.05)))
    membrane = window.drum.membrane
    membrane.hit(1.0)
    qtbot.waitUntil(
        lambda: membrane._field is not None and np.abs(membrane._field).max() > 0.05, timeout=60000
    )
    qtbot.waitUntil(lambda: membrane._field is None, timeout=60000)
    assert not membrane._timer.isActive()


# pads


def test_pads_play_by_mouse_and_keys(qtbot, window, played):
    pad = window.pads.buttons[5]
    height = pad.height()
    qtbot.mousePress(pad, Qt.MouseButton.LeftButton, pos=QPoint(20, round(0.9 * height)))
    qtbot.mousePress(pad, Qt.MouseButton.LeftButton, pos=QPoint(20, round(0.1 * height)))
    loud, soft = (command for command in played if isinstance(command, Strike))
    assert loud.pad == soft.pad == 5
    assert loud.velocity > soft.velocity > 0.2
    assert window.session.editor.armed == 5
    played.clear()
    for key in KEYS:
        qtbot.keyClicks(window, key.lower())
    assert [command.pad for command in played] == list(range(16))
    assert window.session.editor.armed == 5  # the keys choose no pad
    played.clear()
    qtbot.keyClick(pad, Qt.Key.Key_Right)
    qtbot.keyClick(window.pads.buttons[6], Qt.Key.Key_Space)
    assert window.session.editor.armed == 6
    assert played[0].pad == 6
    assert "last velocity" in window.pads.velocity.text()


def test_letters_typed_into_a_name_play_nothing(qtbot, window, played):
    window.pads.name.setFocus()
    window.pads.name.selectAll()
    qtbot.keyClicks(window.pads.name, "Zebra")
    assert window.session.editor.pad.name == "Zebra"
    assert played == []


def test_the_editor_changes_the_chosen_pad(qtbot, window):
    pads, session = window.pads, window.session
    pads.note.setValue(40)
    assert session.editor.kit.pads[0].note == 40
    assert session.editor.kit.pads[4].note == 36  # they swapped
    for box, name in ((pads.curve, "exponential 1"), (pads.choke, 1)):
        qtbot.keyClick(box, Qt.Key.Key_Down)
        box.activated.emit(box.currentIndex())
        assert name in (session.editor.pad.curve, session.editor.pad.choke)
    for name, knob in pads.knobs.items():
        qtbot.keyClick(knob.dial, Qt.Key.Key_PageDown)
        assert getattr(session.editor.pad, name) < 0
    qtbot.mouseClick(pads.solo_button, Qt.MouseButton.LeftButton)
    assert pads.buttons[1].muted
    assert not pads.buttons[0].muted
    qtbot.mouseClick(pads.copy_button, Qt.MouseButton.LeftButton)
    session.choose(15)
    qtbot.mouseClick(pads.paste_button, Qt.MouseButton.LeftButton)
    assert session.editor.pad.curve == "exponential 1"
    qtbot.mouseClick(pads.clear_button, Qt.MouseButton.LeftButton)
    assert session.editor.pad.theta is None
    assert not pads.wav.isEnabled()


# status


def test_what_is_missing_is_a_sentence_with_a_button(qtbot, window, played):
    window.session.take(NO_AUDIO)
    assert window.notice.isVisible()
    assert "Missing:" in window.notice.sign.text()
    assert window.notice.text.text() == "No audio"
    qtbot.mouseClick(window.notice.button, Qt.MouseButton.LeftButton)
    assert played == [Rescan()]
    assert not window.notice.isVisible()


def test_what_is_missing_is_said_again_after_a_note(qtbot, window):
    window.session.take(NO_AUDIO)
    window.session.learn(NOTE)
    assert window.notice.text.text() == "Play the note of this pad"
    assert "Play a note" in window.pads.learn_button.text()
    qtbot.mouseClick(window.notice.close_button, Qt.MouseButton.LeftButton)
    assert window.notice.text.text() == "No audio"
    assert window.pads.learn_button.text() == "Learn"
    qtbot.mouseClick(window.notice.close_button, Qt.MouseButton.LeftButton)
    assert not window.notice.isVisible()


def test_an_engine_that_did_not_start_leaves_no_sound_starting(window):
    window.session.link.failed.emit("the audio engine ended as it started")
    assert window.status.output.text() == "no sound"
    assert window.notice.text.text() == "The audio engine ended as it started"


def test_calibration_that_a_lost_device_ended_can_begin_again(window):
    window.input.set_up.setEnabled(False)
    window._take(replace(NO_AUDIO, state="lost", name="mic"))
    assert window.input.set_up.isEnabled()


def test_saving_over_another_file_is_asked_about(window, tmp_path, monkeypatch):
    there, asked = tmp_path / "mine.drumkit", []
    there.write_text("precious")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    no = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *said: asked.append(said[2]) or no)
    assert not window.files.save_as()
    assert asked == ["mine.drumkit is there already. Replace it?"]
    assert there.read_text() == "precious"
    yes = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *_: yes)
    assert window.files.save_as()
    assert load_kit(there) == (window.session.editor.kit, [])


def test_a_note_does_not_hide_an_error(window):
    window.session.tell("error", "the model is broken")
    window.session.tell("note", "note 80 plays no pad")
    assert window.notice.text.text() == "The model is broken"


def test_the_monitor_says_where_a_note_went(window):
    window._take(NotePlayed(time_s=1.0, note=36, velocity=96, pad=0))
    assert window.status.midi.text() == "note 36 C2, velocity 96 → Kick"
    window._take(NotePlayed(time_s=1.0, note=90, velocity=96, pad=None))
    assert window.status.midi.text().endswith("→ no pad")


def test_the_monitor_lists_the_last_messages(window):
    window._monitor()
    for i in range(70):
        event = NotePlayed(time_s=float(i), note=36 + i, velocity=1, pad=0)
        window.session.link.happened.emit(event)
    assert window.monitor.list.count() == 64
    assert window.monitor.list.item(0).text() == "69.000 s  note 105 A7, velocity 1 → pad 1"


# the whole


def controls(window) -> list[QWidget]:
    found = [w for w in window.findChildren(QWidget) if isinstance(w, CONTROLS)]
    found = [w for w in found if w.isVisibleTo(window) and not w.objectName().startswith("qt_")]
    inner = [w for w in found if isinstance(w.parent(), QSpinBox | QComboBox)]
    return [w for w in found if w not in inner]


def state(widget: QWidget):
    """What a key can change of a control."""
    if isinstance(widget, QComboBox):
        return widget.currentIndex()
    if isinstance(widget, QLineEdit):
        return widget.text()
    if isinstance(widget, Membrane):
        return widget.strike
    return widget.threshold_db if isinstance(widget, Trace) else widget.value()


def test_every_control_is_moved_by_keys_alone(qtbot, window, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    window.session.choose(4)  # a drum of the demo kit
    whole = window.session.editor.pad.drum._replace(partials=OWN)
    window.session.change_pad("test", "drum", whole)
    window.input.show_inputs(["one", "two"], "one")
    found = [*controls(window), window.input.trace]
    buttons = [w for w in found if isinstance(w, QAbstractButton)]
    values = [w for w in found if w not in buttons]
    assert len(buttons) >= 25 and len(values) >= 15
    for widget in values:
        before = state(widget)
        widget.setFocus()
        for key in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_A):
            if state(widget) == before:
                qtbot.keyClick(widget, key)
        assert state(widget) != before, widget.accessibleName()
    for button in buttons:
        button.setEnabled(True)  # one before may have taken the drum off
        button.setFocus()
        done = window.pads.play if isinstance(button, PadButton) else button.clicked
        with qtbot.waitSignal(done, timeout=60000):
            qtbot.keyClick(button, Qt.Key.Key_Space)


def test_a_narrow_window_puts_the_drum_below(window):
    window.resize(900, 800)
    QApplication.processEvents()
    assert window.drum.y() > window.comparison.y()
    window.resize(1280, 800)
    QApplication.processEvents()
    assert window.drum.x() > window.comparison.x()
    assert min(min(b.width(), b.height()) for b in window.pads.buttons) >= 48


def test_shortcuts_and_menus_do_not_clash(window):
    keys = [a.shortcut().toString() for menu in window.menuBar().actions()
            for a in menu.menu().actions() if not a.shortcut().isEmpty()]  # fmt: skip
    assert len(keys) == len(set(keys)) >= 10
    assert not set(window._keys) & set(KEYS)


def test_more_notes_are_typed_and_shown(qtbot, window):
    field = window.pads.more_notes
    field.setFocus()
    qtbot.keyClicks(field, "60, 61")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert window.session.editor.kit.notes[0] == (36, 60, 61)
    window.session.choose(1)
    field.clearFocus()
    window.refresh()
    assert field.text() == ""
    window.session.choose(0)
    assert field.text() == "60, 61"


def test_learn_with_shift_learns_one_more_note(qtbot, window, monkeypatch):
    learned = []
    window.pads.learn_more.connect(lambda: learned.append("more"))
    window.pads.learn_note.connect(lambda: learned.append("note"))
    from PyQt6.QtWidgets import QApplication

    shift = Qt.KeyboardModifier.ShiftModifier
    monkeypatch.setattr(QApplication, "keyboardModifiers", staticmethod(lambda: shift))
    window.pads.learn_button.click()
    assert learned == ["more"]
