"""The place of hits in the window: learned, ended, refused and turned off."""

import pytest
from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import QApplication, QWidget

from gui import theme
from gui.hit_places import NO_MIDI_OUT, NOT_SENT, SENT
from gui.link import Link
from gui.panels.preferences_dialog import PreferencesDialog
from gui.preferences import Preferences
from gui.session import make_session
from matcher.live.place_learning import FEWEST, Shown
from matcher.live.protocol import (
    ChangeSetup,
    DeviceChanged,
    Failed,
    PlaceShown,
    PlacesKept,
    Ready,
    ShowPlaces,
)
from tests.gui.test_access import SCALES, controls, cut_off, name_of, overlaps

SHOWN, OTHERS = (Shown(48000.0, (stroke,), (b"rim",)) for stroke in (b"middle", b"another"))
ALIKE = (
    "strokes in the middle and at the rim sound too much alike to tell where a hit is: 62 % of "
    "their pairs are told apart, needed are 85 %; move the microphone, or raise the scan time"
)
READY = Ready(time_s=1.0, sample_rate=48000.0, block=64, input="mic", output="phones",
              input_latency_s=None, output_latency_s=None)  # fmt: skip


def device(system: str, state: str) -> DeviceChanged:
    return DeviceChanged(time_s=1.0, system=system, state=state, name="a device")


@pytest.fixture
def running(home, monkeypatch):
    """Call it for a session whose engine runs and sends hits as MIDI; the test speaks for it."""
    commands = []
    monkeypatch.setattr(Link, "send", lambda link, command: commands.append(command))
    monkeypatch.setattr(Link, "running", True)
    session, _ = make_session(Preferences(midi_out=True), None)
    session.commands = commands
    return session


def show(session, middle: int, rim: int, places: Shown | None = None, revision=None):
    """Say, as the engine does, how many strokes have come."""
    revision = session.editor.state.revision if revision is None else revision
    share = None if places is None else 0.97
    session.take(PlaceShown(time_s=1.0, revision=revision, middle=middle, rim=rim, needed=FEWEST,
                            told_apart=share, places=places))  # fmt: skip


def learn(session, places: Shown = SHOWN):
    session.places.learn()
    show(session, FEWEST, FEWEST, places)


def test_places_are_learned_from_strokes_that_are_asked_for(running):
    places, told = running.places, []
    places.changed.connect(lambda: told.append(places.words))
    assert (places.available, places.learned, places.words) == (True, False, NOT_SENT)
    places.learn()
    assert running.commands[-1] == ShowPlaces() and places.learning
    for middle, rim in ((0, 0), (3, 0), (8, 0), (8, 7)):
        show(running, middle, rim)
        assert places.learning and not places.learned
    show(running, 8, 8, SHOWN)
    assert told[1:] == [
        "hit the middle of the drum: 0 of 8", "hit the middle of the drum: 3 of 8",
        "hit it at the rim: 0 of 8", "hit it at the rim: 7 of 8",
        "the place of hits is told: 97 % of the pairs of strokes are told apart",
    ]  # fmt: skip
    assert not places.learning and places.learned
    assert running.editor.setup.places == SHOWN  # what a process that replaces the engine's gets


def test_what_ends_learning_keeps_what_was_learned_and_is_not_overtaken(running):
    learn(running)
    places, before = running.places, running.editor.state.revision
    places.learn()
    show(running, 3, 0)
    places.end()
    assert running.commands[-1] == ChangeSetup(before + 1, {"places": SHOWN})
    for late in (None, OTHERS):  # they were on their way
        show(running, 8, 8, late, revision=before)
        assert (places.learning, places.words) == (False, SENT)
        assert running.editor.setup.places == SHOWN
    n = len(running.commands)
    places.end()
    assert len(running.commands) == n  # it goes on no more
    learn(running, OTHERS)
    assert running.editor.setup.places == OTHERS


