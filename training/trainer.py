"""The training loop: a run's encoder, its optimiser and objective, and how it goes on."""

import copy
import csv
import ctypes
import io
import json
import math
import platform
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from matcher.recording import save_atomically
from training.config import DAMPED, Config
from training.dataset import SHARD, Shards, channels
from training.encoder import Encoder
from training.jobs import end_with_parent
from training.objective import Objective
from training.progress import progress
from training.runs import load_checkpoint, summary

HEAD_RATE = 10  # the head's scale has to keep up with how much the network knows
WARM_UP = 0.05  # share of the steps over which the learning rate rises


def learning_rate(config: Config, step: int) -> float:
    """Linear warm-up, then half a cosine down to nothing at the last step."""
    share = (step + 1) / config.steps
    if share < WARM_UP:
        return config.learning_rate * share / WARM_UP
    return config.learning_rate * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))) / 2


class Trainer:
    """A run: the encoder, its optimiser and objective, where it stands, and how it goes on.

    Raises ValueError where the configuration names what is not there.
    """

    def __init__(self, config: Config, run: Path, fabric: Fabric, cache_gb: float = 4.0):
        torch.manual_seed(config.seed)
        model = Encoder(config.recipe.features.n_bins)
        model = model.to(fabric.device, memory_format=torch.channels_last)
        body = [p for name, p in model.named_parameters() if not name.startswith("head.")]
        optimiser = torch.optim.AdamW(
            [{"params": body, "rate": 1}, {"params": model.head.parameters(), "rate": HEAD_RATE}],
            weight_decay=config.weight_decay,
        )
        self.model, self.optimiser = fabric.setup(model, optimiser)
        self.config, self.run, self.fabric = config, run, fabric
        self.objective = Objective(config, fabric.device)
        self.history, self.earlier, self.best = [], [], None
        splits = ("train", "validation")
        self.train, self.validation = (
            Shards(config.recipe, config.seed, s, int(cache_gb * 1e9)) for s in splits
        )
        known = self.objective.n_shards
        self.n_shards = min(known or math.inf, config.first_shard + config.distinct_shards)
        if config.first_shard >= self.n_shards:
            raise ValueError(f"first_shard is {config.first_shard}, the table has {known} shards")

    def warm_start(self) -> None:
        """Begin with the weights of another run. ValueError where it was of other inputs."""
        state = load_checkpoint(self.config.warm_start)
        theirs = Config.from_dict(json.loads(state["config"]))
        for name, mine, other in (
            ("preset", self.config.recipe.preset, theirs.recipe.preset),
            ("features", self.config.recipe.features, theirs.recipe.features),
            ("pitch", self.config.pitch, theirs.pitch),
        ):
            if mine != other:
                raise ValueError(f"{name} is {mine}, but {other} in {self.config.warm_start}")
        self.model.load_state_dict(state["model"])
        self.earlier = [*state["earlier"], summary(state)]

    def resume(self) -> None:
        """Go on where the run's checkpoint was written."""
        state = load_checkpoint(self.run)
        if "best" not in state:
            raise ValueError(f"{self.run} is of an older version; name it as --warm-start instead")
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history, self.best = state["history"], state["best"]
        self.earlier = state["earlier"]
        self.objective.damping.value, self.objective.damping.best = state["damping"]

    def fit(self, workers: int = 1) -> list[dict]:
        """Train to the last epoch; returns the history, one dict an epoch."""
        config, fabric, done = self.config, self.fabric, len(self.history)
        stream, sounds = iter(self._loader(workers)), config.shards_per_epoch * SHARD
        validation = self.validation[0]
        if self._adaptive and not done:  # the weights that it begins with may be the best
            self.objective.damping.best = fabric.broadcast(self.evaluate(validation))[1]
            self._remember()
        with progress(disable=fabric.global_rank > 0) as bar:
            task = bar.add_task("training", total=config.epochs * sounds, completed=done * sounds)
            for epoch in range(done, config.epochs):
                start, damping = time.perf_counter(), self.objective.damping.value
                loss = self._train_epoch(epoch, stream, lambda n: bar.advance(task, n))
                mse, watched = fabric.broadcast(self.evaluate(validation))
                self.history.append({
                    "epoch": epoch + 1,
                    "sounds": (epoch + 1) * sounds,
                    "train_loss": loss,
                    "validation_mse": mse,
                    "validation_loss": watched,
                    "damping": damping,
                    "seconds": time.perf_counter() - start,
                })  # fmt: skip
                self._damp(watched)
                self._save()
                if not fabric.global_rank:
                    bar.console.print(self._sentence())
        return self.history

    def _train_epoch(self, epoch: int, stream, advance) -> float:
        """One pass over shards_per_epoch shards; the mean loss."""
        config, world = self.config, self.fabric.world_size
        torch.manual_seed(config.seed * 1_000_003 + epoch)
        self.model.train()
        size, total, n_batches = config.batch_size // world, 0.0, 0
        step = epoch * config.shards_per_epoch * SHARD // config.batch_size
        for _ in range(config.shards_per_epoch // world):
            index, *shard = next(stream)
            for batch in torch.randperm(SHARD).numpy().reshape(-1, size):
                for group in self.optimiser.param_groups:
                    share = group["rate"] * self.objective.damping.step
                    group["lr"] = share * learning_rate(config, step)
                self.optimiser.zero_grad()
                total += self.backward(index, shard, batch)
                self.optimiser.step()
                step, n_batches = step + 1, n_batches + 1
                advance(len(batch) * world)
        mean = torch.tensor(total / n_batches, device=self.fabric.device)
        return float(self.fabric.all_reduce(mean, reduce_op="mean"))

    def backward(self, index: int, shard, batch: np.ndarray) -> float:
        """Gradients of the loss of a shard's sounds; with several processes, their mean's."""
        loss = self.objective(*self.predict(shard, batch), index * SHARD + batch)
        self.fabric.backward(loss)
        return loss.item()

    @torch.no_grad()
    def evaluate(self, shard) -> tuple[float, float]:
        """Mean squared error in nu of a validation shard, and of DAMPED losses the undamped one."""
        self.model.eval()
        mse, loss, batches = 0.0, 0.0, np.arange(SHARD).reshape(-1, 128)
        for batch in batches:
            nu_hat, nu = self.predict(shard, batch)
            mse += (nu_hat - nu).square().mean().item() / len(batches)
            if self.config.loss in DAMPED:
                loss += self.objective.watch(nu_hat, nu, batch).item() / len(batches)
        return mse, loss

    def predict(self, shard, batch: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """nu_hat and nu (batch, 5) of these sounds of a shard."""
        nu, log_cqt, observed = shard
        x = torch.from_numpy(channels(log_cqt[batch], observed[batch])).to(self.fabric.device)
        nu = torch.from_numpy(nu[batch]).to(self.fabric.device)
        x = x.contiguous(memory_format=torch.channels_last)  # (batch, 2, bins, frames)
        known = nu[:, 0] if self.config.pitch == "known" else None
        return self.model(x, known).float(), nu

    @property
    def _adaptive(self) -> bool:
        return self.config.loss in DAMPED and self.config.damping == "adaptive"

    def _damp(self, watched: float) -> None:
        """Change lambda after an epoch; where it was refused, go back to the best weights."""
        accepted = self.objective.damping.update(watched)
        if self._adaptive and accepted:
            self._remember()
        elif self._adaptive:
            self.model.load_state_dict(self.best["model"])
            self.optimiser.load_state_dict(copy.deepcopy(self.best["optimiser"]))

    def _remember(self) -> None:
        self.best = copy.deepcopy(
            {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        )

    def _loader(self, workers: int):
        """This process's shards of the epochs still to come, made ahead by `workers` processes."""
        n, world, rank = (
            self.config.shards_per_epoch, self.fabric.world_size, self.fabric.global_rank,
        )  # fmt: skip
        order = np.arange(len(self.history) * n, self.config.epochs * n)[rank::world]
        first = self.config.first_shard
        order = (first + order % (self.n_shards - first)).tolist()
        return DataLoader(_Numbered(self.train), batch_size=None, sampler=order,
                          num_workers=workers, collate_fn=_as_is, worker_init_fn=end_with_parent,
                          prefetch_factor=2 if workers else None)  # fmt: skip

    def _save(self) -> None:
        if self.fabric.global_rank:
            return
        state = {
            "config": json.dumps(asdict(self.config)),
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "history": self.history,
            "shards": self.n_shards - self.config.first_shard,
            "earlier": self.earlier,
            "best": self.best,
            "damping": (self.objective.damping.value, self.objective.damping.best),
        }
        save_atomically(self.run / "checkpoint.pt", lambda file: torch.save(state, file))
        text = io.StringIO()
        table = csv.DictWriter(text, self.history[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(self.history)
        save_atomically(self.run / "log.csv", lambda file: file.write(text.getvalue().encode()))

    def _sentence(self) -> str:
        row = self.history[-1]
        damped = f" (undamped {row['validation_loss']:.4g}, lambda {row['damping']:.3g})"
        return (
            f"epoch {row['epoch']}/{self.config.epochs}: {row['sounds']:,} sounds, "
            f"train {row['train_loss']:.4f}, validation {row['validation_mse']:.4f}"
            f"{damped if self.config.loss in DAMPED else ''}, {row['seconds']:.0f} s"
        )


class _Numbered:
    """Shards with their numbers: (index, nu, log_cqt, observed)."""

    def __init__(self, shards: Shards):
        self.shards = shards

    def __getitem__(self, index: int):
        return index, *self.shards[index]


def _as_is(shard):
    return shard


def keep_freed_memory() -> None:
    """Have glibc keep what a training step frees for the next one: a quarter less time on a CPU."""
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold = -1, -3  # mallopt(3)
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 2**25)
        libc.mallopt(trim_threshold, 2**31 - 1)
