"""The progress bar of long tasks."""

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

RATE_WINDOW_S = 120  # s over which the rate is averaged: several shards, whose times differ


class _Rate(ProgressColumn):
    def __init__(self, unit: str, seconds: float):
        super().__init__()
        self.unit, self.seconds = unit, seconds

    def render(self, task):
        return f"{(task.speed or 0) * self.seconds:.0f} {self.unit}"


def progress(unit: str = "sounds/s", seconds: float = 1.0, disable: bool = False) -> Progress:
    """A bar on stderr with the rate and the time left.

    Args:
        unit: Name of the unit of the rate.
        seconds: Its time, s: 60 for a rate per minute.
        disable: Show nothing.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        _Rate(unit, seconds),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        speed_estimate_period=RATE_WINDOW_S,
        disable=disable,
    )