def test_strokes_that_sound_alike_are_refused_in_the_engines_sentence(running):
    places = running.places
    places.learn()
    show(running, 8, 7)
    running.take(Failed(time_s=1.0, message=ALIKE))
    assert (places.learning, places.learned, places.words) == (False, False, ALIKE)
    learn(running)
    places.learn()
    running.take(Failed(time_s=1.0, message=ALIKE))
    assert places.learned and places.words == f"{ALIKE}; what was learned before is kept"
    running.take(Failed(time_s=1.0, message="the model is broken"))
    assert "model" not in places.words


@pytest.mark.parametrize(("event", "words"), [
    (READY, "sound has begun anew: learn it again"),
    (device("audio", "lost"), "a device is gone: learn it again when it is back"),
    (device("input", "missing"), "a device"),
])  # fmt: skip
def test_another_stream_ends_learning(running, event, words):
    running.places.learn()
    for other in (("midi", "lost"), ("input", "silent"), ("input", "found")):  # it is but muted
        running.take(device(*other))
    assert running.places.learning
    running.take(event)
    assert (running.places.learning, running.places.words) == (False, words)


def test_places_are_turned_off_and_go_with_hits_that_are_sent(running):
    learn(running)
    running.places.forget()
    assert running.commands[-1].changes == {"places": None}
    assert (running.places.learned, running.places.words) == (False, NOT_SENT)
    running.places.learn()
    running.apply_preferences(Preferences())
    places = running.places
    assert (places.learning, places.available, places.words) == (False, False, NO_MIDI_OUT)
    running.apply_preferences(Preferences(midi_out=True))
    assert (places.available, places.words) == (True, NOT_SENT)


KEPT = SHOWN._replace(input="mic (ALSA), channel 2", date="2026-11-30")


def test_places_of_an_earlier_start_are_told_with_their_date_and_forgotten(running):
    places, told = running.places, []
    running.message.connect(told.append)
    take = lambda kept: running.take(  # noqa: E731
        PlacesKept(time_s=1.0, revision=running.editor.state.revision, input=KEPT.input,
                   places=kept)
    )  # fmt: skip
    take(KEPT)
    assert places.learned and not places.learning
    assert places.words == f"{SENT}, as learned on 2026-11-30 at mic (ALSA), channel 2"
    assert [(message.kind, message.text) for message in told] == [
        ("hint", "the place of hits is told as learned on 2026-11-30 at mic (ALSA), channel 2")
    ]
    take(None)  # another input is open now
    assert (places.learned, places.words) == (False, NOT_SENT)
    assert told[-1].text == f"the place of hits was not learned at {KEPT.input}, so it is not told"
    take(KEPT)
    places.forget()
    assert running.commands[-1].changes == {"places": None}
    assert (places.learned, places.words) == (False, NOT_SENT)
    take_late = PlacesKept(time_s=1.0, revision=0, input=KEPT.input, places=KEPT)
    running.take(take_late)  # it was on its way
    assert (places.learned, len(told)) == (False, 3)


def test_a_hint_takes_the_place_of_no_other_message(window):
    window.session.tell("note", "something else")
    window.session.tell("hint", "the place of hits is told")
    assert "Something else" in window.notice.text.text()
    window.notice.clear()
    window.session.tell("hint", "the place of hits is told")
    assert window.notice.text.text() == "The place of hits is told"


def test_the_app_keeps_places_and_other_clients_need_not(home, window):
    assert window.session.editor.setup.places_folder.parent.parent == home / "XDG_DATA_HOME"


