"""python -m export RUN -o FILE.onnx"""

import argparse
import sys
from pathlib import Path

from export.to_onnx import export
from training.runs import run_folder


def main(argv=None) -> int:
    """The command line; 2 after a sentence on stderr where something given was wrong."""
    parser = argparse.ArgumentParser(prog="python -m export", description="Run -> ONNX model.")
    parser.add_argument("run", help="a run of training.fit: its folder, or its name in the cache")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args(argv)
    try:
        difference = export(run_folder(arguments.run), arguments.output)
    except (OSError, ValueError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.output}: checked, nu within {difference:.1e} of torch")
    return 0


if __name__ == "__main__":
    sys.exit(main())
