"""The formats that a kit can be exported to: one table, for the command line and the window.

To add one: a module with the function below, and a row here.

    def save(kit: Kit, path: Path, options: PackOptions, progress: Progress) -> Written

It writes the kit to a file or a folder of this path, whole or not at all, tells `progress` how many
sounds of how many are done, and raises ValueError or OSError in one sentence. The module may be of
another package: rows name it, and import nothing.
"""

from typing import NamedTuple


class Format(NamedTuple):
    """A format."""

    label: str  # in the window's menu
    help: str  # on the command line
    suffix: str  # behind the kit's name, of the file or folder that is written
    module: str  # with `save`; imported when it is used, so that the command line starts at once


FORMATS = {
    "page": Format(
        "Web page", "one page that plays the kit in a browser, with its knobs", ".html",
        "matcher.page.export",
    ),
    "sfz": Format(
        "SFZ", "sounds and a map of them that many samplers read", "-sfz", "matcher.packs.sfz"
    ),
    "hydrogen": Format(
        "Hydrogen", "a kit of the drum machine Hydrogen", ".h2drumkit", "matcher.packs.hydrogen"
    ),
    "wav": Format("WAV files", "a file for each strike", "-wav", "matcher.packs.wav_files"),
}  # fmt: skip
