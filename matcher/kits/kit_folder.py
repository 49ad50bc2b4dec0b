"""Kits of a folder, chosen by number as MIDI programs are."""

from pathlib import Path

from matcher.kits.kit_file import SUFFIX


def kit_of_program(folder: Path, program: int) -> Path:
    """The kit file that a MIDI program stands for.

    Args:
        folder: of kits; they count in the order of their names, whatever the case. Hidden files,
            as macOS puts beside others, do not count.
        program: from 0.

    Raises:
        ValueError: the folder has no such kit.
    """
    kits = [path for path in folder.glob("*") if is_kit(path) and not path.name.startswith(".")]
    kits.sort(key=lambda path: (path.name.casefold(), path.name))
    if program < len(kits):
        return kits[program]
    count = "is one kit" if len(kits) == 1 else f"are {len(kits) or 'no'} kits"
    raise ValueError(f"program {program + 1} stands for no kit: there {count} in {folder}")


def is_kit(path: Path) -> bool:
    """Whether a file's name says that it is a kit."""
    return path.suffix.lower() == SUFFIX
