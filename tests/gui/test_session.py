import numpy as np
import pytest
import soundfile

from gui.preferences import Preferences
from gui.session import DEMO, make_session
from matcher.kits.kit import FIRST_NOTE, Kit, Pad, drum_values, load_kit, save_kit
from matcher.matching.encoder import SHIPPED
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta
from tests.conftest import DATA

TOM = Theta(2 * np.pi * 110, 0.4, 0.02, 0.01, 0.8)


@pytest.fixture
def session(home):
    session, message = make_session(Preferences(), home / "recovery.drumkit")
    assert message.kind == ""
    assert session.armed == 15  # the empty one: a hit takes nothing away
    session.choose(0)
    session.told = []
    session.message.connect(session.told.append)
    return session


def theta_event(pad, stage, theta, observed_s=0.1):
    values = drum_values(Drum(theta)) | {"theta": theta._asdict()}
    return {"event": "theta", "pad": pad + 1, "stage": stage, "by": "network", "distance": None,
            "spread": None, "doubt": "", "observed_s": observed_s, "time_s": 1.0,
            **values}  # fmt: skip


def test_the_first_start_has_the_demo_kit(session):
    kit, dropped = load_kit(DEMO)
    assert dropped == []
    assert session.kit == kit
    assert sum(pad.theta is not None for pad in kit.pads) == 15
    assert not session.document.edited


def test_the_answers_to_one_hit_are_one_step(session):
    before = session.kit
    session.choose(15)
    session.take({"event": "hit", "pad": 16, "velocity": 90, "time_s": 1.0})
    session.take(theta_event(15, "100 ms", TOM))
    session.take(theta_event(15, "full", TOM._replace(tau=0.5), 0.8))
    assert session.pad.theta.tau == 0.5
    assert session.pad.name == "Drum 16"
    assert session.matched[15].words == "0.10 s: network → 0.80 s: network"
    session.take({"event": "hit", "pad": 16, "velocity": 90, "time_s": 3.0})
    session.take(theta_event(15, "100 ms", TOM._replace(tau=0.6)))
    assert session.matched[15].words == "0.10 s: network"
    session.undo()
    assert session.pad.theta.tau == 0.5
    session.undo()
    assert session.kit == before


def test_solo_silences_the_others_in_the_engine_alone(session):
    session.choose(3)
    session.set_solo(True)
    played = session.link.setup.kit
    assert [i for i, pad in enumerate(played.pads) if pad.theta is not None] == [3]
    assert not session.document.edited
    session.set_solo(False)
    assert session.link.setup.kit == session.kit


def test_controllers_turn_and_are_learned_and_forgotten(session):
    session.take({"event": "control", "controller": 20, "value": 64, "turns": "tau", "to": 0.3,
                  "pad": 1})  # fmt: skip
    assert session.kit.pads[0].theta.tau == 0.3
    assert session.document.undo_text == "controller 20"
    session.link.change(controllers={20: "tau", 21: "pan"})
    session.take({"event": "learned", "what": "tau", "number": 20, "pad": 1})
    assert session.preferences.controllers == {"20": "tau", "21": "pan"}
    session.forget("tau")
    assert session.link.setup.controllers == {21: "pan"}


def test_a_note_that_plays_nothing_offers_itself(session):
    session.choose(2)
    session.take({"event": "note", "note": 80, "velocity": 100, "pad": None})
    told = session.told[-1]
    assert told.text == "note 80 plays no pad"
    assert told.mend == "Give it to Rim"
    told.do()
    assert session.pad.note == 80


def test_a_learned_note_swaps_with_the_pad_that_had_it(session):
    session.take({"event": "learned", "what": "note", "number": FIRST_NOTE + 1, "pad": 1})
    assert session.kit.pads[0].note == FIRST_NOTE + 1
    assert session.kit.pads[1].note == FIRST_NOTE


def test_copy_and_paste_keep_the_note(session):
    session.copy()
    session.choose(15)
    session.paste()
    assert session.pad.theta == session.kit.pads[0].theta
    assert session.pad.note == FIRST_NOTE + 15
    session.change_pad("attack", "attack", 0.0)
    session.clear()
    assert session.pad == Pad(FIRST_NOTE + 15)


