"""Whether two hits of a take are on one drum: a small network on what the two have in common.

It is given the distance of their signatures and how far their spectra agree, as they are and
shifted against each other. Of two hits on one drum they agree best unshifted; drums of a drum line
or toms, which differ in little but their pitch, agree better when one is shifted to the other.
`python -m training.take_pairs` trains the weights.
"""

from functools import cache

import numpy as np
from scipy.ndimage import uniform_filter1d

from matcher.matching import weights
from matcher.takes import signature
from matcher.takes.signature import CQT

MOST_SHIFT = 8  # semitones
NEAR_SHIFT = 2  # semitones, up to which a shift may be the glide of a hard stroke
RANGES = (slice(0, signature.N_SINGLE), slice(0, CQT.n_bins))  # bins: tones of the head, and all
SMOOTH = 15  # bins: what is broader is taken off a spectrum, so that tones count
FRAME_WEIGHTS = (0.2, 0.3, 0.5, 0.7, 1.0, 1.0, 1.0, 1.0)  # the stick comes first, then tones
N_FEATURES = 1 + len(RANGES) * (1 + MOST_SHIFT) + 2 + 2
N_HIDDEN = 32
AT_ONCE = 256  # hits whose pairs with all others are looked at at once: memory
SHIPPED = weights.MODELS / "pairs.json"
WEIGHTS = {
    "mean": (N_FEATURES,), "deviation": (N_FEATURES,),
    "hidden": (N_FEATURES, N_HIDDEN), "bias_hidden": (N_HIDDEN,),
    "out": (N_HIDDEN, 1), "bias_out": (1,),
}  # fmt: skip


def contract() -> dict:
    """What the weights rely on; part of their file, compared when they are read."""
    return signature.contract() | {
        "most_shift": MOST_SHIFT, "near_shift": NEAR_SHIFT, "smooth": SMOOTH,
        "frame_weights": FRAME_WEIGHTS, "pair_features": N_FEATURES, "pair_hidden": N_HIDDEN,
    }  # fmt: skip


@cache
def shipped_weights() -> dict[str, np.ndarray]:
    """The weights that ship with the package, read once."""
    return weights.read(SHIPPED, WEIGHTS, contract())


def distances(
    levels: np.ndarray, observed: np.ndarray, signatures: np.ndarray, clear: np.ndarray,
    values: dict[str, np.ndarray] | None = None,
) -> np.ndarray:  # fmt: skip
    """The probability that two hits are on different drums, (hits, hits) float32.

    Args:
        levels, observed, signatures, clear: of the hits of a take, as features.
        values: of WEIGHTS, by name; None: the shipped ones.
    """
    w, n = values or shipped_weights(), len(levels)
    found = np.zeros((n, n), np.float32)
    for first in range(0, n, AT_ONCE):  # of a pair either order will do
        rest = slice(first, None)
        x = features(
            levels[rest], observed[rest], signatures[rest], clear[rest], slice(0, AT_ONCE)
        )  # (rows, rest, N_FEATURES)
        hidden = np.maximum((x - w["mean"]) / w["deviation"] @ w["hidden"] + w["bias_hidden"], 0)
        logit = (hidden @ w["out"] + w["bias_out"])[..., 0]
        apart = 1 / (1 + np.exp(np.clip(logit, -30, 30)))
        found[rest, first : first + AT_ONCE] = apart.T
        found[first : first + AT_ONCE, rest] = apart
    np.fill_diagonal(found, 0)
    return found


def features(
    levels: np.ndarray, observed: np.ndarray, signatures: np.ndarray, clear: np.ndarray,
    rows: slice = slice(None),
) -> np.ndarray:  # fmt: skip
    """What the network is given of pairs, (rows, hits, N_FEATURES) float32.

    Args:
        levels: of the hits, (hits, bins, frames), as signature.log_levels.
        observed: share of each frame before the next hit, (hits, frames).
        signatures: (hits, numbers).
        clear: whether each tells what it is a hit of, (hits,).
        rows: the hits that are paired with all.
    """
    seconds = observed.sum(axis=1) / CQT.n_frames
    agree = [_agreement(levels[:, bins], observed > 0.5, rows) for bins in RANGES]
    lowest = agree[0]
    shifted = [lowest[0] - lowest[first:].max(axis=0) for first in (1, NEAR_SHIFT + 1)]
    apart = np.maximum(2 - 2 * signatures[rows] @ signatures.T, 0)
    least = [np.minimum.outer(v[rows], v) for v in (seconds, clear.astype(float))]
    together = [apart[None], *agree, np.array(shifted), np.array(least)]
    return np.moveaxis(np.concatenate(together), 0, -1).astype(np.float32)


def _agreement(levels: np.ndarray, there: np.ndarray, rows: slice) -> np.ndarray:
    """Cosine of spectra shifted by 0 to MOST_SHIFT bins, the better way, (shifts, rows, hits).

    Args:
        levels: (hits, bins, frames).
        there: whether a frame is observed, (hits, frames); frames that both have count.
        rows: the hits that are compared with all.
    """
    tones = levels - uniform_filter1d(levels, SMOOTH, axis=1)
    weight = np.sqrt(np.array(FRAME_WEIGHTS, np.float32)) * there
    tones = (tones * weight[:, None]).astype(np.float32)
    energy, both = np.square(tones).sum(axis=1), there.astype(np.float32)
    size = np.sqrt(np.maximum((energy[rows] @ both.T) * (energy @ both[rows].T).T, 1e-9))

    def product(a, b):
        return a.reshape(len(a), -1) @ b.reshape(len(b), -1).T

    own, n = tones[rows], tones.shape[1]
    found = [product(own, tones)]
    for shift in range(1, MOST_SHIFT + 1):
        up = product(own[:, shift:], tones[:, : n - shift])
        found.append(np.maximum(up, product(own[:, : n - shift], tones[:, shift:])))
    return np.array(found) / size
