"""What compiled code asks the system for by itself: a monotonic clock, the number of its thread."""

import ctypes
import sys
import time
from collections.abc import Callable
from functools import cache

import numpy as np
from numba import njit


def now_ns() -> int:
    """The time of the clock of `make_clock`, ns, for Python."""
    return make_clock()(np.zeros(2, np.int64))


@cache
def make_clock() -> Callable:
    """A compiled function: memory (2,) int64 to work in -> ns since some moment, never less."""
    return _windows_clock() if sys.platform == "win32" else _posix_clock()


def _posix_clock() -> Callable:
    clock_gettime, monotonic = ctypes.CDLL(None).clock_gettime, time.CLOCK_MONOTONIC
    clock_gettime.argtypes, clock_gettime.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_int

    @njit(error_model="numpy")
    def now_ns(memory):
        clock_gettime(monotonic, memory.ctypes)  # a timespec: seconds and nanoseconds
        return memory[0] * 1_000_000_000 + memory[1]

    return now_ns


def _windows_clock() -> Callable:
    kernel, per_second = ctypes.CDLL("kernel32"), ctypes.c_int64()
    kernel.QueryPerformanceFrequency(ctypes.byref(per_second))
    frequency, counter = per_second.value, kernel.QueryPerformanceCounter  # Hz
    counter.argtypes, counter.restype = [ctypes.c_void_p], ctypes.c_int

    @njit(error_model="numpy")
    def now_ns(memory):
        counter(memory.ctypes)
        seconds, ticks = memory[0] // frequency, memory[0] % frequency
        return seconds * 1_000_000_000 + ticks * 1_000_000_000 // frequency

    return now_ns


def make_thread_number() -> Callable:
    """A compiled function: the system's number of the calling thread, 0 where it is not known."""
    gettid = getattr(ctypes.CDLL(None), "gettid", None) if sys.platform == "linux" else None
    if gettid is None:
        return njit(_no_number)
    gettid.argtypes, gettid.restype = [], ctypes.c_int

    @njit(error_model="numpy")
    def thread_number():
        return gettid()

    return thread_number


def _no_number() -> int:
    return 0
