"""Functions of the library, as Python calls them: arguments are checked, then go by address."""

import ctypes
import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

SCALARS = {"i8": ctypes.c_int64, "f8": ctypes.c_double, "b1": ctypes.c_uint8}
_KINDS = {"i8": (int, np.integer), "f8": (float, int, np.floating, np.integer),
          "b1": (bool, np.bool_)}  # fmt: skip


class CFunction(NamedTuple):
    """A C function; `address` is valid as long as the process runs."""

    address: int


class Entry:
    """A function of the library for some types of arguments.

    Args:
        function: of ctypes.
        kinds: of each argument: a key of SCALARS, "record LAYOUT", or "array TYPE SHAPE" with the
            type of its elements, as `layout` has it, and its sizes, ":" for any; arrays are
            C-contiguous.
        result: a key of SCALARS, or empty.
    """

    def __init__(self, function: Callable, kinds: list[str], result: str):
        self._takers, types = [], []
        for kind in kinds:
            what, *rest = kind.split()
            if what == "record":
                self._takers.append(_record_taker(*rest))
                types.append(ctypes.c_void_p)
            elif what == "array":
                self._takers.append(_array_taker(*rest))
                types += [ctypes.c_void_p, *[ctypes.c_int64] * (rest[1].count(",") + 1)]
            else:
                self._takers.append(_number_taker(what))
                types.append(SCALARS[what])
        function.argtypes = types
        function.restype = SCALARS[result] if result else None
        self._function, self._is_bool = function, result == "b1"

    def values(self, arguments: tuple) -> list | None:
        """Arguments as C takes them, valid while those live; None where they are of other types."""
        if len(arguments) != len(self._takers):
            return None
        values = []
        for argument, take in zip(arguments, self._takers):
            if (taken := take(argument)) is None:
                return None
            values += taken
        return values

    def call(self, values: list):
        """Call it with what `values` gave."""
        result = self._function(*values)
        return bool(result) if self._is_bool else result


# These make functions: an argument -> its values for C, or None where it is of another kind.


def _number_taker(kind: str) -> Callable:
    allowed, convert = _KINDS[kind], float if kind == "f8" else int
    return lambda value: (convert(value),) if isinstance(value, allowed) else None


def _record_taker(wanted: str) -> Callable:
    def take(value):
        if not isinstance(value, np.void) or _layout(value.dtype) != wanted:
            return None
        # a view of it: with nested records numpy's array interface takes long
        view = np.asarray(value)
        return None if view.base is None else (view.ctypes.data,)

    return take


def _array_taker(element: str, shape: str) -> Callable:
    sizes = shape.split(",")
    fixed = [(i, int(size)) for i, size in enumerate(sizes) if size != ":"]

    def take(value):
        if not isinstance(value, np.ndarray) or value.ndim != len(sizes):
            return None
        if not value.flags.c_contiguous or _layout(value.dtype) != element:
            return None
        for i, size in fixed:
            if value.shape[i] != size:
                return None
        return (_address(value), *value.shape)

    return take


def _address(array: np.ndarray) -> int:
    """Where a contiguous array is: by its buffer in half the time of numpy's own attribute."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError):  # it is empty or cannot be written to
        return array.ctypes.data


_layouts: dict[int, tuple] = {}  # by the address of a dtype, which is kept


def _layout(dtype: np.dtype) -> str:
    found = _layouts.get(id(dtype))
    if found is None:  # comparing large records takes long, so each dtype is looked at once
        found = _layouts[id(dtype)] = (dtype, layout(dtype))
    return found[1]


@lru_cache(1024)
def layout(dtype: np.dtype) -> str:
    """What tells types apart: of a record a digest of names, places and types, else numpy's."""
    if dtype.names is None:
        return dtype.str
    text = f"{dtype.descr} {dtype.itemsize}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
