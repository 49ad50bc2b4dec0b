"""Onset detection on performances of known truth.

`./test tests/live/test_performances.py --long --drums FOLDER -rP` prints the figures of docs.
"""

import numpy as np
import pytest

from tests.live.performances import SCENES, compose, hear, load, score

LOWEST = {"rolls": 0.85, "a drum each 70 ms": 0.7, "ringing toms": 0.93}
ELSEWHERE = 0.95


@pytest.fixture(scope="module")
def recordings(request):
    return load(request.config.getoption("--drums"))


@pytest.mark.parametrize("name", SCENES)
def test_hits_are_found(recordings, name, request):
    hits = 960 if request.config.getoption("--long") else 80
    scene = SCENES[name]
    x, onsets, between = compose(recordings, scene, hits, seed=0)
    found = score(hear(x, scene), onsets, between)
    errors = np.abs(found.errors_ms)
    print(
        f"| {name} | {found.hits} | {found.f_measure:.3f} | {found.misses} | {found.doubles} | "
        f"{found.others} of {len(between)} | {np.median(errors):.2f} | "
        f"{np.percentile(errors, 95):.2f} |"
    )
    assert found.f_measure >= LOWEST.get(name, ELSEWHERE)
    assert np.median(errors) <= 1
