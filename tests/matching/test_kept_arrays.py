import numpy as np
import pytest

from matcher import library
from matcher.matching import attack_fit, features, kept, target
from matcher.matching.target import WINDOWS
from matcher.physics import attack


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path)
    return tmp_path / "arrays"


def counted():
    """A function that computes an array, and the list of its calls."""
    calls = []

    def compute():
        calls.append(1)
        return np.arange(5, dtype=np.float32)

    return compute, calls


def values(compute, *modules):
    """What another process would get."""
    return kept.kept(*modules)(compute)()


def test_what_is_computed_once_is_kept_for_other_processes(folder):
    compute, calls = counted()
    for _ in range(3):
        found = values(compute, attack)
        np.testing.assert_array_equal(found, np.arange(5))
        assert found.dtype == np.float32
    assert len(calls) == 1
    assert [path.suffix for path in folder.iterdir()] == [".npz"]


def test_it_is_computed_again_where_what_it_relies_on_has_changed(folder, monkeypatch):
    compute, calls = counted()
    values(compute, attack)
    values(compute, attack, features)
    assert len(calls) == 2
    monkeypatch.setattr(library, "described", lambda: "another library")
    values(compute, attack, features)
    assert len(calls) == 3


@pytest.mark.parametrize("damage", [lambda data: data[:40], lambda data: b"", bytes.swapcase])
def test_a_damaged_file_is_replaced(folder, damage):
    compute, calls = counted()
    values(compute)
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_array_equal(values(compute), np.arange(5))
    np.testing.assert_array_equal(values(compute), np.arange(5))
    assert len(calls) == 2


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path / "file")
    compute, _ = counted()
    np.testing.assert_array_equal(values(compute), np.arange(5))


def test_the_attacks_spectra_are_those_of_its_sounds():
    for i, unit in enumerate(attack.units(features.SAMPLE_RATE, features.N_SAMPLES)):
        if i % 20 == 0:
            there = WINDOWS[-1].magnitude(unit) ** 2
            np.testing.assert_array_equal(target.unit_attack_power()[i], there)
    for i, unit in enumerate(attack.units(attack_fit.RATE, attack_fit.CQT.n_samples)):
        if i % 20 == 0:
            np.testing.assert_array_equal(attack_fit.unit_power()[i], attack_fit.power(unit))