def test_what_is_missing_is_said_and_taken_back(session):
    session.take({"event": "device", "of": "audio", "state": "missing", "name": "no audio"})
    assert (session.told[-1].kind, session.told[-1].mend) == ("missing", "Rescan")
    session.take({"event": "device", "of": "midi", "state": "missing", "name": "no MIDI"})
    assert session.told[-1].text == "no audio; no MIDI"
    session.take({"event": "device", "of": "midi", "state": "found", "name": "LPD8"})
    assert session.told[-1].text == "no audio"
    session.take({"event": "ready", "input": "mic", "output": "phones", "block": 64})
    assert session.told[-1].kind == ""


def test_a_recording_is_matched(qtbot, session):
    session.choose(15)
    with qtbot.waitSignal(session.played, timeout=20000):
        session.open(DATA / "tom_low.flac")
    assert session.pad.name == "tom_low"
    assert session.pad.theta == session.matched[15].theta
    assert len(session.matched[15].hit.samples) > 10000
    session.undo()
    assert session.pad.theta is None


@pytest.mark.parametrize("name", ["LICENSES.md", "none.wav"])
def test_what_is_no_recording_is_said_in_one_sentence(qtbot, session, name):
    before = session.kit
    session.open(DATA / name)
    qtbot.waitUntil(lambda: session.told[-1].kind == "error", timeout=20000)
    assert name in session.told[-1].text
    assert session.kit == before


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
    assert again.kit == session.kit
    session.change_pad("pan", "pan", 0.5)
    assert not session.save(tmp_path / "none" / "x.drumkit")
    assert "is not a folder" in session.told[-1].text
    assert session.document.edited


def test_a_damaged_kit_says_what_it_dropped(session, tmp_path):
    path = tmp_path / "bad.drumkit"
    save_kit(Kit("Bad").with_pad(0, theta=TOM), path)
    path.write_text(path.read_text().replace("gain_db = 0.0", "gain_db = 99.0"))
    session.open_kit(path)
    assert session.told[-1].kind == "error"
    assert "bad.drumkit is damaged: pad 1: gain_db is 99.0" in session.told[-1].text
    assert "13 things more" in session.told[-1].text


def test_a_kit_that_is_gone_at_the_start_is_said(home):
    gone = Preferences(kit=str(home / "gone.drumkit"))
    session, message = make_session(gone, None)
    assert "gone.drumkit cannot be read" in message.text
    assert session.kit.name == "Demo kit"


def test_what_a_crash_left_behind_is_there_at_the_next_start(session, home):
    session.change_pad("gain", "gain_db", -6.0)
    after, message = make_session(Preferences(), home / "recovery.drumkit")
    assert "is back as it was" in message.text
    assert after.kit == session.kit
    assert after.document.edited


def test_other_devices_are_asked_for(session):
    session.apply(Preferences(input="Mic", block=64, master_db=3.0))
    assert session.link.setup.input == "Mic"
    assert session.link.setup.block == 64
    assert session.preferences.master_db == -6.0  # the dialog does not set it
    session.apply(Preferences())
    assert session.link.setup.input is None


def test_a_model_that_is_no_good_offers_the_shipped_one(qtbot, home):
    (home / "bad.onnx").write_bytes(b"garbage")
    session, _ = make_session(Preferences(), None, model=home / "bad.onnx")
    told = []
    session.message.connect(told.append)
    session.link.start()
    qtbot.waitUntil(lambda: "error" in [message.kind for message in told], timeout=60000)
    assert "bad.onnx is not an ONNX model" in told[-1].text
    assert told[-1].mend == "Use the shipped model"
    with qtbot.waitSignal(session.link.started, timeout=60000):
        told[-1].do()
    session.link.close()


def hit(session, pad=15, theta=TOM, observed_s=0.1):
    session.take({"event": "hit", "pad": pad + 1, "velocity": 90, "time_s": 1.0})
    session.take(theta_event(pad, "100 ms", theta, observed_s))


