"""Jobs whose workers die. How each sound kills its worker is in files of the cache folder."""

import os
import signal
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass
from typing import ClassVar

import dask
import numpy as np
import pytest
from dask.distributed import LocalCluster

from training import jobs, workers
from training.dataset import cache_folder, nu_of


@dataclass(frozen=True)
class Cheap(jobs.Job):
    """nu itself, three times; a sound that has a file of lives kills as many workers."""

    VERSION: ClassVar = 1

    def phi(self):
        return None

    def row(self, nu, phi):
        nu = nu[0].numpy()
        lives = cache_folder() / f"{nu[0]:.6f}"
        if lives.exists() and (left := int(lives.read_text())):
            lives.write_text(str(left - 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return np.tile(nu, 3)


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    monkeypatch.setattr(jobs, "ROWS", 2)


def kills(sound: int, workers: int) -> None:
    """Let a sound kill so many workers before it is done."""
    nu = np.float32(nu_of(0, "train", sound)[0])
    (cache_folder() / f"{nu:.6f}").write_text(str(workers))


def expected(count):
    return np.tile(np.array([nu_of(0, "train", i) for i in range(count)], np.float32), 3)


class Dying:
    """A pool whose tasks are done when they are waited for; it breaks as processes do.

    Args:
        deadly: How many times each task kills the pool.
        ahead: As of a pool.
    """

    lost = (BrokenExecutor,)

    def __init__(self, deadly: dict[int, int], ahead: int = 4):
        self.deadly, self.ahead, self.tried = deadly, ahead, []
        self.running = {}

    def submit(self, work, task):
        future = Future()
        self.running[future] = work, task
        return future

    def wait(self, futures, timeout, return_when):
        """What workers.wait does: the oldest task is done, or all are lost."""
        assert set(futures) == set(self.running)
        assert len(futures) <= self.ahead
        first = next(iter(self.running))
        work, task = self.running[first]
        self.tried.append(task)
        if self.deadly.get(task, 0):
            self.deadly[task] -= 1
            ended = [*self.running]
            for future in ended:
                future.set_exception(BrokenExecutor())
        else:
            ended = [first]
            first.set_result(work(task))
        for future in ended:
            del self.running[future]
        return type("Done", (), {"done": ended})


@pytest.fixture
def as_done(monkeypatch):
    def run(pool, count):
        monkeypatch.setattr(workers, "wait", pool.wait)
        done = jobs.as_done(pool, lambda task: 10 * task, range(count), "number")
        return dict(done)

    return run


def test_every_task_is_done_though_workers_die(as_done):
    pool = Dying({0: 1, 3: 2, 7: 1, 9: 2})
    assert as_done(pool, 10) == {i: 10 * i for i in range(10)}


def test_a_deadly_task_ends_it_after_all_others(as_done):
    pool = Dying({2: 99})
    with pytest.raises(OSError, match=r"each of the last 3 tries, .* at number 2; give"):
        as_done(pool, 10)
    assert set(range(10)) <= set(pool.tried)
    assert pool.tried[-3:] == [2, 2, 2]
    assert len(pool.tried) < 20


def test_where_all_workers_die_it_ends_soon(as_done):
    pool = Dying(dict.fromkeys(range(1000), 99))
    with pytest.raises(OSError, match="died at each of the last 3 tries"):
        as_done(pool, 1000)
    assert len(pool.tried) == 4  # at first with others, then by itself


def test_shards_begin_where_they_should(in_process):
    with jobs.executor() as pool:
        assert (jobs.run(Cheap("live"), 5, pool) == expected(5)).all()
        assert (jobs.run(Cheap("live"), 3, pool) == expected(3)).all()


def test_a_shard_draws_no_other_sounds(monkeypatch):
    drawn = []
    monkeypatch.setattr(jobs, "nu_of", lambda s, p, i: drawn.append(i) or nu_of(s, p, i))
    assert (jobs._make_shard(Cheap("live"), 3, 40) == expected(43)[40:]).all()
    assert drawn == [40, 41, 42]


@pytest.mark.slow
def test_processes_that_are_killed_are_replaced_unless_one_sound_kills_them_all():
    kills(sound=1, workers=1)
    kills(sound=4, workers=99)
    with jobs.executor(1) as pool, pytest.raises(OSError, match="at sounds from 4; give"):
        jobs.run(Cheap("live"), 8, pool)
    assert len(list(Cheap("live").folder.glob("*.npy"))) == 3  # all but that one


@pytest.fixture
def cluster():
    """A worker whose scheduler gives a task up at the first death."""
    allowed = dask.config.set({"distributed.scheduler.allowed-failures": 0})
    with allowed, LocalCluster(1, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


@pytest.mark.slow
def test_a_cluster_goes_on_unless_one_sound_kills_every_worker(cluster):
    kills(sound=1, workers=1)
    kills(sound=4, workers=99)
    with (
        jobs.executor(1, cluster.scheduler_address) as pool,
        pytest.raises(OSError, match="at sounds from 4; give"),
    ):
        jobs.run(Cheap("live"), 8, pool)
    assert len(list(Cheap("live").folder.glob("*.npy"))) == 3


@pytest.mark.slow
def test_a_cluster_whose_scheduler_ends(cluster, monkeypatch):
    monkeypatch.setattr(workers, "ASK_S", 0.5)
    with (
        pytest.raises(OSError, match="the cluster's scheduler is gone; the same command"),
        jobs.executor(1, cluster.scheduler_address) as pool,
    ):
        for at, _ in jobs.as_done(pool, abs, range(1000), "number"):
            if at == 3:
                cluster.close()
