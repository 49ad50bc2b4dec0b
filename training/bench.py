"""How long the parts of training take on this machine.

    python -m training.bench

Each time is the best of several, after a first that does not count. Ratios compare times of the
same run.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lightning_fabric import Fabric

from matcher.physics.theta import PRESETS
from training import command, jobs
from training.config import LOSSES, Config
from training.dataset import Recipe
from training.jtfs import Phi
from training.markdown import table
from training.memory import keep_freed_memory
from training.metric import Metric, jacobian
from training.surrogate import COMPONENTS, PhiNetwork
from training.synth import render, render_with_tangents
from training.trainer import Trainer

PRESET = "paper"
METRIC_SEED = 2**31 - 1  # a seed that no table has, so that its shards can be deleted
METRIC_SOUNDS = 4 * jobs.ROWS  # sounds; two shards for each of two processes
REPEATS = 5  # times; other work on the machine rarely disturbs all of them


def best(function, repeats: int = REPEATS) -> float:
    """Seconds that function() takes: the best of `repeats` calls after a first one."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def seconds_per_sound(config: Config, fabric: Fabric, repeats: int = 2) -> float:
    """Training time per sound with a run's loss, without rendering or loading the sound.

    Args:
        config: The run.
        fabric: The device.
        repeats: Steps that are timed; the best one counts.

    Returns:
        s.
    """
    trainer = Trainer(replace(config, epochs=1), Path(), fabric)
    trainer.model.train()
    shard, batch = trainer.train[config.first_shard], np.arange(config.batch_size)

    def step():
        trainer.optimiser.zero_grad()
        trainer.backward(config.first_shard, shard, batch)
        trainer.optimiser.step()

    return best(step, repeats) / config.batch_size


@torch.no_grad()
def analysis_rows() -> list[dict]:
    """Table rows: ms to render one clip, its tangents, Phi and J, and their ratios to Phi."""
    nu, preset, phi = torch.full((1, 5), 0.1), PRESETS[PRESET], Phi()
    x = render(nu, preset)
    clip = best(lambda: phi(x))
    parts = {
        "sound": best(lambda: render(nu, preset)),
        "sound and its five tangents": best(lambda: render_with_tangents(nu, preset)),
        "Phi of a clip": clip,
        "J of a sound, all in all": best(lambda: jacobian(nu, preset, phi)),
    }
    return [{"part": k, "ms": 1000 * v, "over Phi": v / clip} for k, v in parts.items()]


def loss_seconds() -> dict[str, float]:
    """Training time per 1,000 sounds with each loss, s; `proxy` with an untrained network."""
    fabric = Fabric(accelerator="cpu", devices=1)
    with TemporaryDirectory() as folder:
        network = Path(folder) / "phi.pt"
        PhiNetwork(COMPONENTS, PRESET).save(network)
        base = Config(recipe=Recipe(PRESET, augmented=0.0), distinct_shards=1)
        seconds = {}
        for loss in LOSSES:
            config = replace(base, loss=loss, network=str(network) if loss == "proxy" else "")
            seconds[loss] = 1000 * seconds_per_sound(config, fabric)
        return seconds


def metric_rate() -> float:
    """Sounds per minute of training.metric with two processes, once they have started."""
    job = Metric(PRESET, METRIC_SEED)
    for shard in job.folder.glob("*.npy"):
        shard.unlink()
    with jobs.executor(2) as pool:
        jobs.run(job, 2 * jobs.ROWS, pool)  # starts the processes
        start = time.perf_counter()
        jobs.run(job, 2 * jobs.ROWS + METRIC_SOUNDS, pool)
    return 60 * METRIC_SOUNDS / (time.perf_counter() - start)


def main(argv=None) -> int:
    """The command line."""
    parser = command.parser("training.bench", __doc__)
    parser.parse_args(argv)
    keep_freed_memory()
    print(table(analysis_rows()), end="\n\n")
    seconds = loss_seconds()
    rows = [{"loss": k, "s per 1,000": v, "over P": v / seconds["p"]} for k, v in seconds.items()]
    print(table(rows), end="\n\n")
    print(f"Metric table: {metric_rate():.0f} sounds a minute")
    return 0


if __name__ == "__main__":
    sys.exit(main())
