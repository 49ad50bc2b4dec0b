"""Make demo.drumkit, the kit of the first start, from recordings by the app's own match.

python -m export.demo_kit tests/data gui/demo.drumkit
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from matcher.kits.kit import FIRST_NOTE, Kit, Pad, for_pad
from matcher.kits.kit_file import save_kit
from matcher.matching.match import MatchOptions, match_file
from training import command

EFFORT = "patient"  # the kit is made once
# Pads from the bottom left: name, recording, gain in dB, pan, choke group
PADS = (
    ("Kick", "kick_kit", 0.0, 0.0, 0), ("Snare", "snare_kit", -3.0, -0.1, 0),
    ("Rim", "rim", -4.0, 0.2, 0), ("Rim shot", "snare_rim_shot", -4.0, 0.1, 0),
    ("Low tom", "tom_low", -2.0, 0.4, 0), ("High tom", "tom_high", -2.0, -0.3, 0),
    ("Tenor", "marching_tenor", -4.0, -0.4, 0),
    ("Small tenor", "marching_tenor_small", -5.0, -0.6, 0),
    ("Large bass", "marching_bass_large", 0.0, 0.2, 0), ("Bass", "marching_bass_48k", -2.0, 0.0, 0),
    ("Heavy kick", "kick_heavy_clipped", -1.0, 0.0, 0),
    ("Muted tenor", "marching_tenor_muted", -5.0, -0.5, 0),
    ("Tabla closed", "tabla_closed_76ms", -5.0, 0.5, 1), ("Tabla open", "tabla_open", -6.0, 0.5, 1),
    ("Tabla glide", "tabla_glide", -5.0, 0.6, 1),
)  # fmt: skip


def demo_kit(folder: Path) -> Kit:
    """Match the recordings in a folder; the last pad stays empty, to be filled first."""
    pads = []
    for i, (name, recording, gain_db, pan, choke) in enumerate(PADS):
        match = match_file(folder / f"{recording}.flac", MatchOptions(effort=EFFORT))
        drum = for_pad(match.drum)
        pads.append(Pad(FIRST_NOTE + i, name, drum, gain_db, pan, choke=choke))
    empty = Kit("Demo kit")
    return replace(empty, pads=(*pads, *empty.pads[len(pads) :]))


@command.entry_point("export.demo_kit")
def main(argv=None) -> None:
    """Run it.

    Args:
        argv: a folder of recordings, the file to write; by default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m export.demo_kit", description="Make the kit of the first start."
    )
    parser.add_argument("recordings", type=Path, help="folder of recordings, as tests/data")
    parser.add_argument("file", type=Path, help="the kit's file")
    arguments = parser.parse_args(argv)
    save_kit(demo_kit(arguments.recordings), arguments.file)


if __name__ == "__main__":
    sys.exit(main())
