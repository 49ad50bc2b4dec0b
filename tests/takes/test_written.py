import os

import numpy as np
import pytest

from matcher.takes import written
from matcher.takes.hits import Take


def take(seed: int) -> Take:
    return Take(np.random.default_rng(seed).normal(size=100).astype(np.float32), 48000, ())


def saver(**contents):
    """What `write` calls: it writes these contents."""

    def save(folder):
        for name, content in contents.items():
            (folder / name).write_text(content)
        return [folder / name for name in contents]

    return save


def test_what_was_written_for_a_take_is_written_anew_for_it(tmp_path):
    paths, record = [tmp_path / "kit", tmp_path / "midi"], tmp_path / "fits" / written.RECORD
    written.check_free(paths, record, take(1))
    assert written.write(saver(kit="1", midi="2"), tmp_path, record, take(1)) == paths
    written.check_free(paths, record, take(1))
    written.write(saver(kit="3", midi="2"), tmp_path, record, take(1))
    assert [path.read_text() for path in paths] == ["3", "2"]
    written.check_free(paths, record, take(1))
    assert sorted(path.name for path in record.parent.iterdir()) == [written.RECORD]


@pytest.mark.parametrize("why", ["edited", "of another take", "recorded by nobody", "a folder"])
def test_what_is_not_ours_is_not_free(tmp_path, why):
    path, record = tmp_path / "kit", tmp_path / "fits" / written.RECORD
    written.write(saver(kit="1"), tmp_path, record, take(1))
    if why == "edited":
        path.write_text("2")
    elif why == "recorded by nobody":
        record.write_text("[")
    elif why == "a folder":
        path.unlink()
        path.mkdir()
    with pytest.raises(ValueError, match=r"kit is there already; allow to replace it with --repl"):
        written.check_free([path], record, take(2 if why == "of another take" else 1))


def test_a_run_that_is_ended_while_it_writes_can_be_repeated(tmp_path, monkeypatch):
    paths, record = [tmp_path / "kit", tmp_path / "midi"], tmp_path / "fits" / written.RECORD
    written.write(saver(kit="1", midi="1"), tmp_path, record, take(1))
    replace = os.replace

    def end_after_the_kit(source, target):
        if target == paths[1]:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", end_after_the_kit)
    with pytest.raises(KeyboardInterrupt):
        written.write(saver(kit="2", midi="2"), tmp_path, record, take(1))
    assert [path.read_text() for path in paths] == ["2", "1"]
    written.check_free(paths, record, take(1))
