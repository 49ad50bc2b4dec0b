"""The training loop of a run: its encoder, optimiser and objective, and its checkpoints."""

import copy
import csv
import io
import json
import math
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from matcher.recording import save_atomically
from training.batch_synth import to_device
from training.batchnorm import estimate_averages
from training.config import DAMPED, Config
from training.dataset import SHARD, Shards
from training.encoder import Encoder
from training.how import check_kept, prepared, with_files
from training.objective import Objective
from training.progress import progress
from training.runs import load_checkpoint, summary
from training.sound_source import channels, cores, faster_way, shared, stream
from training.timing import moment, seconds_between

HEAD_RATE = 10  # times the rate of AdamW; the scale of the head grows as the network learns
WARM_UP = 0.05  # share of the steps over which the learning rate rises
EVALUATION_BATCH = 128  # sounds; a divisor of SHARD
AVERAGED_BATCHES = 8  # at most, of an epoch: what BatchNorm's averages are estimated from
SEED_STRIDE = 1_000_003  # above any number of epochs: each seed and epoch has a seed of its own


def learning_rate(config: Config, step: int) -> float:
    """The learning rate of a step: constant, or a linear warm-up, then half a cosine down to 0.

    Source: Loshchilov and Hutter, "SGDR" (ICLR 2017), equation 5, without restarts.
    """
    if config.schedule == "constant":
        return config.peak_rate
    share = (step + 1) / config.steps
    if share < WARM_UP:
        return config.peak_rate * share / WARM_UP
    return config.peak_rate * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))) / 2


