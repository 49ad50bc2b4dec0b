"""What fp16 and int8 make of the shipped model: size, cost in nu of theta, gain in time.

python -m export.precision_table
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

from export.precision import PRECISIONS, reduce_precision
from matcher.matching.encoder import SHIPPED, Encoder
from training import command
from training.dataset import Recipe, make_clip
from training.markdown import table
from training.timing import best

SOUNDS = 256  # test sounds of each kind
KINDS = {"clean": 0.0, "augmented": 1.0}  # share of them that is augmented
ROUNDS = 15  # in turn with fp32, since other work comes and goes
REPEATS = 30  # inferences in each


def rows(model: Path, folder: Path) -> list[dict]:
    """The table, a row for each precision.

    Args:
        model: An ONNX file in float32, whose metadata say what it was trained on.
        folder: Where the others are written.
    """
    contract = Encoder(model).contract
    seed = contract.training["runs"][-1]["seed"]
    recipe = Recipe(contract.preset.name, contract.training["augmented"], contract.cqt)
    sounds = {kind: _sounds(recipe, share, seed) for kind, share in KINDS.items()}
    encoders = {}
    for precision in PRECISIONS:
        path = folder / f"{precision}.onnx"
        onnx.save(reduce_precision(onnx.load(model), precision, recipe, seed), path)
        encoders[precision] = Encoder(path)
    fp32 = {k: _infer(encoders["fp32"], x) for k, (_, x) in sounds.items()}
    result = []
    for precision, encoder in encoders.items():
        row = {"precision": precision, "MB": encoder.path.stat().st_size / 1e6}
        for kind, (nu, x) in sounds.items():
            nu_hat = _infer(encoder, x)
            difference = np.abs(nu_hat - fp32[kind])
            row[f"largest difference, {kind}"] = float(difference.max())
            row[f"mean difference, {kind}"] = float(difference.mean())
            row[f"MSE, {kind}"] = f"{np.square(nu_hat - nu).mean():.4f}"
        result.append(row | {"speed": _speed(encoders["fp32"], encoder, sounds["clean"][1][0])})
    return result


def _sounds(recipe: Recipe, augmented: float, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """nu (SOUNDS, 5) and the features of test sounds."""
    kind = Recipe(recipe.preset, augmented, recipe.features)
    nu, clips = zip(*(make_clip(kind, seed, "test", i) for i in range(SOUNDS)))
    return np.array(nu), [recipe.features.features(clip) for clip in clips]


def _infer(encoder: Encoder, features: list[np.ndarray]) -> np.ndarray:
    """nu of theta (sounds, 5), of the likeliest answers."""
    return np.array([encoder.nu(x)[0][0, :5] for x in features])


def _speed(fp32: Encoder, other: Encoder, x: np.ndarray) -> str:
    """How many times as fast as fp32: the median of ROUNDS, the middle half of them."""
    times = [[best(lambda e=e: e.nu(x), REPEATS) for e in (fp32, other)] for _ in range(ROUNDS)]
    ratios = [a / b for a, b in times]
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


@command.entry_point("export.precision_table")
def main(argv=None) -> None:
    """The command line."""
    command.parser("export.precision_table", __doc__).parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        print(table(rows(SHIPPED, Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
