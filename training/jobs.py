"""Numbers computed for each of many sounds: by several processes or a cluster, in kept shards.

A killed job continues where it was: shards of ROWS sounds are in the cache folder, each written
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
from threadpoolctl import threadpool_limits

from matcher.physics.theta import PRESETS
from matcher.recording import save_atomically
from training import command
from training.dataset import cache_folder, nu_of
from training.jtfs import Phi, shared_phi
from training.progress import progress

ROWS = 64  # sounds in a shard; half a minute of work, which is all that a kill loses
CONNECT_S = 10  # s to wait for a cluster's scheduler
LOST = "a worker died; the same command continues where it was"


@dataclass(frozen=True)
class Job:
    """Which sounds, and by the subclass which numbers; the sounds are the first ones of a split.

    Raise a subclass's VERSION when it would compute other numbers.
    """

    preset: str
    seed: int = 0
    split: str = "train"

    VERSION: ClassVar[int]

    def row(self, nu: torch.Tensor, phi: Phi) -> np.ndarray:
        """The numbers of one sound.

        Args:
            nu: (1, 5) float32.
            phi: The features that sounds are compared by, as `phi` gives them.

        Returns:
            (numbers,) float32.
        """
        raise NotImplementedError

    def phi(self) -> Phi:
        """The features that `row` is given."""
        return shared_phi()

    @property
    def folder(self) -> Path:
        """Where the shards are kept."""
        settings = "-".join(str(v) for v in asdict(self).values())
        return cache_folder() / "jobs" / f"{type(self).__name__.lower()}{self.VERSION}-{settings}"


def run(job: Job, count: int, executor) -> np.ndarray:
    """Rows of a job's first sounds.

    Args:
        job: The job.
        count: Sounds.
        executor: Computes the shards that the cache lacks.

    Returns:
        (count, numbers) float32.
    """
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
    """Rows (count, numbers), on one thread: the same numbers whichever worker computes them."""
    torch.set_num_threads(1)
    with torch.no_grad():
        nu = sounds(job, first + count)[first:]
        return np.stack([job.row(torch.from_numpy(n).float()[None], job.phi()) for n in nu])


def _read(path: Path):
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # missing or damaged: computed again
    return rows if len(rows) == ROWS else None


def each(work: Callable, tasks: list, workers: int, label: str) -> list:
    """Do work(task) for every task in several processes of one thread each.

    Args:
        work: A function of a module, so that it can be sent to a process.
        tasks: Its arguments.
        workers: Processes.
        label: Stands beside the progress bar on stderr.

    Returns:
        The results, in the order of the tasks.
    """
    with executor(workers) as pool:
        results = pool.map(partial(_on_one_thread, work), tasks)
        return list(track(results, label, len(tasks), console=Console(stderr=True)))


def _on_one_thread(work: Callable, task):
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return work(task)


@contextmanager
def executor(workers: int, scheduler: str | None = None):
    """An executor of processes here, or of a dask.distributed cluster.

    Work that is still queued at an error or at Ctrl-C is dropped.

    Args:
        workers: Processes, unless there is a scheduler.
        scheduler: Address of the cluster's scheduler.

    Raises:
        OSError: A worker was lost for good.
        ValueError: There is no scheduler at the address.
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
    """Make this worker process end when the process that it works for was killed.

    Args:
        worker: Not used; a DataLoader passes it.
    """
    parent = parent_process()
    Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


@contextmanager
def _cluster(scheduler: str):
    from dask.distributed import Client, KilledWorker

    try:
        client = Client(scheduler, timeout=CONNECT_S)
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
    """Add the options of every command that runs a job.

    Args:
        parser: The parser of the command.
        count: The default of --count.
    """
    parser.add_argument("--preset", choices=PRESETS, default="live", help="default live")
    parser.add_argument("--count", type=int, default=count, help=f"sounds; default {count}")
    parser.add_argument("--seed", type=int, default=0, help="of the sounds; default 0")
    command.add_workers(parser)
    parser.add_argument("--scheduler", help="address of a dask.distributed cluster to use instead")


def check(arguments: argparse.Namespace) -> None:
    """Check the options of add_arguments, and the file `out` to write.

    Raises:
        ValueError: A value is not allowed, or there is no folder to write to.
    """
    command.check_at_least(arguments, count=1, workers=1, seed=0)
    if arguments.out and not arguments.out.parent.is_dir():
        raise ValueError(f"there is no folder {arguments.out.parent} to write {arguments.out} to")
