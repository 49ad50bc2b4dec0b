import os
from concurrent.futures import Future
from typing import ClassVar

import pytest

from gui import take_fits
from gui.take_fits import TakeFits
from matcher.matching.encoder import SHIPPED
from matcher.physics.drum import Drum
from matcher.takes import fits as fits_of
from matcher.takes import kept
from matcher.takes.fitting import Fitted
from tests.conftest import TOM
from tests.gui.take_lists import drum_list

FITTED = Fitted(Drum(TOM), (0,), (0.2,))


class ByHand:
    """Stands in for Fitters: one job runs at a time, and ends when `end_one` says so."""

    made: ClassVar[list["ByHand"]] = []

    def __init__(self, processes, niceness):
        self.futures, self.ended = [], False
        ByHand.made.append(self)

    def submit(self, number, job, effort, model):
        self.futures.append(Future())
        self._run()
        return self.futures[-1]

    def _run(self):
        left = [f for f in self.futures if not f.done()]
        if left and not left[0].running():
            left[0].set_running_or_notify_cancel()

    def end_one(self, error=None):
        future = next(f for f in self.futures if f.running())
        future.set_exception(error) if error else future.set_result((0, FITTED))
        self._run()

    def end(self):
        self.ended = True


@pytest.fixture
def pool(monkeypatch):
    ByHand.made = []
    monkeypatch.setattr(take_fits, "Fitters", ByHand)
    return ByHand.made


@pytest.fixture
def fits(qtbot, tmp_path):
    made = TakeFits(tmp_path / "fitted", SHIPPED, 1)
    yield made
    made.close()


def wait_for_jobs(qtbot, fits, pool, n):
    """Until n fits have been begun, and the window's thread knows of them."""
    qtbot.waitUntil(lambda: bool(pool) and len(pool[0].futures) == n, timeout=60000)
    qtbot.waitUntil(lambda: None not in fits._running.values(), timeout=60000)


def end_one(qtbot, fits, pool, error=None):
    with qtbot.waitSignal(fits.changed, timeout=60000):
        pool[0].end_one(error)


def test_drums_are_fitted_in_turn_and_kept(qtbot, tmp_path, fits, pool):
    list_ = drum_list()
    fits.want(list_)
    assert fits.progress == (0, 3, None)
    wait_for_jobs(qtbot, fits, pool, 3)
    end_one(qtbot, fits, pool)
    assert fits.fit_of(list_.rows[0].hits) == FITTED
    assert fits.progress[:2] == (1, 3) and fits.progress.left_s >= 1
    for _ in range(2):
        end_one(qtbot, fits, pool)
    assert fits.progress == (3, 3, 0.0)
    fits.close()
    kept_files = (tmp_path / "fitted").glob
    qtbot.waitUntil(lambda: len(list(kept_files("*.json"))) == 3, timeout=60000)
    again = TakeFits(tmp_path / "fitted", SHIPPED, 1)
    again.want(list_)
    qtbot.waitUntil(lambda: again.progress == (3, 3, 0.0), timeout=60000)
    assert again.fit_of(list_.rows[2].hits).drum == FITTED.drum
    assert len(pool) == 1  # no process was needed


def test_after_a_merge_only_what_changed_is_fitted(qtbot, fits, pool):
    list_ = drum_list()
    fits.want(list_)
    wait_for_jobs(qtbot, fits, pool, 3)
    for _ in range(3):
        end_one(qtbot, fits, pool)
    merged = list_.merged([0, 1])
    fits.want(merged)
    wait_for_jobs(qtbot, fits, pool, 4)
    end_one(qtbot, fits, pool)
    assert fits.fit_of(merged.rows[0].hits) == FITTED
    fits.want(list_)  # undone
    assert fits.progress == (3, 3, 0.0)
    assert len(pool[0].futures) == 4


def test_what_is_no_longer_wanted_is_not_begun(qtbot, fits, pool):
    list_ = drum_list()
    fits.want(list_)
    wait_for_jobs(qtbot, fits, pool, 3)
    fits.want(list_.with_pad([1, 2], False))
    assert [future.cancelled() for future in pool[0].futures] == [False, True, True]
    end_one(qtbot, fits, pool)
    assert fits.progress == (1, 1, 0.0)
    fits.want(list_)
    wait_for_jobs(qtbot, fits, pool, 5)


def test_a_drum_that_cannot_be_fitted_is_told_and_the_others_go_on(qtbot, fits, pool):
    list_ = drum_list()
    fits.want(list_)
    wait_for_jobs(qtbot, fits, pool, 3)
    end_one(qtbot, fits, pool, ValueError("no body"))
    assert fits.problem_of(list_.rows[0].hits) == "no body"
    end_one(qtbot, fits, pool)
    assert fits.fit_of(list_.rows[1].hits) == FITTED


def test_processes_end_where_there_is_nothing_to_fit(qtbot, fits, pool):
    list_ = drum_list()
    fits.want(list_)
    wait_for_jobs(qtbot, fits, pool, 3)
    fits.rest()
    assert not pool[0].ended  # there is
    for _ in range(3):
        end_one(qtbot, fits, pool)
    fits.rest()
    assert pool[0].ended
    fits.want(list_.merged([0, 1]))
    qtbot.waitUntil(lambda: len(pool) == 2, timeout=60000)


def test_a_network_that_is_gone_is_told_in_a_sentence(qtbot, tmp_path, pool):
    fits, list_ = TakeFits(tmp_path / "fitted", tmp_path / "gone.onnx", 1), drum_list()
    with qtbot.waitSignal(fits.failed, timeout=60000) as failed:
        fits.want(list_)
    assert failed.args[0].endswith("gone.onnx cannot be read: No such file or directory")
    assert fits.problem_of(list_.rows[0].hits) == failed.args[0]
    assert fits.progress == (3, 3, 0.0) and not pool


def test_closing_ends_the_processes(qtbot, fits, pool):
    fits.want(drum_list())
    wait_for_jobs(qtbot, fits, pool, 3)
    fits.close()
    assert pool[0].ended


def test_the_newest_fits_stay(tmp_path):
    for i in range(5):
        path = tmp_path / f"{i}.json"
        path.write_text("")
        os.utime(path, (i, i))
    kept.thin_out(tmp_path, 2)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["3", "4"]
    kept.thin_out(tmp_path / "none", 2)


@pytest.mark.slow
def test_processes_fit_what_the_command_fits(qtbot, fits):
    list_ = drum_list()
    one = list_.with_pad([1, 2], False)
    fits.want(one)
    qtbot.waitUntil(lambda: fits.fit_of(one.rows[0].hits) is not None, timeout=1200000)
    (expected,) = fits_of.fit_all([one.struck(0)], None, take_fits.EFFORT, SHIPPED, 1)
    assert fits.fit_of(one.rows[0].hits).drum == expected.drum


def _dies(task):
    os._exit(1)


@pytest.mark.slow
def test_processes_that_end_by_themselves_are_told_in_a_sentence(qtbot, fits, monkeypatch):
    monkeypatch.setattr(fits_of, "_fit", _dies)
    with qtbot.waitSignal(fits.failed, timeout=120000) as failed:
        fits.want(drum_list())
    assert "ended by itself" in failed.args[0]
    assert fits.problem_of(drum_list().rows[0].hits)
