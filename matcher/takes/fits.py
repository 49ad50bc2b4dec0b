"""Drums fitted by several processes; what was fitted before is taken from beside the output."""

import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from matcher.matching.encoder import Encoder
from matcher.takes import fitting, kept
from matcher.takes.fitting import Fitted, Struck

ASKED_S = 0.2  # s between two questions whether to stop
ENDED = "a process that fitted a drum ended by itself, perhaps for want of memory"


class Progress(NamedTuple):
    """How far a run is."""

    done: int
    total: int
    left_s: float | None  # s until its end, as it went so far; None: nothing was done yet


class Stopped(Exception):
    """Somebody ended the run; what was fitted until then is kept."""


def processors() -> int:
    """How many processes can compute at once."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def fit_all(
    jobs: list[list[Struck]], folder: Path | None, effort: str, model: Path, processes: int,
    progress: Callable[[Progress], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Fitted]:  # fmt: skip
    """Fit drums.

    Args:
        jobs: the hits of each drum.
        folder: where fits are kept and looked for; None: nowhere.
        effort: one of effort.EFFORTS.
        model: file of the network.
        processes: how many; with one, this process computes itself.
        progress: called after each drum.
        stopped: asked now and then; True ends the run.

    Raises:
        Stopped: `stopped` said so.
        ValueError: if the network cannot be used.
        OSError: if a fit cannot be kept, or processes end by themselves.
    """
    sha256 = _encoder(model).sha256
    keys = [kept.key_of(job, effort, sha256) for job in jobs]
    found = {i: fitted for i, key in enumerate(keys)
             if folder is not None and (fitted := kept.load(folder, key)) is not None}  # fmt: skip
    missing = [i for i in range(len(jobs)) if i not in found]
    began, before = time.monotonic(), len(found)
    progress(Progress(before, len(jobs), None if missing else 0.0))
    tasks = [(i, jobs[i], effort, model) for i in missing]
    for i, fitted in _each(tasks, min(processes, len(tasks)), stopped):
        found[i] = fitted
        if folder is not None:
            kept.save(folder, keys[i], fitted)
        each_s = (time.monotonic() - began) / (len(found) - before)
        progress(Progress(len(found), len(jobs), each_s * (len(jobs) - len(found))))
    return [found[i] for i in range(len(jobs))]


def _each(tasks, processes: int, stopped: Callable[[], bool]) -> Iterator[tuple[int, Fitted]]:
    """(number, fit) of tasks as they are done."""
    if processes <= 1:
        for task in tasks:
            if stopped():
                raise Stopped
            yield _fit(task)
        return
    fitters = Fitters(processes)
    try:
        left = {fitters.submit(*task) for task in tasks}
        while left:
            done, left = wait(left, ASKED_S, FIRST_COMPLETED)
            for future in done:
                yield future.result()
            if stopped():
                raise Stopped
    except BrokenProcessPool as error:
        again = "start again with fewer --processes: what was fitted is kept"
        raise OSError(f"{ENDED}; {again}") from error
    except BaseException:
        fitters.end()
        raise
    fitters.close()


def sha256_of(model: Path) -> str:
    """Of a network's file; loading the network takes longer than looking up what is kept.

    Raises:
        ValueError: in one sentence, if it cannot be read.
    """
    try:
        with open(model, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"model {model} cannot be read: {error.strerror}") from error


class Fitters:
    """Processes that fit drums, until they are ended.

    Args:
        processes: how many.
        niceness: by how much they give way to other programs, where the system knows that.
    """

    def __init__(self, processes: int, niceness: int = 0):
        spawn = multiprocessing.get_context("spawn")  # fork is not safe beside Qt's threads
        self._pool = ProcessPoolExecutor(
            processes, mp_context=spawn, initializer=_begin, initargs=(niceness,)
        )

    def submit(self, number: int, job: list[Struck], effort: str, model: Path) -> Future:
        """Fit a drum to its hits; the result is (number, Fitted)."""
        return self._pool.submit(_fit, (number, job, effort, model))

    def close(self) -> None:
        """End the processes once all is fitted."""
        self._pool.shutdown()

    def end(self) -> None:
        """End the processes at once: they keep nothing themselves, and a fit takes seconds."""
        workers = list((getattr(self._pool, "_processes", None) or {}).values())  # public from 3.14
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()


def _begin(niceness: int) -> None:
    """Ctrl-C reaches all processes of a terminal, and the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if niceness and hasattr(os, "nice"):
        os.nice(niceness)


def _fit(task) -> tuple[int, Fitted]:
    number, job, effort, model = task
    return number, fitting.fit(job, _encoder(model), effort)


@lru_cache(1)
def _encoder(model: Path) -> Encoder:
    return Encoder(model)
