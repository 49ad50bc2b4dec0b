"""python -m export.native [PLATFORM ...]: compile the library anew, into matcher/library/files.

Needs the extra `plugin`. Of processor time it takes half a minute, and 9 s for each platform.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from export.native.build import TARGETS, build, save, texts


def main(argv=None) -> int:
    """Run it -> the exit status, 2 after one sentence on stderr.

    Args:
        argv: the arguments; by default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m export.native", description="Compile the library that ships."
    )
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM",
                        help=f"of: {', '.join(TARGETS)}; default: all")  # fmt: skip
    arguments = parser.parse_args(argv)
    try:
        if wrong := [name for name in arguments.platforms if name not in TARGETS]:
            raise ValueError(f"platform is {wrong[0]}, allowed is one of: {', '.join(TARGETS)}")
        platforms = tuple(arguments.platforms or TARGETS)
        with tempfile.TemporaryDirectory() as folder:
            record = texts(platforms, Path(folder))
            for name in platforms:
                code = build(name, (Path(folder) / f"{name}.ll").read_text())
                print(f"{name}: {len(code)} bytes, compressed {save(name, code, record)}")
    except ValueError as error:
        print(f"export.native: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
