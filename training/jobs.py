"""Numbers computed for each of many sounds: by several processes or a cluster, in kept shards.

A killed job goes on where it stood: shards of SHARD sounds are in the cache folder, each written
whole or not at all.
"""

import argparse
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from matcher.recording import save_atomically
from matcher.theta import PRESETS
from training.dataset import cache_folder, nu_of
from training.jtfs import Phi
from training.progress import progress

SHARD = 64  # sounds


@dataclass(frozen=True)
class Job:
    """A subclass says what a sound's row of numbers is; the sounds are those of a training split.

    Raise a subclass's VERSION when its rows would come out otherwise.
    """

    preset: str
    seed: int = 0

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
    paths = [folder / f"{i:06d}.npy" for i in range(-(-count // SHARD))]
    kept = {i: rows for i, path in enumerate(paths) if (rows := _read(path)) is not None}
    folder.mkdir(parents=True, exist_ok=True)
    with progress("sounds/min", 60) as bar:
        task = bar.add_task(folder.name, total=len(paths) * SHARD)
        bar.update(task, completed=len(kept) * SHARD)
        missing = [i for i in range(len(paths)) if i not in kept]
        todo = {executor.submit(_make_shard, job, i * SHARD, SHARD): i for i in missing}
        while todo:
            for future in wait(todo, return_when=FIRST_COMPLETED).done:
                i, rows = todo.pop(future), future.result()
                save_atomically(paths[i], partial(np.save, arr=rows))
                kept[i] = rows
                bar.advance(task, SHARD)
    return np.concatenate([kept[i] for i in range(len(paths))])[:count]


def sounds(seed: int, count: int) -> np.ndarray:
    """nu (count, 5) of the first sounds, in the order of `run`'s rows."""
    return np.array([nu_of(seed, "train", i) for i in range(count)])


def _make_shard(job: Job, first: int, count: int) -> np.ndarray:
    """Rows of so many sounds, on one thread: the same numbers whichever worker makes them."""
    torch.set_num_threads(1)
    with torch.no_grad():
        nu = [nu_of(job.seed, "train", i) for i in range(first, first + count)]
        return np.stack([job.row(torch.from_numpy(n).float()[None], _phi()) for n in nu])


@cache
def _phi() -> Phi:
    return Phi()


def _read(path: Path):
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # not there, or damaged: made anew
    return rows if len(rows) == SHARD else None


@contextmanager
def executor(workers: int, scheduler: str | None):
    """An executor: processes here, or the dask.distributed cluster at the address `scheduler`."""
    if scheduler is None:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            yield pool
        return
    from dask.distributed import Client

    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no dask.distributed scheduler at {scheduler}; give an address like tcp://host:8786"
        ) from error
    with client, client.get_executor(retries=3) as pool:
        yield pool


def add_arguments(parser: argparse.ArgumentParser, count: int) -> None:
    """The options of every command that runs a job."""
    parser.add_argument("--preset", choices=PRESETS, default="live", help="default live")
    parser.add_argument("--count", type=int, default=count, help=f"sounds; default {count}")
    parser.add_argument("--seed", type=int, default=0, help="of the training split; default 0")
    parser.add_argument("--workers", type=int, default=2, help="processes; default 2")
    parser.add_argument("--scheduler", help="address of a dask.distributed cluster to use instead")


def run_from(arguments, job: Job) -> np.ndarray:
    """Run a job as add_arguments' options say; ValueError or OSError where it cannot be."""
    for name in ("count", "workers"):
        if getattr(arguments, name) < 1:
            raise ValueError(f"{name} is {getattr(arguments, name)}, allowed is 1 or more")
    try:
        with executor(arguments.workers, arguments.scheduler) as pool:
            return run(job, arguments.count, pool)
    except BrokenExecutor as error:
        raise OSError(f"a worker died ({error}); the same command goes on from there") from error
