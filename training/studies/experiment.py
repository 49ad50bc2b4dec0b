"""The study as it runs: its networks and tables, its runs and what is measured on them.

Everything is made once and kept in the study's folder.
"""

import json
import math
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from matcher.physics.theta import PRESETS
from matcher.recording import save_atomically
from training import jobs
from training.bench import loss_seconds
from training.config import Config
from training.dataset import SHARD, Shards
from training.distances import sound_distances
from training.evaluate import SEED
from training.memory import keep_freed_memory
from training.metric import Metric, load_table, make_table
from training.studies import metric_quality
from training.studies.settings import (
    BASE,
    EXTRA_MINUTES,
    LOSSES,
    METRIC_SOUNDS,
    PHI_SOUNDS,
    PITCH,
    PRESET,
    SECANT_STEP,
    TEST_SOUNDS,
    VARIANTS,
    WARM_SHARDS,
)
from training.surrogate import MetricNetwork, PhiNetwork, PhiRows, learn_metric, learn_phi
from training.trainer import Trainer

CACHE_GB = 8.0  # GB; the shards of both pitch settings together
BATCH = 128  # sounds; of an encoder without gradients


class Study:
    """Runs of equal length, in a folder that keeps all that was made.

    Args:
        minutes: Training time of each run.
        folder: Where runs, networks and measurements are kept; made if missing.
        workers: Processes that render and compare sounds.
    """

    def __init__(self, minutes: float, folder: Path, workers: int):
        self.minutes, self.folder, self.workers = minutes, folder, workers
        folder.mkdir(parents=True, exist_ok=True)
        keep_freed_memory()
        self.fabric = one_device("cpu")

    def file(self, name: str) -> str:
        """The path of metric.pt, phi.pt or secants.npz, which is made if missing."""
        path = self.folder / name
        if path.exists():
            return str(path)
        if name == "secants.npz":
            with jobs.executor(self.workers) as pool:
                job = Metric(PRESET, step=SECANT_STEP)
                make_table(path, job, METRIC_SOUNDS, SHARD, pool)
            return str(path)
        if name == "metric.pt":
            made = load_table(PRESET)
            network, report = learn_metric(PRESET, made.nu, made.R)
        else:
            job = PhiRows(PRESET)
            with jobs.executor(self.workers) as pool:
                rows = jobs.run(job, PHI_SOUNDS, pool)
            network, report = learn_phi(PRESET, jobs.sounds(job, len(rows)), rows)
        network.save(path)
        save_atomically(path.with_suffix(".txt"), lambda file: file.write(report.encode()))
        return str(path)

    def config(self, pitch: str, settings: dict) -> Config:
        """The configuration of a run, all but its length.

        Args:
            pitch: One of PITCH.
            settings: A value of LOSSES or VARIANTS.
        """
        settings = dict(settings)
        if settings.get("loss") == "proxy":
            settings["network"] = self.file("phi.pt")
        elif settings.get("metric") == "network":
            settings["network"] = self.file("metric.pt")
        if settings.get("table") == "secants":
            settings["table"] = self.file("secants.npz")
        return Config(**(BASE | {"pitch": pitch} | settings))

    def pace(self, loss: str) -> float:
        """Training time per sound with this loss, s; measured once, when the study starts."""
        path = self.folder / "pace.json"
        if not path.exists():
            text = json.dumps({name: 0.001 * seconds for name, seconds in loss_seconds().items()})
            save_atomically(path, lambda file: file.write(text.encode()))
        return json.loads(path.read_text())[loss]

    def train(self, name: str, config: Config, minutes: float) -> None:
        """Train a run for as many sounds as take so long, resume it, or leave it if done."""
        run = self.folder_of(name)
        if not (run / "study.json").exists():
            epoch_seconds = self.pace(config.loss) * SHARD * config.shards_per_epoch
            config = replace(config, epochs=max(1, round(60 * minutes / epoch_seconds)))
            text = json.dumps(asdict(config))
            run.mkdir(exist_ok=True)
            save_atomically(run / "study.json", lambda file: file.write(text.encode()))
        complete(
            Trainer(self._saved_config(run), run, self.fabric, CACHE_GB), TEST_SOUNDS, self.workers
        )

    def all(self, pitches: tuple[str, ...] = PITCH) -> None:
        """Train every run of these pitch settings that is not done."""
        for pitch in pitches:
            warm = f"warm-{pitch}"
            settings = {"distinct_shards": WARM_SHARDS}
            self.train(warm, self.config(pitch, settings), self.minutes)
            for name, settings in (LOSSES | (VARIANTS if pitch == "unknown" else {})).items():
                settings = {**settings, "warm_start": str(self.folder_of(warm))}
                minutes = self.minutes + EXTRA_MINUTES.get(name, 0)
                self.train(f"{name}-{pitch}", self.config(pitch, settings), minutes)

    def reach(self) -> dict[str, list]:
        """metric_quality.reach of the study's networks and secants; computed once."""
        path = self.folder / "reach.json"
        if not path.exists():
            secants = load_table(self.file("secants.npz")).R
            text = json.dumps(metric_quality.reach(PRESET, secants, *self._networks()))
            save_atomically(path, lambda file: file.write(text.encode()))
        return json.loads(path.read_text())

    def agreement(self) -> list[dict]:
        """metric_quality.agreement for the errors of P-loss at unknown pitch, validation sounds."""
        run = self.folder_of("P-unknown")
        trainer = Trainer(self._saved_config(run), run, self.fabric)
        trainer.resume()
        nu_hat, nu = predict(trainer, metric_quality.SOUNDS, trainer.validation)
        return metric_quality.agreement(PRESET, nu_hat, nu, *self._networks(), self.workers)

    def folder_of(self, name: str) -> Path:
        """The folder of a run."""
        return self.folder / name.replace(" ", "_").replace(",", "").replace("'", "")

    def _networks(self) -> tuple[MetricNetwork, PhiNetwork]:
        preset = PRESETS[PRESET]
        return (
            MetricNetwork.load(self.file("metric.pt"), preset),
            PhiNetwork.load(self.file("phi.pt"), preset),
        )

    def _saved_config(self, run: Path) -> Config:
        return Config.from_json((run / "study.json").read_text())


