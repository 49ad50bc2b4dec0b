"""Strokes that were shown to learn the place of hits from, kept for the next start.

One file for each input and channel, since what was learned holds for one microphone at its place.
"""

import base64
import binascii
import contextlib
import datetime
import hashlib
import json
from pathlib import Path

import numpy as np

from matcher.checks import quoted
from matcher.live.place_learning import FEWEST, Shown, n_samples
from matcher.recording import READABLE_RATES, file_name, save_atomically

SCHEMA = 1  # of the files
MOST_BYTES = 10_000_000  # of a file that is read: one that this app wrote has some 40,000
HINT = "the place of hits is not told until it is learned again"


def folder() -> Path:
    """Where the app keeps them: in the user's folder for its data."""
    from platformdirs import user_data_path

    return user_data_path("Drum matcher", appauthor=False, roaming=True) / "places"


def save(folder: Path, shown: Shown) -> None:
    """Keep strokes for the input that they were shown at, in place of earlier ones.

    Raises:
        OSError: if they cannot be written.
    """
    content = {"schema": SCHEMA, "input": shown.input, "date": shown.date,
               "sample_rate": shown.sample_rate}  # fmt: skip
    for name in ("middle", "rim"):
        content[name] = [base64.b64encode(stroke).decode() for stroke in getattr(shown, name)]
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1)
    save_atomically(_path(folder, shown.input), lambda file: file.write(text.encode()))


def load(folder: Path, input_name: str) -> Shown | None:
    """The strokes that were shown at an input; None where there are none.

    Raises:
        ValueError: in one sentence, if its file cannot be read or is not such a one.
    """
    path = _path(folder, input_name)
    try:
        if not path.exists():
            return None
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise ValueError("it is no file of this app")
        return _shown(json.loads(path.read_text(encoding="utf-8")), input_name)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}; {HINT}") from error
    except (ValueError, RecursionError) as error:  # of JSON and base64 too
        raise ValueError(f"{path} holds no strokes shown at this input; {HINT}") from error


def forget(folder: Path, input_name: str) -> None:
    """Keep no strokes of an input; what cannot be deleted stays."""
    with contextlib.suppress(OSError):
        _path(folder, input_name).unlink()


def _path(folder: Path, input_name: str) -> Path:
    digest = hashlib.sha256(input_name.encode()).hexdigest()[:8]  # names may differ in signs alone
    return folder / f"{file_name(input_name, 'input')}-{digest}.json"


def _shown(content, input_name: str) -> Shown:
    """The strokes of a file's content. Raises ValueError where it is not as `save` writes it."""
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError("the schema is another one")
    if content.get("input") != input_name:
        raise ValueError(f"the input is {quoted(content.get('input'))}")
    rate, date = content.get("sample_rate"), content.get("date")
    low, high = READABLE_RATES
    if not isinstance(rate, (int, float)) or not low <= rate <= high or not isinstance(date, str):
        raise ValueError("sample rate or date are missing")
    datetime.date.fromisoformat(date)
    middle, rim = (
        tuple(_stroke(text, rate) for text in _list(content, name)) for name in ("middle", "rim")
    )
    return Shown(float(rate), middle, rim, input_name, date)


def _list(content: dict, name: str) -> list:
    strokes = content.get(name)
    if not isinstance(strokes, list) or len(strokes) < FEWEST:
        raise ValueError(f"there are too few strokes: {name}")
    return strokes


def _stroke(text, sample_rate: float) -> bytes:
    if not isinstance(text, str):
        raise ValueError("a stroke is no text")
    try:
        stroke = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a stroke is no base64") from error
    right_length = len(stroke) == n_samples(sample_rate) * np.float32().nbytes
    if not right_length or not np.isfinite(np.frombuffer(stroke, np.float32)).all():
        raise ValueError("a stroke has another length, or values that are no numbers")
    return stroke
