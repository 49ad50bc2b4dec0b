import numpy as np
import pytest
import soundfile

from gui.link import Link
from gui.preferences import Preferences
from gui.session import DEMO, make_session
from matcher.kits.kit import FIRST_NOTE, Kit
from matcher.kits.kit_file import load_kit, save_kit
from matcher.live.detector import Settings
from matcher.live.protocol import (
    MORE_NOTES,
    NOTE,
    Calibrated,
    ChangeSetup,
    DeviceChanged,
    Failed,
    HitDetected,
    Learn,
    ModelLoaded,
    NotePlayed,
    ProgramChanged,
    Ready,
    Strike,
)
from matcher.matching.encoder import SHIPPED
from matcher.physics.drum import Drum
from matcher.physics.partials import Partial
from tests.conftest import DATA, TOM
from tests.gui.events import answered, learned, moved


@pytest.fixture
def session(home, monkeypatch):
    commands = []
    monkeypatch.setattr(Link, "send", lambda link, command: commands.append(command))
    session, message = make_session(Preferences(), home / "recovery.drumkit")
    assert message.kind == ""
    assert session.editor.armed == 15  # the empty one: a hit takes nothing away
    session.choose(0)
    session.told, session.commands = [], commands
    session.message.connect(session.told.append)
    return session


def ready(input: str | None = "mic") -> Ready:
    return Ready(time_s=1.0, sample_rate=48000.0, block=64, input=input, output="phones",
                 input_latency_s=None, output_latency_s=None)  # fmt: skip


def missing(system: str, name: str, state: str = "missing") -> DeviceChanged:
    return DeviceChanged(time_s=1.0, system=system, state=state, name=name)


def hit(session, pad: int, number: int = 1, theta=TOM):
    session.take(HitDetected(time_s=1.0, onset_s=1.0, velocity=90, pad=pad))
    session.take(answered(pad, theta, number, session.editor.state.revision))


def test_the_first_start_has_the_demo_kit(session):
    kit, dropped = load_kit(DEMO)
    assert dropped == []
    assert session.editor.kit == kit
    assert sum(pad.theta is not None for pad in kit.pads) == 15
    assert not session.document.edited


def test_an_edit_is_shown_kept_safe_and_refused_in_a_sentence(qtbot, session, home):
    with qtbot.waitSignal(session.changed, timeout=60000):
        session.change_pad("gain", "gain_db", -6.0)
    assert load_kit(home / "recovery.drumkit")[0] == session.editor.kit
    session.change_pad("gain", "gain_db", -7.0)  # the same step: it is kept safe in a moment
    qtbot.waitUntil(
        lambda: load_kit(home / "recovery.drumkit")[0] == session.editor.kit, timeout=60000
    )
    session.change_pad("gain", "gain_db", 99.0)
    assert session.told[-1].kind == "error"
    assert "gain_db is 99" in session.told[-1].text
    assert session.editor.pad.gain_db == -7.0


def test_an_answer_is_shown_and_kept_safe(qtbot, session, home):
    with qtbot.waitSignals([session.changed, session.played], timeout=60000):
        hit(session, 15)
    assert session.editor.kit.pads[15].theta == TOM
    assert load_kit(home / "recovery.drumkit")[0] == session.editor.kit


def test_a_late_answer_moves_nothing_in_the_window(session):
    late = answered(15, TOM._replace(tau=2.0), 1, session.editor.state.revision)
    hit(session, 15)
    session.edit(session.editor.undo)
    seen = []
    session.changed.connect(lambda: seen.append("changed"))
    session.played.connect(lambda *_: seen.append("played"))
    session.take(late)
    assert seen == []
    assert session.editor.kit.pads[15].theta is None
    assert session.document.redo_text


def test_answers_are_late_where_another_kit_was_opened(session, tmp_path):
    late = answered(15, TOM._replace(tau=2.0), 1, session.editor.state.revision)
    hit(session, 15)
    save_kit(Kit("other"), tmp_path / "other.drumkit")
    session.open(tmp_path / "other.drumkit")
    session.take(late)
    assert session.editor.kit == session.editor.state.kit == Kit("other")
    assert session.commands[-2].kit == Kit("other")  # the engine is told so


def test_in_trigger_mode_a_hit_shows_on_its_pad(session):
    seen = []
    session.played.connect(lambda *played: seen.append(played))
    session.take(HitDetected(time_s=1.0, onset_s=1.0, velocity=90, pad=3))
    session.set_mode("trigger")
    assert session.preferences.mode == "trigger"
    session.take(HitDetected(time_s=1.0, onset_s=1.0, velocity=91, pad=3))
    session.take(NotePlayed(time_s=1.0, note=36, velocity=92, pad=0))
    session.play(2, 1.0)
    assert seen == [(3, 91), (0, 92), (2, 127)]
    assert session.commands[-1] == Strike(2, 1.0)


