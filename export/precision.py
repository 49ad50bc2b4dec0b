"""Smaller models: float16 weights, or int8 weights and activations.

fp16 is of the weights alone, which ONNX Runtime widens as it loads them: it has no float16
convolutions for x86, and casts around each would cost the time and the precision without a gain.
int8 is static, by ONNX Runtime's own tool: dynamic quantisation takes five times as long as fp32.
"""

import contextlib
import io
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from matcher.matching.encoder import INPUT
from training.dataset import Recipe, make_clip

PRECISIONS = ("fp32", "fp16", "int8")
CALIBRATION_SOUNDS = 128  # training sounds; 2 GB of activations
PERCENTILE = 99.99  # of each activation, which int8 spans; 99.9 trebles the error


def reduce_precision(model: onnx.ModelProto, precision: str, recipe: Recipe, seed: int):
    """A model in another precision.

    Args:
        model: In float32.
        precision: One of PRECISIONS.
        recipe: Of the training sounds that int8 is calibrated with.
        seed: Of these sounds.

    Returns:
        An onnx.ModelProto with the inputs and outputs of the model, in float32.
    """
    if precision == "fp16":
        return half_weights(model)
    if precision == "int8":
        clips = (make_clip(recipe, seed, "train", i)[1] for i in range(CALIBRATION_SOUNDS))
        return quantised(model, map(recipe.features.features, clips))
    return model


def half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model whose weights are kept in float16, and computed with in float32."""
    half = onnx.ModelProto()
    half.CopyFrom(model)
    for weights in half.graph.initializer:
        if weights.data_type != onnx.TensorProto.FLOAT or not weights.dims:
            continue
        name, values = weights.name, onnx.numpy_helper.to_array(weights)
        stored = f"{name}.float16"
        weights.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        widen = onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT)
        half.graph.node.insert(0, widen)
    return half


def quantised(model: onnx.ModelProto, features: Iterable[np.ndarray]) -> onnx.ModelProto:
    """A model whose convolutions, and what is between them, are computed in int8.

    All before the first and after the last one stays in float32: features and nu have to be finer
    than 255 steps.

    Args:
        model: In float32.
        features: Of sounds that show how large activations get, each (2, bins, frames).

    Raises:
        ValueError: It cannot be calibrated.
    """
    with tempfile.TemporaryDirectory() as folder, _silence():
        prepared, result = Path(folder, "prepared.onnx"), Path(folder, "int8.onnx")
        quant_pre_process(model, prepared)
        nodes = onnx.load(prepared).graph.node
        convolutions = [i for i, node in enumerate(nodes) if node.op_type == "Conv"]
        outside = [*nodes[: convolutions[0]], *nodes[convolutions[-1] + 1 :]]
        try:
            quantize_static(
                prepared,
                result,
                _Reader(features),
                per_channel=True,
                reduce_range=True,  # 7 bits of weights: without VNNI, sums of 8 would saturate
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=[node.name for node in outside],
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"CalibPercentile": PERCENTILE},
            )
        except ValueError as error:
            raise ValueError(
                "the model cannot be calibrated for int8, as where activations of an untrained one "
                f"do not vary: {error}"
            ) from error
        return onnx.load(result)


def _silence():
    return contextlib.redirect_stdout(io.StringIO())  # ONNX Runtime prints how it calibrates


class _Reader(CalibrationDataReader):
    def __init__(self, features: Iterable[np.ndarray]):
        self._features = iter(features)

    def get_next(self):
        x = next(self._features, None)
        return None if x is None else {INPUT: x[None]}
