"""Where the library is, whether it fits, and its copy that the system loads."""

import ctypes
import hashlib
import json
import lzma
import os
import platform
import sys
from functools import cache
from pathlib import Path

from matcher.library.entry import CFunction, Entry

FOLDER = Path(__file__).parent / "files"
RECORD = "library.json"  # what it holds, what it was made from, and checksums
NUMBA_ONLY = "DRUM_MATCHER_NUMBA"  # environment variable: any text but an empty one and 0
SYSTEMS = {"linux": "linux", "win32": "windows"}
PROCESSORS = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
NEEDED = {"x86_64": ("AVX2", "FMA3", "F16C"), "arm64": ()}  # of x86-64-v3, as numpy names it
PLACE = "address_"  # name of the variable for a function of the system begins so
PACKAGE = Path(__file__).parent.parent  # matcher


class Library:
    """The library of a platform, loaded.

    Args:
        platform: its name.
        code: of ctypes.
        record: of all libraries: rows of `functions` by name, with symbol, arguments and result;
            `c_functions` by platform and name, with symbol and the functions of the system that
            they call.
    """

    def __init__(self, platform: str, code: ctypes.CDLL, record: dict):
        self.platform, self._code = platform, code
        self._functions = record["functions"]
        self._c_functions = record["c_functions"][platform]

    def entries(self, name: str) -> list[Entry]:
        """As matcher.library.entries."""
        return [
            Entry(self._code[row["symbol"]], row["arguments"], row["result"])
            for row in self._functions.get(name, ())
        ]

    def c_function(self, name: str, system) -> CFunction | None:
        """As matcher.library.c_function; None too where the system lacks what it calls."""
        row, functions = self._c_functions.get(name), system()
        if row is None or not set(row["system"]) <= functions.keys():
            return None
        for needed in row["system"]:
            place = ctypes.c_void_p.in_dll(self._code, PLACE + needed)
            place.value = ctypes.cast(functions[needed], ctypes.c_void_p).value
        return CFunction(ctypes.cast(self._code[row["symbol"]], ctypes.c_void_p).value)


@cache
def opened() -> Library | None:
    """The library of this platform; None where there is none that fits, or Numba is asked for."""
    if os.environ.get(NUMBA_ONLY, "0") not in ("", "0"):
        return None
    try:
        record = json.loads((FOLDER / RECORD).read_text())
        name = platform_name()
        if name not in record["files"] or digest(record["sources"]) != record["made_from"]:
            return None
        code = ctypes.CDLL(str(_copy(name, record["files"][name])))
        return Library(name, code, record)
    except (OSError, KeyError, TypeError, ValueError, EOFError, lzma.LZMAError):
        return None  # what is missing or damaged is compiled


def platform_name() -> str | None:
    """This platform as the record has it; None where the processor lacks what is needed."""
    system = SYSTEMS.get(sys.platform)
    processor = PROCESSORS.get(platform.machine().lower())
    if system is None or processor is None or sys.maxsize < 2**32:
        return None
    if needed := NEEDED[processor]:
        from numpy._core._multiarray_umath import __cpu_features__

        if not all(__cpu_features__.get(feature) for feature in needed):
            return None
    return f"{system}-{processor}"


def digest(sources: list[str]) -> str:
    """Of files of this package, given by their paths in it."""
    texts = ((PACKAGE / path).read_text(encoding="utf-8") for path in sources)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _copy(name: str, expected: str) -> Path:
    """The unpacked library in the user's cache folder; one that is damaged is replaced."""
    folder = cache_folder() / "library"
    path = folder / f"{expected[:32]}{'.dll' if sys.platform == 'win32' else '.so'}"
    if not (path.is_file() and _checksum(path.read_bytes()) == expected):
        code = lzma.decompress((FOLDER / f"{name}.xz").read_bytes())
        if _checksum(code) != expected:
            raise ValueError("the compiled library is damaged")
        from matcher.recording import save_atomically

        folder.mkdir(parents=True, exist_ok=True)
        save_atomically(path, lambda file: file.write(code))
    return path


def cache_folder() -> Path:
    """Where what can be made again is kept for the next process."""
    from platformdirs import user_cache_path

    return user_cache_path("drum-matcher")


def _checksum(code: bytes) -> str:
    return hashlib.sha256(code).hexdigest()
