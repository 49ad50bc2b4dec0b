"""How long something takes on this machine."""

import time
from collections.abc import Callable

import torch

REPEATS = 5  # times; other work on the machine rarely disturbs all of them
CPU = torch.device("cpu")


def best(function: Callable, repeats: int = REPEATS, device: torch.device = CPU) -> float:
    """Time function: the best of several calls after a first one, which warms up.

    Args:
        function: What is timed, without arguments.
        repeats: Calls that count.
        device: Where it computes; a GPU is waited for.

    Returns:
        s.
    """
    times = []
    for _ in range(1 + repeats):
        _wait(device)
        start = time.perf_counter()
        function()
        _wait(device)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
