"""Numbers computed for each of many sounds: by several processes or a cluster, in kept shards.

A killed job continues where it was: shards of ROWS sounds are in the cache folder, each written
whole or not at all. Workers that die in between are survived, see training/workers.py.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
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
from training.workers import as_done, executor

ROWS = 64  # sounds in a shard; half a minute of work, which is all that a kill loses


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
        executor: As `executor` gives it; computes the shards that the cache lacks.

    Returns:
        (count, numbers) float32.

    Raises:
        OSError: Workers die again and again.
    """
    folder = job.folder
    paths = [folder / f"{i:06d}.npy" for i in range(-(-count // ROWS))]
    missing = [i for i, path in enumerate(paths) if _read(path) is None]
    folder.mkdir(parents=True, exist_ok=True)
    with progress("sounds/min", 60) as bar:
        task = bar.add_task(folder.name, total=len(paths) * ROWS)
        bar.update(task, completed=(len(paths) - len(missing)) * ROWS)
        first = [i * ROWS for i in missing]
        for at, rows in as_done(executor, partial(_make_shard, job, ROWS), first, "sounds from"):
            save_atomically(paths[missing[at]], partial(np.save, arr=rows))
            bar.advance(task, ROWS)
    return _gather(paths)[:count]


def sounds(job: Job, count: int, first: int = 0) -> np.ndarray:
    """nu (count, 5) of a job's sounds from `first` on, in the order of `run`'s rows."""
    return np.array([nu_of(job.seed, job.split, first + i) for i in range(count)])


def _make_shard(job: Job, count: int, first: int) -> np.ndarray:
    """Rows (count, numbers), on one thread: the same numbers whichever worker computes them."""
    torch.set_num_threads(1)
    with torch.no_grad():
        phi, nu = job.phi(), torch.from_numpy(sounds(job, count, first)).float()
        return np.stack([job.row(n[None], phi) for n in nu])


def _gather(paths: list[Path]) -> np.ndarray:
    """Rows (sounds, numbers) of all shards; one at a time is held beside the result."""
    shard = _read(paths[0])
    rows = np.empty((len(paths), *shard.shape), shard.dtype)
    for i, path in enumerate(paths):
        rows[i] = _read(path)
    return rows.reshape(-1, shard.shape[1])


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

    Raises:
        OSError: Workers die again and again.
    """
    results = [None] * len(tasks)
    with executor(workers) as pool:
        done = as_done(pool, partial(_on_one_thread, work), tasks, label)
        for i, result in track(done, label, len(tasks), console=Console(stderr=True)):
            results[i] = result
    return results


def _on_one_thread(work: Callable, task):
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return work(task)


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
