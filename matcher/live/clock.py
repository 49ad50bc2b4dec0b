"""What compiled code asks the system for by itself: a monotonic clock, the number of its thread."""

import ctypes
import sys
import time
from collections.abc import Callable
from functools import cache

SYSTEM = sys.platform  # that the code is compiled for
MONOTONIC = {"linux": 1, "darwin": 6}  # CLOCK_MONOTONIC of each system
PROTOTYPES = {
    "clock_gettime": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p),
    "gettid": ctypes.CFUNCTYPE(ctypes.c_int),
    "QueryPerformanceCounter": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p),
    "QueryPerformanceFrequency": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p),
}


def now_ns() -> int:
    """The time of the clock of `make_clock`, ns, for Python."""
    if SYSTEM == "win32":
        return time.perf_counter_ns()
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


@cache
def system_functions() -> dict[str, Callable]:
    """What `make_clock` and `make_thread_number` call, of ctypes, by name; where it is there."""
    library = ctypes.CDLL("kernel32" if SYSTEM == "win32" else None)
    return {
        name: PROTOTYPES[name]((name, library)) for name in PROTOTYPES if hasattr(library, name)
    }


@cache
def make_clock() -> Callable:
    """A compiled function: memory (2,) int64 to work in -> ns since some moment, never less."""
    return _windows_clock() if SYSTEM == "win32" else _posix_clock()


def _posix_clock() -> Callable:
    from numba import njit

    clock_gettime = system_functions()["clock_gettime"]
    monotonic = MONOTONIC.get(SYSTEM) or time.CLOCK_MONOTONIC

    @njit(error_model="numpy")
    def now_ns(memory):
        clock_gettime(monotonic, memory.ctypes)  # a timespec: seconds and nanoseconds
        return memory[0] * 1_000_000_000 + memory[1]

    return now_ns


def _windows_clock() -> Callable:
    from numba import njit

    functions = system_functions()
    counter = functions["QueryPerformanceCounter"]
    per_second = functions["QueryPerformanceFrequency"]

    @njit(error_model="numpy")
    def now_ns(memory):
        per_second(memory.ctypes)  # a read of memory that the system shares
        frequency = memory[0]  # Hz
        counter(memory.ctypes)
        seconds, ticks = memory[0] // frequency, memory[0] % frequency
        return seconds * 1_000_000_000 + ticks * 1_000_000_000 // frequency

    return now_ns


def make_thread_number() -> Callable:
    """A compiled function: the system's number of the calling thread, 0 where it is not known."""
    from numba import njit

    gettid = system_functions().get("gettid") if SYSTEM == "linux" else None
    if gettid is None:
        return njit(_no_number)

    @njit(error_model="numpy")
    def thread_number():
        return gettid()

    return thread_number


def _no_number() -> int:
    return 0
