"""Two devices as native threads: each calls a callback by a clock of its own, as a driver would.

Nothing of Python runs in them; input comes from a loop, output goes nowhere.
"""

import contextlib
import ctypes
import os
import sys
import time
from pathlib import Path

import numpy as np
from numba import carray, cfunc, from_dtype, types

from matcher.live import callback as native
from matcher.live.clock import make_clock
from tests.live.test_triggers import PERIOD

MOST = 1024  # frames of a block
PRIORITY = 10  # of SCHED_FIFO, where it may be had: as audio threads have it
ABSOLUTE = 1  # TIMER_ABSTIME

DRIVER = np.dtype(
    [
        ("is_input", np.int64),
        ("state", np.int64),  # address of STATE
        ("loop", np.float32, PERIOD),
        ("x", np.float32, MOST),
        ("out", np.float32, (MOST, 2)),
        ("block", np.int64),
        ("ns_per_frame", np.float64),
        ("begins", np.float64),  # ns of the monotonic clock
        ("frames", np.int64),  # done so far
        ("stop", np.int64),
        ("ended", np.int64),
        ("timespec", np.int64, 2),
        ("clock", np.int64, 2),
        ("missed", np.int64),  # blocks that ended after the next one was over
        ("slow", np.int64),  # of these, blocks that began less than a block late
        ("worst_ns", np.float64),  # by which a block began late
    ],
    align=True,
)


def _make_thread():
    """The thread's function; data: one DRIVER."""
    pointer, c_long = ctypes.c_void_p, ctypes.c_ulong
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, pointer, pointer, c_long, pointer, c_long, pointer)
    play, record = (
        kind(make().address) for make in (native.make_callback, native.make_input_callback)
    )
    sleep = ctypes.CDLL(None).clock_nanosleep
    sleep.argtypes, sleep.restype = [ctypes.c_int, ctypes.c_int, pointer, pointer], ctypes.c_int
    monotonic, now_ns = time.CLOCK_MONOTONIC, make_clock()

    @cfunc(types.voidptr(types.CPointer(from_dtype(DRIVER))))
    def thread(data):
        d = carray(data, 1)[0]
        while d.stop == 0:
            # an input is called when its block is complete, an output when its block begins
            due = d.begins + (d.frames + d.is_input * d.block) * d.ns_per_frame
            d.timespec[0] = np.int64(due) // 1_000_000_000
            d.timespec[1] = np.int64(due) % 1_000_000_000
            sleep(monotonic, ABSOLUTE, d.timespec.ctypes, 0)
            late = now_ns(d.clock) - due
            d.worst_ns = max(d.worst_ns, late)
            if d.is_input:
                for i in range(d.block):
                    d.x[i] = d.loop[(d.frames + i) % PERIOD]
                record(d.x.ctypes, 0, d.block, 0, 0, d.state)
            else:
                play(0, d.out.ctypes, d.block, 0, 0, d.state)
            missed = now_ns(d.clock) > due + 2 * d.block * d.ns_per_frame
            d.missed += missed
            d.slow += missed and late < d.block * d.ns_per_frame
            d.frames += d.block
        d.ended = 1
        return 0

    return thread, (play, record)


class Devices:
    """An input and an output on a STATE, which run from now on.

    Args:
        state: (1,) STATE of two streams.
        rates: true ones of input and output, Hz.
        block: frames.
        loop: what the input receives over and over, (PERIOD,).
    """

    def __init__(self, state: np.ndarray, rates: tuple[float, float], block: int, loop: np.ndarray):
        self.state, self.rates = state, rates
        self.drivers = np.zeros(2, DRIVER)
        self._thread, self._kept = _make_thread()
        libc = ctypes.CDLL(None)
        begins = time.monotonic_ns() + 200_000_000
        for i, driver in enumerate(self.drivers):
            driver["is_input"], driver["state"] = i == 0, state.ctypes.data
            driver["loop"], driver["block"] = loop, block
            driver["ns_per_frame"] = 1e9 / rates[i]
            driver["begins"] = begins + 123_456 * i
        for i in range(2):
            handle = ctypes.c_void_p()
            address = self.drivers.ctypes.data + i * DRIVER.itemsize
            libc.pthread_create(ctypes.byref(handle), None, ctypes.c_void_p(self._thread.address),
                                ctypes.c_void_p(address))  # fmt: skip
            libc.pthread_detach(handle)
        records = (state[0]["capture"], state[0])
        while not all(int(record["thread"]) for record in records):
            time.sleep(0.01)
        self.threads = [int(record["thread"]) for record in records]
        for number in self.threads:
            with contextlib.suppress(PermissionError):
                os.sched_setscheduler(number, os.SCHED_FIFO, os.sched_param(PRIORITY))

    def time_of(self, side: int, frames) -> np.ndarray:
        """True time of frames of the input, 0, or the output, 1, in s."""
        driver = self.drivers[side]
        return 1e-9 * (driver["begins"] - self.drivers[0]["begins"]) + frames / self.rates[side]

    def faults(self, side: int) -> int:
        """Page faults of a thread so far, with and without reading from a disk."""
        row = Path(f"/proc/self/task/{self.threads[side]}/stat").read_text()
        values = row.rpartition(")")[2].split()  # from the third field on: proc(5)
        return int(values[7]) + int(values[9])

    def stop(self, side: int) -> None:
        """End one of them."""
        self.drivers[side]["stop"] = 1
        while not self.drivers[side]["ended"]:
            time.sleep(0.001)


usable = sys.platform == "linux"