def test_what_is_set_is_sent_and_remembered(session):
    session.set_master(-3.0)
    session.set_detection(mask_ms=30.0)
    session.set_input_gain(6.0)
    changes = [c.changes for c in session.commands if isinstance(c, ChangeSetup)][-3:]
    settings = Settings(mask_ms=30.0)
    assert changes == [{"output_gain_db": -3.0}, {"settings": settings}, {"input_gain_db": 6.0}]
    assert session.preferences.master_db == -3.0
    assert session.preferences.detection["mask_ms"] == 30.0  # before it is closed: it may crash
    assert session.preferences.input_gain_db == 6.0


def test_what_calibration_finds_is_told_and_remembered(session):
    event = Calibrated(time_s=1.0, revision=session.editor.state.revision, hits=4, gain_db=12.0,
                       clipped=False, settings=Settings(threshold_db=-30.0))  # fmt: skip
    session.take(event)
    assert session.told[-1].text.startswith("set by 4 hits: gain +12 dB, threshold -30 dB")
    assert session.preferences.input_gain_db == 12.0
    assert session.preferences.detection["threshold_db"] == -30.0
    assert session.editor.setup.settings == event.settings


def test_controllers_turn_and_are_learned_and_forgotten(session):
    revision = session.editor.state.revision
    session.take(moved(0, "tau", 0.3, revision=revision))
    assert session.editor.kit.pads[0].theta.tau == 0.3
    assert session.document.undo_text == "controller 20"
    session.editor.change(controllers={21: "pan"})
    session.take(learned(0, "tau", 20, session.editor.state.revision))
    assert session.told[-1].text == "controller 20 turns decay now"
    assert session.preferences.controllers == {"20": "tau", "21": "pan"}
    session.forget("tau")
    assert session.editor.setup.controllers == {21: "pan"}
    assert session.preferences.controllers == {"21": "pan"}


def test_a_note_that_plays_nothing_offers_itself(session):
    session.choose(2)
    session.take(NotePlayed(time_s=1.0, note=80, velocity=100, pad=None))
    told = session.told[-1]
    assert told.text == "note 80 plays no pad"
    assert told.action_label == "Give it to Rim"
    told.action()
    assert session.editor.pad.note == 80


def test_a_learned_note_swaps_with_the_pad_that_had_it(session):
    session.take(learned(0, NOTE, FIRST_NOTE + 1, session.editor.state.revision))
    assert session.editor.kit.pads[0].note == FIRST_NOTE + 1
    assert session.editor.kit.pads[1].note == FIRST_NOTE


def test_what_is_missing_is_said_and_taken_back(session):
    session.take(missing("audio", "no audio"))
    assert (session.told[-1].kind, session.told[-1].action_label) == ("missing", "Rescan")
    session.take(missing("midi", "no MIDI"))
    assert session.told[-1].text == "no audio; no MIDI"
    session.take(missing("midi", "LPD8", "found"))
    assert session.told[-1].text == "no audio"
    session.take(ready())
    assert session.told[-1].kind == ""
    session.take(ready(input=None))
    assert "there is no input" in session.told[-1].text
    session.take(missing("input", "mic", "found"))
    assert session.told[-1].kind == ""
    for state, told in (
        ("lost", "mic is gone; it is opened again when it is back"), ("missing", "mic"),
        ("silent", "mic"),
    ):  # fmt: skip
        session.take(missing("input", "mic", state))
        assert session.told[-1].text == told
    session.take(ready(input=None))  # why it is missing is said already
    assert session.told[-1].text == "mic"
    session.take(missing("input", "mic", "found"))
    session.take(missing("audio", "phones", "lost"))
    assert session.told[-1].text == "phones is gone; it is opened again when it is back"
    session.take(Failed(time_s=1.0, message="it broke"))
    assert (session.told[-1].kind, session.told[-1].text) == ("error", "it broke")


def test_a_recording_is_matched(qtbot, session):
    session.choose(15)
    with qtbot.waitSignal(session.played, timeout=60000):
        session.open(DATA / "tom_low.flac")
    matched = session.editor.matched[15]
    assert session.editor.pad.name == "tom_low"
    assert session.editor.pad.drum == matched.drum
    assert len(matched.clip.samples) > 10000
    session.edit(session.editor.undo)
    assert session.editor.pad.drum is None


