import pytest

from matcher.kits.kit_file import LARGEST_FILE, comment_of, load_kit, save_kit
from matcher.kits.starters import STARTERS, find_kit


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_kit_is_whole_and_says_where_it_is_from(name, tmp_path):
    path = STARTERS[name].path
    kit, dropped = load_kit(path)
    assert dropped == [] and kit.name == STARTERS[name].label
    assert path.stat().st_size < LARGEST_FILE
    assert "Karoryfer" in comment_of(path) and "CC0" in comment_of(path)
    save_kit(kit, tmp_path / "again.drumkit", comment_of(path))
    assert (tmp_path / "again.drumkit").read_bytes() == path.read_bytes()


def test_the_acoustic_kit_has_the_notes_of_general_midi():
    pads = load_kit(find_kit("acoustic"))[0].pads
    names = {pad.note: pad.name for pad in pads if pad.drum is not None}
    assert names == {36: "Kick", 37: "Side stick", 38: "Snare", 40: "Snare edge", 41: "Low tom",
                     45: "Mid tom", 48: "High tom"}  # fmt: skip


def test_there_are_twelve_snares_and_no_two_are_alike():
    drums = [pad.drum for pad in load_kit(find_kit("snares"))[0].pads if pad.drum is not None]
    assert len(drums) == 12 == len(set(drums))


def test_a_file_comes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_kit("acoustic") == STARTERS["acoustic"].path
    (tmp_path / "acoustic").touch()
    assert find_kit("acoustic").resolve() == tmp_path / "acoustic"
    assert str(find_kit("none.drumkit")) == "none.drumkit"
