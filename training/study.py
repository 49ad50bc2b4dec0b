"""The study of docs/study.md: what each loss is worth at equal training time.

    python -m training.study --minutes 10            all models, one after the other, then tables
    python -m training.study --minutes 10 --tables   only the tables of what is there
    python -m training.study --minutes 10 --metrics  only what each metric of PNP is worth
    python -m training.study --minutes 10 --figures docs    and the figures of what is there
    OMP_NUM_THREADS=1 python -m training.study --minutes 10 --pitch known
                                                     one setting; on two cores run both at once

For each pitch setting one encoder is trained by P-loss, and every other one goes on from it for as
many minutes. Everything is kept in the cache folder: a killed study goes on where it stood.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from matcher.physics.theta import PRESETS, Theta
from matcher.recording import save_atomically
from training import command, jobs
from training.bench import loss_seconds
from training.config import Config
from training.dataset import SHARD, Recipe, Shards, cache_folder
from training.distances import NAMES, mean_and_error, sound_distances
from training.evaluate import SEED, UNITS, natural_errors
from training.markdown import table
from training.metric import Metric, load_table, make_table
from training.runs import load_checkpoint
from training.studies import figures
from training.studies import metric_quality as worth
from training.surrogate import (
    MetricNetwork,
    PhiNetwork,
    PhiRows,
    learn_metric,
    learn_phi,
)
from training.trainer import Trainer, keep_freed_memory

PRESET = "paper"
PITCH = ("unknown", "known")
SECANT_STEP = 0.1
PHI_SOUNDS = 8192
TEST_SOUNDS = 1024
WARM_SHARDS = 80  # more than a warm start takes; those after them are fresh
FRESH = {"first_shard": WARM_SHARDS, "distinct_shards": 200}
LAMBDA_SHOWN = ("PNP", "PNP, constant lambda", "PNP, adaptive lambda")
METRIC_SOUNDS = 4096
CACHE_GB = 8.0
EXTRA_MINUTES = {"P, and the metric's time": 16.0}  # what table and network take on two cores

# What goes on from the warm start, and with what; for both pitch settings.
PNP = {"loss": "pnp", "power": 1, "clip": 0.1, "damping": "scheduled"}
ANY_SOUND = {"metric": "network"} | FRESH
LOSSES = {
    "P": FRESH,
    "PNP": PNP | ANY_SOUND,
    "Phi network": {"loss": "proxy", "power": 1, "damping": "scheduled", "damping_start": 1e3}
    | FRESH,
    "multi-scale STFT": {"loss": "mss"} | FRESH,
    "JTFS": {"loss": "jtfs", "shards_per_epoch": 1} | FRESH,
    "P, sounds of the table": {},
    "PNP, table": PNP,
    "P, and the metric's time": FRESH,
}
# For unknown pitch alone: what else PNP and the network of Phi could be.
SQUARES = {"power": 2, "clip": 0.5}
VARIANTS = {
    "PNP, constant lambda": PNP | ANY_SOUND | {"damping": "constant", "damping_start": 10.0},
    "PNP, adaptive lambda": PNP | ANY_SOUND | {"damping": "adaptive", "learning_rate": 3e-5},
    "multi-scale STFT, a tenth of the rate": {"loss": "mss", "learning_rate": 3e-5} | FRESH,
    "JTFS, a tenth of the rate": {"loss": "jtfs", "shards_per_epoch": 1, "learning_rate": 3e-5}
    | FRESH,
    "P, distance": {"power": 1} | FRESH,
    "PNP, squares, clipped at the median": PNP | ANY_SOUND | SQUARES,
    "PNP, table, squares, clipped at the median": PNP | SQUARES,
    "PNP, not clipped": PNP | ANY_SOUND | {"clip": 1.0},
    "PNP, diagonal": PNP | ANY_SOUND | {"damping_matrix": "diagonal"},
    "PNP, table of secants": PNP | {"table": "secants"},
    "Phi network, squares, undamped": {"loss": "proxy"} | FRESH,
}
# What every run has that does not say otherwise; its sounds are those of the table.
BASE = {"recipe": Recipe(PRESET, augmented=0.0), "distinct_shards": METRIC_SOUNDS // SHARD,
        "shards_per_epoch": 2, "learning_rate": 3e-4}  # fmt: skip


class Study:
    """Runs of `minutes` each, in a folder that keeps all that was made."""

    def __init__(self, minutes: float, folder: Path, workers: int):
        self.minutes, self.folder, self.workers = minutes, folder, workers
        folder.mkdir(parents=True, exist_ok=True)
        keep_freed_memory()
        self.fabric = Fabric(accelerator="cpu", devices=1)

    def file(self, name: str) -> str:
        """What runs learn from beside sounds: metric.pt, phi.pt or secants.npz, made if missing."""
        path = self.folder / name
        if path.exists():
            return str(path)
        if name == "metric.pt":
            made = load_table(PRESET)
            network, worth = learn_metric(PRESET, made.nu, made.R)
        else:
            with jobs.executor(self.workers) as pool:
                if name == "secants.npz":
                    job = Metric(PRESET, step=SECANT_STEP)
                    make_table(path, job, METRIC_SOUNDS, SHARD, pool)
                    return str(path)
                job = PhiRows(PRESET)
                rows = jobs.run(job, PHI_SOUNDS, pool)
            network, worth = learn_phi(PRESET, jobs.sounds(job, len(rows)), rows)
        network.save(path)
        save_atomically(path.with_suffix(".txt"), lambda file: file.write(worth.encode()))
        return str(path)

    def config(self, pitch: str, settings: dict) -> Config:
        """The settings of a run, all but its length."""
        settings = dict(settings)
        if settings.get("loss") == "proxy":
            settings["network"] = self.file("phi.pt")
        elif settings.get("metric") == "network":
            settings["network"] = self.file("metric.pt")
        if settings.get("table") == "secants":
            settings["table"] = self.file("secants.npz")
        return Config(**(BASE | {"pitch": pitch} | settings))

    def pace(self, loss: str) -> float:
        """Seconds a sound takes to learn from by a loss; measured once, as the study starts."""
        path = self.folder / "pace.json"
        if not path.exists():
            text = json.dumps({name: 0.001 * seconds for name, seconds in loss_seconds().items()})
            save_atomically(path, lambda file: file.write(text.encode()))
        return json.loads(path.read_text())[loss]

    def train(self, name: str, config: Config, minutes: float) -> None:
        """Train a run for as many sounds as take so long, go on with it, or leave it if done."""
        run = self.folder_of(name)
        if not (run / "study.json").exists():
            seconds = self.pace(config.loss) * SHARD * config.shards_per_epoch  # of an epoch
            config = replace(config, epochs=max(1, round(60 * minutes / seconds)))
            text = json.dumps(asdict(config))
            run.mkdir(exist_ok=True)
            save_atomically(run / "study.json", lambda file: file.write(text.encode()))
        config = Config.from_dict(json.loads((run / "study.json").read_text()))
        trainer = Trainer(config, run, self.fabric, CACHE_GB)
        if (run / "checkpoint.pt").exists():
            trainer.resume()
        elif config.warm_start:
            trainer.warm_start()
        if len(trainer.history) < config.epochs:
            print(f"study: {name}", file=sys.stderr)
            trainer.fit()
        if not (run / "test.npz").exists():
            nu_hat, nu = predict(trainer, TEST_SOUNDS)
            far = sound_distances(nu_hat, nu, PRESETS[PRESET], self.workers)
            save_atomically(
                run / "test.npz", lambda file: np.savez(file, nu_hat=nu_hat, nu=nu, **far)
            )

    def all(self, pitches: tuple[str, ...] = PITCH) -> None:
        """Every run of these pitch settings that is not done."""
        for pitch in pitches:
            warm = f"warm-{pitch}"
            settings = {"distinct_shards": WARM_SHARDS}
            self.train(warm, self.config(pitch, settings), self.minutes)
            for name, settings in (LOSSES | (VARIANTS if pitch == "unknown" else {})).items():
                settings = {**settings, "warm_start": str(self.folder_of(warm))}
                minutes = self.minutes + EXTRA_MINUTES.get(name, 0)
                self.train(f"{name}-{pitch}", self.config(pitch, settings), minutes)

    def reach(self) -> dict[str, list]:
        """worth.reach of the study's networks and secants; computed once."""
        path = self.folder / "reach.json"
        if not path.exists():
            secants = load_table(self.file("secants.npz")).R
            text = json.dumps(worth.reach(PRESET, secants, *self._networks()))
            save_atomically(path, lambda file: file.write(text.encode()))
        return json.loads(path.read_text())

    def agreement(self) -> list[dict]:
        """worth.agreement where the encoder of P-loss, pitch unknown, errs on validation sounds."""
        run = self.folder_of("P-unknown")
        config = Config.from_dict(json.loads((run / "study.json").read_text()))
        trainer = Trainer(config, run, self.fabric)
        trainer.resume()
        nu_hat, nu = predict(trainer, worth.SOUNDS, trainer.validation)
        return worth.agreement(PRESET, nu_hat, nu, *self._networks(), self.workers)

    def _networks(self) -> tuple[MetricNetwork, PhiNetwork]:
        preset = PRESETS[PRESET]
        return (
            MetricNetwork.load(self.file("metric.pt"), preset),
            PhiNetwork.load(self.file("phi.pt"), preset),
        )

    def folder_of(self, name: str) -> Path:
        """The folder of a run."""
        return self.folder / name.replace(" ", "_").replace(",", "").replace("'", "")


