import csv
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from matcher.matching.features import SAMPLE_RATE
from matcher.matching.match import match_file
from matcher.physics import drum
from matcher.physics.drum import Drum
from matcher.physics.theta import LIVE, PRESETS, Theta

SOUND = ("tests/live/", "tests/e2e/")  # of tests that start sound servers, one at a time
DATA = Path(__file__).parent / "data"
TOM = Theta(2 * np.pi * 110, 0.3, 0.05, 0.03, 0.7)


def pytest_configure():
    """Let Ctrl-C reach what tests start, even where a shell started them in its background."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="the slow tests as well")
    parser.addoption("--long", action="store_true", help="as long and as many as docs report")
    parser.addoption("--drums", type=Path, default=DATA, help="folder of recordings with hits.csv")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several processes, one of them takes all tests of a file, and all that start servers."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return "sound" if file.startswith(SOUND) else file

    return ByFile(config, log)


def pytest_collection_modifyitems(config, items):
    """Leave the slow tests out, unless all are wanted or files are named."""
    named = any(Path(argument.split("::")[0]).is_file() for argument in config.args)
    if config.getoption("--long"):
        return
    skipped = ["long"] if config.getoption("--all") or named else ["long", "slow"]
    left_out = [item for item in items if any(map(item.get_closest_marker, skipped))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
    if hasattr(config, "workerinput"):
        _longest_first(items)


def _longest_first(items) -> None:
    """Sort files, so that no process ends with one that takes long while the others are done."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (not item.nodeid.startswith(SOUND), -slow[item.path]))


def pytest_runtest_setup(item):
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA here")


@pytest.fixture
def kills(request) -> int:
    """How often a process is killed in one test."""
    return 5 if request.config.getoption("--long") else 1


@pytest.fixture(scope="session")
def hits() -> list[dict]:
    """The rows of tests/data/hits.csv, with the path of each recording."""
    with open(DATA / "hits.csv", newline="") as file:
        return [row | {"path": DATA / row["file"]} for row in csv.DictReader(file)]


@pytest.fixture(scope="session")
def matches(hits) -> dict:
    """The shipped model's match of each recording, by file name."""
    return {row["file"]: match_file(row["path"]) for row in hits}


def draw(preset: str, n: int, seed: int) -> Theta:
    """n seeded theta of a preset, each field (n,)."""
    nu = np.random.default_rng(seed).uniform(-1, 1, (n, 5))
    return PRESETS[preset].from_nu(nu)


def one(theta: Theta, i: int) -> Theta:
    """The i-th of many."""
    return Theta(*(float(column[i]) for column in theta))


def sound(d: Drum, seconds: float = 1.5) -> np.ndarray:
    """A drum's, at the rate of the analysis."""
    return drum.render(d, SAMPLE_RATE, seconds)


def near(theta: Theta, shift) -> Theta:
    """theta, moved by so much of nu."""
    return LIVE.from_nu(np.clip(LIVE.to_nu(theta) + shift, -1, 1))


def rms(x) -> float:
    return float(np.sqrt(np.mean(np.square(x))))
