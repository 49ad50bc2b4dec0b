"""All that waits for a GPU, in one command of half an hour.

    python -m training.gpu --recordings FOLDER    tests, bench, the paper's recipe, the network for
                                                  real drums, which learns from these recordings
    python -m training.gpu --minutes 120 ...      the same with more time for each step
    python -m training.gpu --only bench           one step
    python -m training.gpu --smoke --recordings tests/data    all steps, tiny: do they run here?

Each step has its share of the time; what it leaves goes to the next ones. Its output is in a folder
of the cache, which the command names. What is done is not done again: the same command goes on with
what failed, was killed or ran out of time, and the recipe and the network continue where they were.
Without a GPU all steps run on the CPU, and tests for a GPU are skipped.
"""

import ctypes
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from matcher.recording import save_atomically
from training import command
from training.dataset import cache_folder
from training.markdown import table
from training.sound_source import cores
from training.studies.experiment import one_device
from training.studies.paper import SMALLEST, PaperStudy
from training.studies.paper_scale import largest_scale, measure

MINUTES = 30.0  # min; of all steps
STEPS = {"tests": 4, "bench": 3, "paper": 12, "ship": 11}  # shares of the time, in this order
PAPER_MODELS = ("P", "PNP")
PAPER_RUNS = 2 * len(PAPER_MODELS)  # with pitch known and unknown
SMOKE_HOURS = 0.01  # h of training of a run of the paper's recipe; some epochs
GRACE_S = 20  # s that a step has to end by itself
PR_SET_PDEATHSIG = 1  # of prctl(2)


@dataclass(frozen=True)
class Steps:
    """The steps, in a folder that keeps what they print and which are done.

    Args:
        folder: Made if missing.
        minutes: Of all steps.
        scale: Of the paper's recipe; None for the largest that its time allows.
        recordings: What the network for real drums learns from; only the last step needs them.
        smoke: Whether paper and ship are tiny.

    Raises:
        ValueError: The scale is not allowed.
    """

    folder: Path
    minutes: float
    scale: float | None = None
    recordings: Path | None = None
    smoke: bool = False

    def __post_init__(self):
        if self.scale is not None and not SMALLEST <= self.scale <= 1:
            raise ValueError(f"scale is {self.scale}, allowed is {SMALLEST} to 1")

    def budget(self, name: str) -> float:
        """The time of a step, s."""
        return 60 * self.minutes * STEPS[name] / sum(STEPS.values())

    def commands(self, name: str) -> list[list[str]]:
        """What a step runs, one after the other: arguments of Python."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "tests":
            return [["-m", "pytest", "-m", "cuda", "--all", "-q", "tests/training"]]
        if name == "bench":
            return [["-m", "training.bench", "--device", device]]
        if name == "ship":
            model = self.folder / "live.onnx"
            ship = ["-m", "training.ship", "--recordings", f"{self.recordings}", "-o", f"{model}"]
            return [ship + (["--smoke", "--part", "all"] if self.smoke else [])]
        study = ["-m", "training.study", "--paper", "--scale", f"{self.paper_scale():g}"]
        study += ["--workers", str(cores())]
        if self.smoke:
            study += ["--hours", str(SMOKE_HOURS)]
        return [[*study, "--model", model] for model in PAPER_MODELS]

    def paper_scale(self) -> float:
        """The scale of the paper's recipe; the first one stays, so that its runs continue."""
        path = self.folder / "scale.json"
        if not path.exists():
            scale = SMALLEST if self.smoke else self.scale
            if scale is None:
                study = PaperStudy(SMALLEST, self.folder / "pace", cores())
                pace = measure(study, one_device())
                print(f"paper: {pace}", flush=True)
                scale = largest_scale(self.budget("paper"), pace, PAPER_RUNS)
            _write(path, scale)
        return json.loads(path.read_text())

    def is_done(self, name: str) -> bool:
        """Whether a step has ended well."""
        return (self.folder / f"{name}.done").exists()

    def run(self, name: str, seconds: float) -> str:
        """Run a step that is not done.

        Args:
            name: One of STEPS.
            seconds: After which it is stopped, s.

        Returns:
            done, failed, or out of time.
        """
        until = time.monotonic() + seconds
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / f"{name}.txt", "ab") as output:
            for arguments in self.commands(name):
                status = _run(arguments, output, until - time.monotonic())
                if status is None:
                    return "out of time"
                if status:
                    return "failed"
        _write(self.folder / f"{name}.done", round(seconds - until + time.monotonic(), 1))
        return "done"


def _run(arguments: Sequence[str], output, seconds: float) -> int | None:
    """Run Python; its exit status, or None where it was stopped after so many seconds."""
    process = subprocess.Popen(
        [sys.executable, "-u", *arguments],  # what a stopped step printed is kept
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parents[1],
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )
    try:
        return process.wait(max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return None
    finally:  # at Ctrl-C as well
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _end_with_parent() -> None:
    """Let this process be killed where its parent was: the next call would run beside it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _write(path: Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_atomically(path, lambda file: file.write(json.dumps(value).encode()))


def run_all(steps: Steps, names: Sequence[str]) -> list[dict]:
    """Run steps in order; what one leaves of its time goes to the next ones.

    Args:
        steps: The steps.
        names: Some of STEPS.

    Returns:
        A row of a table for each.
    """
    rows, left = [], 0.0
    for name in names:
        start = time.monotonic()
        if steps.is_done(name):
            result = "done before"
        else:
            left += steps.budget(name)
            print(f"{name}: up to {left / 60:.1f} min, {steps.folder / name}.txt", flush=True)
            result = steps.run(name, left)
            left -= time.monotonic() - start
        minutes = f"{(time.monotonic() - start) / 60:.1f}"
        rows.append({"step": name, "result": result, "min": minutes})
    return rows


@command.entry_point("training.gpu")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.gpu", __doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of all; default 30")
    parser.add_argument("--scale", type=float, help="of the paper's recipe; default by its time")
    parser.add_argument("--recordings", type=Path, help="folder that the network learns from")
    parser.add_argument("--only", choices=STEPS, help="run this step alone")
    parser.add_argument("--smoke", action="store_true", help="tiny runs of paper and ship")
    parser.add_argument("--folder", type=Path, help="default: gpu in the cache folder")
    arguments = parser.parse_args(argv)
    if not arguments.minutes > 0:
        raise ValueError(f"minutes is {arguments.minutes}, allowed is above 0")
    names = (arguments.only,) if arguments.only else tuple(STEPS)
    if "ship" in names and arguments.recordings is None:
        raise ValueError("the step ship needs --recordings FOLDER; or choose another with --only")
    folder = arguments.folder or cache_folder() / ("gpu-smoke" if arguments.smoke else "gpu")
    steps = Steps(folder, arguments.minutes, arguments.scale, arguments.recordings, arguments.smoke)
    rows = run_all(steps, names)
    print(f"\n{table(rows)}")
    if unfinished := [row["step"] for row in rows if not row["result"].startswith("done")]:
        raise ValueError(f"not done: {', '.join(unfinished)}; the same command goes on with them")


if __name__ == "__main__":
    sys.exit(main())
