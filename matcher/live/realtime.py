"""What the system can do for the audio thread: pages that stay in memory, a priority of its own."""

import ctypes
import os
import shutil
import subprocess
import sys

import numpy as np

PAGE = 4096  # bytes: no system has smaller pages
PRIORITY = 10  # of SCHED_RR by RealtimeKit, whose limit is 20: above what is not audio
RTKIT = "org.freedesktop.RealtimeKit1"
ASK_S = 1.0  # s to wait for RealtimeKit
BUDGET_US = 200_000  # us of real-time CPU without a pause: what RealtimeKit allows at most


def keep_in_memory(array: np.ndarray) -> bool:
    """Have every page of an array in memory, and keep it there where the system lets us.

    Returns:
        Whether its pages are locked.
    """
    pages = array.reshape(-1).view(np.uint8)[::PAGE]
    pages |= 0  # memory that was never written has no page
    return lock(array)


def lock(array: np.ndarray) -> bool:
    """Lock an array's pages into memory; False where the system allows no more of them."""
    if sys.platform == "win32":
        return False
    mlock = ctypes.CDLL(None).mlock
    mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return mlock(array.ctypes.data, array.nbytes) == 0


def ask_portaudio(sounddevice, stream) -> None:
    """Have PortAudio ask for a real-time thread on ALSA; stream: not started yet."""
    library = ctypes.CDLL(sounddevice._libname)
    enable = getattr(library, "PaAlsa_EnableRealtimeScheduling", None)
    if enable is not None:
        enable.argtypes, enable.restype = [ctypes.c_void_p, ctypes.c_int], None
        enable(int(sounddevice._ffi.cast("intptr_t", stream._ptr)), 1)


def ask_rtkit(thread: int) -> bool:
    """Have RealtimeKit give a thread of this process a real-time priority, on Linux.

    Args:
        thread: the system's number of it.

    Returns:
        Whether it has one now.
    """
    busctl = shutil.which("busctl") if sys.platform == "linux" else None
    if busctl is None or thread == 0:
        return False
    import resource

    try:  # RealtimeKit refuses threads that could take a core for ever
        hard = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
        limit = BUDGET_US if hard == resource.RLIM_INFINITY else min(BUDGET_US, hard)
        resource.setrlimit(resource.RLIMIT_RTTIME, (limit, limit))
        command = [busctl, "call", RTKIT, "/org/freedesktop/RealtimeKit1", RTKIT]
        command += ["MakeThreadRealtimeWithPID", "ttu", str(os.getpid()), str(thread)]
        command += [str(PRIORITY)]
        asked = subprocess.run(command, capture_output=True, timeout=ASK_S, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
