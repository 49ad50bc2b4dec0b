"""The study of docs/study.md: what each loss is worth at equal training time.

    python -m training.study --minutes 10            all models, one after the other, then tables
    python -m training.study --minutes 10 --tables   only the tables of what is there
    python -m training.study --minutes 10 --reach    how far from nu each metric holds
    python -m training.study --minutes 10 --figures docs    and the figures of what is there
    OMP_NUM_THREADS=1 python -m training.study --minutes 10 --pitch known
                                                     one setting; on two cores run both at once

For each pitch setting one encoder is trained by P-loss, and every other one goes on from it for as
many minutes. Everything is kept in the cache folder: a killed study goes on where it stood.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from matcher.recording import save_atomically
from matcher.theta import PRESETS, Theta
from training import figures, jobs
from training.bench import loss_seconds
from training.config import Config
from training.dataset import SHARD, Recipe, Shards, cache_folder
from training.distances import NAMES, mean_and_error, sound_distances
from training.evaluate import SEED, UNITS, natural_errors
from training.fit import Trainer, keep_freed_memory
from training.jtfs import Phi
from training.markdown import table
from training.metric import Metric, load_table, make_table
from training.runs import load_checkpoint
from training.surrogate import (
    MetricNetwork,
    PhiNetwork,
    PhiRows,
    held_out,
    learn_metric,
    learn_phi,
)
from training.synth import render

PRESET = "paper"
PITCH = ("unknown", "known")
SECANT_STEP = 0.1
PHI_SOUNDS = 8192
TEST_SOUNDS = 1024
WARM_SHARDS = 80  # more than a warm start takes; those after them are fresh
FRESH = {"first_shard": WARM_SHARDS, "distinct_shards": 200}
METRICS = ("M", "M of secants", "network of M", "network of Phi")
LAMBDA_SHOWN = ("PNP", "PNP, constant lambda", "PNP, adaptive lambda")
STEPS = (1e-3, 1e-2, 0.03, 0.1, 0.3)  # |d| at which metrics are compared with the truth
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
    "PNP, squares": PNP | ANY_SOUND | SQUARES,
    "PNP, table, squares": PNP | SQUARES,
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

    def folder_of(self, name: str) -> Path:
        """The folder of a run."""
        return self.folder / name.replace(" ", "_").replace(",", "").replace("'", "")


def predict(trainer: Trainer, count: int) -> tuple[np.ndarray, np.ndarray]:
    """nu_hat and nu (count, 5) of test sounds that no run has heard."""
    shards = Shards(trainer.config.recipe, SEED, "test")
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


def reach_of_metrics(study: Study, count: int = 200) -> dict[str, list]:
    """How |dPhi|^2 as each metric predicts it compares with the truth, at growing STEPS.

    {metric: (steps, 3)}: over sounds of the table and random directions, the 10th percentile, the
    median and the 90th percentile of predicted over true. Kept in the study's folder.
    """
    kept = study.folder / "reach.json"
    if kept.exists():
        return json.loads(kept.read_text())
    rng, preset = np.random.default_rng(0), PRESETS[PRESET]
    _, nu, R, _ = load_table(PRESET)
    S = load_table(study.file("secants.npz")).R
    of_M = MetricNetwork.load(study.file("metric.pt"), preset)
    of_phi = PhiNetwork.load(study.file("phi.pt"), preset)
    d = rng.standard_normal(nu.shape)
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    in_range = (np.abs(nu + max(STEPS) * d) <= 1).all(1)
    sounds = np.flatnonzero(in_range & held_out(len(nu)))[:count]
    nu, R, S, d = nu[sounds], R[sounds], S[sounds], d[sounds]
    exact = Phi().double()
    ratios = {name: [] for name in METRICS}
    with torch.no_grad():
        heard = [exact(render(torch.from_numpy(n)[None], preset)) for n in nu]
        M = of_M(torch.from_numpy(nu).float()).double().numpy()
        for length in STEPS:
            ends = torch.from_numpy(nu + length * d)
            true = [exact(render(e[None], preset)) - h for e, h in zip(ends, heard)]
            true = np.array([difference.square().sum().item() for difference in true])
            step = of_phi(ends.float()) - of_phi(torch.from_numpy(nu).float())
            predicted = {
                "M": np.square(R @ (length * d)[..., None]).sum((1, 2)),
                "M of secants": np.square(S @ (length * d)[..., None]).sum((1, 2)),
                "network of M": length**2 * np.einsum("ni,nij,nj->n", d, M, d),
                "network of Phi": step.square().sum(1).numpy(),
            }
            for name, values in predicted.items():
                ratios[name].append(np.quantile(values / true, [0.1, 0.5, 0.9]).tolist())
    save_atomically(kept, lambda file: file.write(json.dumps(ratios).encode()))
    return ratios


def reach_rows(ratios: dict[str, list]) -> list[dict]:
    """A row for each of STEPS: median (10th to 90th percentile) of predicted over true."""
    rows = []
    for i, length in enumerate(STEPS):
        row = {"|d|": length}
        for name, values in ratios.items():
            low, middle, high = values[i]
            row[name] = f"{middle:.3g} ({low:.2g} to {high:.2g})"
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
    drawn["reach"] = figures.reach(reach_of_metrics(study), STEPS)
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        save_atomically(
            folder / f"study-{name}.png",
            lambda file, f=figure: f.savefig(file, format="png", dpi=90),
        )


def main(argv=None) -> int:
    """The command line; 2 after a sentence on stderr where something given was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m training.study", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=10.0, help="of each run; default 10")
    parser.add_argument("--pitch", choices=PITCH, help="train this setting alone; default both")
    parser.add_argument("--tables", action="store_true", help="train nothing")
    parser.add_argument("--reach", action="store_true", help="how far each metric holds, no more")
    parser.add_argument("--figures", type=Path, help="folder for study-*.png; train nothing")
    parser.add_argument("--workers", type=int, default=2, help="processes that compare sounds")
    arguments = parser.parse_args(argv)
    try:
        if not arguments.minutes > 0:
            raise ValueError(f"minutes is {arguments.minutes}, allowed is above 0")
        folder = cache_folder() / "study" / f"{arguments.minutes:g}"
        study = Study(arguments.minutes, folder, arguments.workers)
        if arguments.reach:
            print(table(reach_rows(reach_of_metrics(study))))
            return 0
        if arguments.figures:
            save_figures(study, arguments.figures)
            return 0
        if not arguments.tables:
            study.all((arguments.pitch,) if arguments.pitch else PITCH)
        for pitch in PITCH:
            if rows := results(study, pitch):
                print(f"Pitch {pitch}\n\n{table(rows)}\n")
    except (OSError, ValueError) as error:
        print(f"training.study: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
