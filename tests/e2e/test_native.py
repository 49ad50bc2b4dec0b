"""The native callback against one in Python, in one process whose interpreter is busy."""

import subprocess
import sys

import pytest

BLOCK, RATE = 64, 48000


LOADS = "idle", "busy"
COMPILES_S = 300  # s at most


def count(kind: str, seconds: float) -> dict[str, tuple[int, int, float]]:
    """Of each load: callbacks that ran, under-runs, and callbacks that there should have been."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.gil", kind, str(seconds)],
        capture_output=True, text=True, timeout=COMPILES_S + 2 * seconds, check=True,
    )  # fmt: skip
    rows = (line.split() for line in done.stdout.splitlines())
    counts = [(int(ran), int(late), float(took) * RATE / BLOCK) for ran, late, took in rows]
    return dict(zip(LOADS, counts, strict=True))


@pytest.mark.slow
def test_the_callback_runs_while_the_interpreter_is_held(stack, long):
    from tests.e2e.rig import Server

    stack.callback(Server(BLOCK).stop)
    seconds = 60 if long else 4
    shares = {}
    for kind in ("native", "python"):
        for load, (ran, late, due) in count(kind, seconds).items():
            shares[kind, load] = ran / due
            print(f"{kind}, interpreter {load}: {ran} of {due:.0f} callbacks, {late} under-runs")
    assert shares["native", "busy"] > 1.2 * shares["python", "busy"]
    assert shares["native", "busy"] > 0.8 * shares["native", "idle"]
