"""Drums that were fitted already, kept beside the output, so that an interrupted run goes on."""

import contextlib
import hashlib
import json
from pathlib import Path

import numpy as np

from matcher.physics.drum import Drum
from matcher.physics.partials import Partial
from matcher.physics.theta import Theta
from matcher.recording import save_atomically
from matcher.takes.fitting import Fitted, Struck

VERSION = 1  # of what a fit gives: raise it where the same hits would give another drum
FOLDER = "fitted"  # beside the output


def key_of(struck: list[Struck], effort: str, model_sha256: str) -> str:
    """A name for a fit: of the same hits, effort and network it is the same."""
    digest = hashlib.sha256(f"{VERSION} {effort} {model_sha256}".encode())
    for hit in struck:
        digest.update(np.ascontiguousarray(hit.clip.samples, np.float32).tobytes())
        numbers = (hit.clip.sample_rate, hit.clip.observed_s, hit.clip.ended, hit.level)
        digest.update(
            repr((*map(float, numbers), float(hit.clearness), float(hit.typical))).encode()
        )
    return digest.hexdigest()[:32]


def save(folder: Path, key: str, fitted: Fitted) -> None:
    """Keep a fit.

    Raises:
        OSError: if it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "drum": fitted.drum._asdict(),
        "fitted": list(fitted.fitted),
        "distances": list(fitted.distances),
    }
    text = json.dumps(content, default=float)
    save_atomically(folder / f"{key}.json", lambda file: file.write(text.encode()))


def load(folder: Path, key: str) -> Fitted | None:
    """A fit that was kept; None where there is none, or it is damaged."""
    try:
        content = json.loads((folder / f"{key}.json").read_text())
        values = dict(content["drum"])
        values["theta"] = Theta(*map(float, values["theta"]))
        values["strike"] = tuple(map(float, values["strike"]))
        values["partials"] = tuple(
            Partial(int(m), int(k), *map(float, rest)) for m, k, *rest in values["partials"]
        )
        if values["attack_powers"] is not None:
            values["attack_powers"] = tuple(tuple(map(float, r)) for r in values["attack_powers"])
        drum = Drum(**values)
        drum.check()
        fitted, distances = tuple(map(int, content["fitted"])), map(float, content["distances"])
        return Fitted(drum, fitted, tuple(distances))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def thin_out(folder: Path, most: int) -> None:
    """Delete the fits that were kept longest ago, but for `most`; errors are none."""
    with contextlib.suppress(OSError):
        newest = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest[most:]:
            path.unlink()
