"""The folder of a training run: where it is, and what its checkpoint holds."""

from pathlib import Path

import torch

from training.config import Config
from training.dataset import SHARD, cache_folder


def run_folder(name: str) -> Path:
    """The folder of a run.

    Args:
        name: A bare name is a run in the cache folder; anything with a separator is a path.
    """
    return cache_folder() / "runs" / name if Path(name).name == name else Path(name)


def load_checkpoint(run: Path) -> dict:
    """Read the checkpoint of a run.

    Args:
        run: The folder.

    Returns:
        "config" (JSON), "model", "optimiser", "history" (a dict for each epoch), "earlier"
        (summaries of the runs that this one continues from) and what Trainer adds.

    Raises:
        ValueError: There is no checkpoint, or it cannot be read.
    """
    path = Path(run) / "checkpoint.pt"
    if not path.is_file():
        raise ValueError(f"no checkpoint.pt in {run}; give the folder of a run that ended an epoch")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        Config.from_json(state["config"])
        return state | {"earlier": state.get("earlier", [])}
    except Exception as error:  # torch raises many types for a file that is not its own
        raise ValueError(f"{path} is not a checkpoint of training.fit, or is broken") from error


def summary(state: dict) -> dict:
    """How a run was trained, for the runs and models that continue from it.

    Args:
        state: As `load_checkpoint` returns it.

    Returns:
        Loss, sounds, distinct sounds, hours and seed, as the metadata of a model holds them.
    """
    config, history = Config.from_json(state["config"]), state["history"]
    sounds = history[-1]["sounds"]
    return {
        "loss": config.loss,
        "sounds": sounds,
        "distinct_sounds": min(sounds, SHARD * state.get("shards", config.distinct_shards)),
        "hours": round(sum(row["seconds"] for row in history) / 3600, 2),
        "seed": config.seed,
    }
