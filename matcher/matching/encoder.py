"""The encoder: features -> drums, run by ONNX Runtime; the model's metadata is its contract."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from matcher.checks import check_range, quoted
from matcher.matching import features
from matcher.matching.confirm import first_confirmed
from matcher.matching.features import LogCqt
from matcher.matching.inferred import INFERRED, STRUCK, drum_of_nu
from matcher.physics.drum import Drum
from matcher.physics.theta import Preset, Theta

SCHEMA = 2  # version of the metadata
READABLE = (1, 2)  # a model of schema 1 has a single answer, its nu (batch, 5)
METADATA_KEY = "drum_matcher"
SHIPPED = Path(__file__).parent.parent / "models" / "live.onnx"
INPUT = "features"
OUTPUTS = ("nu", "probability")  # (batch, answers, numbers) and (batch, answers)
LARGEST_FILE = 2**28  # bytes: the shipped model has 16 million
CQT_RANGES = {  # of a model's transform: what takes no more memory or time than a clip should
    "f_min": (5.0, 1000.0),
    "n_bins": (1, 240),
    "bandwidth": (0.05, 4.0),
    "n_frames": (1, 1024),
    "growth": (1.0, 1.5),
    "reach": (1.0, 16.0),
    "oversampling": (1.0, 8.0),
}
LEAST_PROBABILITY = 0.02  # of an answer that is looked at
# constants of the analysis, the same for all models: a model made for other values is refused
CONSTANTS = {
    "sample_rate": features.SAMPLE_RATE,
    "n_samples": features.N_SAMPLES,
    "bins_per_octave": features.BINS_PER_OCTAVE,
    "floor": features.FLOOR,
}


onnxruntime.disable_telemetry_events()  # its builds for Windows report to Microsoft otherwise


class Answer(NamedTuple):
    """What a sound may be."""

    drum: Drum  # without an attack
    probability: float


_INCOMPLETE = (KeyError, TypeError, AttributeError, json.JSONDecodeError, RecursionError)


@dataclass(frozen=True)
class Contract:
    """A model's description of itself, stored in its metadata."""

    preset: Preset  # names, units and ranges of theta, the first numbers of each answer
    infers_strike: bool  # whether the other numbers of `inferred` follow
    cqt: LogCqt  # transform that makes its input
    training: dict  # what it was trained on
    licence: str  # licence of the weights

    def to_json(self) -> str:
        """The contract as the metadata string."""
        struck = [INFERRED[name] for name in STRUCK] if self.infers_strike else []
        rows = [
            {key: getattr(row, key) for key in ("name", "unit", "low", "high", "scale")}
            for row in (*self.preset.parameters, *struck)
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
            if data["schema"] not in READABLE:
                allowed = " or ".join(map(str, READABLE))
                schema = quoted(data["schema"])
                raise ValueError(f"its metadata has schema {schema}, allowed is {allowed}")
            for key, value in CONSTANTS.items():
                if data[key] != value:
                    raise ValueError(
                        f"it was made for {key} {quoted(data[key])}, allowed is {value}"
                    )
            rows = data["parameters"]
            names = [row["name"] for row in rows]
            if names not in ([*Theta._fields], [*INFERRED]):
                raise ValueError(
                    f"its parameters are {', '.join(names):.80}, allowed are "
                    f"{', '.join(Theta._fields)} and, with all of them, {', '.join(STRUCK)}"
                )
            ranged = [replace(INFERRED[row["name"]], **row) for row in rows]
            theta, struck = ranged[: len(Theta._fields)], ranged[len(Theta._fields) :]
            if any(row != INFERRED[row.name] for row in struck):
                raise ValueError(f"the ranges of {', '.join(STRUCK)} are not those of this version")
            settings = {k: v for k, v in data["features"].items() if k != "channels"}
            preset = Preset(data["preset"], tuple(theta))
            cqt = LogCqt(**settings)
            for name, limits in CQT_RANGES.items():
                check_range(f"its {name}", getattr(cqt, name), *limits)
            check_range("its highest band", cqt.frequencies[-1], 0, features.SAMPLE_RATE / 2)
            return cls(preset, bool(struck), cqt, data["training"], data["licence"])
        except _INCOMPLETE as error:
            raise ValueError(f"its metadata is incomplete: {error!s:.80}") from error


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
            if self.path.exists() and not self.path.is_file():  # a pipe might never end
                raise ValueError(f"model {path} is not a file; give an ONNX file")
            with open(self.path, "rb") as file:
                model = file.read(LARGEST_FILE + 1)
            if len(model) > LARGEST_FILE:
                raise ValueError(f"model {path} is larger than {LARGEST_FILE} bytes")
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

    def __call__(self, clip: np.ndarray) -> Drum:
        """The drum of a clip (samples,) float32 at features.SAMPLE_RATE, from the onset."""
        x = self.contract.cqt.features(clip)
        return self.first(x, self.answers(x))

    def answers(self, x: np.ndarray) -> list[Answer]:
        """What a sound may be, the likeliest first.

        Args:
            x: Features (2, bins, frames) float32.

        Raises:
            ValueError: The model gives numbers that are NaN or infinite.
        """
        nu, probability = self.nu(x)
        if not (np.all(np.isfinite(nu)) and np.all(np.isfinite(probability))):
            raise ValueError("the model gave numbers that are NaN or infinite; use another model")
        rows = zip(nu, probability.tolist())
        some = [Answer(self._drum(n), p) for n, p in rows if p >= LEAST_PROBABILITY]
        return some or [Answer(self._drum(nu[0]), float(probability[0]))]

    def first(self, x: np.ndarray, answers: list[Answer]) -> Drum:
        """The likeliest of the answers that the features confirm; arguments as `answers` has it."""
        return first_confirmed([answer.drum for answer in answers], x, self.contract.cqt)

    def nu(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (2, bins, frames) -> nu (answers, numbers) and probabilities (answers,)."""
        if not self._has_answers:
            return self._session.run(["nu"], {INPUT: x[None]})[0], np.ones(1)
        nu, probability = self._session.run(OUTPUTS, {INPUT: x[None]})
        return nu[0], probability[0]

    @property
    def _has_answers(self) -> bool:
        return any(output.name == "probability" for output in self._session.get_outputs())

    def _drum(self, nu: np.ndarray) -> Drum:
        theta = self.contract.preset.from_nu(nu[: len(Theta._fields)].astype(float))
        theta = Theta(*(float(value) for value in theta))
        if not self.contract.infers_strike:
            return Drum(theta)
        return drum_of_nu(nu.astype(float))._replace(theta=theta)

    def _check(self) -> None:
        """Check that the graph has the names and shapes of the metadata."""
        cqt = self.contract.cqt
        inputs = {i.name: i.shape[1:] for i in self._session.get_inputs()}
        expected = {INPUT: [2, cqt.n_bins, cqt.n_frames]}
        if inputs != expected:
            raise ValueError(f"its inputs are {inputs}, its metadata says {expected}")
        outputs = [o.name for o in self._session.get_outputs()]
        if "nu" not in outputs:
            raise ValueError(f"its outputs are {', '.join(outputs)}, allowed: {', '.join(OUTPUTS)}")
        nu, probability = self.nu(cqt.features(np.zeros(1, np.float32)))
        numbers = len(INFERRED) if self.contract.infers_strike else len(Theta._fields)
        if nu.shape != (len(probability), numbers) or not np.all(np.abs(nu) <= 1 + 1e-3):
            raise ValueError(
                f"its nu has shape {nu.shape} for {len(probability)} answers, "
                f"allowed are {numbers} numbers between -1 and 1 for each"
            )


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
