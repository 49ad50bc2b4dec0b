from pathlib import Path

import numpy as np
import pytest
import soundfile

from matcher.packs.export import export
from matcher.packs.options import PackOptions
from matcher.packs.strikes import Strikes

OPTIONS = PackOptions(layers=2, round_robins=2, sample_rate=44100, bits=16)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_each_strike_is_a_file_as_loud_as_in_the_app(kit, tmp_path):
    written = export(kit, "wav", tmp_path, options=OPTIONS)
    assert written.path == tmp_path / "Small-kit-wav"
    strikes = list(Strikes(kit, OPTIONS))
    names = [f"01-kick-deep-v{v:03}-rr{r}.wav" for v in (64, 127) for r in (1, 2)]
    assert set(names) < set(files(written.path))
    assert written.n_sounds == len(strikes) == len(files(written.path)) - 1
    for name, strike in zip(names, strikes):
        info = soundfile.info(written.path / name)
        assert (info.samplerate, info.channels, info.subtype) == (44100, 2, "PCM_16")
        x, _ = soundfile.read(written.path / name)
        np.testing.assert_allclose(x, strike.gain * strike.x, atol=1.01 / 2**15)


def test_the_readme_says_what_it_is(kit, tmp_path):
    text = (export(kit, "wav", tmp_path, options=OPTIONS).path / "README.txt").read_text()
    assert text.startswith("Made by Drum matcher")
    assert "Velocity layers: 1-64, 65-127" in text
    assert "40 70" in text and "Kick, deep" in text


def test_what_is_there_is_replaced_only_where_that_is_wanted(kit, tmp_path):
    path = export(kit, "wav", tmp_path, options=OPTIONS).path
    with pytest.raises(ValueError, match="is there already"):
        export(kit, "wav", tmp_path, options=OPTIONS)
    (path / "old.wav").touch()
    replacing = PackOptions(1, 1, 44100, 16, replace=True)
    assert export(kit, "wav", tmp_path, options=replacing).n_sounds == 3
    assert len(files(path)) == 4
    assert files(tmp_path) == ["Small-kit-wav"]


def test_a_folder_that_is_no_pack_is_never_replaced(kit, tmp_path):
    mine = tmp_path / "Small-kit-wav" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(ValueError, match="no pack of Drum matcher"):
        export(kit, "wav", tmp_path, options=PackOptions(1, 1, replace=True))
    assert mine.read_text() == "mine"


def test_a_file_or_a_link_is_never_replaced_by_a_folder(kit, tmp_path):
    mine, link = tmp_path / "mine-wav", tmp_path / "link-wav"
    mine.write_text("mine")
    link.symlink_to(export(kit, "wav", tmp_path, options=PackOptions(1, 1)).path)
    for name in ("mine", "link"):
        with pytest.raises(ValueError, match="is a file or a link"):
            export(kit, "wav", tmp_path, name, PackOptions(1, 1, replace=True))
    assert mine.read_text() == "mine" and link.is_symlink()
    assert files(tmp_path) == ["Small-kit-wav", "link-wav", "mine-wav"]


def test_an_error_of_the_system_names_the_pack(kit, tmp_path, monkeypatch):
    def refuse(path, *rest):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)  # as root may write everywhere
    with pytest.raises(OSError) as error:
        export(kit, "wav", tmp_path, options=PackOptions(1, 1))
    assert error.value.filename == str(tmp_path / "Small-kit-wav")


def test_nothing_is_left_of_an_export_that_breaks_off(kit, tmp_path):
    before = export(kit, "wav", tmp_path, options=PackOptions(1, 1)).path
    names = files(before)

    def full(done, total):
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        export(kit, "wav", tmp_path, options=PackOptions(2, 1, replace=True), progress=full)
    assert files(tmp_path) == ["Small-kit-wav"] and files(before) == names


def test_there_has_to_be_a_folder(kit, tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        export(kit, "wav", tmp_path / "none")


def test_progress_counts_to_the_end(kit, tmp_path):
    told = []
    export(kit, "wav", tmp_path, options=PackOptions(1, 1),
           progress=lambda *at: told.append(at))  # fmt: skip
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_format_that_does_not_exist(kit, tmp_path):
    with pytest.raises(ValueError, match="allowed is one of: page, sfz"):
        export(kit, "mp3", tmp_path)
