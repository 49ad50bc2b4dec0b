"""Hits of performances of known truth, composed of the recordings of tests/data.

`python -m training.onsets evaluate FOLDER` prints the figures of docs on others.
"""

import numpy as np
import pytest

from training.onset_evaluation import evaluate
from training.performances import load

LOWEST = 0.93
LOWEST_IN = {"a drum each 70 ms": 0.9}
SCENES = ("quiet room", "noisy room", "overlapping toms", "rolls, 60 to 80 ms",
          "rolls, 40 to 60 ms", "a drum each 70 ms", "hand drums")  # fmt: skip


@pytest.fixture(scope="module")
def rows(request):
    recordings = load(request.config.getoption("--drums"))
    performances = 12 if request.config.getoption("--long") else 4
    detectors = ("learned", "learned, look-ahead")
    return list(evaluate(recordings, performances, detectors, SCENES))


@pytest.mark.parametrize("name", SCENES)
def test_hits_are_found(rows, name):
    for row in (row for row in rows if row.scene == name):
        assert row.score.f_measure >= LOWEST_IN.get(name, LOWEST), row.detector
        assert np.median(np.abs(row.score.errors_ms)) <= 2, row.detector
