"""The compiled player that pages hold, as it ships."""

import gzip
import hashlib
import json
import zlib
from importlib import resources

FILES = resources.files("matcher.page") / "files"
PLAYER = "player.wasm"  # compressed: PLAYER.gz
RECORD = "player.json"  # what it was built with, and its checksum


def packed_player() -> bytes:
    """The player, compressed by gzip.

    Raises:
        ValueError: if it is missing or damaged.
    """
    try:
        expected = json.loads((FILES / RECORD).read_text())["sha256"]
        packed = (FILES / f"{PLAYER}.gz").read_bytes()
    except (OSError, KeyError, ValueError):
        raise ValueError("the player of web pages is missing; install anew") from None
    if _checksum(packed) != expected:
        raise ValueError("the player of web pages is damaged; install anew")
    return packed


def _checksum(packed: bytes) -> str:
    """Of what is in it; "" if it cannot be unpacked."""
    try:
        return hashlib.sha256(gzip.decompress(packed)).hexdigest()
    except (OSError, EOFError, ValueError, zlib.error):
        return ""
