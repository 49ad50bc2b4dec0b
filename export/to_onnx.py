"""A run of training.fit -> one self-describing ONNX file."""

import io
import json
import math
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from matcher import encoder as runtime
from matcher.features import LogCqt
from matcher.recording import save_atomically
from matcher.theta import PRESETS, Preset
from training.dataset import SHARD, make_clip
from training.encoder import Encoder
from training.fit import Config, load_checkpoint

OPSET = 17
LICENCE = "GPL-3.0-or-later"  # of the weights, as of the rest
CHECKED_SOUNDS = 16
TOLERANCE = 1e-4  # largest difference in nu between torch and ONNX Runtime, both float32


class NaturalUnits(nn.Module):
    """Encoder plus the way back from nu: features -> nu (batch, 5), one (batch,) a parameter."""

    def __init__(self, encoder: Encoder, preset: Preset):
        super().__init__()
        self.encoder, self.preset = encoder, preset

    def forward(self, features: torch.Tensor):
        """Features (batch, 2, bins, frames) -> nu, then Theta's fields."""
        nu = self.encoder(features)
        values = (_from_nu(row, nu[:, i]) for i, row in enumerate(self.preset.parameters))
        return nu, *values


def _from_nu(row, nu: torch.Tensor) -> torch.Tensor:
    """Parameter.from_nu as torch operations."""
    if row.scale == "log":
        low, high = math.log(row.low), math.log(row.high)
        return torch.exp(low + (nu + 1) / 2 * (high - low))
    return row.low + (nu + 1) / 2 * (row.high - row.low)


def load_run(run: Path) -> tuple[Config, Encoder, list[dict]]:
    """A run's settings, its encoder in evaluation mode, and its history."""
    state = load_checkpoint(run)
    config = Config.from_dict(json.loads(state["config"]))
    encoder = Encoder(config.recipe.features.n_bins)
    encoder.load_state_dict(state["model"])
    return config, encoder.eval(), state["history"]


def export(run: Path, path: Path) -> float:
    """Write the model of a run to path, whole or not at all; the largest difference in nu.

    Raises ValueError for a folder that holds no run, and where ONNX Runtime does not give what
    torch gives on CHECKED_SOUNDS sounds.
    """
    config, encoder, history = load_run(run)
    preset, cqt = PRESETS[config.recipe.preset], config.recipe.features
    contract = runtime.Contract(preset, cqt, _training(config, history), LICENCE)
    model = onnx.load_from_string(_graph(NaturalUnits(encoder, preset), cqt))
    onnx.helper.set_model_props(model, {runtime.METADATA_KEY: contract.to_json()})
    onnx.checker.check_model(model, full_check=True)
    difference = 0.0

    def write_checked(file):
        nonlocal difference
        file.write(model.SerializeToString())
        file.flush()
        difference = check_parity(encoder, runtime.Encoder(file.name), config, CHECKED_SOUNDS)

    save_atomically(path, write_checked)
    return difference


def _training(config: Config, history: list[dict]) -> dict:
    """What the metadata says of the training."""
    last = history[-1]
    return {
        "sounds": last["sounds"],
        "distinct_sounds": min(last["sounds"], config.distinct_shards * SHARD),
        "sounds_are": "synthetic, rendered by drum-matcher",
        "augmented": config.recipe.augmented,
        "loss": "P",
        "validation_mse": round(last["validation_mse"], 5),
        "hours": round(sum(row["seconds"] for row in history) / 3600, 2),
        "seed": config.seed,
    }


def _graph(module: NaturalUnits, cqt: LogCqt) -> bytes:
    """The ONNX file of a module that takes features, any batch size."""
    names, buffer = (runtime.INPUT, *runtime.OUTPUTS), io.BytesIO()
    with warnings.catch_warnings():  # torch's newer exporter would need one more package
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            module.eval(),
            (torch.zeros(2, 2, cqt.n_bins, cqt.n_frames),),
            buffer,
            dynamo=False,
            opset_version=OPSET,
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={name: {0: "batch"} for name in names},
        )
    return buffer.getvalue()


def check_parity(
    encoder: Encoder, session: runtime.Encoder, config: Config, n_sounds: int
) -> float:
    """Largest difference in nu, torch to ONNX Runtime, over test sounds; at most TOLERANCE."""
    cqt, worst = config.recipe.features, 0.0
    for i in range(n_sounds):
        _, clip = make_clip(config.recipe, config.seed, "test", i)
        x = cqt.features(clip)
        with torch.no_grad():
            expected = encoder(torch.from_numpy(x[None]))[0].numpy()
        worst = max(worst, float(np.abs(session.nu(x) - expected).max()))
    if not worst <= TOLERANCE:
        raise ValueError(f"ONNX Runtime differs from torch by {worst:g}, allowed is {TOLERANCE:g}")
    return worst