def predict(trainer: Trainer, count: int, shards=None) -> tuple[np.ndarray, np.ndarray]:
    """nu_hat and nu (count, 5) of shards' first sounds; of test sounds that no run has heard."""
    shards = shards or Shards(trainer.config.recipe, SEED, "test")
    trainer.model.eval()
    pairs = []
    with torch.no_grad():
        for i in range(-(-count // SHARD)):
            shard = shards[i]
            for batch in np.arange(SHARD).reshape(-1, 128):
                pairs.append([t.numpy() for t in trainer.predict(shard, batch)])
    nu_hat, nu = (np.concatenate(side)[:count] for side in zip(*pairs))
    return nu_hat, nu


def done(study: Study, pitch: str) -> list[tuple[str, dict, dict]]:
    """Name, checkpoint and test arrays of each run of a pitch setting that is done."""
    runs = []
    for name in ("warm", *LOSSES, *VARIANTS):
        run = study.folder_of(f"{name}-{pitch}")
        if (run / "test.npz").exists():
            with np.load(run / "test.npz") as kept:
                test = dict(kept)
            name = "P (warm start)" if name == "warm" else name
            runs.append((name, load_checkpoint(run), test))
    return runs


def results(study: Study, pitch: str) -> list[dict]:
    """A row for each run of a pitch setting that is done."""
    rows = []
    for name, state, test in done(study, pitch):
        row = {"model": name}
        for distance in NAMES:
            far = mean_and_error(test[distance])
            row[distance] = f"{far['mean']:.3f} ± {far['error']:.3f} ({far['deviation']:.2f})"
        preset = PRESETS[PRESET]
        errors = natural_errors(preset.from_nu(test["nu"]), preset.from_nu(test["nu_hat"]))
        row |= {f"{n}, {UNITS[n]}".rstrip(", "): float(np.median(errors[n])) for n in Theta._fields}
        config, sounds = json.loads(state["config"]), state["history"][-1]["sounds"]
        row["sounds"] = f"{sounds:,}"
        row["minutes"] = sounds * study.pace(config["loss"]) / 60
        rows.append(row)
    return rows


def save_figures(study: Study, folder: Path) -> None:
    """study-*.png of what there is."""
    runs = {pitch: done(study, pitch) for pitch in PITCH}
    drawn = {}
    for of in NAMES:
        measured = {pitch: {} for pitch in PITCH}
        for pitch in PITCH:
            for name, _, test in runs[pitch]:
                far = mean_and_error(test[of])
                measured[pitch][name] = (far["mean"], far["error"])
        measured = {pitch: models for pitch, models in measured.items() if models}
        drawn[of.split()[0]] = figures.distances(measured, of)
    histories = {
        name: state["history"] for name, state, _ in runs["unknown"] if name in LAMBDA_SHOWN
    }
    values = np.linalg.svd(load_table(PRESET).R, compute_uv=False) ** 2
    drawn["lambda"] = figures.damping(histories, values)
    drawn["reach"] = figures.reach(study.reach(), worth.STEPS)
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        save_atomically(
            folder / f"study-{name}.png",
            lambda file, f=figure: f.savefig(file, format="png", dpi=90),
        )


@command.named("study")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("study", __doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each run; default 10")
    parser.add_argument("--pitch", choices=PITCH, help="train this setting alone; default both")
    parser.add_argument("--tables", action="store_true", help="train nothing")
    parser.add_argument("--metrics", action="store_true", help="what each metric is worth, no more")
    parser.add_argument("--figures", type=Path, help="folder for study-*.png; train nothing")
    parser.add_argument("--workers", type=int, default=2, help="processes that compare sounds")
    arguments = parser.parse_args(argv)
    if not arguments.minutes > 0:
        raise ValueError(f"minutes is {arguments.minutes}, allowed is above 0")
    folder = cache_folder() / "study" / f"{arguments.minutes:g}"
    study = Study(arguments.minutes, folder, arguments.workers)
    if arguments.metrics:
        print(table(study.agreement()), end="\n\n")
        print(table(worth.reach_rows(study.reach())))
        return
    if arguments.figures:
        save_figures(study, arguments.figures)
        return
    if not arguments.tables:
        study.all((arguments.pitch,) if arguments.pitch else PITCH)
    for pitch in PITCH:
        if rows := results(study, pitch):
            print(f"Pitch {pitch}\n\n{table(rows)}\n")


if __name__ == "__main__":
    sys.exit(main())