class Trainer:
    """A run: the encoder, its optimiser and objective, and its progress.

    Args:
        config: What the result depends on.
        run: The folder of the run.
        fabric: Processes and devices, launched.
        cache_gb: Size up to which shards of sounds are kept on disk, GB.

    Raises:
        ValueError: A file is missing, does not fit or has changed, or devices are more or fewer.
    """

    def __init__(self, config: Config, run: Path, fabric: Fabric, cache_gb: float = 4.0):
        if config.devices != fabric.world_size:
            raise ValueError(f"devices is {config.devices}, but there are {fabric.world_size}")
        torch.manual_seed(config.training_seed)
        self.config, self.run, self.fabric = config, run, fabric
        model = self.new_model().to(fabric.device, memory_format=torch.channels_last)
        model = prepared(model, config, fabric.device, fabric.world_size)
        self.model, self.optimiser = fabric.setup(model, _optimiser(config, model))
        self.objective = self.new_objective()
        self.config = config = with_files(replace(config, accelerator=fabric.device.type))
        self.history, self.earlier, self.best = [], [], None
        splits = ("train", "validation")
        self.train, self.validation = (self.shards(s, int(cache_gb * 1e9)) for s in splits)
        known = self.objective.n_shards
        self.n_shards = min(known or math.inf, config.first_shard + config.distinct_shards)
        if config.first_shard >= self.n_shards:
            raise ValueError(f"first_shard is {config.first_shard}, the table has {known} shards")
        if (config.sounds_per_epoch or 0) > (self.n_shards - config.first_shard) * SHARD:
            raise ValueError(
                f"sounds_per_epoch is {config.sounds_per_epoch}, the table has {known} shards "
                f"of {SHARD} sounds"
            )

    def new_model(self) -> Encoder:
        """The network, untrained."""
        config = self.config
        n_bins = config.recipe.features.n_bins
        return Encoder(n_bins, config.dropout, config.head_scale, config.pitch_joins)

    def new_objective(self) -> Objective:
        """What is minimised."""
        return Objective(self.config, self.fabric.device)

    def shards(self, split: str, cache_bytes: int) -> Shards:
        """The sounds of a split, one of dataset.SPLITS."""
        return Shards(self.config.recipe, self.config.seed, split, cache_bytes)

    def warm_start(self) -> None:
        """Begin with the weights of another run.

        Raises:
            ValueError: That run has another preset, other features or another pitch setting.
        """
        state = load_checkpoint(self.config.warm_start)
        theirs = Config.from_json(state["config"])
        for name, mine, other in (
            ("preset", self.config.recipe.preset, theirs.recipe.preset),
            ("features", self.config.recipe.features, theirs.recipe.features),
            ("pitch", self.config.pitch, theirs.pitch),
            ("infers", self.config.infers, theirs.infers),
            ("trunk", self.config.trunk, theirs.trunk),
        ):
            if mine != other:
                raise ValueError(f"{name} is {mine}, but {other} in {self.config.warm_start}")
        self.model.load_state_dict(state["model"])
        self.earlier = [*state["earlier"], summary(state)]

    def resume(self) -> None:
        """Continue from the checkpoint of the run.

        Raises:
            ValueError: There is none, it is of an older version, or it was computed in another way.
        """
        state = load_checkpoint(self.run)
        if "best" not in state:
            raise ValueError(f"{self.run} is of an older version; name it as --warm-start instead")
        kept = Config.from_json(state["config"])
        check_kept(self.config, kept, self.run)
        self.config = replace(self.config, sounds=kept.sounds)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history, self.best = state["history"], state["best"]
        self.earlier = state["earlier"]
        self.objective.damping.value, self.objective.damping.best = state["damping"]

    def decide_sounds(self) -> None:
        """Choose how sounds are made, by measurement, where neither settings nor run say it."""
        if self.config.sounds == "auto":
            rank, world = self.fabric.global_rank, self.fabric.world_size
            way = None if rank else faster_way(self.config.recipe, self.fabric.device, world)
            self.config = replace(self.config, sounds=self.fabric.broadcast(way))

    def fit(self, workers: int | None = None, hours: float = math.inf) -> list[dict]:
        """Train to the last epoch, and write a checkpoint after each.

        Args:
            workers: Processes that make sounds one by one; 0 makes them in this one, None: this
                device's share of the cores.
            hours: Where all epochs together have taken as long, the next one does not begin.

        Returns:
            The history, a dict for each epoch.
        """
        self.decide_sounds()
        config, fabric, done = self.config, self.fabric, len(self.history)
        workers = max(1, cores() // fabric.world_size) if workers is None else workers
        sounds, way = config.epoch_sounds, config.sounds
        (validation,) = shared(fabric, self.validation, [0], way, workers)
        source = (self._all_sounds if config.sounds_per_epoch else self._in_order)(workers)
        if self._adaptive and not done:  # the first weights may be the best
            self.objective.damping.best = self.evaluate(validation)[1].item()
            self._remember()
        with progress(disable=fabric.global_rank > 0) as bar:
            task = bar.add_task("training", total=config.epochs * sounds, completed=done * sounds)
            for epoch in range(done, config.epochs):
                if sum(row["seconds"] for row in self.history) >= 3600 * hours:
                    break
                start, damping = time.perf_counter(), self.objective.damping.value
                begun = moment(fabric.device)
                loss = self._train_epoch(epoch, source, lambda n: bar.advance(task, n))
                trained = moment(fabric.device)
                measured = torch.cat([loss[None], self.evaluate(validation)])
                loss, mse, watched = measured.tolist()  # here alone a GPU is waited for
                self.history.append({
                    "epoch": epoch + 1,
                    "sounds": (epoch + 1) * sounds,
                    "train_loss": loss,
                    "validation_mse": mse,
                    "validation_loss": watched,
                    "damping": damping,
                    "training_seconds": seconds_between(begun, trained),
                    "seconds": time.perf_counter() - start,
                })  # fmt: skip
                self._damp(watched)
                self._keep()
                self._save()
                if not fabric.global_rank:
                    bar.console.print(self._sentence())
        return self.history

    def _train_epoch(self, epoch: int, source, advance) -> torch.Tensor:
        """Train for an epoch; returns the mean loss, a scalar on the device."""
        config, world = self.config, self.fabric.world_size
        torch.manual_seed(config.training_seed * SEED_STRIDE + epoch)
        self.model.train()
        losses, seen = [], []
        step = epoch * config.epoch_sounds // config.batch_size
        for index, shard, metric, batch in self._batches(source):
            for group in self.optimiser.param_groups:
                share = group["rate"] * self.objective.damping.step
                group["lr"] = share * learning_rate(config, step)
            self.optimiser.zero_grad()
            losses.append(self.backward(index, shard, batch, metric))
            self.optimiser.step()
            step += 1
            if len(losses) <= AVERAGED_BATCHES:
                seen.append((shard, batch))
            advance(len(batch) * world)
        if config.norm_averages == "estimated":
            estimate_averages(self.model, (self.inputs(*some)[:2] for some in seen))
        return self.fabric.all_reduce(torch.stack(losses).mean(), reduce_op="mean")

    def _batches(self, source):
        """An epoch's batches for this process.

        Args:
            source: The next shards; or all sounds as one, of which sounds_per_epoch are drawn.

        Yields:
            Arguments of `backward`, but the batch last.
        """
        config, world = self.config, self.fabric.world_size
        if config.sounds_per_epoch:
            order = torch.randperm(len(source[0]))[: config.sounds_per_epoch].numpy()
            for batch in order.reshape(-1, config.batch_size):
                yield config.first_shard, source, None, batch[self.fabric.global_rank :: world]
            return
        for _ in range(config.shards_per_epoch // world):
            index, shard, metric = next(source)
            for batch in torch.randperm(SHARD).numpy().reshape(-1, config.batch_size // world):
                yield index, shard, metric, batch

    def backward(self, index: int, shard, batch: np.ndarray, metric=None) -> torch.Tensor:
        """Compute gradients; with several processes, those of their mean loss.

        Args:
            index: Of the shard in the training split.
            shard: Its fields.
            batch: Which of its sounds, (batch,).
            metric: What Objective.of_shard gave for the shard, where it has one.

        Returns:
            The loss, a scalar on the device.
        """
        batch = to_device(batch, self.fabric.device)
        metric = metric if metric is None else metric[batch]
        loss = self.objective(*self.predict(shard, batch), index * SHARD + batch, metric)
        self.fabric.backward(loss)
        return loss.detach()

    @torch.no_grad()
    def evaluate(self, shard) -> torch.Tensor:
        """What `measure` says of a validation shard, (2,) on the device.

        Each process takes its part of the sounds, and gets the result of all.
        """
        self.model.eval()
        rank, world, rows = self.fabric.global_rank, self.fabric.world_size, []
        for batch in np.arange(SHARD).reshape(-1, EVALUATION_BATCH):
            batch = to_device(batch[rank::world], self.fabric.device)
            rows.append(torch.stack(self.measure(shard, batch)))
        return self.fabric.all_reduce(torch.stack(rows).mean(0), reduce_op="mean")

    def measure(self, shard, batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean squared error in nu of some sounds (batch,); the undamped loss if DAMPED, else 0."""
        nu_hat, nu = self.predict(shard, batch)
        mse = (nu_hat - nu).square().mean()
        damped = self.config.loss in DAMPED
        return mse, self.objective.watch(nu_hat, nu, batch) if damped else torch.zeros_like(mse)

    def predict(self, shard, batch) -> tuple[torch.Tensor, torch.Tensor]:
        """What the encoder infers from sounds of a shard.

        Args:
            shard: nu, log_cqt and observed, arrays or tensors.
            batch: Which of its sounds, (batch,).

        Returns:
            nu_hat and nu, (batch, 5) each, on the device.
        """
        x, known, nu = self.inputs(shard, batch)
        return self.model(x, known).float(), nu

    def inputs(self, shard, batch) -> tuple:
        """What the encoder is given of sounds of a shard, as `predict` takes them.

        Returns:
            Features (batch, 2, bins, frames), the first of nu where it is known (batch,) or None,
            and nu (batch, 5), on the device.
        """
        batch = to_device(batch, self.fabric.device)
        nu, log_cqt, observed = (to_device(field, self.fabric.device)[batch] for field in shard[:3])
        known = nu[:, 0] if self.config.pitch == "known" else None
        return channels(log_cqt, observed), known, nu

    @property
    def _adaptive(self) -> bool:
        return self.config.loss in DAMPED and self.config.damping == "adaptive"

    def _damp(self, watched: float) -> None:
        """Change lambda after an epoch; restore the best weights where it was refused."""
        accepted = self.objective.damping.update(watched)
        if self._adaptive and accepted:
            self._remember()
        elif self._adaptive:
            self.model.load_state_dict(self.best["model"])
            self.optimiser.load_state_dict(copy.deepcopy(self.best["optimiser"]))

    def _keep(self) -> None:
        """Remember the weights of the best epoch, and end with them, where a run is to do so."""
        if self.config.keeps == "last":
            return
        measured = "validation_loss" if self.config.loss in DAMPED else "validation_mse"
        *before, now = (row[measured] for row in self.history)
        if now < min(before, default=math.inf):
            self._remember()
        if len(self.history) == self.config.epochs and self.best:
            self.model.load_state_dict(self.best["model"])

    def _remember(self) -> None:
        self.best = copy.deepcopy(
            {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        )

    def _all_sounds(self, workers: int) -> list[torch.Tensor]:
        """nu, log_cqt and observed of all distinct sounds, on the device: 11 KB a sound."""
        order = range(self.config.first_shard, self.n_shards)
        shards = shared(self.fabric, self.train, order, self.config.sounds, workers)
        return [torch.cat(fields) for fields in zip(*shards)]

    def _in_order(self, workers: int):
        """Shards of the remaining epochs for this process, as `stream` yields them."""
        n, first = self.config.shards_per_epoch, self.config.first_shard
        order = np.arange(len(self.history) * n, self.config.epochs * n)
        order = order[self.fabric.global_rank :: self.fabric.world_size]
        order = (first + order % (self.n_shards - first)).tolist()
        way, device, also = self.config.sounds, self.fabric.device, self.objective.of_shard
        return stream(self.train, order, way, workers, device, also)

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
        # a run begun by an earlier version lacks columns in its first rows
        table = csv.DictWriter(text, self.history[-1].keys(), restval="", lineterminator="\n")
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


def _optimiser(config: Config, model: Encoder) -> torch.optim.Optimizer:
    if config.optimiser == "adam":
        return torch.optim.Adam([{"params": model.parameters(), "rate": 1}])
    fast = config.infers == "theta"  # its head is a BatchNorm
    groups = {1: [], HEAD_RATE: []}
    for name, parameter in model.named_parameters():
        groups[HEAD_RATE if fast and name.startswith("head.") else 1].append(parameter)
    return torch.optim.AdamW(
        [{"params": some, "rate": rate} for rate, some in groups.items() if some],
        weight_decay=config.weight_decay,
    )
