"""The formats that a kit can be exported to: one table, for the command line and the window.

To add one: a module with the function below, and a row here.

    def save(kit: Kit, folder: Path, name: str, options: PackOptions, progress: Progress) -> Written

It writes the kit into the folder, under the name with a suffix, whole or not at all, tells
`progress` how many sounds of how many are done, and raises ValueError or OSError in one sentence.
"""

from typing import NamedTuple


class Format(NamedTuple):
    """A format."""

    label: str  # in the window's menu
    help: str  # on the command line
    module: str  # with `save`; imported when it is used, so that the command line starts at once


FORMATS = {
    "sfz": Format("SFZ", "sounds and a map of them that many samplers read", "matcher.packs.sfz"),
    "hydrogen": Format("Hydrogen", "a kit of the drum machine Hydrogen", "matcher.packs.hydrogen"),
    "wav": Format("WAV files", "a file for each strike", "matcher.packs.wav_files"),
}
