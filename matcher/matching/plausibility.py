"""Whether a sound can be a drum at all: a small network on how its bands decay.

The power of each band of matcher/matching/strokes.py in a few stretches of the hit, relative to the
loudest, goes through one hidden layer. `python -m training.plausibility` trains the weights.
"""

from functools import cache

import numpy as np

from matcher.matching import strokes, weights
from matcher.matching.features import SAMPLE_RATE
from matcher.matching.strokes import FRAMES_PER_S, N_BANDS

EDGES_S = (0.0, 0.003, 0.008, 0.02, 0.05, 0.12, 0.3)  # s from the onset: edges of the stretches
LOWEST_DB = -60.0  # dB below the loudest: less is silence
N_FEATURES = N_BANDS * (len(EDGES_S) - 1)
N_HIDDEN = 12
SHIPPED = weights.MODELS / "plausibility.json"
WEIGHTS = {
    "hidden": (N_FEATURES, N_HIDDEN), "bias_hidden": (N_HIDDEN,), "out": (N_HIDDEN, 1),
    "bias_out": (1,), "least": (1,),
}  # fmt: skip


def contract() -> dict:
    """What the weights rely on; part of their file, compared when they are read."""
    return {
        "edges_hz": strokes.EDGES_HZ, "release_s": strokes.RELEASE_S, "sample_rate": SAMPLE_RATE,
        "edges_s": EDGES_S, "lowest_db": LOWEST_DB, "hidden": N_HIDDEN,
    }  # fmt: skip


@cache
def shipped_weights() -> dict[str, np.ndarray]:
    """The weights that ship with the package, read once."""
    return weights.read(SHIPPED, WEIGHTS, contract())


def features(clip: np.ndarray) -> np.ndarray:
    """What the network is given, (N_FEATURES,) in [0, 1].

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.
    """
    edges = [round(t * FRAMES_PER_S) for t in EDGES_S]
    record = strokes.make_strokes(SAMPLE_RATE, 1.0)[0]
    powers = np.zeros((len(clip) * FRAMES_PER_S // SAMPLE_RATE + 2, N_BANDS), np.float32)
    n = strokes.powers(record, np.ascontiguousarray(clip, np.float32), powers,
                       np.empty(len(powers), np.float32))  # fmt: skip
    powers = np.concatenate(
        [powers[: min(n, edges[-1])], np.zeros((max(0, edges[-1] - n), N_BANDS))]
    )
    means = np.add.reduceat(powers, edges[:-1]) / np.diff(edges)[:, None]  # (stretches, bands)
    level = 10 * np.log10(np.maximum(means, np.finfo(float).tiny))
    return np.maximum(0, 1 - (level - level.max()) / LOWEST_DB).ravel()


def drum_probability(clip: np.ndarray) -> float:
    """Probability that a sound is a drum's; clip: (samples,) at SAMPLE_RATE from its onset."""
    w = shipped_weights()
    hidden = np.tanh(features(clip) @ w["hidden"] + w["bias_hidden"])
    return float(1 / (1 + np.exp(-(hidden @ w["out"] + w["bias_out"])[0])))


def least() -> float:
    """Probability below which a sound is reported; training finds it, with the weights."""
    return float(shipped_weights()["least"][0])


def no_drum_reason(clip: np.ndarray) -> str:
    """Why a sound may be no drum.

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.

    Returns:
        A sentence; "" where the sound is plausible as a drum.
    """
    probability = drum_probability(clip)
    if probability >= least():
        return ""
    return f"this may be no drum: of such sounds {100 * probability:.2g} % are drums"
