"""Kits that come with the app, found by name; the demo kit of its first start is beside the window.

They are made by export/starter_kits.py.
"""

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent


class Starter(NamedTuple):
    """A kit that comes with the app."""

    label: str  # in the window's menu
    path: Path


STARTERS = {
    "acoustic": Starter("Acoustic kit", FOLDER / "acoustic.drumkit"),
    "snares": Starter("Twelve snares", FOLDER / "snares.drumkit"),
}


def find_kit(given: str | Path) -> Path:
    """The file of a kit: the given one, or where there is none, the starter kit of that name."""
    path = Path(given)
    if not path.exists() and str(given) in STARTERS:
        return STARTERS[str(given)].path
    return path
