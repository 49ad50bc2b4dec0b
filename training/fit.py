"""Train the encoder by P-loss.

    python -m training.fit                       the shipped model's settings, in the cache folder
    python -m training.fit --smoke               everything in about a minute
    python -m training.fit --run runs/mine --preset paper --epochs 20
    python -m training.fit --run runs/mine --resume

A run is a folder: config.json, checkpoint.pt (each epoch, written whole or not at all) and log.csv.
A run that was killed goes on with --resume from its last epoch, to the same end.
"""

import argparse
import csv
import ctypes
import io
import json
import math
import platform
import sys
import time
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader

from matcher.features import LogCqt
from matcher.recording import save_atomically
from matcher.theta import PRESETS
from training.dataset import SHARD, Recipe, Shards, cache_folder, channels
from training.encoder import Encoder

VALIDATION_SHARDS = 1


@dataclass(frozen=True)
class Config:
    """Everything that the result of a run depends on."""

    recipe: Recipe = field(default_factory=Recipe)
    epochs: int = 40
    shards_per_epoch: int = 10  # of SHARD sounds each
    distinct_shards: int = 160  # after these the training sounds come round again
    batch_size: int = 64
    learning_rate: float = 5e-4  # the highest; it rises over WARM_UP, then falls as a cosine
    weight_decay: float = 1e-2
    seed: int = 0

    def __post_init__(self):
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


def fit(
    config: Config, run: Path, resume: bool, device: torch.device, workers: int, cache_gb: float
):
    """Train to the last epoch; returns the history, one dict of losses an epoch."""
    _keep_freed_memory()
    torch.manual_seed(config.seed)
    model = Encoder(config.recipe.features.n_bins).to(device, memory_format=torch.channels_last)
    body = [p for name, p in model.named_parameters() if not name.startswith("head.")]
    optimiser = torch.optim.AdamW(
        [{"params": body, "rate": 1}, {"params": model.head.parameters(), "rate": HEAD_RATE}],
        weight_decay=config.weight_decay,
    )
    history = []
    if resume:
        state = load_checkpoint(run)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        history = state["history"]
    cache_bytes = int(cache_gb * 1e9)
    splits = [Shards(config.recipe, config.seed, s, cache_bytes) for s in ("train", "validation")]
    stream = iter(_loader(splits[0], config, len(history), workers))
    validation = [splits[1][i] for i in range(VALIDATION_SHARDS)]
    with _progress() as bar:
        task = bar.add_task("training", total=config.epochs * config.shards_per_epoch * SHARD)
        bar.update(task, completed=len(history) * config.shards_per_epoch * SHARD)
        for epoch in range(len(history), config.epochs):
            start = time.perf_counter()
            loss = _train_epoch(model, optimiser, stream, config, epoch, device, bar, task)
            row = {
                "epoch": epoch + 1,
                "sounds": (epoch + 1) * config.shards_per_epoch * SHARD,
                "train_mse": loss,
                "validation_mse": float(predict_errors(model, validation, device).mean()),
                "seconds": time.perf_counter() - start,
            }
            history.append(row)
            _save(run, config, model, optimiser, history)
            bar.console.print(
                f"epoch {row['epoch']}/{config.epochs}: {row['sounds']:,} sounds, "
                f"train {loss:.4f}, validation {row['validation_mse']:.4f}, "
                f"{row['seconds']:.0f} s"
            )
    return history


def _train_epoch(model, optimiser, stream, config, epoch, device, bar, task) -> float:
    """One pass over shards_per_epoch shards; the mean squared error in nu."""
    torch.manual_seed(config.seed * 1_000_003 + epoch)
    model.train()
    total, step = 0.0, epoch * config.shards_per_epoch * SHARD // config.batch_size
    for _ in range(config.shards_per_epoch):
        nu, log_cqt, observed = next(stream)
        for batch in torch.randperm(SHARD).numpy().reshape(-1, config.batch_size):
            for group in optimiser.param_groups:
                group["lr"] = group["rate"] * learning_rate(config, step)
            x = torch.from_numpy(channels(log_cqt[batch], observed[batch])).to(device)
            x = x.contiguous(memory_format=torch.channels_last)  # (batch, 2, bins, frames)
            loss = mse_loss(model(x), torch.from_numpy(nu[batch]).to(device))  # P-loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            total += loss.item() * len(batch)
            bar.advance(task, len(batch))
    return total / (config.shards_per_epoch * SHARD)


@torch.no_grad()
def predict_errors(model, shards, device) -> np.ndarray:
    """nu_hat - nu of every sound, squared: (sounds, 5)."""
    model.eval()
    errors = []
    for nu, log_cqt, observed in shards:
        for i in range(0, len(nu), 128):
            x = torch.from_numpy(channels(log_cqt[i : i + 128], observed[i : i + 128]))
            errors.append((model(x.to(device)).cpu().numpy() - nu[i : i + 128]) ** 2)
    return np.concatenate(errors)


def _loader(shards: Shards, config: Config, epochs_done: int, workers: int):
    """The shards of the epochs still to come, made ahead by `workers` processes."""
    first, last = (n * config.shards_per_epoch for n in (epochs_done, config.epochs))
    order = [i % config.distinct_shards for i in range(first, last)]
    return DataLoader(shards, batch_size=None, sampler=order, num_workers=workers,
                      collate_fn=_as_is, prefetch_factor=2 if workers else None)  # fmt: skip


def _as_is(shard):
    return shard


def _save(run: Path, config: Config, model, optimiser, history) -> None:
    state = {
        "config": json.dumps(asdict(config)),
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "history": history,
    }
    save_atomically(run / "checkpoint.pt", lambda file: torch.save(state, file))
    text = io.StringIO()
    table = csv.DictWriter(text, history[0].keys(), lineterminator="\n")
    table.writeheader()
    table.writerows(history)
    save_atomically(run / "log.csv", lambda file: file.write(text.getvalue().encode()))


def load_checkpoint(run: Path) -> dict:
    """A run's config (JSON), model, optimiser and history; ValueError where there is none."""
    path = Path(run) / "checkpoint.pt"
    if not path.is_file():
        raise ValueError(f"no checkpoint.pt in {run}; give the folder of a run that ended an epoch")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise ValueError(f"{path} is not a checkpoint of training.fit, or is broken") from error


def _keep_freed_memory() -> None:
    """Have glibc keep what a training step frees for the next one: a quarter less time on a CPU."""
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold = -1, -3  # mallopt(3)
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 2**25)
        libc.mallopt(trim_threshold, 2**31 - 1)


class _Rate(ProgressColumn):
    def render(self, task):
        return f"{task.speed or 0:.0f} sounds/s"


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"),
        _Rate(), TimeRemainingColumn(), console=Console(stderr=True), speed_estimate_period=120,
    )  # fmt: skip


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
    parser.add_argument("--device", help="cpu, cuda, ...; default: CUDA where there is one")
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
        device = torch.device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        if device.type == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"device is {device}, but there is no CUDA here; allowed is cpu")
        run.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"training.fit: {error}", file=sys.stderr)
        return 2
    text = json.dumps(asdict(config), indent=2)
    save_atomically(run / "config.json", lambda file: file.write(text.encode()))
    print(f"run {run} on {device}", file=sys.stderr)
    fit(config, run, arguments.resume, device, arguments.workers, arguments.cache_gb)
    return 0


if __name__ == "__main__":
    sys.exit(main())
