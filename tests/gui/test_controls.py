import time

import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QApplication, QInputDialog

from gui.background import Background
from gui.knob import Knob, linear, parameter_knob
from gui.meter import FALL_DB, HOLD_S, Meter
from matcher.physics.parameters import PARAMETERS


@pytest.fixture
def knob(qtbot):
    knob = Knob("Gain", linear(-10.0, 10.0), "{:.1f} dB".format, 0.0, "How loud.", learnable=True)
    knob.heard = []
    knob.turned.connect(knob.heard.append)
    qtbot.addWidget(knob)
    knob.show()
    return knob


def test_keys_turn_it(qtbot, knob):
    for key, value in (
        (Qt.Key.Key_Up, 0.2), (Qt.Key.Key_Right, 0.4), (Qt.Key.Key_PageUp, 2.4),
        (Qt.Key.Key_Down, 2.2), (Qt.Key.Key_End, 10.0), (Qt.Key.Key_Home, -10.0),
    ):  # fmt: skip
        qtbot.keyClick(knob.dial, key)
        assert knob.heard[-1] == pytest.approx(value)
    assert knob.text.text() == "-10.0 dB"
    qtbot.keyClick(knob.dial, Qt.Key.Key_Backspace)
    assert knob.value == 0.0


def test_mouse_and_wheel_turn_it(qtbot, knob):
    middle = knob.dial.rect().center()
    qtbot.mousePress(knob.dial, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(knob.dial, middle - QPoint(0, 20))
    up = knob.value
    assert up > 0
    qtbot.mouseMove(knob.dial, middle)
    qtbot.mouseRelease(knob.dial, Qt.MouseButton.LeftButton, pos=middle)
    assert knob.value == pytest.approx(0.0, abs=0.05)
    wheel = QWheelEvent(
        QPointF(middle), QPointF(knob.dial.mapToGlobal(middle)), QPoint(0, 0), QPoint(0, 120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase,
        False,
    )  # fmt: skip
    QApplication.sendEvent(knob.dial, wheel)
    assert knob.value > 0.1
    qtbot.mouseDClick(knob.dial, Qt.MouseButton.LeftButton, pos=middle)
    assert knob.heard[-1] == 0.0


def test_a_value_that_was_set_is_kept_to_the_last_digit(knob):
    knob.set_value(1.23456789)
    assert knob.value == 1.23456789
    assert knob.heard == []


def test_a_typed_value_in_another_unit(qtbot, knob, monkeypatch):
    asked = []
    monkeypatch.setattr(
        QInputDialog, "getDouble", lambda *given: (asked.append(given), (500.0, True))[1]
    )
    knob.typed = ("cB", 100.0)
    qtbot.keyClick(knob.dial, Qt.Key.Key_Return)
    assert knob.heard == [5.0]
    assert asked[0][2] == "Gain, -1000 to 1000 cB"


def test_screen_readers_get_name_value_and_controller(knob):
    knob.set_controller(7)
    knob.set_value(3.0)
    assert knob.dial.accessibleName() == "Gain"
    assert knob.dial.accessibleDescription() == "3.0 dB; MIDI controller 7. How loud."


def test_the_meter_holds_peaks_and_its_clip_light(qtbot):
    meter = Meter("Input level")
    qtbot.addWidget(meter)
    meter.show()
    meter.show_level(-6.0, 10.0)
    meter.show_level(-60.0, 10.05)
    assert meter.peak == -6.0
    assert -9.0 < meter.level < -6.0
    assert not meter.clipped
    meter.show_level(0.0, 10.1)
    for i in range(1, 200):
        meter.show_level(-60.0, 10.1 + i / 100)
    assert meter.clipped
    assert meter.peak == -60.0
    assert "clipped" in meter.accessibleDescription()
    qtbot.mouseClick(meter, Qt.MouseButton.LeftButton)
    assert not meter.clipped


@pytest.mark.parametrize("updates", [1, 3, 50])
def test_the_meter_falls_as_fast_however_often_it_is_shown(qtbot, updates):
    meter = Meter("Input level")
    qtbot.addWidget(meter)
    meter.show_level(0.0, 10.0)
    for i in range(1, updates + 1):
        meter.show_level(-60.0, 10.0 + i / updates)  # for one second
    assert meter.level == pytest.approx(-FALL_DB)
    assert meter.peak == 0.0  # is held yet
    meter.show_level(-60.0, 10.0 + HOLD_S)
    assert meter.peak == -60.0


def test_the_meter_takes_the_time_by_itself(qtbot, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    meter = Meter("Input level")
    qtbot.addWidget(meter)
    meter.show_level(-6.0)
    now[0] += 0.5
    meter.show_level(-60.0)
    assert meter.level == pytest.approx(-6.0 - 0.5 * FALL_DB)


def test_a_key_moves_every_parameter(qtbot):
    for row in PARAMETERS.values():
        knob = parameter_knob(row)
        qtbot.addWidget(knob)
        knob.set_value(row.from_share(0.5))
        before = knob.value
        qtbot.keyClick(knob.dial, Qt.Key.Key_Up)
        knob.set_value(knob.value)  # as the window shows it
        assert knob.value > before, row.name


def test_of_jobs_that_wait_only_the_newest_is_done(qtbot):
    latest, done = Background(newest_only=True), []
    latest.done.connect(done.append)
    for i in range(5):
        latest.do(lambda i=i: (time.sleep(0.05), i)[1])
    qtbot.waitUntil(lambda: done == [4], timeout=60000)
    latest.close()


def test_a_job_that_fails_says_so_and_the_next_is_done(qtbot):
    latest, done, failed = Background(newest_only=True), [], []
    latest.done.connect(done.append)
    latest.failed.connect(failed.append)
    latest.do(lambda: 1 / 0)
    qtbot.waitUntil(lambda: failed == ["division by zero"], timeout=60000)
    latest.do(lambda: 1)
    qtbot.waitUntil(lambda: done == [1], timeout=60000)
    latest.close()
