import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from matcher.packs.export import export
from matcher.packs.options import PackOptions
from tests.packs.players import SFIZZ_BLOCK, Note, app_strike, choke_db, compare_strikes, sfizz

OPTIONS = PackOptions(layers=3, round_robins=2)
TOPS = [42, 85, 127]


@pytest.fixture(scope="module")
def path(kit, tmp_path_factory):
    folder = export(kit, "sfz", tmp_path_factory.mktemp("sfz"), "my kit", OPTIONS).path
    assert folder.name == "my-kit-sfz"
    return folder / "my-kit.sfz"


@pytest.fixture(scope="module")
def play(kit, path):
    pytest.importorskip("pysfizz")
    return lambda notes, seconds: sfizz(path, kit, notes, seconds)


def test_it_names_all_its_sounds(path):
    text = path.read_text()
    named = set(re.findall(r"sample=(\S+)", text))
    assert named == {file.name for file in (path.parent / "samples").iterdir()}
    assert len(named) == 3 * 3 * 2
    for name in named:
        info = soundfile.info(path.parent / "samples" / name)
        assert (info.format, info.subtype, info.channels) == ("FLAC", "PCM_24", 2)


def test_names_hold_nothing_that_is_syntax(path):
    (label,) = re.findall(r"label_key39=(.*)", path.read_text())
    assert label == "Tabla open"


def test_a_name_of_which_nothing_is_left_is_the_pads_number(kit, tmp_path):
    odd = replace(kit.with_pad(3, name="<=>"), name="//")
    folder = export(odd, "sfz", tmp_path, options=PackOptions(1, 1)).path
    assert re.findall(r"label_key39=(.*)", next(folder.glob("*.sfz")).read_text()) == ["Pad 4"]


def test_choke_groups_and_more_notes(path):
    text = path.read_text()
    groups = re.findall(r"<group> key=(\d+)(?: off_by=(\d))? ", text)
    assert groups[:4] == [("36", ""), ("39", "4"), ("40", "5"), ("70", "5")]
    silent = re.findall(r"<group> key=(\d+) end=-1 sample=(\S+)\n<region> group=(\d)\n", text)
    assert [(key, group) for key, _, group in silent] == [("39", "5"), ("40", "4"), ("70", "4")]
    assert all((path.parent / "samples" / sample).is_file() for _, sample, _ in silent)


def test_a_choke_group_of_one_pad_chokes_nothing(kit, tmp_path):
    folder = export(kit.with_pad(4, choke=3), "sfz", tmp_path, options=PackOptions(1, 1)).path
    assert "end=-1" not in next(folder.glob("*.sfz")).read_text()


def test_sfizz_plays_each_strike_as_the_app(kit, play):
    rows = compare_strikes(play, kit, TOPS, OPTIONS, SFIZZ_BLOCK)
    levels = [row.level_db for row in rows]
    assert min(row.correlation for row in rows) > 0.999
    assert np.ptp(levels) < 0.5  # dB; sfizz turns down all of them alike
    for pad in (0, 3, 4):  # the round robins take turns
        assert [row.robin for row in rows if row.pad == pad] == [0, 1] * len(TOPS)


def test_sfizz_plays_velocities_between_as_loud_as_the_app(kit, play):
    velocities = [5, 20, 60, 100]
    loud = [row.level_db for row in compare_strikes(play, kit, [127], OPTIONS)]
    rows = compare_strikes(play, kit, velocities, OPTIONS)
    # 3 dB: three layers are as bright as their tops, and the app's strikes at velocity 5 are duller
    assert np.abs(np.array([row.level_db for row in rows]) - np.median(loud)).max() < 3


def test_sfizz_chokes(kit, play):
    assert choke_db(play, (3, 4)) < -40
    assert choke_db(play, (3, 0)) == pytest.approx(0, abs=0.1)


def test_notes_of_one_pad_do_not_choke_it(kit, path):
    pytest.importorskip("pysfizz")
    pad, by_note = kit.pads[4], kit.with_pad(4, more_notes=()).with_pad(5, note=70)  # to play both
    play = lambda notes, seconds: sfizz(path, by_note, notes, seconds)  # noqa: E731
    assert pad.notes == (40, 70)
    assert choke_db(play, (4, 5)) == choke_db(play, (5, 4)) == pytest.approx(0, abs=0.1)
    assert choke_db(play, (3, 5)) < -40


def test_another_note_of_a_pad_plays_it(kit, path):
    pytest.importorskip("pysfizz")
    swapped = kit.with_pad(4, note=70, more_notes=(40,))
    x = sfizz(path, swapped, [Note(0, 4, 127)], 1.0)
    app = app_strike(kit, 4, 127, 0, 1.0)
    assert np.sum(x * app) / np.linalg.norm(x) / np.linalg.norm(app) > 0.98  # its round robins


def test_without_flac_they_are_wav_files(kit, tmp_path):
    folder = export(kit, "sfz", tmp_path, options=PackOptions(1, 1, flac=False)).path
    assert {file.suffix for file in (folder / "samples").iterdir()} == {".wav"}