def test_an_engine_without_an_input_says_so(qtbot, home, monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    session, _ = make_session(Preferences(midi_out=True, input="none of this name"), None)
    session.places.learn()
    assert "not started yet" in session.places.words
    missing = lambda event: isinstance(event, DeviceChanged) and event.system == "audio"  # noqa: E731
    try:
        with qtbot.waitSignal(session.link.happened, timeout=180000, check_params_cb=missing):
            session.start()
        session.places.learn()
        qtbot.waitUntil(lambda: not session.places.learning, timeout=60000)
        assert session.places.words == "there is no input to show places at; connect a microphone"
    finally:
        session.link.close()


def in_settings(window, do) -> None:
    """Open the settings of the window, do something with the dialog, close it."""
    failed = []

    def act():
        dialog = QApplication.activeModalWidget()
        try:
            do(dialog)
        except BaseException as error:  # raised again where pytest sees it
            failed.append(error)
        dialog.accept()

    QTimer.singleShot(0, act)
    window._settings()
    if failed:
        raise failed[0]


@pytest.fixture
def learner(window, monkeypatch):
    """The window, as if its engine ran and sent hits as MIDI; `commands` has what it sends."""
    window.commands = []
    monkeypatch.setattr(Link, "send", lambda link, command: window.commands.append(command))
    monkeypatch.setattr(Link, "running", True)
    window._apply(Preferences(midi_out=True))
    return window


def test_the_settings_learn_places_and_esc_ends_that(qtbot, learner):
    def use(dialog):
        row, places = dialog.hit_place, learner.session.places
        assert (row.learn_button.text(), row.forget_button.isEnabled()) == ("Learn", False)
        qtbot.mouseClick(row.learn_button, Qt.MouseButton.LeftButton)
        assert learner.commands[-1] == ShowPlaces()
        show(learner.session, 3, 0)
        assert row.words.text() == "hit the middle of the drum: 3 of 8"
        assert row.learn_button.accessibleDescription() == row.words.text()
        assert row.learn_button.text() == "Cancel"
        qtbot.keyClick(row.learn_button, Qt.Key.Key_Escape)
        assert dialog.isVisible() and not places.learning
        assert row.words.text() == NOT_SENT
        qtbot.keyClick(row.learn_button, Qt.Key.Key_Space)
        show(learner.session, 8, 8, SHOWN)
        assert row.learn_button.text() == "Learn again"
        qtbot.mouseClick(row.forget_button, Qt.MouseButton.LeftButton)
        assert learner.session.editor.setup.places is None and not row.forget_button.isEnabled()
        dialog.midi_out.activated.emit(0)
        assert row.words.text() == NO_MIDI_OUT and not row.learn_button.isEnabled()
        dialog.midi_out.activated.emit(1)
        assert row.learn_button.isEnabled()
        qtbot.mouseClick(row.learn_button, Qt.MouseButton.LeftButton)
        assert places.learning

    in_settings(learner, use)
    assert not learner.session.places.learning  # nobody sees any more what is asked for


def test_esc_closes_the_settings_where_nothing_is_learned(qtbot, learner):
    def use(dialog):
        qtbot.keyClick(dialog.hit_place.learn_button, Qt.Key.Key_Escape)
        assert not dialog.isVisible()

    in_settings(learner, use)


@pytest.mark.parametrize("scale", SCALES)
def test_the_settings_have_room_for_every_sentence_and_a_name_for_every_control(
    qtbot, running, scale
):
    def settle():
        for _ in range(4):
            QApplication.processEvents()

    theme.apply("dark", scale)
    dialog = PreferencesDialog(Preferences())
    qtbot.addWidget(dialog)
    learn(running)
    dialog.hit_place.show_places(running.places)
    dialog.show()
    running.places.learn()
    running.take(Failed(time_s=1.0, message=ALIKE))
    dialog.hit_place.show_places(running.places)
    settle()
    assert dialog.hit_place.words.text().startswith(ALIKE)
    assert cut_off(dialog) == overlaps(dialog) == []
    names = [name_of(widget) for widget in controls(dialog)]
    assert len(names) == len(set(names)) >= 12 and all(names)
    theme.apply("dark", 150)  # in this very dialog
    settle()
    assert cut_off(dialog) == overlaps(dialog) == []
    assert not [w for w in dialog.findChildren(QWidget) if w.height() > dialog.height()]
