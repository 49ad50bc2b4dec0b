"""Checks of values given by users."""

LONGEST_QUOTE = 80  # characters of a bad value that a sentence shows


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError, which names value and range, if a value is out of range or NaN."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {value:g}, allowed is {low:g} to {high:g}")


def quoted(value) -> str:
    """A bad value as a sentence shows it: as Python writes it, LONGEST_QUOTE characters at most."""
    if isinstance(value, (str, bytes)):
        value = value[: LONGEST_QUOTE + 1]  # escapes make text up to ten times as long
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no integer of more than 4,300 digits
        return "too long to show"
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"
