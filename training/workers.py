"""Worker processes, here or of a dask.distributed cluster, and how their death is survived.

A task whose worker died is done again, after all that wait. Processes here all end when one does,
and are started anew; a cluster goes on with the workers that are left. After a death one task is
tried by itself, since nothing else says which of several it was; TRIES of these in vain end it all.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread

AHEAD = 2  # tasks submitted for each worker, so that none waits for the next one
TRIES = 3  # in a row at which a task by itself lost its workers, and then it ends
CONNECT_S = 10  # s to wait for a cluster's scheduler
ASK_S = 10  # s after which a cluster is asked for new workers, though no task was done
GONE = "the cluster's scheduler is gone; the same command continues where it was"


def as_done(pool, work: Callable, tasks: Sequence, label: str) -> Iterator[tuple]:
    """Do work(task) for every task, AHEAD of them for each worker at a time.

    Args:
        pool: As `executor` gives it.
        work: A function that can be sent to a process.
        tasks: Its arguments.
        label: What tasks are, for the sentence of the error.

    Yields:
        Index and result of each task, in the order in which they are done.

    Raises:
        OSError: Workers die again and again, and no task is done in between.
    """
    waiting, running = deque(range(len(tasks))), {}
    alone, in_vain = False, 0
    while waiting or running:
        ahead = 1 if alone else pool.ahead
        while waiting and len(running) < ahead:
            i = waiting.popleft()
            running[pool.submit(work, tasks[i])] = i, alone
        for future in wait(running, ASK_S, FIRST_COMPLETED).done:
            i, was_alone = running.pop(future)
            try:
                result = future.result()
            except pool.lost as error:
                waiting.append(i)
                alone, in_vain = True, in_vain + was_alone
                if in_vain == TRIES:
                    raise OSError(_sentence(label, tasks[i])) from error
                continue
            alone, in_vain = False, 0
            yield i, result


def _sentence(label: str, task) -> str:
    return (
        f"workers died at each of the last {TRIES} tries, the last one at {label} {task}; give "
        "each more memory, if they lack it; the same command continues where it was"
    )


@contextmanager
def executor(workers: int, scheduler: str | None = None):
    """A pool of processes here, or of a dask.distributed cluster, for `as_done`.

    Work that is still queued at an error or at Ctrl-C is dropped.

    Args:
        workers: Processes, unless there is a scheduler.
        scheduler: Address of the cluster's scheduler.

    Raises:
        OSError: The scheduler was lost.
        ValueError: There is no scheduler at the address.
    """
    pool = _Cluster(scheduler) if scheduler else _Processes(workers)
    try:
        yield pool
    except CancelledError as error:
        raise OSError(GONE) from error
    finally:
        pool.close()


class _Processes:
    """Processes of this machine; when one dies, all are started anew."""

    lost = (BrokenExecutor,)

    def __init__(self, workers: int):
        self.ahead = AHEAD * workers
        self._workers = workers
        self._start()

    def submit(self, *call) -> Future:
        try:
            return self._pool.submit(*call)
        except BrokenExecutor:
            self.close()
            self._start()
            return self._pool.submit(*call)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        spawn = get_context("spawn")
        self._pool = ProcessPoolExecutor(self._workers, spawn, initializer=end_with_parent)


class _Cluster:
    """Workers of a scheduler; they may come and go."""

    def __init__(self, scheduler: str):
        from dask.distributed import Client, KilledWorker

        self.lost = (KilledWorker,)  # so many workers as the scheduler allows died of a task
        try:
            self._client = Client(scheduler, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"no dask.distributed scheduler at {scheduler}; "
                "give an address like tcp://host:8786"
            ) from error
        # impure: a task that is done again must not get the error of its first time
        self._pool = self._client.get_executor(retries=3, pure=False)

    @property
    def ahead(self) -> int:
        try:
            return AHEAD * max(1, sum(self._client.nthreads().values()))
        except OSError as error:
            raise OSError(GONE) from error

    def submit(self, *call) -> Future:
        return self._pool.submit(*call)

    def close(self) -> None:
        self._pool.shutdown(wait=False)
        self._client.close()


def end_with_parent(worker: int = 0) -> None:
    """Make this worker process end when the process that it works for was killed.

    Args:
        worker: Not used; a DataLoader passes it.
    """
    parent = parent_process()
    Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
