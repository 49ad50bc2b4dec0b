"""What tells one drum from another in a take: a small network on the spectra of its hits.

The log-CQT of the first third of a second, without what rang before, relative to its loudest cell,
goes through one hidden layer. Then each hit is compared with the hits of its take that are like it,
and with all of them (attention, after Vaswani et al. 2017), so that what is the take's, its room
and its noise, is told from what is the drum's. Hits of one drum come near to each other, whatever
their force and whatever else sounds. `python -m training.take_grouping` trains the weights.
"""

from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np

from matcher.matching import weights
from matcher.matching.features import SAMPLE_RATE, LogCqt

FLOOR = 0.01  # of the loudest cell's amplitude (-40 dB): about where the noise of a take lies
BEFORE_S = 0.045  # s before an onset: what rings or hums there is taken off
POOLED = 2  # semitones in a band ...
N_SINGLE = 48  # bins: but below 640 Hz, where the tones of most drums lie, the network has each
LEVEL_FRAMES = 5  # 84 ms: the level is that of the beginning, which the next hit rarely cuts off
N_HIDDEN = 160
N_COMPARED = 96
N_SIGNATURE = 32
AT_ONCE = 512  # hits compared with all others at once: memory
SHIPPED = weights.MODELS / "signature.json"


class _Short(LogCqt):
    n_samples: ClassVar[int] = 2**13
    padding: ClassVar[int] = 2**12


CQT = _Short(f_min=40.0, n_bins=96, bandwidth=1.0, n_frames=8, growth=1.6)
N_BANDS = CQT.n_bins // POOLED
N_FEATURES = (N_SINGLE + (CQT.n_bins - N_SINGLE) // POOLED) * CQT.n_frames + CQT.n_frames
WEIGHTS = {
    "hidden": (N_FEATURES, N_HIDDEN), "bias_hidden": (N_HIDDEN,),
    "own": (N_HIDDEN, N_SIGNATURE), "bias_own": (N_SIGNATURE,),
    "query": (N_SIGNATURE, N_SIGNATURE), "sharpness": (1,),
    "compared": (3 * N_SIGNATURE, N_COMPARED), "bias_compared": (N_COMPARED,),
    "change": (N_COMPARED, N_SIGNATURE), "bias_change": (N_SIGNATURE,),
}  # fmt: skip


def contract() -> dict:
    """What the weights rely on; part of their file, compared when they are read."""
    return {
        "sample_rate": SAMPLE_RATE, "n_samples": CQT.n_samples, "padding": CQT.padding,
        "f_min": CQT.f_min, "n_bins": CQT.n_bins, "bandwidth": CQT.bandwidth,
        "n_frames": CQT.n_frames, "growth": CQT.growth, "floor": FLOOR, "before_s": BEFORE_S,
        "pooled": POOLED, "single": N_SINGLE, "hidden": N_HIDDEN, "compared": N_COMPARED,
        "signature": N_SIGNATURE,
    }  # fmt: skip


@cache
def shipped_weights() -> dict[str, np.ndarray]:
    """The weights that ship with the package, read once."""
    return weights.read(SHIPPED, WEIGHTS, contract())


class Cells(NamedTuple):
    """Amplitude of a hit in bands and frames, without what rang before."""

    amplitude: np.ndarray  # (bins, frames) float32, RMS
    observed: np.ndarray  # (frames,), share of each frame before the next hit

    @property
    def bands(self) -> np.ndarray:
        """RMS amplitude of POOLED bins together, (N_BANDS, frames)."""
        power = np.square(self.amplitude).reshape(N_BANDS, POOLED, -1)
        return np.sqrt(power.mean(axis=1))

    @property
    def level(self) -> float:
        """RMS level of the hit's first LEVEL_FRAMES."""
        seconds = np.diff(CQT.edges)[:LEVEL_FRAMES] * self.observed[:LEVEL_FRAMES]
        power = np.sum(self.amplitude[:, :LEVEL_FRAMES] ** 2, axis=0) / POOLED
        return float(np.sqrt(power @ seconds / max(float(seconds.sum()), 1e-9)))


def cells(x: np.ndarray, onset: int, end: int) -> Cells:
    """Measure a hit.

    Args:
        x: (samples,), the take at SAMPLE_RATE.
        onset: sample of the hit.
        end: sample at which the next one begins, or the take ends.
    """
    clip = x[onset : min(end, onset + CQT.n_samples)]
    before = x[max(0, onset - round(BEFORE_S * SAMPLE_RATE)) : onset]
    padded = np.zeros((2, CQT.n_samples), np.float32)
    padded[0, : len(clip)], padded[1, : len(before)] = clip, before
    scale = float(np.max(np.abs(clip), initial=0)) or 1.0  # CQT has a smallest power
    power = CQT.magnitude(padded / np.float32(scale)) ** 2  # (2, bins, frames)
    observed = CQT.observed(len(clip))
    if len(before):
        rang = power[1] @ np.diff(CQT.edges) / len(before)  # (bins,), its mean power
        power[0] = np.maximum(power[0] - rang[:, None] * observed, 0)
    amplitude = scale * np.sqrt(power[0] / np.maximum(observed, 1e-3)) * (observed > 0.5)
    return Cells(amplitude.astype(np.float32), observed)


def log_levels(measured: Cells) -> np.ndarray:
    """A hit's amplitudes relative to its loudest cell, compressed, (bins, frames) in [0, 1]."""
    return _compressed(measured.amplitude, float(measured.amplitude.max()))


def features(measured: Cells) -> np.ndarray:
    """What the network is given of a hit, (N_FEATURES,) float32 in [0, 1]."""
    amplitude, largest = measured.amplitude, float(measured.amplitude.max())
    high = np.sqrt(np.square(amplitude[N_SINGLE:]).reshape(-1, POOLED, CQT.n_frames).mean(axis=1))
    bands = _compressed(np.concatenate([amplitude[:N_SINGLE], high]), largest)
    return np.concatenate([bands.ravel(), measured.observed]).astype(np.float32)


def _compressed(amplitude: np.ndarray, largest: float) -> np.ndarray:
    return np.log1p(amplitude / ((largest or 1.0) * FLOOR)) / np.float32(np.log1p(1 / FLOOR))


def signatures(rows: np.ndarray, values: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """The signatures of the hits of one take, (hits, N_SIGNATURE), each of length 1.

    Args:
        rows: features of its hits, (hits, N_FEATURES).
        values: of WEIGHTS, by name; None: the shipped ones.
    """
    w = values or shipped_weights()
    hidden = np.maximum(rows @ w["hidden"] + w["bias_hidden"], 0)
    own = _of_length_1(hidden @ w["own"] + w["bias_own"])
    mean = np.broadcast_to(own.mean(axis=0), own.shape)
    compared = np.concatenate([own, _alike(own, w), mean], axis=1) @ w["compared"]
    compared = np.maximum(compared + w["bias_compared"], 0)
    return _of_length_1(own + compared @ w["change"] + w["bias_change"])


def _alike(own: np.ndarray, w: dict[str, np.ndarray]) -> np.ndarray:
    """The mean of the hits that are like each hit, itself among them, (hits, N_SIGNATURE)."""
    query = _of_length_1(own @ w["query"])
    means = []
    for part in np.split(query, range(AT_ONCE, len(query), AT_ONCE)):
        weight = np.exp(w["sharpness"] * (part @ query.T - 1))  # the largest is about 1
        means.append(weight @ own / weight.sum(axis=1, keepdims=True))
    return np.concatenate(means)


def _of_length_1(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
