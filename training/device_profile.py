"""What a GPU is busy with: kernels by kind, as torch.profiler sees them."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch.autograd import DeviceType

# Parts of names, lower case; the first kind that fits counts.
KINDS = {
    "copies": ("memcpy", "memset", "copy_kernel"),
    "normalisation": ("batch_norm", "batchnorm", "bn_fw", "bn_bw"),
    "Fourier transforms": ("fft",),
    "convolutions": ("conv", "fprop", "dgrad", "wgrad", "cudnn"),
    "matrix products": ("gemm", "gemv", "cutlass", "splitk", "cublas"),
    "optimiser": ("multi_tensor_apply",),
    "indexing": ("index", "gather", "scatter"),
    "reductions": ("reduce", "scan", "softmax"),
    "element by element": ("elementwise", "vectorized", "catarray", "distribution"),
}
OTHER = "other"


class Kernel(NamedTuple):
    """A kernel's name and when it ran, us."""

    name: str
    start: float
    end: float


def kernels_of(function: Callable) -> list[Kernel]:
    """Run a function that waits for its GPU, and return all kernels that the GPU ran for it."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        function()
    return [
        Kernel(event.name, event.time_range.start, event.time_range.end)
        for event in profile.events()
        if event.device_type == DeviceType.CUDA and not event.is_user_annotation
    ]


def busy_rows(kernels: Iterable[Kernel]) -> list[dict]:
    """Table rows: the share of the time, first kernel to last, that kernels of each kind run.

    Kernels of two streams run at once, so that shares may add up to more than all.

    Raises:
        ValueError: There are no kernels.
    """
    kernels = list(kernels)
    if not kernels:
        raise ValueError("the profiler saw no kernels; allowed is a GPU that it can watch")
    by_kind = defaultdict(list)
    for kernel in kernels:
        by_kind[kind_of(kernel.name)].append(kernel)
    whole = max(k.end for k in kernels) - min(k.start for k in kernels)
    shares = {kind: covered(some) / whole for kind, some in by_kind.items()}
    rows = sorted(shares.items(), key=lambda row: -row[1])
    rows.append(("idle", 1 - covered(kernels) / whole))
    return [{"GPU": kind, "share of the time": f"{share:.1%}"} for kind, share in rows]


def kind_of(name: str) -> str:
    """The kind of a kernel, by its name."""
    name = name.lower()
    return next((k for k, parts in KINDS.items() if any(p in name for p in parts)), OTHER)


def covered(kernels: Iterable[Kernel]) -> float:
    """Time during which at least one of them runs, us."""
    total, until = 0.0, float("-inf")
    for kernel in sorted(kernels, key=lambda k: k.start):
        total += max(0.0, kernel.end - max(kernel.start, until))
        until = max(until, kernel.end)
    return total
