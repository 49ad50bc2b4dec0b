"""What a run wrote beside its fits: the next one of the same take replaces that, and nothing else.

The record holds which recording the files were made of and what they were, so that a file that
someone has changed since, or that another take or program wrote, is known from our own.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from matcher.recording import errors_name, save_atomically
from matcher.takes.hits import Take

RECORD = "written.json"  # in the folder of the fits
MOST_FILES = 100  # whose content is remembered


def check_free(paths: Iterable[Path], record: Path, take: Take) -> None:
    """Check that nothing is lost if these files are written.

    Args:
        paths: the files.
        record: of what was written before, in RECORD.
        take: that they are to be made of.

    Raises:
        ValueError: in one sentence, if one is there that was not written for this take, or was
            changed since.
    """
    ours = _recorded(record, take)
    for path in paths:
        if path.exists() and not (path.is_file() and _digest(path.read_bytes()) in ours):
            raise ValueError(
                f"{path} is there already; allow to replace it with --replace, or choose another "
                "folder"
            )


def write(save: Callable[[Path], list[Path]], folder: Path, record: Path, take: Take) -> list[Path]:
    """Write files, each whole or not at all, and record what they are.

    Args:
        save: writes them into the folder that it is given, and returns their paths there.
        folder: that they belong in.
        record, take: as check_free.

    Returns:
        The files.

    Raises:
        OSError: if one cannot be written.
    """
    record.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".", dir=record.parent) as temporary,
        errors_name(folder, Path(temporary)),
    ):
        made = save(Path(temporary))
        new = [_digest(path.read_bytes()) for path in made]
        # before they get their names, so that a run that is ended meanwhile can be repeated
        known = [*_recorded(record, take), *new][-MOST_FILES:]
        text = json.dumps({"take": _key_of(take), "files": known}, indent=1)
        save_atomically(record, lambda file: file.write(text.encode()))
        for path in made:
            os.replace(path, folder / path.name)
    return [folder / path.name for path in made]


def _recorded(record: Path, take: Take) -> list[str]:
    """Digests of the files that were written for this take; none where no record says so."""
    try:
        content = json.loads(record.read_text())
        return list(map(str, content["files"])) if content["take"] == _key_of(take) else []
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _key_of(take: Take) -> str:
    samples = np.ascontiguousarray(take.x, np.float32)
    return _digest(str(take.sample_rate).encode() + samples.tobytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
