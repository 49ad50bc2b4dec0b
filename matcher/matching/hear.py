"""A clip of a hit -> what the network infers from it: the law that matching and live share."""

import time
from dataclasses import dataclass, field

import numpy as np
import soxr

from matcher.matching.encoder import Encoder
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.plausibility import no_drum_reason
from matcher.physics.theta import Theta

PADDING = 256  # samples at SAMPLE_RATE: more than the resampler's filter reaches


@dataclass(frozen=True, eq=False)
class Clip:
    """A hit as far as it was observed, from its onset."""

    samples: np.ndarray = field(repr=False)  # (frames,); a few more than observed may follow
    sample_rate: float  # Hz
    observed_s: float
    ended: bool  # by another hit, or still ringing: what follows is not known to be silence

    def __len__(self) -> int:
        return round(self.observed_s * self.sample_rate)


@dataclass(frozen=True)
class Heard:
    """What the network infers from a clip."""

    x: np.ndarray = field(repr=False)  # (samples,) at SAMPLE_RATE, what was observed
    theta: Theta
    no_drum_reason: str  # why it may be no drum; empty where nothing says so
    features_ms: float
    encoder_ms: float


def hear(clip: Clip, encoder: Encoder) -> Heard:
    """Clip -> features -> theta.

    Raises:
        ValueError: where the network gives NaN or infinite parameters.
    """
    x = analysed(clip)
    began = time.perf_counter()
    features = encoder.contract.cqt.features(x)
    made = time.perf_counter()
    theta = encoder.infer(features)
    inferred = time.perf_counter()
    if not np.all(np.isfinite(theta)):
        raise ValueError("the model gave parameters that are NaN or infinite; use another model")
    return Heard(x, theta, no_drum_reason(x), 1e3 * (made - began), 1e3 * (inferred - made))


def analysed(clip: Clip) -> np.ndarray:
    """What of a clip the analysis takes, (samples,) at SAMPLE_RATE, at most N_SAMPLES."""
    x = to_analysis_rate(clip.samples, clip.sample_rate)
    return x[: round(clip.observed_s * SAMPLE_RATE)] if len(clip.samples) > len(clip) else x


def to_analysis_rate(x: np.ndarray, sample_rate: float) -> np.ndarray:
    """x (samples,) from its onset -> its first N_SAMPLES at SAMPLE_RATE."""
    needed = x[: int(np.ceil((N_SAMPLES + PADDING) * sample_rate / SAMPLE_RATE))]
    return soxr.resample(needed, sample_rate, SAMPLE_RATE)[:N_SAMPLES]
