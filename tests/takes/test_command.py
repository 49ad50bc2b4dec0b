import json

import mido
import numpy as np
import pytest
import soundfile

from matcher.__main__ import main
from matcher.kits.kit_file import load_kit
from matcher.takes import fits
from matcher.takes.command import notes_of
from tests.takes import composed


@pytest.mark.parametrize(
    ("text", "notes"),
    [("36..", tuple(range(36, 52))), ("40..42", (40, 41, 42)), ("36,38,45", (36, 38, 45)),
     (None, ())],
)  # fmt: skip
def test_pads(text, notes):
    assert notes_of(text) == notes


@pytest.mark.parametrize("text", ["", "a", "36,36", "200", "50..40", "36,", "-1.."])
def test_pads_that_are_none(text):
    with pytest.raises(ValueError, match="allowed are different notes"):
        notes_of(text)


def test_bad_input_is_a_sentence_and_status_2(tmp_path, capsys):
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "silent.wav", np.zeros(9000), 44100)
    (tmp_path / "file").write_text("")
    take = composed.write(tmp_path / "take.wav", n_hits=3) and tmp_path / "take.wav"
    bad = (
        ["from-take", tmp_path / "none.wav"], ["from-take", tmp_path / "text.wav"],
        ["from-take", tmp_path / "silent.wav"], ["from-take", tmp_path],
        ["from-folder", take], ["from-take", take, "--pads", "x"],
        ["from-take", take, "--processes", "0"], ["from-take", take, "--pads", "36"],
    )  # fmt: skip
    for arguments in bad:
        command = ["kit", *map(str, arguments), "-o", str(tmp_path / "out"), "--effort", "live"]
        assert main(command) == 2, arguments
        error = capsys.readouterr().err
        assert error.count("\n") == 1, error
        assert error.startswith("drum-matcher: ")
    assert main(["kit", "from-take", str(take), "-o", str(tmp_path / "file")]) == 2
    assert not (tmp_path / "out").exists()


def test_what_someone_has_in_the_folder_is_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fits, "fit_all", lambda *_: pytest.fail("it is told before the fits"))
    composed.write(tmp_path / "take.wav", n_hits=3)
    out = tmp_path / "kit"
    out.mkdir()
    for name in ("take.drumkit", "take.mid", "take-twin.wav", "take.json"):
        (out / name).write_text("mine")
        assert main(["kit", "from-take", str(tmp_path / "take.wav"), "-o", str(out)]) == 2
        error = capsys.readouterr().err
        assert f"{out / name} is there already" in error
        assert error.count("\n") == 1, error
        assert (out / name).read_text() == "mine"
        (out / name).unlink()


@pytest.mark.slow
def test_a_take_becomes_a_kit_a_midi_file_and_a_twin(tmp_path, capsys, monkeypatch):
    truth = composed.write(tmp_path / "take.wav", n_hits=12)
    out = tmp_path / "kit"
    command = ["kit", "from-take", str(tmp_path / "take.wav"), "-o", str(out), "--effort", "live",
               "--processes", "1"]  # fmt: skip
    assert main(command) == 0
    assert "3 of 3 drums" in capsys.readouterr().err
    kit, dropped = load_kit(out / "take.drumkit")
    assert not dropped
    assert {pad.note for pad in kit.pads if pad.drum is not None} == {36, 38, 47}
    now, onsets = 0.0, []
    for message in mido.MidiFile(out / "take.mid"):
        now += message.time
        if message.type == "note_on":
            onsets.append((now, message.note))
    assert [at for at, _ in onsets] == pytest.approx([at for at, _, _ in truth], abs=0.006)
    assert [note for _, note in onsets] == [(36, 38, 47)[drum] for _, drum, _ in truth]
    x, rate = soundfile.read(tmp_path / "take.wav")
    twin, twin_rate = soundfile.read(out / "take-twin.wav")
    assert twin_rate == rate
    assert len(twin) >= len(x)
    assert np.abs(twin).max() == pytest.approx(np.abs(x).max(), rel=0.2)
    report = json.loads((out / "take.json").read_text())
    assert sum(len(drum["hits"]) for drum in report["drums"]) == len(truth)

    def refuse(*_):
        raise AssertionError("it was fitted already")

    monkeypatch.setattr(fits.fitting, "fit", refuse)
    before = (out / "take.drumkit").read_bytes()
    assert main(command) == 0
    assert (out / "take.drumkit").read_bytes() == before

    edited = before + b"# mine\n"
    (out / "take.drumkit").write_bytes(edited)
    assert main(command) == 2
    assert (out / "take.drumkit").read_bytes() == edited
    assert main([*command, "--replace"]) == 0
    assert (out / "take.drumkit").read_bytes() == before
