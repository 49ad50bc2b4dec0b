"""Lists of drums that are kept from one day to the next."""

import json

import pytest

from matcher.takes import kept_lists
from tests.gui.take_lists import drum_list


@pytest.fixture
def changed():
    list_ = drum_list().merged([0, 1]).named(1, "Tom of mine").with_note(0, 45)
    return list_.moved(list_.rows[0].hits[0], 1)


def test_a_list_comes_back_as_it_was(tmp_path, changed):
    found = drum_list()
    key = kept_lists.key_of(found.take)
    assert kept_lists.load(tmp_path / "lists", key, found) is None
    kept_lists.save(tmp_path / "lists", key, changed)
    again = kept_lists.load(tmp_path / "lists", key, found)
    assert again.to_values() == changed.to_values()
    assert again.placed() == changed.placed()
    assert [row.found.is_drum for row in again.rows] == [row.found.is_drum for row in changed.rows]
    kept_lists.save(tmp_path / "lists", key, found)
    assert kept_lists.load(tmp_path / "lists", key, found) is None  # nothing was changed
    kept_lists.forget(tmp_path / "lists", key)
    kept_lists.forget(tmp_path / "lists", key)
    assert list((tmp_path / "lists").iterdir()) == []


def test_another_take_has_another_key():
    one, other = drum_list(), drum_list(8)
    assert kept_lists.key_of(one.take) != kept_lists.key_of(other.take)


@pytest.mark.parametrize(
    "change",
    [lambda rows: rows[0].pop("hits"), lambda rows: rows[0].update(hits=[99]),
     lambda rows: rows[0].update(hits=[]), lambda rows: rows[0].update(note=500),
     lambda rows: rows.append(rows[0]), lambda rows: rows.insert(0, 7)],
)  # fmt: skip
def test_a_damaged_list_is_none(tmp_path, changed, change):
    found = drum_list()
    rows = json.loads(json.dumps(changed.to_values()))
    change(rows)
    (tmp_path / "key.json").write_text(json.dumps(rows))
    assert kept_lists.load(tmp_path, "key", found) is None
    (tmp_path / "key.json").write_text("{")
    assert kept_lists.load(tmp_path, "key", found) is None