def one_device(accelerator: str = "auto") -> Fabric:
    """Fabric for training in this process.

    Args:
        accelerator: cpu, cuda, ...; auto for the best that is here.
    """
    return Fabric(accelerator=accelerator, devices=1)


def complete(trainer: Trainer, count: int, workers: int, hours: float = math.inf) -> None:
    """Train a run to its last epoch, wherever it is, and measure it; what is done stays.

    Leaves test.npz in its folder: nu_hat and nu (count, 5) of test sounds that no run was trained
    on, the distances of their sounds, (count,) each, and the history of the run as JSON.

    Args:
        trainer: The run, as it was made.
        count: Test sounds.
        workers: Processes that render and compare sounds.
        hours: After these, spent in epochs, the run is measured as it is.
    """
    run = trainer.run
    if (run / "checkpoint.pt").exists():
        trainer.resume()
    elif trainer.config.warm_start:
        trainer.warm_start()
    if len(trainer.history) < trainer.config.epochs:
        print(f"study: {run.name}", file=sys.stderr)
        trainer.fit(workers, hours)
    history = json.dumps(trainer.history)
    if not _measured(run / "test.npz", history):
        nu_hat, nu = predict(trainer, count)
        distances = sound_distances(nu_hat, nu, trainer.objective.preset, workers)
        arrays = {"nu_hat": nu_hat, "nu": nu, "history": np.array(history), **distances}
        save_atomically(run / "test.npz", lambda file: np.savez(file, **arrays))


def _measured(path: Path, history: str) -> bool:
    """Whether a run was measured after its last epoch."""
    if not path.exists():
        return False
    with np.load(path) as kept:
        return "history" in kept and str(kept["history"]) == history


def predict(trainer: Trainer, count: int, shards=None) -> tuple[np.ndarray, np.ndarray]:
    """What a run's encoder infers from sounds.

    Args:
        trainer: The run.
        count: Sounds.
        shards: Whose first sounds; test sounds that no run was trained on by default.

    Returns:
        nu_hat and nu, (count, 5) each.
    """
    shards = shards or Shards(trainer.config.recipe, SEED, "test")
    trainer.model.eval()
    pairs = []
    with torch.no_grad():
        for i in range(-(-count // SHARD)):
            shard = shards[i]
            for batch in np.arange(SHARD).reshape(-1, BATCH):
                pairs.append([t.cpu().numpy() for t in trainer.predict(shard, batch)])
    nu_hat, nu = (np.concatenate(side)[:count] for side in zip(*pairs))
    return nu_hat, nu