def test_a_recording_is_put_on_the_pad_that_was_chosen_of_the_kit_that_was_open(qtbot, session):
    session.choose(15)
    with qtbot.waitSignal(session.played, timeout=60000) as told:
        session.open(DATA / "rim.flac")
        session.choose(3)
    assert told.args == [15, 0]
    assert session.editor.kit.pads[15].name == "rim"
    done = []
    session._files.done.connect(done.append)
    session.open(DATA / "tom_low.flac")
    session.new_kit()
    qtbot.waitUntil(lambda: bool(done), timeout=60000)
    assert session.editor.kit == Kit()  # another kit is open since


@pytest.mark.parametrize("name", ["LICENSES.md", "none.wav"])
def test_what_is_no_recording_is_said_in_one_sentence(qtbot, session, name):
    before = session.editor.kit
    session.open(DATA / name)
    qtbot.waitUntil(lambda: session.told[-1].kind == "error", timeout=60000)
    assert name in session.told[-1].text
    assert session.editor.kit == before


def test_save_open_and_export(session, tmp_path):
    session.change_pad("gain", "gain_db", -6.0)
    assert session.save(tmp_path / "mine.drumkit")
    assert session.preferences.recent == (str(tmp_path / "mine.drumkit"),)
    session.export(tmp_path / "kick.wav")
    x, rate = soundfile.read(tmp_path / "kick.wav")
    assert rate == 44100
    assert 0.9 < np.abs(x).max() < 1
    again, message = make_session(session.preferences, None)
    assert message.kind == ""
    assert again.editor.kit == session.editor.kit
    session.change_pad("pan", "pan", 0.5)
    assert not session.save(tmp_path / "none" / "x.drumkit")
    assert "is not a folder" in session.told[-1].text
    assert session.document.edited


def test_a_damaged_kit_says_what_it_dropped(session, tmp_path):
    path = tmp_path / "bad.drumkit"
    save_kit(Kit("Bad").with_pad(0, drum=Drum(TOM)), path)
    path.write_text(path.read_text().replace("gain_db = 0.0", "gain_db = 99.0"))
    session.open_kit(path)
    assert session.told[-1].kind == "error"
    assert "bad.drumkit is damaged: pad 1: gain_db is 99, allowed is" in session.told[-1].text
    assert "13 more problems" in session.told[-1].text


def test_a_kit_that_is_gone_at_the_start_is_said(home):
    gone = Preferences(kit=str(home / "gone.drumkit"))
    session, message = make_session(gone, None)
    assert "gone.drumkit cannot be read" in message.text
    assert session.editor.kit.name == "Demo kit"


def test_what_a_crash_left_behind_is_there_at_the_next_start(session, home):
    session.change_pad("gain", "gain_db", -6.0)
    after, message = make_session(Preferences(), home / "recovery.drumkit")
    assert "is back as it was" in message.text
    assert after.editor.kit == session.editor.kit
    assert after.document.edited


def test_other_devices_are_asked_for(session):
    session.apply_preferences(Preferences(input="Mic", block=64, master_db=3.0))
    assert session.editor.setup.input == "Mic"
    assert session.editor.setup.block == 64
    assert session.preferences.master_db == -6.0  # the dialog does not set it
    session.apply_preferences(Preferences())
    assert session.editor.setup.input is None


def test_a_model_that_is_no_good_offers_the_shipped_one(qtbot, home):
    (home / "bad.onnx").write_bytes(b"garbage")
    session, _ = make_session(Preferences(), None, model=home / "bad.onnx")
    told = []
    session.message.connect(told.append)
    session.start()
    qtbot.waitUntil(lambda: "error" in [message.kind for message in told], timeout=60000)
    assert "bad.onnx is not an ONNX model" in told[-1].text
    assert told[-1].action_label == "Use the shipped model"
    with qtbot.waitSignal(session.link.started, timeout=60000):
        told[-1].action()
    session.link.close()


def test_a_hit_that_takes_a_drums_place_says_so(session):
    name = session.editor.pad.name
    hit(session, pad=0)
    assert session.told[-1].text == f"the hit took the place of {name}"
    session.told[-1].action()
    assert session.editor.pad.name == name and not session.document.edited
    hit(session, pad=0, number=2)
    n = len(session.told)
    hit(session, pad=0, number=3)  # in place of a hit that was just matched
    assert len(session.told) == n


def test_recordings_opened_one_after_the_other_are_all_matched(qtbot, session):
    for pad, name in ((3, "tom_low.flac"), (4, "rim.flac")):
        session.choose(pad)
        session.open(DATA / name)
    qtbot.waitUntil(lambda: session.editor.kit.pads[4].name == "rim", timeout=60000)
    assert session.editor.kit.pads[3].name == "tom_low"


