"""How large the paper's recipe can be in a given time, from what its parts take here."""

import math
from typing import NamedTuple

import numpy as np
import torch

from training import sound_source
from training.dataset import SHARD, Recipe
from training.metric import Metric
from training.studies.paper import (
    BATCH,
    EPOCH_STEPS,
    EPOCHS,
    PRESET,
    SMALLEST,
    TEST_SOUNDS,
    TRAINING_SOUNDS,
    F,
    PaperStudy,
)
from training.timing import best
from training.trainer import Trainer

MARGIN = 0.8  # share of the time that is planned for: paces are measured for seconds
REPEATS = 2  # times each part is measured
HUNDREDTHS = 100  # a scale is a number of them


class Pace(NamedTuple):
    """What a sound takes, s, with all processes at work."""

    sound: float  # to make it
    metric: float  # for its R
    step: float  # to train on it


def largest_scale(seconds: float, pace: Pace, runs: int) -> float:
    """The largest scale of PaperStudy that fits.

    Args:
        seconds: The time for the table, all runs and their measurement, s.
        pace: What a sound takes.
        runs: How many there are.

    Returns:
        A number of hundredths, SMALLEST to 1, even where the time is too short for it.
    """
    judged = (1 + runs) * TEST_SOUNDS  # distances take about as long as R
    fixed = (SHARD + judged) * pace.metric + 2 * SHARD * pace.sound
    trained = runs * EPOCHS * EPOCH_STEPS * BATCH
    growing = TRAINING_SOUNDS * (pace.metric + pace.sound) + trained * pace.step
    scale = (MARGIN * seconds - fixed) / growing
    return min(1.0, max(SMALLEST, math.floor(scale * HUNDREDTHS) / HUNDREDTHS))


def measure(study: PaperStudy, fabric) -> Pace:
    """Measure what the parts of a study take.

    Args:
        study: The study.
        fabric: The device, as Trainer takes it.
    """
    made = sound_source.one_by_one_rate(Recipe(PRESET, augmented=0.0)) * study.workers
    if fabric.device.type == "cuda":
        made = max(made, sound_source.batched_rate(Recipe(PRESET, augmented=0.0), fabric.device))
    trainer = Trainer(study.config("P", "unknown", 0), study.folder, fabric)
    return Pace(1 / made, _metric_seconds() / study.workers, _step_seconds(trainer))


def _metric_seconds() -> float:
    """Time for R of a sound in one process, s."""
    job, nu, threads = Metric(PRESET, F=F), torch.full((1, 5), 0.1), torch.get_num_threads()
    phi = job.phi()
    torch.set_num_threads(1)  # as in a process of jobs.executor
    try:
        return best(lambda: job.row(nu, phi), REPEATS)
    finally:
        torch.set_num_threads(threads)


def _step_seconds(trainer: Trainer) -> float:
    """Training time of a sound, s; of any sounds, since they do not change it."""
    cqt, device, batch = trainer.config.recipe.features, trainer.fabric.device, np.arange(BATCH)
    shard = (
        torch.zeros(BATCH, 5, device=device),
        torch.rand(BATCH, cqt.n_bins, cqt.n_frames, device=device).half(),
        torch.ones(BATCH, cqt.n_frames, device=device).half(),
    )
    trainer.model.train()

    def step():
        trainer.optimiser.zero_grad()
        trainer.backward(0, shard, batch)
        trainer.optimiser.step()

    return best(step, REPEATS, device) / BATCH
