"""The experiment of Han, Lostanlen and Lagrange by their own recipe, at any share of its size.

Settings are those of their code, github.com/lylyhan/perceptual_neural_physical, but for those that
docs/study.md names. As there, every seed trains on the same sounds: it is the seed of the weights,
of the order of the sounds and of dropout, and the runs of one seed make a pair.
"""

import math
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np

from matcher.recording import save_atomically
from training import jobs
from training.config import Config
from training.dataset import SHARD, Recipe
from training.evaluate import SEED
from training.how import undecided
from training.memory import keep_freed_memory
from training.metric import Metric, full, load_table, make_table
from training.runs import load_checkpoint
from training.studies.experiment import CACHE_GB, complete, one_device
from training.trainer import Trainer

PRESET = "paper"
F = 2  # bands, width of Phi's low-pass along them
EPOCHS = 70
BATCH = 256  # sounds; of P-loss and PNP
SPECTRAL_BATCH = 64  # sounds; of losses that render
EPOCH_STEPS = 100  # steps of BATCH: 25,600 sounds drawn at random for each epoch
# sounds; all 100,000 but 10,000 for tests and 7,776 of validation
TRAINING_SOUNDS = 82_224
TEST_SOUNDS = 256  # the same for all runs; the standard error of a mean distance is some 4 % of it
SMALLEST = 1 / EPOCH_STEPS  # scale at which an epoch is one step
FROM = 1e20  # lambda
TABLES = Path(__file__).parents[1] / "tables"
SHIPPED_TABLE = TABLES / "paper-F2.npz"
SHIPPED_SHARDS = 2  # of training sounds
RESULTS = TABLES / "paper-runs.npz"  # what the runs of docs/study.md gave
SCHEDULED_EPOCHS = 25  # until lambda is 1; theirs are 5 to 50

RECIPE = {
    "recipe": Recipe(PRESET, augmented=0.0),
    "epochs": EPOCHS,
    "batch_size": BATCH,
    "optimiser": "adam",
    "schedule": "constant",
    "learning_rate": 1e-3,
    "dropout": 0.2,  # torchvision's defaults, as is stochastic depth
    "head_scale": 0.5**0.5,
    "pitch_joins": "output",
    "F": F,
    # A share of their steps is too few for running averages: after 140, P-loss looks like chance.
    "norm_averages": "estimated",
}
PNP = {"loss": "pnp", "damping": "falling", "damping_start": FROM}
# Of a smaller lambda, gradients over the largest eigenvalue would come near Adam's epsilon.
WHOLE = PNP | {"pnp_unit": "none"}
MODELS = {
    "P": {},
    "PNP": PNP,
    "multi-scale STFT": {"loss": "mss", "batch_size": SPECTRAL_BATCH},
    "JTFS": {"loss": "jtfs", "batch_size": SPECTRAL_BATCH},
    "PNP, lambda from the largest eigenvalue": WHOLE | {"damping_start": None},
    "PNP, lambda scheduled": WHOLE
    | {"damping": "scheduled", "damping_fall": FROM ** (-1 / SCHEDULED_EPOCHS)},
    "PNP, lambda constant": WHOLE | {"damping": "constant", "damping_start": 1e5},
    "PNP, lambda 0": WHOLE | {"damping": "constant", "damping_start": 0.0},
    "PNP, diagonal": WHOLE | {"damping_matrix": "diagonal", "damping_start": 1e6},
    # Not theirs: Adam's averages of squared gradients need not follow lambda down.
    "PNP, over lambda": PNP | {"pnp_unit": "damped"},
    "PNP, over lambda, best epoch": PNP | {"pnp_unit": "damped", "keeps": "best"},
}
# In this order; each group for every seed before the next begins. JTFS takes days, and is trained
# only where it is named.
GROUPS = (
    (("P", "unknown"), ("PNP", "unknown")),
    (("P", "known"), ("PNP", "known")),
    *(((name, "unknown"),) for name in MODELS if name.startswith("PNP, ")),
    (("multi-scale STFT", "unknown"), ("multi-scale STFT", "known")),
)


