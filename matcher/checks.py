"""Checks of values that come from outside."""


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError, naming value and range, where a value is not in it; NaN is not."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {value:g}, allowed is {low:g} to {high:g}")
