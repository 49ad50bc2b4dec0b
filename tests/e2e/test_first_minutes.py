"""The window itself on a real JACK server: what a drummer does in the first minutes."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from matcher.live.hits import PARTS_S
from matcher.live.protocol import HitDetected, Ready
from matcher.physics import drum
from tests.conftest import DATA
from tests.e2e.rig import NOTE_ON, SAMPLE_RATE, FarCables, Server
from tests.e2e.test_midi_out import struck

pytest.importorskip("PyQt6")
from tests.gui.conftest import display, home, qapp_args  # noqa: F401

EMPTY = 15  # the pad of the demo kit that is


def play(qtbot, cables, **what) -> np.ndarray:
    """FarCables.play while the window goes on."""
    out = []
    thread = threading.Thread(target=lambda: out.append(cables.play(**what)))
    thread.start()
    qtbot.waitUntil(lambda: not thread.is_alive(), timeout=60000)
    return out[0][0]


@pytest.fixture
def open_window(qtbot, stack, home):  # noqa: F811
    """Call it for the window of an app that starts, its engine running."""
    from gui import preferences
    from gui.window import make_window

    def start():
        window = make_window(preferences.load())
        qtbot.addWidget(window)
        stack.callback(window.session.link.close)
        window.show()
        window.session.start()
        qtbot.waitUntil(lambda: window.session.link.snapshot()["running"], timeout=180000)
        return window

    return start


def test_a_hit_becomes_a_pad_that_plays_and_is_there_again_after_a_restart(
    qtbot, stack, home, open_window  # noqa: F811
):  # fmt: skip
    server = Server(128)
    stack.callback(server.stop)
    window = open_window()
    session, editor = window.session, window.session.editor
    cables = FarCables()
    stack.callback(cables.close)
    session.choose(EMPTY)
    hit, rate = soundfile.read(DATA / "tom_low.flac", dtype="float32")
    hit = hit if hit.ndim == 1 else hit.mean(axis=1)
    assert rate == 44100
    play(qtbot, cables, sound=np.concatenate([np.zeros(4800), hit]), tail_s=3.0)
    qtbot.waitUntil(  # until no answer follows, which would be one more step to undo
        lambda: (
            EMPTY in editor.matched
            and editor.matched[EMPTY].stages[-1].name != "network"
            and editor.matched[EMPTY].stages[-1].observed_s == pytest.approx(PARTS_S[-1], abs=1e-3)
        ),
        timeout=60000,
    )
    assert editor.matched[EMPTY].words.startswith("0.10 s: network → ")
    session.edit(editor.turn, "attack_mix", 0.0)  # its noise is another one each time
    theta = editor.pad.theta
    assert window.drum.knobs["omega"].value == theta.omega
    assert any(flag.hit for flag in window.input.trace.history.flags)
    qtbot.waitUntil(lambda: window.comparison.comparison is not None, timeout=60000)
    assert 0 < window.comparison.comparison.distance < 1.2

    note = [(1000, (NOTE_ON, editor.pad.note, 127))]
    out = play(qtbot, cables, notes=note, tail_s=1.0)
    first = np.flatnonzero(np.abs(out[:, 0]) > 1e-5)[0]
    expected = drum.render(editor.pad.drum, SAMPLE_RATE, 0.5, attack_mix=0.0)
    heard = out[first - 1 : first - 1 + len(expected), 0]
    alike = heard @ expected / np.linalg.norm(heard) / np.linalg.norm(expected)
    assert alike > 0.99
    assert np.abs(heard).max() == pytest.approx(np.sqrt(0.5) * 10 ** (-6 / 20), rel=0.02)
    qtbot.waitUntil(lambda: "Drum 16" in window.status.midi.text(), timeout=60000)

    session.edit(editor.undo)
    session.edit(editor.undo)
    assert editor.pad.theta is None
    session.edit(editor.redo)
    session.edit(editor.redo)
    assert editor.pad.theta == theta
    assert session.save(home / "mine.drumkit")
    cables.close()
    window.close()

    again = open_window()
    assert again.session.editor.kit == editor.kit
    assert again.session.editor.kit.pads[EMPTY].theta == theta
    again.close()


def test_without_any_device_the_window_opens_says_so_and_goes_on_by_itself(
    qtbot, stack, home, monkeypatch  # noqa: F811
):  # fmt: skip
    from gui import preferences
    from gui.window import make_window

    server = Server(128)
    stack.callback(server.stop)
    server.kill()
    window = make_window(preferences.load())
    qtbot.addWidget(window)
    window.show()
    stack.callback(window.session.link.close)
    window.session.start()
    qtbot.waitUntil(lambda: "audio" in window.notice.text.text().lower(), timeout=60000)
    assert window.notice.button.text() == "Rescan"
    server.start()
    qtbot.waitUntil(lambda: window.session.link.snapshot()["running"], timeout=180000)
    qtbot.waitUntil(lambda: window.notice.kind != "missing", timeout=60000)
    assert window.status.output.text() == "system (JACK Audio Connection Kit)"
    window.close()


def test_the_place_of_hits_is_learned_and_outlives_the_engines_process(
    qtbot, stack, open_window
):  # fmt: skip
    server = Server(128)
    stack.callback(server.stop)
    window, places = open_window(), []
    session = window.session
    session.set_mode("trigger")
    session.choose(EMPTY)
    session.apply_preferences(replace(session.preferences, midi_out=True))

    def note_place(event):
        if isinstance(event, HitDetected):
            places.append(event.place)

    session.link.happened.connect(note_place)
    cables = FarCables()
    session.places.learn()
    play(qtbot, cables, sound=struck([0.1] * 8 + [0.9] * 8))
    qtbot.waitUntil(lambda: session.places.learned, timeout=60000)
    assert session.places.words.startswith("the place of hits is told: ")
    assert places == [None] * 16

    def told(cables, seed: int) -> list[int]:
        places.clear()
        play(qtbot, cables, sound=struck([0.0, 1.0] * 5, seed))
        qtbot.waitUntil(lambda: len(places) == 10, timeout=60000)
        return list(places)

    first = told(cables, 1)
    assert max(first[::2]) < 40 and min(first[1::2]) > 87
    with qtbot.waitSignal(
        session.link.happened, timeout=60000, check_params_cb=lambda e: isinstance(e, Ready)
    ):
        session.link._engine._process.kill()
    cables.close()
    cables = FarCables()  # to the ports of the new process
    again = told(cables, 1)
    assert max(again[::2]) < 40 and min(again[1::2]) > 87
    cables.close()
    window.close()
    session.link.close()

    window = open_window()  # the next start
    session = window.session
    session.link.happened.connect(note_place)
    qtbot.waitUntil(lambda: session.places.learned, timeout=60000)
    assert session.places.words.startswith("sent as controller 16 before each note, as learned on ")
    assert "as learned on" in window.notice.text.text()
    cables = FarCables()
    again = told(cables, 1)
    assert max(again[::2]) < 40 and min(again[1::2]) > 87
    session.places.forget()
    assert told(cables, 2) == [None] * 10
    cables.close()
    window.close()