def test_an_answer_that_comes_too_late_changes_nothing(session, tmp_path):
    late = theta_event(15, "full", TOM._replace(tau=2.0), 2.0)
    session.choose(15)
    hit(session)
    session.turn("tau", 1.0)
    session.take(late)
    assert session.pad.theta.tau == 1.0
    hit(session)
    session.undo()
    assert session.pad.theta.tau == 1.0
    session.take(late)
    assert session.pad.theta.tau == 1.0 and session.document.redo_text
    hit(session)
    session.clear()
    session.take(late)
    assert session.pad.theta is None
    hit(session)
    save_kit(Kit("other"), tmp_path / "other.drumkit")
    session.open(tmp_path / "other.drumkit")
    session.take(late)
    assert session.kit == Kit("other")
    assert session.link.setup.kit == Kit("other")  # the engine is told so


def test_what_was_matched_goes_with_undo(session):
    session.choose(15)
    hit(session)
    hit(session, theta=TOM._replace(tau=1.0))
    session.undo()
    assert session.matched[15].theta == TOM
    session.clear()
    assert 15 not in session.matched
    session.undo()
    assert session.matched[15].theta == TOM
    session.copy()
    session.choose(3)
    session.paste()
    assert session.matched[3].theta == TOM


def test_a_hit_that_takes_a_drums_place_says_so(session):
    name = session.pad.name
    hit(session, pad=0)
    assert session.told[-1].text == f"the hit took the place of {name}"
    session.told[-1].do()
    assert session.pad.name == name and not session.document.edited
    hit(session, pad=0)
    n = len(session.told)
    hit(session, pad=0)  # in place of a hit that was just matched
    assert len(session.told) == n


def test_a_note_that_is_stepped_through_leaves_the_others_alone(session):
    before = [pad.note for pad in session.kit.pads]
    for note in range(before[0] + 1, before[0] + 5):
        session.change_pad("note of a pad", "note", note)
    after = [pad.note for pad in session.kit.pads]
    assert after[0] == before[4] and after[4] == before[0]
    assert after[1:4] == before[1:4] and after[5:] == before[5:]


def test_recordings_opened_one_after_the_other_are_all_matched(qtbot, session):
    for pad, name in ((3, "tom_low.flac"), (4, "rim.flac")):
        session.choose(pad)
        session.open(DATA / name)
    qtbot.waitUntil(lambda: session.kit.pads[4].name == "rim", timeout=20000)
    assert session.kit.pads[3].name == "tom_low"


def test_names_that_a_kit_does_not_take_are_made_plain(qtbot, session, tmp_path):
    path = tmp_path / "take\u202f1.flac"
    path.write_bytes((DATA / "tom_low.flac").read_bytes())
    session.open(path)
    qtbot.waitUntil(lambda: session.pad.name == "take 1", timeout=20000)
    session.rename("my\u00a0kit")
    assert session.kit.name == "my kit"


def test_learning_is_over_when_its_note_is_put_away(session, monkeypatch):
    asked = []
    monkeypatch.setattr(session.link, "ask", lambda *what: asked.append(what))
    session.learn("omega")
    assert session.told[-1].text == "move the controller that shall turn pitch"
    session.told[-1].dismissed()
    assert asked == [("learn", "omega"), ("learn", None)] and not session.learning


def test_an_exported_attack_is_not_cut_off(session, tmp_path):
    attack_powers = ((0.0,) * 4 + (0.1,),) * 12  # the slowest decay
    session.edit(
        "short", session.kit.with_pad(0, theta=TOM._replace(tau=0.05), attack_powers=attack_powers)
    )
    session.export(tmp_path / "long.wav")
    x, rate = soundfile.read(tmp_path / "long.wav")
    assert len(x) / rate == pytest.approx(np.log(1000) * 0.6, abs=0.01)
    session.change_pad("attack", "attack", 0.0)
    session.export(tmp_path / "short.wav")
    assert soundfile.info(tmp_path / "short.wav").duration < 0.4


def test_recordings_are_matched_by_the_model_that_is_chosen(qtbot, session, tmp_path):
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(SHIPPED.read_bytes())
    session.link.change(model=mine)
    mine.write_bytes(b"garbage")
    session.open(DATA / "tom_low.flac")
    qtbot.waitUntil(lambda: session.told[-1].kind == "error", timeout=20000)
    assert "mine.onnx is not an ONNX model" in session.told[-1].text
