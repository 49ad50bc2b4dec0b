"""python -m export RUN -o FILE.onnx"""

import argparse
import sys
from pathlib import Path

from export.to_onnx import export
from training import command
from training.runs import run_folder


@command.entry_point("export")
def main(argv=None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m export", description="Run -> ONNX model.")
    parser.add_argument("run", help="a run of training.fit: its folder, or its name in the cache")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args(argv)
    difference = export(run_folder(arguments.run), arguments.output)
    print(f"{arguments.output}: checked, nu within {difference:.1e} of torch")


if __name__ == "__main__":
    sys.exit(main())
