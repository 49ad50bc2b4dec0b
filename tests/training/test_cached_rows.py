import shutil

import pytest

from training import cached_rows
from training.cached_rows import (
    HIT_CODE,
    ROOT,
    TRAINING_CODE,
    WITHOUT_TWINS,
    cached_row,
    code_digest,
)

digest_now = code_digest.__wrapped__  # of the files as they are, not as they were


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the sources that a test may change."""
    root = tmp_path_factory.mktemp("tree")
    for package in ("matcher", "training", "gui"):
        shutil.copytree(ROOT / package, root / package, ignore=only_sources)
    return root


def only_sources(folder, names):
    return [n for n in names if ("." in n and not n.endswith(".py")) or n == "__pycache__"]


def changes_the_key(tree, kind, name) -> bool:
    path, before = tree / name, digest_now(kind, tree)
    source = path.read_bytes()
    path.write_bytes(source + b"\n")
    changed = digest_now(kind, tree) != before
    path.write_bytes(source)
    assert digest_now(kind, tree) == before
    return changed


@pytest.mark.parametrize("kind", sorted(set(TRAINING_CODE).difference(WITHOUT_TWINS)))
def test_all_code_of_matching_changes_the_key(tree, kind):
    paths = [tree / "matcher" / "recording.py", tree / "matcher" / "compiled.py"]
    for folder in ("physics", "matching"):
        paths += (tree / "matcher" / folder).rglob("*.py")
    names = {path.relative_to(tree).as_posix() for path in paths}
    assert {"matcher/matching/encoder.py", "matcher/matching/confidence.py"} < names
    assert [name for name in sorted(names) if not changes_the_key(tree, kind, name)] == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("confidence", "training/dataset.py"),
        ("confidence", "training/augment.py"),
        ("confidence", "training/confidence.py"),
        ("recordings", "training/recordings.py"),
        ("recordings", "training/distances.py"),
        ("recordings", "training/judges.py"),
        ("recordings", "training/auditory_image.py"),
        ("recordings", "training/mel.py"),
        ("recordings", "training/lines.py"),
        ("recordings", "training/gallery.py"),
        ("yardsticks", "training/positions.py"),
        ("yardsticks", "training/judges.py"),
        ("recordings", "training/jtfs.py"),
        ("recordings", "training/jtfs_frequency.py"),
        ("patience", "training/cma_search.py"),
        ("robustness", "training/studies/robustness.py"),
        ("strokes", "training/known_drums.py"),
    ],
)
def test_what_makes_a_kind_of_row_changes_its_key(tree, kind, name):
    assert changes_the_key(tree, kind, name)


@pytest.mark.parametrize("kind", WITHOUT_TWINS)
def test_how_drums_are_found_changes_nothing_of_recordings_alone(tree, kind):
    assert all(changes_the_key(tree, kind, name) for name in HIT_CODE)
    names = ("matching/descent.py", "matching/refine.py", "physics/drum.py")
    assert not any(changes_the_key(tree, kind, f"matcher/{name}") for name in names)


@pytest.mark.parametrize("kind", TRAINING_CODE)
def test_the_window_the_live_engine_and_the_training_loop_change_no_key(tree, kind):
    paths = [*(tree / "gui").rglob("*.py"), *(tree / "matcher" / "live").rglob("*.py")]
    names = [path.relative_to(tree).as_posix() for path in paths] + ["training/trainer.py"]
    assert len(names) > 20
    assert [name for name in names if changes_the_key(tree, kind, name)] == []


def test_a_new_file_and_a_new_name_change_the_key(tree):
    before = digest_now("patience", tree)
    old, new = (tree / "matcher" / "physics" / name for name in ("ftm.py", "closed_form.py"))
    old.rename(new)
    renamed = digest_now("patience", tree)
    new.rename(old)
    new.write_text("")
    added = digest_now("patience", tree)
    new.unlink()
    assert len({before, renamed, added}) == 3


def test_a_row_is_made_once_for_the_same_inputs_and_code(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    made = []

    def row(*inputs):
        return cached_row("patience", list(inputs), lambda: made.append(1) or {"n": len(made)})

    assert [row(1), row(1), row(2)] == [{"n": 1}, {"n": 1}, {"n": 2}]
    monkeypatch.setattr(cached_rows, "code_digest", lambda kind: "other code")
    assert row(1) == {"n": 3}
