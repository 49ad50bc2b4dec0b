"""The native callback against one in Python, in one process whose interpreter is busy."""

import subprocess
import sys

import pytest

BLOCK, RATE = 64, 48000


def count(kind: str, load: str, seconds: float) -> tuple[int, int, float]:
    """Callbacks that ran, under-runs, and callbacks that there should have been."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.gil", kind, load, str(seconds)],
        capture_output=True, text=True, timeout=seconds + 60, check=True,
    )  # fmt: skip
    ran, late, took = done.stdout.split()
    return int(ran), int(late), float(took) * RATE / BLOCK


@pytest.mark.slow
def test_the_callback_runs_while_the_interpreter_is_held(stack, long):
    from tests.e2e.rig import Server

    stack.callback(Server(BLOCK).stop)
    seconds = 60 if long else 4
    shares = {}
    for kind in ("native", "python"):
        for load in ("idle", "busy"):
            ran, late, due = count(kind, load, seconds)
            shares[kind, load] = ran / due
            print(f"{kind}, interpreter {load}: {ran} of {due:.0f} callbacks, {late} under-runs")
    assert shares["native", "busy"] > 1.2 * shares["python", "busy"]
    assert shares["native", "busy"] > 0.8 * shares["native", "idle"]
