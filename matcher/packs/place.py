"""Where a pack is written: names of its files, and folders that are made whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matcher.kits.kit import Kit, pad_name
from matcher.recording import errors_name, file_name

README = "README.txt"  # in each folder that is a pack
MADE_BY = "Made by Drum matcher"  # how it begins: only such a folder is ever replaced

Progress = Callable[[int, int], None]  # told how many of how many sounds are rendered


@dataclass(frozen=True)
class Written:
    """What an export wrote."""

    path: Path  # the file, or the folder
    n_sounds: int  # 0 where it plays the drums themselves
    n_bytes: int
    licence: str = ""  # what is to be said of it, if anything

    def __str__(self) -> str:
        sounds = f"{self.n_sounds} sounds, " if self.n_sounds else ""
        said = f"{self.path} is written: {sounds}{self.n_bytes / 1e6:.1f} MB"
        return f"{said}; {self.licence}" if self.licence else said


def sound_name(kit: Kit, strike, suffix: str) -> str:
    """The file of a strike: number and name of its pad, top velocity, round robin."""
    name = file_name(pad_name(kit, strike.pad), "pad").lower()
    return f"{strike.pad + 1:02d}-{name}-v{strike.high:03d}-rr{strike.robin + 1}.{suffix}"


def check_free(path: Path, replace: bool) -> None:
    """Raise ValueError unless a pack may be written here."""
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is not a folder; {path.name} needs one that exists")
    if not path.exists():
        return
    if not replace:
        raise ValueError(f"{path} is there already; allow to replace it, or choose another folder")
    if path.is_dir() and not _is_pack(path):
        raise ValueError(f"{path} is no pack of Drum matcher, so it is not replaced; move it away")


@contextmanager
def whole_folder(path: Path, replace: bool) -> Iterator[Path]:
    """A folder to write into, which gets its name when all is written; else nothing is left of it.

    Args:
        path: of the folder; README has to be written into it.
        replace: replace the pack that is there.

    Raises:
        ValueError: if something is there that may not be replaced, or there is no folder for it.
        OSError: if it cannot be written.
    """
    check_free(path, replace)
    if path.is_symlink() or path.is_file():
        raise ValueError(f"{path} is a file or a link, which no folder replaces; move it away")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    with errors_name(path, temporary):
        temporary.mkdir()
        try:
            yield temporary
            if path.exists():
                path.rename(old)
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if path.exists():
                shutil.rmtree(old, ignore_errors=True)
            elif old.exists():  # the new one could not get its name
                old.rename(path)


def n_bytes(path: Path) -> int:
    """Size of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _is_pack(path: Path) -> bool:
    readme = path / README
    return readme.is_file() and readme.read_bytes().startswith(MADE_BY.encode())
