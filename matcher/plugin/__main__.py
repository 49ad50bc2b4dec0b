"""python -m matcher.plugin KIT.drumkit: write the kit as a plugin."""

import argparse
import sys
from pathlib import Path

from matcher.kits.kit_file import load_kit
from matcher.plugin.export import LICENCE, export_plugin
from matcher.plugin.places import APIS, PLATFORMS


def main(argv=None) -> int:
    """Run it -> the exit status, 2 after one sentence on stderr.

    Args:
        argv: the arguments; by default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m matcher.plugin", description="A kit -> a plugin: LV2, CLAP and VST3."
    )
    parser.add_argument("kit", type=Path, help="a .drumkit file")
    parser.add_argument("--folder", type=Path, help="default: where hosts of this computer look")
    parser.add_argument("--api", nargs="+", choices=APIS, default=list(APIS), help="default all")
    parser.add_argument("--platform", choices=PLATFORMS, help="default: this computer's")
    arguments = parser.parse_args(argv)
    try:
        kit, dropped = load_kit(arguments.kit)
        for problem in dropped:
            print(f"drum-matcher: {arguments.kit}: {problem}", file=sys.stderr)
        for path in export_plugin(kit, arguments.folder, arguments.api, arguments.platform):
            print(path)
        print(LICENCE)
    except ValueError as error:
        print(f"drum-matcher: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"drum-matcher: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
