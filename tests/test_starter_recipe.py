"""How the recordings of the starter kits are chosen: export/starter_kits.py."""

import numpy as np
import pytest
import soundfile

from export import demo_kit, starter_kits
from export.starter_kits import MICROPHONE, RECIPES, Row, choose
from matcher.kits.starters import STARTERS
from tests.conftest import DATA

ROW = Row(36, "Tom", "tom", "t", 0.0, 0.0)


def recordings(folder, *clear: bool):
    """Four layers of one round robin each; one that is not clear has a second hit."""
    x, rate = soundfile.read(DATA / "tom_high.flac")
    rows = []
    for layer, is_clear in enumerate(clear, 1):
        file = f"{layer}.flac"
        sound = x if is_clear else np.concatenate([x, np.zeros(rate // 2), x])
        soundfile.write(folder / file, sound, rate)
        row = {"file": file, "drum": "tom", "stroke": "t", "mic": MICROPHONE}
        rows.append(row | {"velocity_layer": str(layer), "round_robin": "1"})
    return rows + [rows[-1] | {"mic": "window", "file": "none.flac"}]


def test_it_is_the_layer_three_quarters_up(tmp_path):
    assert choose(recordings(tmp_path, True, True, True, True), ROW, tmp_path)["file"] == "3.flac"


def test_it_is_the_layer_above_where_that_has_no_clear_hit(tmp_path):
    assert choose(recordings(tmp_path, True, True, False, True), ROW, tmp_path)["file"] == "4.flac"


def test_a_round_robin_that_is_clear_comes_before_the_layer_above(tmp_path):
    rows = recordings(tmp_path, True, True, False, True)
    rows.append(rows[0] | {"velocity_layer": "3", "round_robin": "2"})
    assert choose(rows, ROW, tmp_path)["file"] == "1.flac"


def test_where_none_is_clear_that_is_said(tmp_path):
    with pytest.raises(ValueError, match="no clear recording of tom, t"):
        choose(recordings(tmp_path, True, True, False, False), ROW, tmp_path)


@pytest.mark.parametrize("module", [starter_kits, demo_kit])
def test_recordings_that_are_not_there_are_one_sentence(module, tmp_path, capsys):
    assert module.main([str(tmp_path), str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert str(tmp_path) in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_recordings_without_a_column_is_one_sentence(tmp_path, capsys):
    (tmp_path / "hits.csv").write_text("file,drum,mic\n")
    assert starter_kits.main([str(tmp_path), str(tmp_path)]) == 2
    assert "has no column stroke; wanted are file" in capsys.readouterr().err


def test_every_starter_kit_has_a_recipe():
    assert RECIPES.keys() == STARTERS.keys()
    assert all(recipe.name == STARTERS[name].label for name, recipe in RECIPES.items())
