"""python -m export.web: compile the player of web pages anew, into matcher/page.

Needs the extra `plugin`, the versions of which the player's record names: others give other bytes.
"""

import argparse
import sys
from pathlib import Path

from export.web.build import build, save
from matcher.page.player import FILES


def main(argv=None) -> int:
    """Run it -> the exit status, 2 after one sentence on stderr.

    Args:
        argv: the arguments; by default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m export.web", description="Compile the player of web pages."
    )
    parser.add_argument("--out", type=Path, default=Path(str(FILES)),
                        help="folder; default: where it ships")  # fmt: skip
    arguments = parser.parse_args(argv)
    try:
        code = build()
        save(code, arguments.out)
    except ValueError as error:
        print(f"export.web: {error}", file=sys.stderr)
        return 2
    print(f"{len(code)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
