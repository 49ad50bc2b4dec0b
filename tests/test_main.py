"""The command line, as a shell sees it."""

import itertools
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import soundfile

from matcher.__main__ import NOBODY_READS, main
from matcher.matching import effort
from matcher.matching.encoder import SHIPPED
from tests.conftest import DATA
from tests.matching.test_encoder import rename, variant
from tests.test_recording import wav as wav_bytes

TOM = DATA / "tom_low.flac"
PARAMETERS = ["--pitch-hz", "110", "--tau", "0.4", "--p", "0.01", "--D", "0.02", "--alpha", "0.8"]


def drum_matcher(*arguments, cwd=None):
    command = [sys.executable, "-m", "matcher", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def wav(path, x, rate=44100, **more):
    soundfile.write(path, np.asarray(x, np.float32), rate, **more)
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("done")
    return folder, drum_matcher("match", TOM, cwd=folder)


def test_match_writes_three_files_to_the_current_folder(done):
    folder, result = done
    assert result.returncode == 0, result.stderr
    out = folder / "tom_low-match"
    assert sorted(p.name for p in out.iterdir()) == ["match.json", "match.png", "resynthesis.wav"]
    assert "Pitch" in result.stdout
    assert "cents" in result.stdout


def test_the_resynthesis_fits_the_recording(done):
    x, rate = soundfile.read(TOM)
    with soundfile.SoundFile(done[0] / "tom_low-match" / "resynthesis.wav") as file:
        assert (file.subtype, file.samplerate, file.channels) == ("PCM_24", rate, 1)
        y = file.read()
    data = json.loads((done[0] / "tom_low-match" / "match.json").read_text())
    assert len(y) == len(x) - round(data["onset_s"] * rate)
    assert np.abs(y).max() == pytest.approx(np.abs(x).max(), rel=1e-3)
    assert abs(y[0]) < 1e-5 * np.abs(y).max()  # a membrane at rest
    assert np.abs(y).argmax() < rate // 20


def test_the_picture_is_a_png_file(done):
    png = (done[0] / "tom_low-match" / "match.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(png) > 50_000


def test_json_prints_match_json_and_nothing_else(tmp_path):
    result = drum_matcher("match", TOM, "--json", "--no-picture", "--out", tmp_path)
    data = json.loads(result.stdout)
    assert data == json.loads((tmp_path / "match.json").read_text())
    assert data["model"]["trained_sounds"] >= 400_000
    assert not (tmp_path / "match.png").exists()


@pytest.mark.parametrize("kind", ["wav", "flac", "aiff", "ogg", "mp3"])
def test_every_format_gives_about_the_same_drum(tmp_path, kind, done):
    x, rate = soundfile.read(TOM)
    soundfile.write(tmp_path / f"tom.{kind}", np.pad(x, (rate // 4, 0)), rate)
    result = drum_matcher(
        "match", tmp_path / f"tom.{kind}", "--json", "--no-picture", "--rate", 22050,
        cwd=tmp_path,
    )  # fmt: skip
    data = json.loads(result.stdout)
    expected = json.loads((done[0] / "tom_low-match" / "match.json").read_text())
    assert data["onset_s"] == pytest.approx(expected["onset_s"] + 0.25, abs=0.005)
    assert data["pitch_hz"] == pytest.approx(expected["pitch_hz"], rel=0.06)
    assert soundfile.info(tmp_path / "tom-match" / "resynthesis.wav").samplerate == 22050


def test_effort_says_how_much_is_done(tmp_path):
    result = drum_matcher("match", TOM, "--json", "--no-picture", "--effort", "network",
                          cwd=tmp_path)  # fmt: skip
    data = json.loads(result.stdout)
    assert data["effort"] == {"name": "network", "units": 0, "limited": False}
    assert [stage["name"] for stage in data["stages"]] == ["network"]


def test_a_search_that_the_time_limit_ended_is_reported(tmp_path, monkeypatch, capsys):
    clock = itertools.count(0.0, 5.0)  # s: it has moved on by 5 whenever it is read
    monkeypatch.setattr(effort, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    arguments = ["match", str(TOM), "--no-picture", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert "cut short by its time limit, 20 s" in capsys.readouterr().out
    monkeypatch.undo()
    assert main(arguments) == 0
    assert "time limit" not in capsys.readouterr().out


def test_eight_channels_at_192_khz(tmp_path):
    x, _rate = soundfile.read(TOM)
    wide = np.zeros((192000, 8), np.float32)
    wide[: len(x) * 4 : 4, 2] = x[: len(wide) // 4]  # with zeros between samples, on one channel
    result = drum_matcher("match", wav(tmp_path / "a.wav", wide, 192000), "--no-picture", "--json",
                          cwd=tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert soundfile.info(tmp_path / "a-match" / "resynthesis.wav").samplerate == 192000


def test_render(tmp_path):
    result = drum_matcher("render", *PARAMETERS, "--rate", 48000, "-o", tmp_path / "tom.wav")
    assert result.returncode == 0, result.stderr
    x, rate = soundfile.read(tmp_path / "tom.wav")
    assert rate == 48000
    assert len(x) / rate == pytest.approx(np.log(1000) * 0.4, abs=1e-3)
    spectrum = np.abs(np.fft.rfft(x[rate // 2 :], 2**18))
    assert spectrum.argmax() * rate / 2**18 == pytest.approx(110, abs=1)


def test_a_reader_that_has_enough_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "matcher", "kit", "show", "acoustic", "--json"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (NOBODY_READS, "")


def test_help_has_examples():
    for arguments in (["--help"], ["match", "--help"], ["render", "--help"]):
        result = drum_matcher(*arguments)
        assert result.returncode == 0
        assert "examples:" in result.stdout
    assert drum_matcher("--version").stdout.startswith("drum-matcher 0.")


def empty(d):
    (d / "x.wav").write_bytes(b"")
    return ["match", d / "x.wav"]


def text(d):
    (d / "x.wav").write_text("this is not a sound\n" * 50)
    return ["match", d / "x.wav"]


def silence(d):
    return ["match", wav(d / "x.wav", np.zeros(44100))]


def short(d):
    return ["match", wav(d / "x.wav", np.ones(500))]


def nan(d):
    x = np.random.default_rng(0).standard_normal(44100)
    x[20000] = np.nan
    return ["match", wav(d / "x.wav", x, subtype="FLOAT")]


def missing(d):
    return ["match", d / "none.wav"]


def folder(d):
    return ["match", d]


def out_under_a_file(d):
    (d / "file").write_text("mine")
    return ["match", TOM, "--out", d / "file" / "out"]


def half_a_model(d):
    whole = SHIPPED.read_bytes()
    (d / "half.onnx").write_bytes(whole[: len(whole) // 2])
    return ["match", TOM, "--model", d / "half.onnx"]


def other_names(d):
    return ["match", TOM, "--model", variant(d, rename)]


def unknown_parameter(d):
    return ["render", *PARAMETERS, "--beta", "3", "-o", d / "x.wav"]


def out_of_range(d):
    return ["render", *PARAMETERS, "--tau", "9", "-o", d / "x.wav"]


def too_many_channels(tmp_path):
    (tmp_path / "x.wav").write_bytes(wav_bytes(channels=1000))
    return "match", tmp_path / "x.wav"


def a_long_value(tmp_path):
    return "live", "--block", "x" * 5000


def no_such_channel(tmp_path):
    return "live", "--midi-channel", "17"


def no_folder_of_kits(tmp_path):
    return "live", "--kits", tmp_path / "none"


def not_a_number(d):
    return ["render", *PARAMETERS, "--tau", "nan", "-o", d / "x.wav"]


def no_such_hit(d):
    return ["match", TOM, "--hit", "7", "--out", d / "out"]


def rate_out_of_range(d):
    return ["match", TOM, "--rate", "10", "--out", d / "out"]


def unknown_effort(d):
    return ["match", TOM, "--effort", "hard", "--out", d / "out"]


def candidates_of_the_network(d):
    return ["match", TOM, "--effort", "network", "--candidates", "2", "--out", d / "out"]


def output_folder_missing(d):
    return ["render", *PARAMETERS, "-o", d / "none" / "x.wav"]


BAD = {
    empty: "x.wav is not a sound file that can be read; give WAV, FLAC, AIFF, OGG or MP3",
    text: "x.wav is not a sound file that can be read; give WAV, FLAC, AIFF, OGG or MP3",
    silence: "x.wav is silent; a hit louder than -100 dB is needed",
    short: "x.wav lasts 11.3 ms; a hit needs at least 20 ms",
    nan: "x.wav holds NaN or infinite samples; only finite ones are allowed",
    missing: "none.wav does not exist; give a WAV, FLAC, AIFF, OGG or MP3 file",
    folder: "is a folder; give a WAV, FLAC, AIFF, OGG or MP3 file",
    out_under_a_file: "file/out: Not a directory",
    half_a_model: "half.onnx is not an ONNX model, or is broken",
    other_names: "its parameters are loudness, tau, p, D, alpha, x1, x2, dullness, tension, al",
    unknown_parameter: "unknown argument --beta; allowed are --help, --pitch-hz, --tau, --p, --D",
    out_of_range: "tau is 9, allowed is 0.01 to 3 s",
    not_a_number: "tau is nan, allowed is 0.01 to 3 s",
    too_many_channels: "x.wav is 1000, allowed is 1 to 256",
    a_long_value: f"invalid int value: '{'x' * 80}…'",
    no_such_channel: "MIDI channel is 17, allowed is 1 to 16, or 0 for all",
    no_folder_of_kits: "none is not a folder; give one with .drumkit files",
    no_such_hit: "has no hit 7; allowed is 1 to",
    rate_out_of_range: "rate is 10, allowed is 8000 to 384000",
    unknown_effort: "invalid choice: 'hard' (choose from 'network', 'live', 'normal', 'patient')",
    candidates_of_the_network: "candidates need refining; choose another effort than network",
    output_folder_missing: "none is not a folder; x.wav needs one that exists",
}


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.__name__)
def test_bad_input_gives_one_sentence_and_status_2(tmp_path, case):
    arguments = case(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    result = drum_matcher(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("drum-matcher: ")
    assert BAD[case] in result.stderr
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}


def test_the_model_that_ships_is_one_file_without_external_data():
    onnx.checker.check_model(onnx.load(SHIPPED, load_external_data=False), full_check=True)


def test_without_audio_one_sentence_says_so_and_the_libraries_are_quiet(monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    command = [sys.executable, "-m", "matcher", "devices", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert set(found) == {"audio", "midi_in", "midi_out", "missing"}
    assert bool(found["audio"]) or any("audio" in sentence for sentence in found["missing"])


def test_a_portaudio_that_does_not_start_is_said_in_one_sentence(tmp_path):
    (tmp_path / "sounddevice.py").write_text(
        "class PortAudioError(Exception): pass\n"
        "raise PortAudioError('Error initializing PortAudio: Unanticipated host error', -9999)\n"
    )
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "matcher", "devices"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "no audio: PortAudio does not start: Error initializing PortAudio" in done.stdout


@pytest.mark.parametrize("option", ["input-channel", "output-channel"])
@pytest.mark.parametrize("channel", ["0", "65"])
def test_a_channel_that_is_not_allowed_is_refused(option, channel):
    done = drum_matcher("live", f"--{option}", channel)
    assert done.returncode == 2
    assert f"{option.replace('-', ' ')} is {channel}, allowed is 1 to 64" in done.stderr


@pytest.mark.parametrize("control", ["20", "x=tau", "20=loudness", "=tau"])
def test_a_control_that_is_not_allowed_is_refused(control):
    done = drum_matcher("live", "--control", control)
    assert done.returncode == 2
    assert f"control is {control!r}" in done.stderr


def test_hits_lists_the_hits_of_a_recording(tmp_path, capsys):
    tom = soundfile.read(TOM)[0][:22050]
    path = wav(tmp_path / "take.wav", np.concatenate([np.zeros(4410), tom, 0.5 * tom]))
    for more in ([], ["--look-ahead"], ["--drums-only"]):
        assert main(["hits", str(path), "--json", *more]) == 0
        found = [row for row in json.loads(capsys.readouterr().out) if not row["reason"]]
        assert [row["onset_s"] for row in found] == pytest.approx([0.1, 0.6], abs=0.004)
        assert found[0]["velocity"] > found[1]["velocity"] >= 1
        assert found[0]["drum"] > 0.5
        assert all(0 <= row["drum"] <= 1 for row in found)
    assert main(["hits", str(path), "--threshold-db", "0"]) == 0
    assert "ignored: below the threshold" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.wav"], "does not exist"),
        ([str(TOM), "--threshold-db", "5"], "threshold-db is 5, allowed is -90 to 0"),
        ([str(DATA / "LICENSES.md")], "is not a sound file"),
    ],
)
def test_what_hits_cannot_read_is_refused(arguments, message, capsys):
    assert main(["hits", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_silence_and_a_single_sample_have_no_hits(tmp_path, capsys):
    for n in (0, 1, 44100):
        path = wav(tmp_path / f"{n}.wav", np.zeros(n))
        for more in ([], ["--look-ahead"]):
            assert main(["hits", str(path), *more]) == 0
            assert capsys.readouterr().out.endswith("0 hits\n")
