"""Train the encoder.

    python -m training.fit                       the shipped model's warm start, in the cache folder
    python -m training.fit --smoke               everything in about a minute
    python -m training.fit --run mine --preset paper --epochs 20
    python -m training.fit --run mine --resume
    python -m training.fit --run better --warm-start mine --loss pnp --damping adaptive
    python -m training.fit --run big --devices 4 --precision bf16-mixed

A run is a folder: config.json, checkpoint.pt (each epoch, written whole or not at all) and log.csv.
A run that was killed goes on with --resume from its last epoch, to the same end.
"""

import argparse
import copy
import csv
import ctypes
import io
import json
import math
import multiprocessing
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from threading import Thread

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from matcher.features import LogCqt
from matcher.recording import save_atomically
from matcher.theta import PRESETS
from training import objective
from training.dataset import SHARD, Recipe, Shards, cache_folder, channels
from training.encoder import Encoder
from training.objective import Objective
from training.progress import progress


@dataclass(frozen=True)
class Config:
    """Everything that the result of a run depends on."""

    recipe: Recipe = field(default_factory=Recipe)
    epochs: int = 40
    shards_per_epoch: int = 10  # of SHARD sounds each
    distinct_shards: int = 160  # after these the training sounds come round again
    first_shard: int = 0  # of them
    batch_size: int = 64
    learning_rate: float = 5e-4  # the highest; it rises over WARM_UP, then falls as a cosine
    weight_decay: float = 1e-2
    seed: int = 0
    loss: str = "p"  # p, pnp, mss, jtfs or proxy
    pitch: str = "unknown"  # known: the encoder is told it and infers the other four
    metric: str = "table"  # of pnp: the table's own sounds, or any sound by a network
    table: str = ""  # of training.metric; none: the preset's shipped one
    network: str = ""  # of training.surrogate: of pnp where the metric is one, and of proxy
    clip: float = 1.0  # eigenvalues of M above this quantile of the largest count as it
    damping: str = "adaptive"  # of pnp: constant, scheduled or adaptive
    damping_start: float = 0.0  # lambda; 0: the largest eigenvalue met
    damping_matrix: str = "identity"  # or diagonal
    warm_start: str = ""  # the run whose weights this one began with

    def __post_init__(self):
        objective.check(self)
        if self.recipe.preset not in PRESETS:
            allowed = ", ".join(PRESETS)
            raise ValueError(f"preset is {self.recipe.preset!r}, allowed is one of: {allowed}")
        if not 0 <= self.recipe.augmented <= 1:
            raise ValueError(f"augmented is {self.recipe.augmented}, allowed is 0 to 1")
        for name in ("epochs", "shards_per_epoch", "distinct_shards", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed is above 0")
        if not 2 <= self.batch_size <= SHARD or SHARD % self.batch_size:
            raise ValueError(f"batch_size is {self.batch_size}, allowed is a divisor of {SHARD}")

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.epochs * self.shards_per_epoch * SHARD // self.batch_size

    @classmethod
    def from_dict(cls, values: dict) -> "Config":
        """From asdict's form; ValueError names a key that is not one of its fields."""
        values = dict(values)
        recipe = dict(values.pop("recipe", {}))
        cqt = dict(recipe.pop("features", {}))
        cqt = _build(LogCqt, {**asdict(Recipe().features), **cqt})
        return _build(cls, {**values, "recipe": _build(Recipe, {**recipe, "features": cqt})})


def _build(kind, values: dict):
    allowed = [f.name for f in fields(kind)]
    for key in values:
        if key not in allowed:
            raise ValueError(
                f"unknown key {key!r} in {kind.__name__}, allowed: {', '.join(allowed)}"
            )
    return kind(**values)


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
        model, self.earlier = Encoder(config.recipe.features.n_bins), []
        if config.warm_start:
            start = load_checkpoint(config.warm_start)
            model.load_state_dict(start["model"])
            self.earlier = [*start.get("earlier", []), summary(start)]
        model = model.to(fabric.device, memory_format=torch.channels_last)
        body = [p for name, p in model.named_parameters() if not name.startswith("head.")]
        optimiser = torch.optim.AdamW(
            [{"params": body, "rate": 1}, {"params": model.head.parameters(), "rate": HEAD_RATE}],
            weight_decay=config.weight_decay,
        )
        self.model, self.optimiser = fabric.setup(model, optimiser)
        self.config, self.run, self.fabric = config, run, fabric
        self.objective = Objective(config, fabric.device)
        self.history, self.best = [], None
        splits = ("train", "validation")
        self.train, validation = (
            Shards(config.recipe, config.seed, s, int(cache_gb * 1e9)) for s in splits
        )
        self.distinct_shards = config.distinct_shards
        self.validation = (validation, 0)
        if self.objective.n_known:  # the table's last shard is not trained on
            last = self.objective.n_known // SHARD - 1
            if config.first_shard >= last:
                raise ValueError(f"first_shard is {config.first_shard}, the table ends at {last}")
            self.distinct_shards = min(last - config.first_shard, config.distinct_shards)
            self.validation = (self.train, last)

    def resume(self) -> None:
        """Go on where the run's checkpoint was written."""
        state = load_checkpoint(self.run)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history, self.best = state["history"], state["best"]
        self.earlier = state["earlier"]
        self.objective.damping.value, self.objective.damping.best = state["damping"]

    def fit(self, workers: int = 1) -> list[dict]:
        """Train to the last epoch; returns the history, one dict an epoch."""
        config, fabric, done = self.config, self.fabric, len(self.history)
        stream, sounds = iter(self._loader(workers)), config.shards_per_epoch * SHARD
        shards, i = self.validation
        validation = (i, *shards[i])
        with progress() as bar:
            task = bar.add_task("training", total=config.epochs * sounds, completed=done * sounds)
            for epoch in range(done, config.epochs):
                start, damping = time.perf_counter(), self.objective.damping.value
                loss = self._train_epoch(epoch, stream, lambda n: bar.advance(task, n))
                mse, watched = fabric.broadcast(self.evaluate(*validation))
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
                    group["lr"] = group["rate"] * learning_rate(config, step)
                self.optimiser.zero_grad()
                total += self.backward(index, shard, batch)
                self.optimiser.step()
                step, n_batches = step + 1, n_batches + 1
                advance(len(batch) * world)
        return total / n_batches

    def backward(self, index: int, shard, batch: np.ndarray) -> float:
        """Gradients of the loss of a shard's sounds; with several processes, their mean's."""
        loss = self.objective(*self.predict(shard, batch), index * SHARD + batch)
        self.fabric.backward(loss)
        return loss.item()

    @torch.no_grad()
    def evaluate(self, index: int, *shard) -> tuple[float, float]:
        """Mean squared error in nu, and the undamped loss, of a shard."""
        self.model.eval()
        mse, loss, batches = 0.0, 0.0, np.arange(SHARD).reshape(-1, 128)
        for batch in batches:
            nu_hat, nu = self.predict(shard, batch)
            mse += (nu_hat - nu).square().mean().item() / len(batches)
            if self.config.loss == "pnp":
                undamped = self.objective.undamped(nu_hat, nu, index * SHARD + batch)
                loss += undamped.item() / len(batches)
        return mse, loss if self.config.loss == "pnp" else mse

    def predict(self, shard, batch: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """nu_hat and nu (batch, 5) of these sounds of a shard."""
        nu, log_cqt, observed = shard
        x = torch.from_numpy(channels(log_cqt[batch], observed[batch])).to(self.fabric.device)
        nu = torch.from_numpy(nu[batch]).to(self.fabric.device)
        x = x.contiguous(memory_format=torch.channels_last)  # (batch, 2, bins, frames)
        known = nu[:, 0] if self.config.pitch == "known" else None
        return self.model(x, known).float(), nu

    def _damp(self, watched: float) -> None:
        """Change lambda after an epoch; where it was refused, go back to the best weights."""
        if self.config.loss != "pnp" or self.config.damping != "adaptive":
            self.objective.damping.update(watched)
        elif self.objective.damping.update(watched):
            self.best = copy.deepcopy(
                {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
            )
        else:
            self.model.load_state_dict(self.best["model"])
            self.optimiser.load_state_dict(copy.deepcopy(self.best["optimiser"]))

    def _loader(self, workers: int):
        """This process's shards of the epochs still to come, made ahead by `workers` processes."""
        n, world, rank = (
            self.config.shards_per_epoch, self.fabric.world_size, self.fabric.global_rank,
        )  # fmt: skip
        order = np.arange(len(self.history) * n, self.config.epochs * n)[rank::world]
        order = (self.config.first_shard + order % self.distinct_shards).tolist()
        return DataLoader(_Numbered(self.train), batch_size=None, sampler=order,
                          num_workers=workers, collate_fn=_as_is, worker_init_fn=_end_with_parent,
                          prefetch_factor=2 if workers else None)  # fmt: skip

    def _save(self) -> None:
        if self.fabric.global_rank:
            return
        state = {
            "config": json.dumps(asdict(self.config)),
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "history": self.history,
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
        pnp = f" (undamped {row['validation_loss']:.4g}, lambda {row['damping']:.3g})"
        return (
            f"epoch {row['epoch']}/{self.config.epochs}: {row['sounds']:,} sounds, "
            f"train {row['train_loss']:.4f}, validation {row['validation_mse']:.4f}"
            f"{pnp if self.config.loss == 'pnp' else ''}, {row['seconds']:.0f} s"
        )


def summary(state: dict) -> dict:
    """What a checkpoint's training was, for those that come after it."""
    config, history = Config.from_dict(json.loads(state["config"])), state["history"]
    return {
        "loss": config.loss,
        "sounds": history[-1]["sounds"],
        "distinct_sounds": min(history[-1]["sounds"], config.distinct_shards * SHARD),
        "hours": round(sum(row["seconds"] for row in history) / 3600, 2),
        "seed": config.seed,
    }


class _Numbered:
    """Shards with their numbers: (index, nu, log_cqt, observed)."""

    def __init__(self, shards: Shards):
        self.shards = shards

    def __getitem__(self, index: int):
        return index, *self.shards[index]


def _as_is(shard):
    return shard


def _end_with_parent(_):
    """A worker ends when the run it works for was killed."""
    parent = multiprocessing.parent_process()
    Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def load_checkpoint(run: Path) -> dict:
    """A run's config (JSON), model, optimiser and history; ValueError where there is none."""
    path = Path(run) / "checkpoint.pt"
    if not path.is_file():
        raise ValueError(f"no checkpoint.pt in {run}; give the folder of a run that ended an epoch")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise ValueError(f"{path} is not a checkpoint of training.fit, or is broken") from error


def keep_freed_memory() -> None:
    """Have glibc keep what a training step frees for the next one: a quarter less time on a CPU."""
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold = -1, -3  # mallopt(3)
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 2**25)
        libc.mallopt(trim_threshold, 2**31 - 1)


SMOKE = {"epochs": 2, "shards_per_epoch": 1, "distinct_shards": 2}


def run_folder(name: str) -> Path:
    """A bare name is a run in the cache folder, anything with a separator is a path."""
    return cache_folder() / "runs" / name if Path(name).name == name else Path(name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.fit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    default = Config()
    parser.add_argument("--run", help="folder, or name in the cache folder (default: the preset)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run from its last epoch"
    )
    parser.add_argument("--smoke", action="store_true", help=f"a tiny run: {SMOKE}")
    parser.add_argument("--config", type=Path, help="JSON file with any fields of config.json")
    for f in fields(Config):
        if f.name != "recipe":
            parser.add_argument(f"--{f.name.replace('_', '-')}", type=f.type, dest=f.name,
                                help=f"default {getattr(default, f.name)}")  # fmt: skip
    parser.add_argument("--preset", help=f"one of {', '.join(PRESETS)}; default live")
    parser.add_argument("--augmented", type=float, help="share of sounds; default 0.6")
    parser.add_argument("--accelerator", default="auto", help="cpu, cuda, ...; default auto")
    parser.add_argument("--devices", type=int, default=1, help="processes, each with its device")
    parser.add_argument("--precision", default="32-true", help="of Fabric, such as bf16-mixed")
    parser.add_argument("--workers", type=int, default=1, help="processes that make sounds")
    parser.add_argument("--cache-gb", type=float, default=4.0, help="disk for shards; default 4")
    return parser


def _config(arguments) -> Config:
    try:
        values = json.loads(arguments.config.read_text()) if arguments.config else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"{arguments.config} is not JSON: {error}") from error
    config = Config.from_dict(values)
    given = {k: v for k, v in vars(arguments).items() if v is not None}
    recipe = {k: given[k] for k in ("preset", "augmented") if k in given}
    own = {f.name: given[f.name] for f in fields(Config) if f.name in given}
    if "warm_start" in own:
        own["warm_start"] = str(run_folder(own["warm_start"]).resolve())
    smoke = SMOKE if arguments.smoke else {}
    return replace(config, recipe=replace(config.recipe, **recipe), **{**smoke, **own})


def main(argv=None) -> int:
    """The command line; 2 after a sentence on stderr where something given was wrong."""
    arguments = _parser().parse_args(argv)
    try:
        config = _config(arguments)
        run = run_folder(arguments.run or ("smoke" if arguments.smoke else config.recipe.preset))
        if arguments.resume:
            if config != Config():
                raise ValueError("--resume keeps the settings of the run; leave out all others")
            config = Config.from_dict(json.loads(load_checkpoint(run)["config"]))
        elif (run / "checkpoint.pt").exists() and not arguments.smoke:
            raise ValueError(f"{run} holds a run already; --resume it or name another with --run")
        fabric = _fabric(config, arguments)
        trainer = Trainer(config, run, fabric, arguments.cache_gb)
        if arguments.resume:
            trainer.resume()
        run.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"training.fit: {error}", file=sys.stderr)
        return 2
    text = json.dumps(asdict(config), indent=2)
    save_atomically(run / "config.json", lambda file: file.write(text.encode()))
    print(f"run {run} on {fabric.device}", file=sys.stderr)
    trainer.fit(arguments.workers)
    return 0


def _fabric(config: Config, arguments) -> Fabric:
    """The processes and devices asked for, started; ValueError where they are not there."""
    keep_freed_memory()
    n = arguments.devices
    if n < 1 or config.shards_per_epoch % n or config.batch_size % n:
        raise ValueError(
            f"devices is {n}, allowed is a divisor of batch_size ({config.batch_size}) and of "
            f"shards_per_epoch ({config.shards_per_epoch})"
        )
    try:
        fabric = Fabric(accelerator=arguments.accelerator, devices=n,
                        strategy="ddp" if n > 1 else "auto",
                        precision=arguments.precision)  # fmt: skip
        fabric.launch()
    except Exception as error:  # Fabric has several kinds for what a machine lacks
        raise ValueError(f"Fabric cannot start: {error}") from error
    return fabric


if __name__ == "__main__":
    sys.exit(main())
