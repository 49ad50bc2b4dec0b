import json
from pathlib import Path

import pytest

from matcher.__main__ import main
from matcher.kits.kit import Kit
from matcher.kits.kit_file import END, load_kit, save_kit
from matcher.kits.starters import STARTERS
from matcher.physics.drum import Drum
from tests.conftest import TOM

MINE = Kit("Mine").with_pad(0, name="Tom", drum=Drum(TOM))


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_kit(MINE, tmp_path / "my.drumkit", " from a friend")
    return tmp_path / "my.drumkit"


def run(command: str) -> int:
    return main(["kit", *command.split()])


def test_show(path, capsys):
    assert run("show my.drumkit") == 0
    assert "110.0 Hz" in capsys.readouterr().out
    assert run("show my.drumkit --json") == 0
    pads = json.loads(capsys.readouterr().out)["pads"]
    assert pads[0]["drum"]["theta"]["tau"] == TOM.tau and pads[15]["drum"] is None


def test_set_changes_the_file_in_place_and_keeps_its_comment(path, capsys):
    assert run("set my.drumkit 1 tau 0.5 gain_db -3 name High") == 0
    out = capsys.readouterr().out
    assert "pad 1: tau 0.3 s -> 0.5 s" in out and "gain_db +0.0 dB -> -3.0 dB" in out
    pad = load_kit(path)[0].pads[0]
    assert (pad.theta.tau, pad.gain_db, pad.name) == (0.5, -3.0, "High")
    assert path.read_text().startswith("# from a friend\n")


def test_set_writes_to_another_file(path):
    before = path.read_bytes()
    assert run("set my.drumkit kit name Yours -o your.drumkit") == 0
    assert path.read_bytes() == before
    assert load_kit("your.drumkit")[0].name == "Yours"


def test_set_does_nothing_where_one_value_is_wrong(path, capsys):
    before = path.read_bytes()
    assert run("set my.drumkit 1 tau 0.5 p 7") == 2
    assert capsys.readouterr().err == "drum-matcher: p is 7, allowed is 1e-05 to 1\n"
    assert run("set my.drumkit 1 tau") == 2
    assert run("set my.drumkit 1 tau 0.5 p") == 2
    assert path.read_bytes() == before


def test_a_damaged_kit_is_not_written_over(path, capsys):
    path.write_text(path.read_text().replace(END, ""))
    before = path.read_bytes()
    assert run("set my.drumkit 1 tau 0.5") == 2
    assert "is damaged" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert run("set my.drumkit 1 tau 0.5 -o whole.drumkit") == 0
    assert load_kit("whole.drumkit")[1] == []


def test_a_damaged_kit_is_not_written_over_by_another_name_either(path, capsys, tmp_path):
    path.write_text(path.read_text().replace(END, ""))
    (tmp_path / "link.drumkit").symlink_to(path)
    before = path.read_bytes()
    for other in (path, "link.drumkit"):
        assert run(f"set my.drumkit 1 tau 0.5 -o {other}") == 2
        assert "is damaged" in capsys.readouterr().err
        assert path.read_bytes() == before


def test_set_copies_a_kit_that_comes_with_the_app_and_never_changes_it(path, capsys):
    before = STARTERS["acoustic"].path.read_bytes()
    assert run("set acoustic 1 tau 0.4 -o louder.drumkit") == 0
    assert load_kit("louder.drumkit")[0].pads[0].theta.tau == 0.4
    assert run("set acoustic 1 tau 0.4") == 2
    assert "acoustic cannot be read" in capsys.readouterr().err
    assert STARTERS["acoustic"].path.read_bytes() == before


def test_new(path, capsys):
    assert run("new -o empty.drumkit") == 0
    assert load_kit("empty.drumkit")[0] == Kit("empty")
    assert run("new -o copy.drumkit --from my.drumkit --name Copy") == 0
    assert load_kit("copy.drumkit")[0].pads == MINE.pads
    assert run("new -o snares.drumkit --from snares") == 0
    assert "12 drums on 16 pads" in capsys.readouterr().out
    before = path.read_bytes()
    assert run("new -o my.drumkit") == 2
    assert "is there already" in capsys.readouterr().err and path.read_bytes() == before


def test_a_new_kit_is_named_after_its_file_as_far_as_that_can_be(path):
    file = f"{'long' * 20}.drumkit"
    assert main(["kit", "new", "-o", file]) == 0
    assert load_kit(file)[0].name == "long" * 16
    assert main(["kit", "new", "-o", "a\tb.drumkit"]) == 0
    assert load_kit("a\tb.drumkit")[0].name == "a b"


def test_export_has_its_options(path, capsys, tmp_path):
    command = "export my.drumkit --as wav --layers 2 --rate 44100 --bits 16"
    assert run(command) == 0
    assert capsys.readouterr().out.startswith("my-wav is written: 2 sounds")
    assert sorted(file.name for file in (tmp_path / "my-wav").iterdir()) == [
        "01-tom-v064-rr1.wav", "01-tom-v127-rr1.wav", "README.txt",
    ]  # fmt: skip
    assert run(command) == 2
    assert "is there already" in capsys.readouterr().err
    assert run(f"{command} --replace") == 0


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("show none.drumkit", "cannot be read"),
        ("show my.drumkit --jason", "unknown argument --jason; allowed are"),
        ("export my.drumkit --as wav -o none", "none is not a folder"),
        ("export my.drumkit --as wav --layers 0", "layers is 0, allowed is 1 to 16"),
        ("export my.drumkit --as wav --bits 12", "bits is 12, allowed is 16 or 24"),
        ("export my.drumkit --as hydrogen --layers 16", "allowed are 16 sounds for each pad"),
        ("set my.drumkit 17 tau 1", "pad is '17'"),
    ],
)
def test_what_is_wrong_is_one_sentence(path, capsys, command, message):
    assert run(command) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("command", ["", "fly", "export my.drumkit", "export x --as mp3"])
def test_what_the_parser_refuses(path, capsys, command):
    with pytest.raises(SystemExit) as end:
        run(command)
    assert end.value.code == 2 and capsys.readouterr().err.count("\n") == 1
