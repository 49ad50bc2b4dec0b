"""Memory of training on a CPU."""

import ctypes
import platform

M_TRIM_THRESHOLD = -1  # of mallopt(3)
M_MMAP_THRESHOLD = -3  # of mallopt(3)
LARGEST_MMAP_THRESHOLD = 2**25  # bytes; the most that glibc allows
NEVER_TRIM = 2**31 - 1  # bytes; the largest int


def keep_freed_memory() -> None:
    """Make glibc keep the memory that a step frees for the next one."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER_TRIM)
