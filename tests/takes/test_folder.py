from pathlib import Path

import numpy as np
import pytest
import soundfile

from matcher.takes import folder
from tests.takes import composed


def test_what_tells_the_stroke_is_no_part_of_the_drums_name():
    names = {
        "tom_v1.wav": (("tom",), ()), "tom_v2of3.wav": (("tom",), ()),
        "tom-rr3_soft.wav": (("tom",), ()), "Floor Tom 2.wav": (("floor", "tom"), ("2",)),
        "toms/vl4.flac": (("toms",), ()), "high_tom_hard.wav": (("high", "tom"), ()),
    }  # fmt: skip
    assert {text: folder.name_of(Path(text)) for text in names} == names


@pytest.fixture
def samples(tmp_path):
    sounds = [composed._recording(name) for name in composed.DRUMS]
    for name, sound in zip(("kick", "snare", "tom"), sounds):
        for layer, gain in (("v1", 0.2), ("v2", 0.9)):
            x = np.concatenate([np.zeros(2000), gain * sound])
            soundfile.write(tmp_path / f"{name}_{layer}.wav", x, composed.RATE)
    (tmp_path / "read me.txt").write_text("no recording")
    return tmp_path


@pytest.mark.parametrize("by", folder.BY)
def test_layers_of_a_drum_are_one_drum(samples, by):
    _, _, found = folder.read(samples, by)
    assert sorted(drum.hits for drum in found) == [(0, 1), (2, 3), (4, 5)]


def test_numbers_are_told_by_sound(tmp_path):
    sounds = [composed._recording(name) for name in composed.DRUMS]
    for i, sound in enumerate((sounds[0], 0.3 * sounds[0], sounds[2])):
        x = np.concatenate([np.zeros(2000), sound])
        soundfile.write(tmp_path / f"drum {i + 1}.wav", x, composed.RATE)
    found = folder.read(tmp_path)[2]
    assert sorted(drum.hits for drum in found) == [(0, 1), (2,)]
    assert len(folder.read(tmp_path, "name")[2]) == 3


def test_what_is_no_folder_of_recordings_is_told(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        folder.read(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no recordings"):
        folder.read(tmp_path)
    (tmp_path / "broken.wav").write_text("no sound")
    with pytest.raises(ValueError, match=r"broken\.wav"):
        folder.read(tmp_path)
