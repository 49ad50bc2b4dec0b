"""Markdown tables."""


def table(rows: list[dict]) -> str:
    """A Markdown table.

    Args:
        rows: At least one, all with the same keys; floats are shown with three digits.
    """
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in r.values()] for r in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
