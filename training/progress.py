"""The progress bar of everything that takes long."""

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn


class _Rate(ProgressColumn):
    def __init__(self, unit: str, seconds: float):
        super().__init__()
        self.unit, self.seconds = unit, seconds

    def render(self, task):
        return f"{(task.speed or 0) * self.seconds:.0f} {self.unit}"


def progress(unit: str = "sounds/s", seconds: float = 1.0, disable: bool = False) -> Progress:
    """A bar on stderr with the rate, in `unit` of so many seconds, and the time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        _Rate(unit, seconds),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        speed_estimate_period=120,
        disable=disable,
    )
