"""How long the parts of training take on this machine.

    python -m training.bench                    what training does, and sounds, on the CPU
    python -m training.bench --device cuda      sounds, and training on them, on a GPU

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
from training import command, jobs, sound_bench
from training.batch_synth import to_device
from training.config import LOSSES, Config
from training.dataset import Recipe
from training.jtfs import Phi
from training.markdown import table
from training.memory import keep_freed_memory
from training.metric import Metric, jacobian
from training.surrogate import COMPONENTS, PhiNetwork
from training.synth import render, render_with_tangents
from training.timing import best
from training.trainer import Trainer

PRESET = "paper"
METRIC_SEED = 2**31 - 1  # a seed that no table has, so that its shards can be deleted
METRIC_SOUNDS = 4 * jobs.ROWS  # sounds; two shards for each of two processes
PRECISIONS = {"cpu": ("32-true",), "cuda": ("32-true", "bf16-mixed")}


def seconds_per_sound(config: Config, fabric: Fabric, repeats: int = 2) -> float:
    """Training time per sound with a run's loss, without rendering or loading the sound.

    It is that of a sound that comes again, whose Phi the JTFS loss has kept.

    Args:
        config: The run.
        fabric: The device.
        repeats: Steps that are timed; the best one counts.

    Returns:
        s.
    """
    trainer = Trainer(replace(config, epochs=1), Path(), fabric)
    trainer.model.train()
    shard = [to_device(field, fabric.device) for field in trainer.train[config.first_shard]]
    batch = np.arange(config.batch_size)

    def step():
        trainer.optimiser.zero_grad()
        trainer.backward(config.first_shard, shard, batch)
        trainer.optimiser.step()

    return best(step, repeats, fabric.device) / config.batch_size


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


def sounds(device: torch.device) -> str:
    """Sounds a second, made and trained on, and what a GPU is busy with meanwhile."""
    parts = [table([*sound_bench.sound_rows(device), sound_bench.shard_row(device)])]
    for precision in PRECISIONS[device.type]:
        config = sound_bench.settings(device, precision)
        trainer = Trainer(config, Path(), Fabric(accelerator=device.type, devices=1))
        alone, both = sound_bench.training_rates(trainer)
        parts.append(
            f"Training, {config.batch_size} at a time in {precision}: {alone:.0f} sounds a second "
            f"where they are there, {both:.0f} while they are made"
        )
        if device.type == "cuda":
            parts.append(table(sound_bench.profile_rows(trainer)))
    return "\n\n".join(parts)


@command.entry_point("training.bench")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.bench", __doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    device = torch.device(parser.parse_args(argv).device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda, but torch finds no GPU here; allowed is cpu")
    keep_freed_memory()
    if device.type == "cuda":
        print(sounds(device))
        return
    print(table(analysis_rows()), end="\n\n")
    seconds = loss_seconds()
    rows = [{"loss": k, "s per 1,000": v, "over P": v / seconds["p"]} for k, v in seconds.items()]
    print(table(rows), end="\n\n")
    print(f"Metric table: {metric_rate():.0f} sounds a minute", end="\n\n")
    print(sounds(device))


if __name__ == "__main__":
    sys.exit(main())
