"""Compiling code for the audio thread, and ordering what it shares with other threads."""

import hashlib
from functools import cache
from pathlib import Path

from numba import njit, types
from numba.extending import intrinsic


def native(function=None, **options):
    """Compile a function that the audio callback calls: no interpreter, no exceptions.

    The machine code is kept on disk until any file of this package changes. Numba by itself looks
    at the function's own file only, and would keep old code of the functions that it calls.

    Args:
        function: what to compile; None: return a decorator.
        options: of numba.njit.

    Returns:
        The compiled function.
    """
    if function is None:
        return lambda function: native(function, **options)
    compiled = njit(nogil=True, cache=True, error_model="numpy", **options)(function)
    compiled._cache._cache_file._source_stamp = _sources()
    return compiled


@cache
def _sources() -> str:
    """A digest of this package's files."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


@intrinsic
def fence(typing_context):
    """A sequentially consistent fence, in compiled code."""

    def emit(context, builder, signature, arguments):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), emit


@native
def memory_fence():
    """A sequentially consistent fence, called from Python."""
    fence()
