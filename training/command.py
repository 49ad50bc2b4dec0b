"""What the commands of training do alike: their help, and one sentence where something is wrong."""

import argparse
import functools
import sys
from collections.abc import Callable


def parser(name: str, text: str) -> argparse.ArgumentParser:
    """Of `python -m training.NAME`, with its module's docstring as it stands."""
    return argparse.ArgumentParser(
        prog=f"python -m training.{name}", description=text, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip


def named(name: str) -> Callable:
    """main(argv), which raises OSError or ValueError on what is wrong -> one that gives its status.

    The status is 2 after such an error, said in a sentence on stderr, and else 0.
    """

    def of(main: Callable[..., None]) -> Callable[..., int]:
        @functools.wraps(main)
        def with_status(argv=None) -> int:
            try:
                main(argv)
            except (OSError, ValueError) as error:
                print(f"training.{name}: {error}", file=sys.stderr)
                return 2
            return 0

        return with_status

    return of
