"""The encoder: features -> theta, run by ONNX Runtime; the model's metadata is its contract."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime

from matcher.matching import features
from matcher.matching.features import LogCqt
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import Preset, Theta

SCHEMA = 1  # version of the metadata
METADATA_KEY = "drum_matcher"
SHIPPED = Path(__file__).parent.parent / "models" / "live.onnx"
INPUT = "features"
OUTPUTS = ("nu", *Theta._fields)
# constants of the analysis, the same for all models: a model made for other values is refused
CONSTANTS = {
    "sample_rate": features.SAMPLE_RATE,
    "n_samples": features.N_SAMPLES,
    "bins_per_octave": features.BINS_PER_OCTAVE,
    "floor": features.FLOOR,
}


@dataclass(frozen=True)
class Contract:
    """A model's description of itself, stored in its metadata."""

    preset: Preset  # names, units and ranges of its outputs
    cqt: LogCqt  # transform that makes its input
    training: dict  # what it was trained on
    licence: str  # licence of the weights

    def to_json(self) -> str:
        """The contract as the metadata string."""
        rows = [
            {key: getattr(row, key) for key in ("name", "unit", "low", "high", "scale")}
            for row in self.preset.parameters
        ]
        return json.dumps(
            {
                "schema": SCHEMA,
                "preset": self.preset.name,
                "parameters": rows,
                **CONSTANTS,
                "features": asdict(self.cqt) | {"channels": ["log_cqt", "observed"]},
                "training": self.training,
                "licence": self.licence,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Contract":
        """Parse and check the metadata string.

        Raises:
            ValueError: if it is incomplete, or the model was made for another analysis.
        """
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise ValueError(f"its metadata has schema {data['schema']}, allowed is {SCHEMA}")
            for key, value in CONSTANTS.items():
                if data[key] != value:
                    raise ValueError(f"it was made for {key} {data[key]}, allowed is {value}")
            names = [row["name"] for row in data["parameters"]]
            if sorted(names) != sorted(Theta._fields):
                expected = ", ".join(Theta._fields)
                raise ValueError(f"its parameters are {', '.join(names)}, allowed are {expected}")
            rows = tuple(replace(PARAMETERS[row["name"]], **row) for row in data["parameters"])
            settings = {k: v for k, v in data["features"].items() if k != "channels"}
            preset = Preset(data["preset"], rows)
            return cls(preset, LogCqt(**settings), data["training"], data["licence"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"its metadata is incomplete: {error}") from error


class Encoder:
    """A model, loaded and checked.

    Args:
        path: an ONNX file written by `python -m export`.
        cuda: run on the GPU, if there is one; `provider` names the execution provider in use.

    Raises:
        ValueError: in one sentence, if the file is missing, broken, or not a model of theta.
    """

    def __init__(self, path: str | Path = SHIPPED, cuda: bool = False):
        self.path = Path(path)
        try:
            model = self.path.read_bytes()
        except OSError as error:
            raise ValueError(f"model {path} cannot be read: {error.strerror}") from error
        self.sha256 = hashlib.sha256(model).hexdigest()
        self._session = _open(model, self.path, cuda)
        self.provider = self._session.get_providers()[0]
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            if METADATA_KEY not in metadata:
                raise ValueError(f"it has no {METADATA_KEY!r} metadata")
            self.contract = Contract.from_json(metadata[METADATA_KEY])
            self._check()
        except ValueError as error:
            raise ValueError(f"model {path} cannot be used: {error}") from error

    def __call__(self, clip: np.ndarray) -> Theta:
        """Clip (samples,) float32 at features.SAMPLE_RATE, from the onset -> Theta of floats."""
        return self.infer(self.contract.cqt.features(clip))

    def infer(self, x: np.ndarray) -> Theta:
        """Features (2, bins, frames) float32 -> Theta of floats."""
        values = self._session.run(Theta._fields, {INPUT: x[None]})
        return Theta(*(float(value[0]) for value in values))

    def nu(self, x: np.ndarray) -> np.ndarray:
        """Features (2, bins, frames) float32 -> nu (5,), in the order of Theta's fields."""
        return self._session.run(["nu"], {INPUT: x[None]})[0][0]

    def _check(self) -> None:
        """Check that the graph has the names, shapes, units and ranges of the metadata."""
        cqt = self.contract.cqt
        inputs = {i.name: i.shape[1:] for i in self._session.get_inputs()}
        expected = {INPUT: [2, cqt.n_bins, cqt.n_frames]}
        if inputs != expected:
            raise ValueError(f"its inputs are {inputs}, its metadata says {expected}")
        outputs = [o.name for o in self._session.get_outputs()]
        if sorted(outputs) != sorted(OUTPUTS):
            raise ValueError(f"its outputs are {', '.join(outputs)}, allowed: {', '.join(OUTPUTS)}")
        silence = cqt.features(np.zeros(1, np.float32))  # also prepares the transform
        nu, *values = self._session.run(OUTPUTS, {INPUT: silence[None]})
        for name, column, value in zip(Theta._fields, np.moveaxis(nu, -1, 0), values):
            if not np.allclose(self.contract.preset[name].from_nu(column), value, rtol=1e-3):
                raise ValueError(f"its output {name} is not in the unit and range of its metadata")


def _open(model: bytes, path: Path, cuda: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a single hit is too little work for two threads
    options.log_severity_level = 4
    providers = ["CUDAExecutionProvider"] if cuda else []
    try:
        return onnxruntime.InferenceSession(
            model, options, providers=[*providers, "CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime raises many types for a file that is no model
        raise ValueError(f"model {path} is not an ONNX model, or is broken") from error
