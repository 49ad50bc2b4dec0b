"""Keep the C libraries of sound systems from writing to stderr.

They report every device and server that is missing; where that matters, we say it ourselves.
"""

import ctypes
import ctypes.util
from functools import cache

from matcher.compiled import c_function


@cache
def nothing():
    """A C function that takes any arguments and does nothing."""
    return c_function(_make_nothing, _signature)


def _make_nothing():
    def nothing(text):
        pass

    return nothing


def _signature():
    from numba import types

    return types.void(types.voidptr)


@cache
def quiet_libraries() -> None:
    """Silence the libraries of JACK and ALSA in this process, where they are installed."""
    setters = {
        "jack": ("jack_set_error_function", "jack_set_info_function"),
        "asound": ("snd_lib_error_set_handler",),
    }
    for name, functions in setters.items():
        path = ctypes.util.find_library(name)
        if path is None:
            continue
        library = ctypes.CDLL(path)
        for function in functions:
            getattr(library, function)(ctypes.c_void_p(nothing().address))
