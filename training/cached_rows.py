"""Rows of an evaluation, kept in the cache folder until anything that they depend on changes.

A row depends on its inputs (files by their digests, settings) and on code: all of the matching and
the drum, or what cuts a hit out of a recording where no twin is concerned, and those modules of
training that make the kind of row.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from matcher.recording import save_atomically
from training.dataset import cache_folder

ROOT = Path(__file__).parent.parent  # the folder that holds the packages matcher and training
MATCHER_CODE = (
    "matcher/physics",
    "matcher/matching",
    "matcher/recording.py",
    "matcher/checks.py",
    "matcher/compiled.py",
)
HIT_CODE = (  # what a recording's own spectra depend on
    "matcher/matching/features.py",
    "matcher/matching/match.py",
    "matcher/matching/onset.py",
    "matcher/recording.py",
    "matcher/compiled.py",
)
JUDGING_CODE = ("judges.py", "auditory_image.py", "mel.py", "distances.py", "jobs.py")
WITHOUT_TWINS = ("yardsticks",)  # kinds of row that depend on recordings alone
TRAINING_CODE = {  # kind of row: the modules of training that make it
    "answers": ("answers.py",),
    "network": ("network_evaluation.py", "lines.py"),
    "confidence": ("confidence.py", "dataset.py", "augment.py", "jobs.py"),
    "recordings": (
        "recordings.py",
        "gallery.py",
        "lines.py",
        "jtfs.py",
        "jtfs_frequency.py",
        *JUDGING_CODE,
    ),
    "yardsticks": ("positions.py", *JUDGING_CODE),
    "patience": ("cma_search.py", "jobs.py"),
    "robustness": ("studies/robustness.py", "jobs.py"),
    "strokes": ("known_drums.py", "jobs.py"),
}


def cached_row(kind: str, inputs: list, make: Callable[[], dict]) -> dict:
    """A row from the cache folder, or made and kept there where it is missing.

    Args:
        kind: One of TRAINING_CODE, and the name of the rows' folder.
        inputs: All that the row depends on beside code, as JSON takes it.
        make: Makes the row, a dict that JSON takes.

    Returns:
        The row.
    """
    key = json.dumps([code_digest(kind), *inputs])
    path = cache_folder() / kind / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if path.is_file():
        return json.loads(path.read_text())
    row = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_atomically(path, lambda file: file.write(json.dumps(row).encode()))
    return row


@cache
def code_digest(kind: str, root: Path = ROOT) -> str:
    """SHA-256 of every source file, by name and contents, that can change a row of this kind.

    Args:
        kind: One of TRAINING_CODE.
        root: The folder that holds the packages.
    """
    of_matcher = HIT_CODE if kind in WITHOUT_TWINS else MATCHER_CODE
    names = (*of_matcher, *(f"training/{name}" for name in TRAINING_CODE[kind]))
    digest = hashlib.sha256()
    for path in (root / name for name in names):
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.relative_to(root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


@cache
def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes; computed once for each path and process."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
