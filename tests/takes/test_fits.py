import os

import numpy as np
import pytest

from matcher.matching.encoder import SHIPPED
from matcher.physics.drum import Drum
from matcher.takes import fits
from matcher.takes.fitting import Fitted
from tests.conftest import TOM
from tests.takes.test_kept import struck

JOBS = [struck(np.sin(np.arange(2000) * f)) for f in (0.01, 0.02, 0.03)]


@pytest.fixture
def fitted(monkeypatch):
    """The hits that were fitted, each to a drum that tells which one it was."""
    done = []

    def fit(hits, encoder, effort):
        number = next(i for i, job in enumerate(JOBS) if job is hits)
        done.append(number)
        return Fitted(Drum(TOM._replace(tau=0.1 * (number + 1))), (0,), (0.1,))

    monkeypatch.setattr(fits.fitting, "fit", fit)
    return done


def test_what_was_fitted_is_taken_from_its_folder(tmp_path, fitted):
    told = []
    for _ in range(2):
        found = fits.fit_all(JOBS, tmp_path, "normal", SHIPPED, 1, told.append)
        assert [round(f.drum.theta.tau, 3) for f in found] == [0.1, 0.2, 0.3]
    assert fitted == [0, 1, 2]
    assert [(p.done, p.total) for p in told] == [(0, 3), (1, 3), (2, 3), (3, 3), (3, 3)]


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, fitted):
    with pytest.raises(fits.Stopped):
        fits.fit_all(JOBS, tmp_path, "normal", SHIPPED, 1, stopped=lambda: len(fitted) == 2)
    fits.fit_all(JOBS, tmp_path, "normal", SHIPPED, 1)
    assert fitted == [0, 1, 2]


def test_another_effort_is_fitted_anew(tmp_path, fitted):
    fits.fit_all(JOBS[:1], tmp_path, "normal", SHIPPED, 1)
    fits.fit_all(JOBS[:1], tmp_path, "patient", SHIPPED, 1)
    assert fitted == [0, 0]


def _dies(task):
    os._exit(1)


def test_a_process_that_dies_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setattr(fits, "_fit", _dies)
    with pytest.raises(OSError, match="ended by itself"):
        fits.fit_all(JOBS[:2], None, "live", SHIPPED, 2)


@pytest.mark.slow
def test_processes_find_what_one_finds():
    one, two = (fits.fit_all(JOBS[:2], None, "normal", SHIPPED, n) for n in (1, 2))
    assert [f.drum for f in one] == [f.drum for f in two]