class PaperStudy:
    """Runs at a share of the authors' number of sounds, in a folder that keeps them.

    Args:
        scale: 1 for their number of sounds; SMALLEST or more.
        folder: Where runs and the table of the metric are kept; made if missing.
        workers: Processes that compute the metric, and render and compare sounds.
        execution: As in Config.
        hours: Of training; a run that takes longer is measured as far as it is by then.

    Raises:
        ValueError: The scale is not allowed.
    """

    def __init__(
        self,
        scale: float,
        folder: Path,
        workers: int,
        execution: str = "eager",
        hours: float = math.inf,
    ):
        if not SMALLEST <= scale <= 1:
            raise ValueError(f"scale is {scale}, allowed is {SMALLEST} to 1")
        self.scale, self.folder, self.workers = scale, folder, workers
        self.execution, self.hours = execution, hours
        folder.mkdir(parents=True, exist_ok=True)
        keep_freed_memory()

    @property
    def shards(self) -> int:
        """Shards of training sounds."""
        return max(1, round(TRAINING_SOUNDS * self.scale / SHARD))

    def config(self, model: str, pitch: str, seed: int) -> Config:
        """The configuration of a run.

        Args:
            model: One of MODELS.
            pitch: known or unknown.
            seed: Of the run; its sounds do not depend on it.
        """
        settings = RECIPE | {
            "pitch": pitch,
            "execution": self.execution,
            "model_seed": seed,
            "distinct_shards": self.shards,
            "sounds_per_epoch": round(EPOCH_STEPS * self.scale) * BATCH,
        }
        settings |= MODELS[model]
        if settings.get("loss") == "pnp":
            settings["table"] = str(self.table_file)
        return Config(**settings)

    @property
    def table_file(self) -> Path:
        """The metric of the training sounds and of a shard of validation sounds.

        The one that ships, where its sounds are enough.
        """
        return SHIPPED_TABLE if self.shards <= SHIPPED_SHARDS else self.folder / "metric.npz"

    def make_table(self) -> None:
        """Compute the metric, unless it is there; what a killed call computed is kept."""
        if not self.table_file.exists():
            with jobs.executor(self.workers) as pool:
                job = Metric(PRESET, F=F)
                make_table(self.table_file, job, self.shards * SHARD, SHARD, pool)

    def test_metric(self) -> np.ndarray:
        """M of the test sounds, (TEST_SOUNDS, 5, 5); computed once."""
        with jobs.executor(self.workers) as pool:
            R = full(jobs.run(Metric(PRESET, SEED, "test", F=F), TEST_SOUNDS, pool))
        return np.swapaxes(R, 1, 2) @ R

    def eigenvalues(self) -> np.ndarray:
        """Of M of the training sounds, from the largest, (sounds, 5)."""
        return np.linalg.svd(load_table(self.table_file).R, compute_uv=False) ** 2

    def train(self, model: str, pitch: str, seed: int) -> None:
        """Train and measure a run, resume it, or leave it if done.

        Args:
            model: One of MODELS.
            pitch: known or unknown.
            seed: Of the run.

        Raises:
            ValueError: The run was begun with other settings.
        """
        config, run = self.config(model, pitch, seed), self.folder_of(model, pitch, seed)
        if config.loss == "pnp":
            self.make_table()
        if (run / "checkpoint.pt").exists():
            kept = Config.from_json(load_checkpoint(run)["config"])
            if undecided(kept) != undecided(config):
                raise ValueError(f"{run} was begun with other settings; remove it to begin anew")
        run.mkdir(exist_ok=True)
        trainer = Trainer(config, run, one_device(), CACHE_GB)
        complete(trainer, TEST_SOUNDS, self.workers, self.hours)

    def all(self, seeds: Iterable[int], pitches: tuple[str, ...], model: str | None) -> None:
        """Train every run that is not done.

        Args:
            seeds: Of the runs of each model.
            pitches: Pitch settings.
            model: One of MODELS, to train it alone.
        """
        groups = GROUPS if model is None else (tuple((model, pitch) for pitch in pitches),)
        for group in groups:
            for seed in seeds:
                for name, pitch in group:
                    if pitch in pitches:
                        self.train(name, pitch, seed)

    def folder_of(self, model: str, pitch: str, seed: int) -> Path:
        """The folder of a run."""
        return self.folder / f"{model.replace(',', '').replace(' ', '_')}-{pitch}-{seed}"

    def done(self, model: str, pitch: str, seeds: int) -> dict[int, dict]:
        """{seed: what `complete` left} of the runs of a model that are done, here or as shipped."""
        runs = {}
        for seed in range(seeds):
            run = self.folder_of(model, pitch, seed)
            if (run / "test.npz").exists():
                with np.load(run / "test.npz") as kept:
                    runs[seed] = dict(kept)
            elif shipped := self._shipped.get(run.name):
                runs[seed] = shipped
        return runs

    def save_results(self, path: Path) -> int:
        """Write what all runs gave that are done, beside those of other scales in the file.

        Args:
            path: The file, as RESULTS.

        Returns:
            How many runs of this scale it holds.
        """
        runs = {**self._shipped, **{test.parent.name: dict(np.load(test))
                                    for test in self.folder.glob("*/test.npz")}}  # fmt: skip
        kept = read_results(path) if path.exists() else {}
        kept[f"{self.scale:g}"] = runs
        arrays = {
            f"{scale}/{run}/{name}": values
            for scale, of_scale in kept.items()
            for run, of_run in of_scale.items()
            for name, values in of_run.items()
        }
        save_atomically(path, lambda file: np.savez_compressed(file, **arrays))
        return len(runs)

    @cached_property
    def _shipped(self) -> dict[str, dict]:
        """Runs of this scale whose results ship: {name of the folder: arrays}."""
        return read_results(RESULTS).get(f"{self.scale:g}", {}) if RESULTS.exists() else {}


def read_results(path: Path) -> dict[str, dict[str, dict]]:
    """Results of runs: {scale: {name of the folder: what `complete` left}}."""
    results = {}
    with np.load(path) as kept:
        for key, values in kept.items():
            scale, run, name = key.split("/")
            results.setdefault(scale, {}).setdefault(run, {})[name] = values
    return results
