"""Numbers computed for each of many sounds: by several processes or a cluster, in kept shards.

A killed job goes on where it stood: shards of ROWS sounds are in the cache folder, each written
whole or not at all.
"""

import argparse
import os
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import ClassVar

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from matcher.physics.theta import PRESETS
from matcher.recording import save_atomically
from training.dataset import cache_folder, nu_of
from training.jtfs import Phi, shared_phi
from training.progress import progress

ROWS = 64  # sounds
LOST = "a worker died; the same command goes on from there"


@dataclass(frozen=True)
class Job:
    """A subclass says what a sound's row of numbers is; the sounds are the first ones of a split.

    Raise a subclass's VERSION when its rows would come out otherwise.
    """

    preset: str
    seed: int = 0
    split: str = "train"

    VERSION: ClassVar[int]

    def row(self, nu: torch.Tensor, phi: Phi) -> np.ndarray:
        """nu (1, 5) float32 -> a row (numbers,) float32."""
        raise NotImplementedError

    @property
    def folder(self) -> Path:
        """Where the shards are kept."""
        settings = "-".join(str(v) for v in asdict(self).values())
        return cache_folder() / "jobs" / f"{type(self).__name__.lower()}{self.VERSION}-{settings}"


def run(job: Job, count: int, executor) -> np.ndarray:
    """Rows (count, numbers) of the first sounds; what the cache lacks is made by `executor`."""
    folder = job.folder
    paths = [folder / f"{i:06d}.npy" for i in range(-(-count // ROWS))]
    kept = {i: rows for i, path in enumerate(paths) if (rows := _read(path)) is not None}
    folder.mkdir(parents=True, exist_ok=True)
    with progress("sounds/min", 60) as bar:
        task = bar.add_task(folder.name, total=len(paths) * ROWS)
        bar.update(task, completed=len(kept) * ROWS)
        missing = [i for i in range(len(paths)) if i not in kept]
        todo = {executor.submit(_make_shard, job, i * ROWS, ROWS): i for i in missing}
        while todo:
            for future in wait(todo, return_when=FIRST_COMPLETED).done:
                i, rows = todo.pop(future), future.result()
                save_atomically(paths[i], partial(np.save, arr=rows))
                kept[i] = rows
                bar.advance(task, ROWS)
    return np.concatenate([kept[i] for i in range(len(paths))])[:count]


def sounds(job: Job, count: int) -> np.ndarray:
    """nu (count, 5) of a job's first sounds, in the order of `run`'s rows."""
    return np.array([nu_of(job.seed, job.split, i) for i in range(count)])


def _make_shard(job: Job, first: int, count: int) -> np.ndarray:
    """Rows of so many sounds, on one thread: the same numbers whichever worker makes them."""
    torch.set_num_threads(1)
    with torch.no_grad():
        nu = sounds(job, first + count)[first:]
        return np.stack([job.row(torch.from_numpy(n).float()[None], shared_phi()) for n in nu])


def _read(path: Path):
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # not there, or damaged: made anew
    return rows if len(rows) == ROWS else None


def each(work: Callable, tasks: list, workers: int, words: str) -> list:
    """work(task) of every task by several processes, in order, with a bar on stderr."""
    with executor(workers) as pool:
        return list(track(pool.map(work, tasks), words, len(tasks), console=Console(stderr=True)))


@contextmanager
def executor(workers: int, scheduler: str | None = None):
    """An executor: processes here, or the dask.distributed cluster at the address `scheduler`.

    OSError where a worker is lost for good; what is queued then, or at Ctrl-C, is dropped.
    """
    if scheduler:
        with _cluster(scheduler) as pool:
            yield pool
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=end_with_parent)
    try:
        yield pool
    except BrokenExecutor as error:
        raise OSError(LOST) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def end_with_parent(worker: int = 0) -> None:
    """Called in a worker process: it ends when the process that it works for was killed."""
    parent = parent_process()
    Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


@contextmanager
def _cluster(scheduler: str):
    from dask.distributed import Client, KilledWorker

    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no dask.distributed scheduler at {scheduler}; give an address like tcp://host:8786"
        ) from error
    pool = client.get_executor(retries=3)
    try:
        yield pool
    except (KilledWorker, CancelledError) as error:
        raise OSError(LOST) from error
    finally:
        pool.shutdown(wait=False)
        client.close()


def add_arguments(parser: argparse.ArgumentParser, count: int) -> None:
    """The options of every command that runs a job."""
    parser.add_argument("--preset", choices=PRESETS, default="live", help="default live")
    parser.add_argument("--count", type=int, default=count, help=f"sounds; default {count}")
    parser.add_argument("--seed", type=int, default=0, help="of the sounds; default 0")
    parser.add_argument("--workers", type=int, default=2, help="processes; default 2")
    parser.add_argument("--scheduler", help="address of a dask.distributed cluster to use instead")


def check(arguments) -> None:
    """ValueError where an option of add_arguments, or a place to write to, cannot be."""
    for name, lowest in (("count", 1), ("workers", 1), ("seed", 0)):
        if getattr(arguments, name) < lowest:
            raise ValueError(f"{name} is {getattr(arguments, name)}, allowed is {lowest} or more")
    if arguments.out and not arguments.out.parent.is_dir():
        raise ValueError(f"there is no folder {arguments.out.parent} to write {arguments.out} to")
