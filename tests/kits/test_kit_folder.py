import pytest

from matcher.kits.kit_folder import kit_of_program


def test_programs_are_the_kits_of_a_folder_in_the_order_of_their_names(tmp_path):
    for name in ("b.drumkit", "A.drumkit", "c.txt", "c.drumkit"):
        (tmp_path / name).touch()
    names = [kit_of_program(tmp_path, program).name for program in range(3)]
    assert names == ["A.drumkit", "b.drumkit", "c.drumkit"]
    with pytest.raises(ValueError, match=r"program 4 stands for no kit: there are 3 kits in"):
        kit_of_program(tmp_path, 3)


def test_a_folder_that_is_gone_has_no_kits(tmp_path):
    with pytest.raises(ValueError, match="0 kits"):
        kit_of_program(tmp_path / "none", 0)
