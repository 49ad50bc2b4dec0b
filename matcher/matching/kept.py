"""Arrays that take long to compute and are always the same, kept in the user's cache folder."""

import hashlib
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, wraps
from pathlib import Path
from types import ModuleType

import numpy as np
import scipy

from matcher import library
from matcher.library.place import cache_folder
from matcher.recording import save_atomically

UNREADABLE = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile)


def kept(*modules: ModuleType):
    """Keep what a function computes for the next processes.

    Args:
        modules: that it relies on beside its own. Once one of their files, a version or what runs
            compiled code has changed, it is computed again.

    Returns:
        A decorator of functions () -> array. A file that is damaged or cannot be written does no
        harm.
    """

    def decorate(compute: Callable[[], np.ndarray]) -> Callable[[], np.ndarray]:
        @lru_cache(1)
        @wraps(compute)
        def array() -> np.ndarray:
            name = f"{compute.__module__}.{compute.__qualname__}"
            path, key = cache_folder() / "arrays" / f"{name}.npz", _key(files)
            with suppress(*UNREADABLE), np.load(path) as saved:
                if str(saved["key"]) == key:
                    return saved["array"]
            found = compute()
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                save_atomically(path, lambda file: np.savez(file, key=key, array=found))
            return found

        files = [compute.__code__.co_filename, *(module.__file__ for module in modules)]
        return array

    return decorate


def _key(files: list[str]) -> str:
    """A digest of what an array comes from."""
    made_by = (np.__version__, scipy.__version__, library.described())
    texts = (Path(file).read_text(encoding="utf-8") for file in files)
    return hashlib.sha256("\0".join((*made_by, *texts)).encode()).hexdigest()
