"""Train the encoder.

    python -m training.fit                       the shipped model's warm start, in the cache folder
    python -m training.fit --smoke               everything in about a minute
    python -m training.fit --run mine --preset paper --epochs 20
    python -m training.fit --run mine --resume
    python -m training.fit --run better --warm-start mine --loss pnp --power 1 --clip 0.1
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
import platform
import sys
import time
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from matcher.recording import save_atomically
from matcher.theta import PRESETS
from training.config import DAMPED, Config
from training.dataset import SHARD, Shards, channels
from training.encoder import Encoder
from training.jobs import end_with_parent
from training.objective import Objective
from training.progress import progress
from training.runs import load_checkpoint, run_folder, summary

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


SMOKE = {"epochs": 2, "shards_per_epoch": 1, "distinct_shards": 2}


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
    except ValueError as error:
        raise ValueError(f"{arguments.config} is not JSON: {error}") from error
    config = Config.from_dict(values)
    given = {k: v for k, v in vars(arguments).items() if v is not None}
    recipe = {k: given[k] for k in ("preset", "augmented") if k in given}
    own = {f.name: given[f.name] for f in fields(Config) if f.name in given}
    smoke = SMOKE if arguments.smoke else {}
    config = replace(config, recipe=replace(config.recipe, **recipe), **{**smoke, **own})
    start = config.warm_start and str(run_folder(config.warm_start).resolve())
    files = {k: str(Path(v).resolve()) for k in ("table", "network") if (v := getattr(config, k))}
    return replace(config, warm_start=start, **files)


def _settings(arguments) -> list[str]:
    """Options that were given and say what a run is, not how it is computed."""
    names = {f.name for f in fields(Config)} | {"preset", "augmented", "config", "smoke"}
    values = {n: getattr(arguments, n, None) for n in sorted(names)}
    given = [n for n, v in values.items() if v is not None and v is not False]  # 0 is given
    return [f"--{n.replace('_', '-')}" for n in given]


def main(argv=None) -> int:
    """The command line; 2 after a sentence on stderr where something given was wrong."""
    arguments = _parser().parse_args(argv)
    try:
        config = _config(arguments)
        run = run_folder(arguments.run or ("smoke" if arguments.smoke else config.recipe.preset))
        if arguments.resume:
            if given := _settings(arguments):
                raise ValueError(f"--resume keeps the run's settings; leave out {', '.join(given)}")
            config = Config.from_dict(json.loads(load_checkpoint(run)["config"]))
        elif (run / "checkpoint.pt").exists() and (arguments.run or not arguments.smoke):
            raise ValueError(f"{run} holds a run already; --resume it or name another with --run")
        if arguments.workers < 0:
            raise ValueError(f"workers is {arguments.workers}, allowed is 0 or more")
        fabric = _fabric(config, arguments)
        trainer = Trainer(config, run, fabric, arguments.cache_gb)
        if arguments.resume:
            trainer.resume()
        elif config.warm_start:
            trainer.warm_start()
        run.mkdir(parents=True, exist_ok=True)
        if not fabric.global_rank:
            text = json.dumps(asdict(config), indent=2)
            save_atomically(run / "config.json", lambda file: file.write(text.encode()))
            print(f"run {run} on {fabric.device}", file=sys.stderr)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"training.fit: {error}", file=sys.stderr)
        return 2
    try:
        trainer.fit(arguments.workers)
    except OSError as error:  # a full disk; a broken run goes on with --resume
        print(f"training.fit: {error}", file=sys.stderr)
        return 2
    return 0


def _fabric(config: Config, arguments) -> Fabric:
    """The processes and devices asked for, started; ValueError where they are not there."""
    keep_freed_memory()
    n = arguments.devices
    if n < 1 or config.shards_per_epoch % n or config.batch_size % n or config.batch_size < 2 * n:
        raise ValueError(
            f"devices is {n}, allowed is a divisor of shards_per_epoch ({config.shards_per_epoch}) "
            f"and of half the batch_size ({config.batch_size})"
        )
    if n > 1:
        Objective(config, torch.device("cpu"))  # what is missing is said once
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
