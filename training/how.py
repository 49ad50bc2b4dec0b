"""What a run decides as it begins: how it is computed, and which files it was given.

All of it changes the numbers that a run ends with, so it is kept with the run's settings.
"""

import hashlib
import os
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import torch
from torch import nn

from training.config import HASHES, Config

KEPT = ("accelerator", "devices", "precision", "execution", "sounds", *HASHES)
UNDECIDED = ("auto", "")  # values of KEPT that a run replaces


def with_files(config: Config) -> Config:
    """A configuration with the hashes of its table, network and answers.

    Raises:
        ValueError: It has hashes, and a file is another one by now.
    """
    paths = {
        "network_sha256": config.network and Path(config.network),
        "answers_sha256": config.answers and Path(config.answers),
    }
    if config.loss == "pnp" and config.infers == "theta":
        shipped = files("training") / "tables" / f"{config.recipe.preset}.npz"
        paths["table_sha256"] = Path(config.table) if config.table else shipped
    hashes = {name: path and hashlib.sha256(path.read_bytes()).hexdigest()
              for name, path in paths.items()}  # fmt: skip
    for name, found in hashes.items():
        kept = getattr(config, name)
        if found and kept and found != kept:
            raise ValueError(
                f"{paths[name]} has changed since the run began: its SHA-256 is {found[:12]}..., "
                f"that of the run {kept[:12]}...; put the file back, or begin a new run"
            )
    return replace(config, **hashes)


def undecided(config: Config) -> Config:
    """A configuration without what a run decides by itself."""
    return replace(config, accelerator="auto", sounds="auto", **dict.fromkeys(HASHES, ""))


def check_kept(config: Config, kept: Config, run: Path) -> None:
    """Check that a run continues as it began.

    Args:
        config: How it is computed now.
        kept: How it was when its checkpoint was written.
        run: Its folder, for the message.

    Raises:
        ValueError: Something differs.
    """
    for name in KEPT:
        mine, theirs = getattr(config, name), getattr(kept, name)
        if mine != theirs and not {mine, theirs} & set(UNDECIDED):
            raise ValueError(f"{name} is {mine}, but the run in {run} has {theirs}")


def prepared(model: nn.Module, config: Config, device: torch.device, devices: int) -> nn.Module:
    """A network as the settings say how it is computed.

    Args:
        model: On the device; its convolutions are backbone.features.
        config: Used are precision and execution.
        device: Where it is trained.
        devices: How many train together.

    Raises:
        ValueError: Something that compiling needs is missing.
    """
    if config.precision == "bf16-mixed":  # what follows the convolutions needs more digits
        compute_in_bfloat16(model.backbone.features, device.type)
    if config.execution == "compiled":
        _check_compiler(device)
        model.backbone.features.compile(dynamic=False)  # in place: names of weights stay
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True  # a resumed run ends as it would have
        if devices > 1:  # on CPUs each process normalises by its own sounds
            return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model


def _check_compiler(device: torch.device) -> None:
    names = (os.environ.get("CXX", ""), "g++", "clang++")
    if device.type == "cpu" and not any(name and shutil.which(name) for name in names):
        raise ValueError(
            "execution is 'compiled', which needs a C++ compiler on a CPU, and there is none; "
            "install g++, or use eager"
        )


def compute_in_bfloat16(body: nn.Module, device_type: str) -> None:
    """Let a part of a network compute in bfloat16; its weights and what it returns stay float32.

    Args:
        body: The part.
        device_type: Where it is.
    """
    body.forward = torch.autocast(device_type, torch.bfloat16)(body.forward)
    body.register_forward_hook(lambda module, inputs, output: output.float())
