"""The formats that a kit can be exported to: one table, for the command line and the window.

To add one: a module with `save(kit, folder, name, options, progress) -> Written`, and a row here.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from matcher.kits.kit import Kit
from matcher.packs.options import PackOptions
from matcher.packs.place import Progress, Written, file_name


class Format(NamedTuple):
    """A format."""

    label: str  # in the window's menu
    help: str
    module: str  # imported when it is used, so that the command line starts at once

    @property
    def save(self) -> Callable[[Kit, Path, str, PackOptions, Progress], Written]:
        """Write a kit.

        Args: the kit; the folder to write into; the name of what is written, without its suffix;
        the options; what is told how many sounds are rendered. Returns what was written. Raises
        ValueError or OSError in one sentence.
        """
        return import_module(self.module).save


FORMATS = {
    "sfz": Format("SFZ", "sounds and a map of them that many samplers read", "matcher.packs.sfz"),
    "hydrogen": Format("Hydrogen", "a kit of the drum machine Hydrogen", "matcher.packs.hydrogen"),
    "wav": Format("WAV files", "a file for each strike", "matcher.packs.wav_files"),
}


def export(
    kit: Kit, format_name: str, folder: Path, name: str = "", options: PackOptions | None = None,
    progress: Progress = lambda done, total: None,
) -> Written:  # fmt: skip
    """Write a kit in one of FORMATS.

    Args:
        kit: the kit.
        format_name: key of FORMATS.
        folder: to write into.
        name: of what is written; by default the kit's.
        options: of the sounds.
        progress: told after each sound how many of how many are rendered.

    Raises:
        ValueError: if the format is unknown, the kit is empty, or something is there already.
        OSError: if it cannot be written.
    """
    if format_name not in FORMATS:
        raise ValueError(f"format is {format_name!r:.80}, allowed is one of: {', '.join(FORMATS)}")
    name = file_name(name or kit.name, "kit")
    return FORMATS[format_name].save(kit, folder, name, options or PackOptions(), progress)
