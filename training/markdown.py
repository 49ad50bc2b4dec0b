"""Markdown tables."""

import numpy as np


def table(rows: list[dict]) -> str:
    """A Markdown table.

    Args:
        rows: At least one, all with the same keys; floats are shown with three digits.
    """
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in r.values()] for r in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_interval(value: float, interval: tuple[float, float], form: str = ".3g") -> str:
    """A cell such as "0.25 (0.24 to 0.27)"; without brackets where there is no interval (NaN).

    Args:
        value: The estimate.
        interval: Its ends.
        form: Format of all three.
    """
    low, high = interval
    return f"{value:{form}}" + ("" if np.isnan(low) else f" ({low:{form}} to {high:{form}})")