def test_names_that_a_kit_does_not_take_are_made_plain(qtbot, session, tmp_path):
    path = tmp_path / "take\u202f1.flac"
    path.write_bytes((DATA / "tom_low.flac").read_bytes())
    session.open(path)
    qtbot.waitUntil(lambda: session.editor.pad.name == "take 1", timeout=60000)
    session.edit(session.editor.rename, "my\u00a0kit")
    assert session.editor.kit.name == "my kit"


def test_learning_is_over_when_its_note_is_put_away(session):
    session.learn("omega")
    assert session.told[-1].text == "move the controller that is to turn pitch"
    session.told[-1].dismissed()
    assert session.commands[-2:] == [Learn("omega"), Learn(None)] and not session.learning


def test_an_exported_attack_is_not_cut_off(session, tmp_path):
    attack_powers = ((0.0,) * 5 + (0.1, 0.0),) * 14  # a decay of 0.6 s
    drum = Drum(TOM._replace(tau=0.05), attack_powers=attack_powers)
    session.change_pad("short", "drum", drum)
    session.export(tmp_path / "long.wav")
    x, rate = soundfile.read(tmp_path / "long.wav")
    assert len(x) / rate == pytest.approx(np.log(1000) * 0.6, abs=0.01)
    session.change_pad("attack", "attack_mix", 0.0)
    session.export(tmp_path / "short.wav")
    assert soundfile.info(tmp_path / "short.wav").duration < 0.4


def test_an_exported_partial_is_not_cut_off(session, tmp_path):
    own = (Partial(1, 1, 0.0, 1.0, 0.0, 0.0), Partial(2, 1, -30.5, 0.1, -20.0, 0.3))
    session.change_pad("own", "drum", Drum(TOM._replace(tau=0.1), partials=own))
    durations = []
    for share in (1.0, 0.0):
        session.change_pad("as recorded", "as_recorded", share)
        session.export(tmp_path / "drum.wav")
        x, rate = soundfile.read(tmp_path / "drum.wav")
        durations.append(len(x) / rate)
        tail = x[-len(x) // 20 :]
        assert np.abs(tail).max() < 3e-3 * np.abs(x).max()
    assert durations[1] == pytest.approx(np.log(1000) * 0.1, abs=0.01)
    assert durations[0] > 2 * durations[1]


def test_recordings_are_matched_by_the_model_that_is_chosen(qtbot, session, tmp_path):
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(SHIPPED.read_bytes())
    session.editor.take(ModelLoaded(time_s=1.0, path=mine))
    mine.write_bytes(b"garbage")
    session.open(DATA / "tom_low.flac")
    qtbot.waitUntil(lambda: session.told[-1].kind == "error", timeout=60000)
    assert "mine.onnx is not an ONNX model" in session.told[-1].text


def program(number: int) -> ProgramChanged:
    return ProgramChanged(time_s=1.0, number=number)


def test_a_program_opens_a_kit_of_the_open_kits_folder_and_loses_no_edit(session, tmp_path):
    for name in ("a", "b"):
        save_kit(Kit(name), tmp_path / f"{name}.drumkit")
    before = session.editor.kit
    session.take(program(0))
    assert session.editor.kit == before  # the demo kit has no folder
    assert "save it first" in session.told[-1].text
    session.open_kit(tmp_path / "a.drumkit")
    session.take(program(1))
    assert session.editor.kit.name == "b"
    session.take(program(7))
    assert "program 8 stands for no kit: there are 2 kits" in session.told[-1].text
    session.change_pad("gain", "gain_db", -6.0)
    session.take(program(0))
    assert session.editor.kit.name == "b"
    assert "edits that are not saved" in session.told[-1].text
    session.told[-1].action()
    assert session.editor.kit.name == "a"


def test_one_more_note_of_a_pad_is_learned_and_undone(session):
    session.learn(MORE_NOTES)
    assert session.commands[-1] == Learn(MORE_NOTES)
    revision = session.editor.state.revision
    session.take(learned(0, MORE_NOTES, 37, revision))  # that of pad 2
    assert session.editor.kit.notes[0] == (FIRST_NOTE, 37)
    assert session.editor.kit.notes[1] != (37,)
    session.edit(session.editor.undo)
    assert session.editor.kit.notes[:2] == ((FIRST_NOTE,), (37,))


def test_more_notes_are_edited_and_refused_in_a_sentence(session):
    session.change_pad("notes of a pad", "more_notes", (60, 61))
    assert session.editor.kit.notes[0] == (FIRST_NOTE, 60, 61)
    session.change_pad("notes of a pad", "more_notes", (60, "tom"))
    assert session.told[-1].text.startswith("more notes are (60, 'tom'), allowed are")
    assert session.editor.kit.notes[0] == (FIRST_NOTE, 60, 61)
