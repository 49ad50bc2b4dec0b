"""What the commands of training share: help, common options, and errors as one sentence."""

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path

from matcher.matching.encoder import SHIPPED


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """A parser without abbreviated options, which prints its description as it is.

    Args:
        module: The name after `python -m`.
        description: The docstring of the module.
    """
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add --model, an ONNX file."""
    parser.add_argument("--model", type=Path, default=SHIPPED, help="default: the shipped model")


def add_workers(parser: argparse.ArgumentParser, task: str = "") -> None:
    """Add --workers, the number of processes.

    Args:
        parser: The parser of the command.
        task: What the processes do, for the help.
    """
    text = f"processes that {task}" if task else "processes"
    parser.add_argument("--workers", type=int, default=2, help=f"{text}; default 2")


def check_at_least(arguments: argparse.Namespace, **lowest: int) -> None:
    """Check options that have a lowest allowed value.

    Raises:
        ValueError: An option is below it.
    """
    for name, least in lowest.items():
        if getattr(arguments, name) < least:
            raise ValueError(f"{name} is {getattr(arguments, name)}, allowed is {least} or more")


def entry_point(module: str) -> Callable:
    """Decorator that makes main(argv) return an exit status.

    The status is 2 where main raised OSError or ValueError, whose message is printed on stderr
    after the name of the module, and 0 otherwise.
    """

    def decorate(main: Callable[..., None]) -> Callable[..., int]:
        @functools.wraps(main)
        def with_status(argv=None) -> int:
            try:
                main(argv)
            except (OSError, ValueError) as error:
                print(f"{module}: {error}", file=sys.stderr)
                return 2
            return 0

        return with_status

    return decorate
