"""A kit, exported to one of the formats."""

from importlib import import_module
from pathlib import Path

from matcher.kits.kit import Kit
from matcher.packs.formats import FORMATS
from matcher.packs.options import PackOptions
from matcher.packs.place import Progress, Written
from matcher.recording import file_name


def export(
    kit: Kit, format_name: str, folder: Path, name: str = "", options: PackOptions | None = None,
    progress: Progress = lambda done, total: None,
) -> Written:  # fmt: skip
    """Write a kit in one of FORMATS.

    Args:
        kit: the kit.
        format_name: key of FORMATS.
        folder: to write into, or what `target` takes.
        name: of what is written; by default the kit's.
        options: of the sounds.
        progress: told after each sound how many of how many are rendered.

    Raises:
        ValueError: if the format is unknown, the kit is empty, or something is there already.
        OSError: if it cannot be written.
    """
    if format_name not in FORMATS:
        raise ValueError(f"format is {format_name!r:.80}, allowed is one of: {', '.join(FORMATS)}")
    save = import_module(FORMATS[format_name].module).save
    path = target(format_name, folder, name or kit.name)
    return save(kit, path, options or PackOptions(), progress)


def target(format_name: str, folder: Path, name: str) -> Path:
    """The file or folder that `export` writes.

    folder: to write into, or the file itself, if it ends as those of the format do.
    """
    folder, suffix = Path(folder), FORMATS[format_name].suffix
    if folder.suffix == suffix and not folder.is_dir():
        return folder
    return folder / f"{file_name(name, 'kit')}{suffix}"
