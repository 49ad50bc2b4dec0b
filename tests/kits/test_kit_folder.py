import pytest

from matcher.kits.kit_folder import kit_of_program


def test_programs_are_the_kits_of_a_folder_in_the_order_of_their_names(tmp_path):
    for name in ("b.drumkit", "A.drumkit", "c.txt", "c.drumkit"):
        (tmp_path / name).touch()
    names = [kit_of_program(tmp_path, program).name for program in range(3)]
    assert names == ["A.drumkit", "b.drumkit", "c.drumkit"]
    with pytest.raises(ValueError, match=r"program 4 stands for no kit: there are 3 kits in"):
        kit_of_program(tmp_path, 3)


def test_a_suffix_in_capitals_counts_and_a_hidden_file_does_not(tmp_path):
    for name in ("A.DRUMKIT", "._a.drumkit", ".drumkit"):
        (tmp_path / name).touch()
    assert kit_of_program(tmp_path, 0).name == "A.DRUMKIT"
    with pytest.raises(ValueError, match=r"program 2 stands for no kit: there is one kit in"):
        kit_of_program(tmp_path, 1)


def test_a_folder_that_is_gone_has_no_kits(tmp_path):
    with pytest.raises(ValueError, match="there are no kits"):
        kit_of_program(tmp_path / "none", 0)
