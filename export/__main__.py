"""python -m export RUN -o FILE.onnx [--precision fp16]"""

import argparse
import sys
from pathlib import Path

from export.precision import PRECISIONS
from export.to_onnx import export
from training import command
from training.runs import run_folder


@command.entry_point("export")
def main(argv=None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m export", description="Run -> ONNX model.")
    parser.add_argument("run", help="a run of training.fit: its folder, or its name in the cache")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the file to write")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="default fp32")
    arguments = parser.parse_args(argv)
    difference = export(run_folder(arguments.run), arguments.output, arguments.precision)
    print(f"{arguments.output}: checked, nu within {difference:.1e} of torch")


if __name__ == "__main__":
    sys.exit(main())
