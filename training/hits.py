"""The drum recordings of a folder, what its hits.csv says of them, and samples of them."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SOUNDS = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")
NEEDED = ("file", "instrument", "is_drum")  # columns of every hits.csv
OF_STROKES = ("kit", "drum", "mic", "stroke", "velocity_layer", "round_robin", "hit")
SEED = 0  # of samples

# Matching is developed on one part of the CC0 recordings of Karoryfer's Gogodze Phu Vol II and
# Frankensnare (2018), and measured on the other. Of the snares, every other shell in sorted order,
# with all its treatments, is for development, until they are twelve drums.
DEVELOPMENT_KITS = ("gogodze",)
DIVIDED_KIT = "frankensnare"
DEVELOPMENT_DRUMS = (
    "franken_10_basic", "franken_10_brush",
    "franken_13b_basic", "franken_13b_rimshot", "franken_13b_tamb",
    "franken_14d_basic", "franken_14d_brush",
    "franken_14s_basic",
    "franken_16_basic",
    "franken_20_basic", "franken_20_brush", "franken_20_prep",
)  # fmt: skip
PARTS = ("development", "apart", "all")
SHELLS = {"gogodze_se": "gogodze_sc"}  # its edge and its centre: one drum under two names


@dataclass(frozen=True)
class Hit:
    """A recording of one hit; what is not known of it is empty."""

    path: Path
    instrument: str = "all"
    kit: str = ""
    drum: str = ""
    mic: str = ""
    stroke: str = ""
    velocity_layer: int = 0
    round_robin: int = 0
    hit: str = ""  # one hit in several microphones has one name

    @property
    def shell(self) -> str:
        """The drum itself, or the file where it is not known."""
        return SHELLS.get(self.drum, self.drum) or self.path.name

    @property
    def series(self) -> tuple:
        """What round robins have in common."""
        return self.drum, self.stroke, self.mic, self.velocity_layer


def read(folder: Path, part: str = "all") -> list[Hit]:
    """The drum recordings of a folder.

    Args:
        folder: Its hits.csv (columns NEEDED and, of strokes on known drums, OF_STROKES), if there
            is one, says which recordings are of drums; without it all are.
        part: One of PARTS.

    Raises:
        ValueError: There is none, hits.csv lacks a column, or a part is wanted and there are no
            kits.
    """
    hits = _listed(folder) if (folder / "hits.csv").is_file() else _files(folder)
    if part != "all":
        if not any(hit.kit for hit in hits):
            raise ValueError(f"{folder}/hits.csv names no kits; without them part can only be all")
        hits = [hit for hit in hits if part_of(hit) == part]
    if not hits:
        raise ValueError(f"{folder} holds no drum recordings; allowed are {', '.join(SOUNDS)}")
    return hits


def part_of(hit: Hit) -> str:
    """The part that a hit belongs to; empty if to none."""
    if hit.kit in DEVELOPMENT_KITS or hit.drum in DEVELOPMENT_DRUMS:
        return "development"
    return "apart" if hit.kit == DIVIDED_KIT else ""


def sample(hits: list[Hit], count: int | None) -> list[Hit]:
    """A seeded sample in which each instrument and drum has its share.

    Args:
        hits: Of a folder.
        count: Hits; None: all of them.

    Returns:
        At most `count`, in the order of `hits`.
    """
    order = np.random.default_rng(SEED).permutation(len(hits))
    groups = defaultdict(list)
    for i in order:
        groups[hits[i].instrument, hits[i].drum].append(i)
    # the k-th of n stands at (k + 1/2) / n: whichever share is taken, each group gives that share
    place = {i: (k + 0.5) / len(g) for g in groups.values() for k, i in enumerate(g)}
    chosen = set(sorted(order, key=place.get)[:count])
    return [hit for i, hit in enumerate(hits) if i in chosen]


def _files(folder: Path) -> list[Hit]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [Hit(path) for path in files if path.suffix.lower() in SOUNDS]


def _listed(folder: Path) -> list[Hit]:
    listing = folder / "hits.csv"
    with open(listing, newline="") as file:
        rows = list(csv.DictReader(file))
    missing = set(NEEDED).difference(*rows[:1])
    if missing:
        raise ValueError(f"{listing} has no column {min(missing)}; it needs file, instrument "
                         "and is_drum")  # fmt: skip
    known = OF_STROKES if set(OF_STROKES).issubset(*rows[:1]) else ()
    hits = []
    for row in (row for row in rows if row["is_drum"] == "1"):
        values = {name: row[name] for name in known}
        for name in {"velocity_layer", "round_robin"}.intersection(known):
            values[name] = _number(listing, row, name)
        hits.append(Hit(folder / row["file"], row["instrument"], **values))
    return hits


def _number(listing: Path, row: dict, name: str) -> int:
    if not row[name].isdecimal():
        raise ValueError(f"{listing}: {name} of {row['file']} is {row[name]!r}, allowed is a "
                         "whole number")  # fmt: skip
    return int(row[name])
