"""Compiling code for the audio thread, and ordering what it shares with other threads.

What the library that ships holds (matcher.library) is called there. Numba compiles everything else,
and all of it where the library does not fit; it takes long to load, and is imported only then.
"""

import hashlib
from collections.abc import Callable
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from typing import ClassVar

from matcher import library


class Native:
    """A function that the audio callback may call: no interpreter, no exceptions.

    From Python it is called in the library that ships, where that holds it for such arguments.

    Args:
        function: what to compile.
        options: of numba.njit, beside those of all.
    """

    options: ClassVar[dict] = {"nogil": True, "cache": True, "error_model": "numpy"}
    compiled: ClassVar[set[str]] = set()  # files whose functions Numba was asked for

    def __init__(self, function: Callable, options: dict):
        update_wrapper(self, function)
        self._function, self._options = function, options

    def __call__(self, *arguments):
        """Call it from Python."""
        for entry in self._entries:
            if (values := entry.values(arguments)) is not None:
                return entry.call(values)
        return self.dispatcher(*arguments)

    @cached_property
    def _entries(self) -> list:
        return library.entries(name_of(self._function))

    @cached_property
    def dispatcher(self):
        """What Numba makes of it.

        The machine code is kept on disk until any file of this package changes. Numba by itself
        looks at the function's own file only, and would keep old code of the functions it calls.
        """
        from numba import njit

        options = self.options | self._options
        self.compiled.add(self._function.__code__.co_filename)
        compiled = njit(**options)(self._function)
        if options["cache"]:
            compiled._cache._cache_file._source_stamp = _sources()
        return compiled

    @property
    def _numba_type_(self):  # compiled code that calls this calls the dispatcher
        return self.dispatcher._numba_type_


def native(function=None, **options):
    """Compile a function that the audio callback calls.

    Args:
        function: what to compile; None: return a decorator.
        options: of numba.njit.

    Returns:
        A Native.
    """
    if function is None:
        return lambda function: Native(function, options)
    return Native(function, options)


class Name:
    """A name that only compiled code uses: what it stands for is imported when that is compiled."""

    def __init__(self, make: Callable):
        self._make = make

    @cached_property
    def _numba_type_(self):
        from numba.core.registry import cpu_target

        value, typing = self._make(), cpu_target.typing_context
        typing.refresh()
        return typing.resolve_value_type(value)


def intrinsic(function) -> Name:
    """numba.extending.intrinsic."""

    def make():
        from numba.extending import intrinsic

        return intrinsic(function)

    return Name(make)


def _carray():
    from numba import carray

    return carray


carray = Name(_carray)


def c_function(make: Callable, signature: Callable, system: Callable = dict):
    """A C function, for a driver to call: that of the library, or else compiled now.

    Args:
        make: -> the function to compile, which may call those of `system`.
        signature: -> its types, of Numba.
        system: -> functions of the system that it calls, of ctypes, by name.

    Returns:
        What has its `address`, and has to be kept as long as that is used.
    """
    return library.c_function(name_of(make), system) or compile_c(make, signature)


def compile_c(make: Callable, signature: Callable):
    """What c_function gives, compiled by Numba."""
    from numba import cfunc

    return cfunc(signature())(make())


def name_of(function: Callable) -> str:
    """The name by which the library knows a function."""
    return f"{function.__module__}.{function.__qualname__}"


@cache
def _sources() -> str:
    """A digest of this package's files."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


@intrinsic
def fence(typing_context):
    """A sequentially consistent fence, in compiled code."""
    from numba import types

    def emit(context, builder, signature, arguments):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), emit


@native
def memory_fence():
    """A sequentially consistent fence, called from Python."""
    fence()
