"""Checks of values given by users."""


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError, which names value and range, if a value is out of range or NaN."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {value:g}, allowed is {low:g} to {high:g}")
