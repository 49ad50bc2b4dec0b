"""Lists of drums as someone changed them, so that a take that is opened again goes on there."""

import contextlib
import hashlib
import json
from pathlib import Path

import numpy as np

from matcher.recording import save_atomically
from matcher.takes.drum_list import DrumList
from matcher.takes.hits import Take

VERSION = 1  # raise it where a file of before would mean something else


def key_of(take: Take) -> str:
    """A name for the list of a take: with the same samples and hits it is the same."""
    digest = hashlib.sha256(f"{VERSION} {take.sample_rate}".encode())
    digest.update(np.ascontiguousarray(take.x, np.float32))
    digest.update(repr([(hit.onset, hit.end) for hit in take.hits]).encode())
    return digest.hexdigest()[:32]


def save(folder: Path, key: str, list_: DrumList) -> None:
    """Keep a list.

    Raises:
        OSError: if it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(list_.to_values())
    save_atomically(folder / f"{key}.json", lambda file: file.write(text.encode()))


def load(folder: Path, key: str, found: DrumList) -> DrumList | None:
    """A list that was kept; None where there is none, it is damaged, or it is as it was found."""
    try:
        list_ = found.with_values(json.loads((folder / f"{key}.json").read_text()))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return None if list_.to_values() == found.to_values() else list_


def forget(folder: Path, key: str) -> None:
    """Keep no list of a take; errors are none."""
    with contextlib.suppress(OSError):
        (folder / f"{key}.json").unlink()
