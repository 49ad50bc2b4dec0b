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


def moment(device: torch.device) -> float | torch.cuda.Event:
    """When a device has done all that it was given so far; it is not waited for."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event


def seconds_between(start, end) -> float:
    """Time between two moments, s; waits for the second one."""
    if isinstance(start, float):
        return end - start
    end.synchronize()
    return start.elapsed_time(end) / 1000  # from ms
