"""Tables for people."""


def table(rows: list[dict]) -> str:
    """Rows of one set of keys -> a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in r.values()] for r in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
