"""Export a run of training.fit as one self-describing ONNX file."""

from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from export.precision import reduce_precision
from matcher.matching import encoder as runtime
from matcher.matching.features import LogCqt
from matcher.physics.theta import PRESETS
from matcher.recording import save_atomically
from training.body_encoder import BodyEncoder
from training.config import Config
from training.dataset import make_clip
from training.encoder import Encoder
from training.runs import load_checkpoint, summary

OPSET = 18  # of ONNX, the least of torch's exporter; ONNX Runtime reads it from 1.14 on
LICENCE = "GPL-3.0-or-later"  # of the weights, as of the code
CHECKED_SOUNDS = 16  # some seconds of work
TOLERANCE = {  # nu, between torch and ONNX Runtime
    "fp32": 1e-4,  # forty times what was measured
    "fp16": 1e-2,  # five times
    "int8": 0.5,  # twice
}


class Answers(nn.Module):
    """What any encoder infers, as answers with their probabilities.

    Args:
        encoder: Infers theta, as the only answer, or bodies.
    """

    def __init__(self, encoder: Encoder | BodyEncoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, features: torch.Tensor):
        """nu (batch, answers, numbers), probability (batch, answers) of features of sounds."""
        if isinstance(self.encoder, BodyEncoder):
            return self.encoder.answers(features)
        nu = self.encoder(features)[:, None]
        return nu, torch.ones_like(nu[..., 0])


def load_run(run: Path) -> tuple[Config, Encoder | BodyEncoder, dict]:
    """Read a run.

    Args:
        run: The folder.

    Returns:
        Its configuration, its encoder in evaluation mode, and the "training" of the metadata.

    Raises:
        ValueError: There is no checkpoint, or the encoder needs the pitch as an input.
    """
    state = load_checkpoint(run)
    config = Config.from_json(state["config"])
    if config.pitch == "known":
        raise ValueError(f"{run} needs the pitch as an input; allowed is a run with pitch unknown")
    n_bins = config.recipe.features.n_bins
    of_body = config.infers == "body"
    encoder = BodyEncoder(n_bins, config.trunk) if of_body else Encoder(n_bins)
    encoder.load_state_dict(state["model"])  # into float32, whatever it was trained in
    runs = [*state["earlier"], summary(state)]  # each continued from the one before
    sounds = "synthetic, rendered by drum-matcher"
    if config.answers:
        sounds += f"; of the last run, {config.answers_share:.0%} are variants of recordings"
    training = {
        "sounds": sum(run["sounds"] for run in runs),
        "sounds_are": sounds,
        "augmented": config.recipe.augmented,
        "runs": runs,
    }
    return config, encoder.eval(), training


def export(run: Path, path: Path, precision: str = "fp32", about: dict | None = None) -> float:
    """Write the model of a run, whole or not at all.

    Args:
        run: The folder of the run.
        path: The ONNX file to write.
        precision: One of precision.PRECISIONS.
        about: More for the "training" of the metadata.

    Returns:
        The largest difference in nu between torch and ONNX Runtime on CHECKED_SOUNDS sounds.

    Raises:
        ValueError: The folder holds no run that can be exported, or the difference is above
            the TOLERANCE of the precision.
    """
    config, encoder, training = load_run(run)
    training |= {"precision": precision, **(about or {})}
    preset, cqt = PRESETS[config.recipe.preset], config.recipe.features
    contract = runtime.Contract(preset, config.infers == "body", cqt, training, LICENCE)
    model = reduce_precision(_graph(Answers(encoder), cqt), precision, config.recipe, config.seed)
    onnx.helper.set_model_props(model, {runtime.METADATA_KEY: contract.to_json()})
    onnx.checker.check_model(model, full_check=True)
    difference = 0.0

    def write_checked(file):
        nonlocal difference
        file.write(model.SerializeToString())
        file.flush()
        session = runtime.Encoder(file.name)
        difference = check_parity(encoder, session, config, CHECKED_SOUNDS, TOLERANCE[precision])

    save_atomically(path, write_checked)
    return difference


def _graph(module: Answers, cqt: LogCqt) -> onnx.ModelProto:
    """The ONNX model of a module that takes features, in batches of any size."""
    program = torch.onnx.export(
        module.eval(),
        (torch.zeros(2, 2, cqt.n_bins, cqt.n_frames),),
        dynamo=True,
        opset_version=OPSET,
        input_names=[runtime.INPUT],
        output_names=runtime.OUTPUTS,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    model = program.model_proto
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output,
                 *graph.initializer):  # fmt: skip
        part.ClearField("metadata_props")  # stack traces, with paths of this machine
    return model


def check_parity(
    encoder: Encoder | BodyEncoder,
    session: runtime.Encoder,
    config: Config,
    n_sounds: int,
    tolerance: float = TOLERANCE["fp32"],
) -> float:
    """Compare ONNX Runtime with torch on test sounds.

    Args:
        encoder: The encoder in torch.
        session: The exported model.
        config: The run.
        n_sounds: Sounds.
        tolerance: The largest difference in nu that is allowed.

    Returns:
        The largest difference in nu or in a probability.

    Raises:
        ValueError: It is above the tolerance.
    """
    cqt, module, worst = config.recipe.features, Answers(encoder), 0.0
    for i in range(n_sounds):
        _, clip = make_clip(config.recipe, config.seed, "test", i)
        x = cqt.features(clip)
        with torch.no_grad():
            expected = [answer[0].numpy() for answer in module(torch.from_numpy(x[None]))]
        differences = (np.abs(a - b).max() for a, b in zip(session.nu(x), expected))
        worst = max(worst, *map(float, differences))
    if not worst <= tolerance:
        raise ValueError(f"ONNX Runtime differs from torch by {worst:g}, allowed is {tolerance:g}")
    return worst
