"""The compiled library: machine code of the functions that Python calls, for some platforms.

It is made from our own sources by `python -m export.native` and ships compressed. It is used where
the sources that it was made from are those that run, the processor has what it needs, and
NUMBA_ONLY is not set; else Numba compiles, with the same results. It needs nothing but the C
library.
"""

from matcher.library.entry import CFunction, Entry
from matcher.library.place import opened


def entries(name: str) -> list[Entry]:
    """A function of the library, for each types of its arguments; name: as compiled.name_of."""
    library = opened()
    return library.entries(name) if library else []


def c_function(name: str, system) -> CFunction | None:
    """A C function of the library, or None; name, system: as compiled.c_function has them."""
    library = opened()
    return library.c_function(name, system) if library else None


def described() -> str:
    """What runs, in words."""
    library = opened()
    return f"compiled library {library.platform}" if library else "compiled by Numba"
