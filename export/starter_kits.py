"""Make the starter kits from recordings by the app's own match, and print how near each pad comes.

python -m export.starter_kits RECORDINGS matcher/kits/starters

RECORDINGS is a folder of FLAC files with hits.csv, which has COLUMNS. Ours are cut from two sample
libraries of Karoryfer, both CC0: Gogodze Phu Vol II, an acoustic kit played by one drummer, and
Frankensnare, a collection of snares.

Which recording: the close microphone, the velocity layer at LAYER of the way up, and of its round
robins the first one that is clear: it has one hit, which is a drum's. Where none of them is, the
layer above.
"""

import argparse
import csv
import sys
from math import ceil
from pathlib import Path
from typing import NamedTuple

from matcher.kits.kit import FIRST_NOTE, Kit, Pad, for_pad
from matcher.kits.kit_file import save_kit
from matcher.kits.starters import STARTERS
from matcher.live.detector import Settings
from matcher.live.file_hits import LIKELY, find
from matcher.matching.hear import hear
from matcher.matching.match import Match, MatchOptions, match_file, shipped_encoder, twin_distance
from training import command

COLUMNS = ("file", "drum", "mic", "stroke", "velocity_layer", "round_robin")  # of hits.csv
EFFORT = "normal"
LAYER = 0.75  # of the velocity layers: firm, and not yet forced
MICROPHONE = "close"


class Row(NamedTuple):
    """A pad, and what it is matched to."""

    note: int
    name: str
    drum: str  # columns drum and stroke of hits.csv
    stroke: str
    gain_db: float
    pan: float


class Recipe(NamedTuple):
    """A kit."""

    name: str
    source: str
    rows: tuple[Row, ...]


SNARE_SIZES = (
    "10", "12", "13b", "14a", "14d", "14p", "14s", "14t", "16", "20", "20m", "22",
)  # fmt: skip
RECIPES = {  # by the names of STARTERS
    # on the notes of General MIDI, as electronic kits and sequencers send them
    "acoustic": Recipe(
        "Acoustic kit", "Karoryfer, Gogodze Phu Vol II (2018), CC0 1.0",
        (
            Row(36, "Kick", "gogodze_ks", "ks", 0.0, 0.0),
            Row(37, "Side stick", "gogodze_ss", "ss", -6.0, -0.1),
            Row(38, "Snare", "gogodze_sc", "sc", -2.0, -0.1),
            Row(40, "Snare edge", "gogodze_se", "se", -4.0, -0.1),
            Row(41, "Low tom", "gogodze_tl", "tl", -3.0, 0.4),
            Row(45, "Mid tom", "gogodze_tm", "tm", -3.0, 0.1),
            Row(48, "High tom", "gogodze_th", "th", -3.0, -0.3),
        ),
    ),
    "snares": Recipe(
        "Twelve snares", "Karoryfer, Frankensnare, CC0 1.0",
        tuple(
            Row(FIRST_NOTE + i, f"Snare {size}", f"franken_{size}_basic", "sn", -3.0, 0.0)
            for i, size in enumerate(SNARE_SIZES)
        ),
    ),
}  # fmt: skip


def read_recordings(folder: Path) -> list[dict[str, str]]:
    """The rows of hits.csv, by COLUMNS.

    Raises:
        OSError: if it cannot be read.
        ValueError: if a column is missing.
    """
    path = folder / "hits.csv"
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise ValueError(f"{path} has no column {missing[0]}; wanted are {', '.join(COLUMNS)}")
        return list(reader)


def choose(recordings: list[dict[str, str]], row: Row, folder: Path) -> dict[str, str]:
    """The row of hits.csv whose recording a pad is matched to.

    Raises:
        ValueError: if there is none that is clear.
    """
    wanted = (row.drum, row.stroke, MICROPHONE)
    mine = [
        recording for recording in recordings
        if (recording["drum"], recording["stroke"], recording["mic"]) == wanted
    ]  # fmt: skip
    layers = sorted({int(recording["velocity_layer"]) for recording in mine})
    for layer in layers[ceil(LAYER * len(layers)) - 1 :]:
        here = (recording for recording in mine if int(recording["velocity_layer"]) == layer)
        for recording in sorted(here, key=lambda recording: int(recording["round_robin"])):
            if _is_clear(folder / recording["file"]):
                return recording
    raise ValueError(f"{folder} has no clear recording of {row.drum}, {row.stroke}")


def _is_clear(path: Path) -> bool:
    hits = find(path, Settings(), look_ahead=True)
    return len(hits) == 1 and hits[0].drum >= LIKELY


def make(recipe: Recipe, folder: Path) -> tuple[Kit, list[tuple[Row, dict[str, str], float]]]:
    """Match a kit's recordings -> the kit, and each pad's recording and distance from it."""
    recordings = read_recordings(folder)
    kit, report = Kit(recipe.name), []
    for row in recipe.rows:
        recording = choose(recordings, row, folder)
        match = match_file(folder / recording["file"], MatchOptions(effort=EFFORT))
        index = row.note - FIRST_NOTE
        pad = Pad(row.note, row.name, for_pad(match.drum), row.gain_db, row.pan)
        kit = kit.with_pads({index: pad})
        report.append((row, recording, pad_distance(match, pad)))
    return kit, report


def pad_distance(match: Match, pad: Pad) -> float:
    """Log-CQT distance of what a pad plays from the hit it was matched to."""
    return twin_distance(hear(match.hit, shipped_encoder()).x, pad.tuned, match.hit.ended)


def comment(recipe: Recipe, report) -> str:
    """The first line of a kit's file: what its drums are."""
    files = ", ".join(recording["file"] for _, recording, _ in report)
    return f" Matched (effort {EFFORT}) to recordings of {recipe.source}: {files}"


@command.entry_point("export.starter_kits")
def main(argv=None) -> None:
    """Run it.

    Args:
        argv: the folder of recordings, the folder to write into; by default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m export.starter_kits", description="Make the starter kits."
    )
    parser.add_argument("recordings", type=Path, help="folder of recordings with hits.csv")
    parser.add_argument("out", type=Path, help="folder to write into")
    arguments = parser.parse_args(argv)
    write(arguments.recordings, arguments.out)


def write(recordings: Path, out: Path) -> None:
    """Write all starter kits into a folder, and print each pad's recording and distance."""
    for name, recipe in RECIPES.items():
        kit, report = make(recipe, recordings)
        save_kit(kit, out / STARTERS[name].path.name, comment(recipe, report))
        print(f"{name}: {recipe.name}, from {recipe.source}")
        for row, recording, distance in report:
            print(f"| {row.name} | {row.note} | {recording['file']} | {distance:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
