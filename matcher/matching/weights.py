"""Small files of weights: JSON with what the weights rely on, and a checksum."""

import base64
import hashlib
import json
from pathlib import Path

import numpy as np

SCHEMA = 1
MODELS = Path(__file__).parent.parent / "models"


def to_text(weights: dict[str, np.ndarray], shapes: dict[str, tuple], contract: dict) -> str:
    """A file of weights.

    Args:
        weights: arrays by name.
        shapes: their shapes; the order of the names is that of the file.
        contract: what the weights rely on, such as the settings of the features.
    """
    data = b"".join(weights[name].astype("<f4").tobytes() for name in shapes)
    content = {
        "schema": SCHEMA,
        "contract": contract,
        "sha256": hashlib.sha256(data).hexdigest(),
        "weights": base64.b64encode(data).decode(),
    }
    return json.dumps(content, indent=1) + "\n"


def read(path: Path, shapes: dict[str, tuple], contract: dict) -> dict[str, np.ndarray]:
    """The weights of a file, float32 by name.

    Raises:
        ValueError: in one sentence, if the file is missing, damaged or made for something else.
    """
    try:
        content = json.loads(path.read_text())
        made_for, data = content["contract"], base64.b64decode(content["weights"])
        intact = hashlib.sha256(data).hexdigest() == content["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no file of weights that can be read") from error
    if made_for != json.loads(json.dumps(contract)):
        raise ValueError(f"{path} was trained for other features; python -m training.onsets trains")
    values = np.frombuffer(data, "<f4") if len(data) % 4 == 0 else np.zeros(0)
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    if not intact or len(values) != sum(sizes) or not np.isfinite(values).all():
        raise ValueError(f"{path} is damaged: its checksum or its size is wrong")
    parts = np.split(values.astype(np.float32), np.cumsum(sizes)[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts)}
