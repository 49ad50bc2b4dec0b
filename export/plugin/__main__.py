"""python -m export.plugin [TARGET ...]: compile the plugin's templates anew, into matcher/plugin.

Needs the extra `plugin`, the versions of which the record of the templates names: others give other
bytes.
"""

import argparse
import sys
from pathlib import Path

from export.plugin.build import build, save
from export.plugin.emit import TARGETS
from matcher.plugin.bake import TEMPLATES


def main(argv=None) -> int:
    """Run it -> the exit status, 2 after one sentence on stderr.

    Args:
        argv: the arguments; by default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m export.plugin", description="Compile the templates of plugins."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of: {', '.join(TARGETS)}")
    parser.add_argument(
        "--out", type=Path, default=Path(str(TEMPLATES)), help="default: where they ship"
    )
    arguments = parser.parse_args(argv)
    try:
        if wrong := [name for name in arguments.targets if name not in TARGETS]:
            raise ValueError(f"target is {wrong[0]}, allowed is one of: {', '.join(TARGETS)}")
        templates = build(arguments.targets or tuple(TARGETS))
        save(templates, arguments.out)
    except ValueError as error:
        print(f"export.plugin: {error}", file=sys.stderr)
        return 2
    for name, code in templates.items():
        print(f"{name}: {len(code)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
