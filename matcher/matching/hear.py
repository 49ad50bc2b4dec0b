"""Inference from a clip of a hit: clip -> features -> drum, the same offline and live."""

import time
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import soxr

from matcher.matching.attack_fit import CQT, RATE
from matcher.matching.blas import one_blas_thread
from matcher.matching.encoder import Answer, Encoder
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.plausibility import no_drum_reason
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

PADDING = 256  # samples: more than half the length of the resampler's filter


@dataclass(frozen=True, eq=False)
class Clip:
    """The observed part of a hit, from its onset. Its length is in frames."""

    samples: np.ndarray = field(repr=False)  # (frames,), may be longer than the observed part
    sample_rate: float  # Hz
    observed_s: float  # s: length of the observed part
    ended: bool  # cut off by another hit or while it rings: silence does not follow

    def __len__(self) -> int:
        return round(self.observed_s * self.sample_rate)


@dataclass(frozen=True)
class Heard:
    """What the network infers from a clip."""

    clip: Clip
    x: np.ndarray = field(repr=False)  # (samples,) at SAMPLE_RATE, the observed part
    drum: Drum  # the likeliest answer that the sound confirms
    answers: list[Answer]  # the likeliest first
    no_drum_reason: str  # why the sound may not be a drum; empty if it is plausible
    features_ms: float
    encoder_ms: float

    @property
    def theta(self) -> Theta:
        """Theta of the drum."""
        return self.drum.theta

    @cached_property
    def whole(self) -> np.ndarray:
        """The observed part as whole_band has it; the network does not need it."""
        return whole_band(self.clip)


@one_blas_thread
def hear(clip: Clip, encoder: Encoder) -> Heard:
    """Infer a drum from a clip: clip -> features -> drum.

    Args:
        clip: the clip.
        encoder: the network.

    Returns:
        The drum with the analysed clip, its plausibility, and how long each step took.

    Raises:
        ValueError: if the network gives NaN or infinite numbers.
    """
    x = analysed(clip)
    began = time.perf_counter()
    features = encoder.contract.cqt.features(x)
    made = time.perf_counter()
    answers = encoder.answers(features)
    drum_ = encoder.first(features, answers)
    inferred = time.perf_counter()
    reason = no_drum_reason(x)
    return Heard(clip, x, drum_, answers, reason, 1e3 * (made - began), 1e3 * (inferred - made))


def analysed(clip: Clip) -> np.ndarray:
    """The part of a clip that is analysed, (samples,) at SAMPLE_RATE, at most N_SAMPLES."""
    x = to_analysis_rate(clip.samples, clip.sample_rate)
    return x[: round(clip.observed_s * SAMPLE_RATE)] if len(clip.samples) > len(clip) else x


def whole_band(clip: Clip) -> np.ndarray:
    """The same part of a clip with all that can be heard, (samples,) at attack_fit.RATE."""
    x = _resampled(clip.samples, clip.sample_rate, RATE, CQT.n_samples)
    return x[: round(clip.observed_s * RATE)] if len(clip.samples) > len(clip) else x


def to_analysis_rate(x: np.ndarray, sample_rate: float) -> np.ndarray:
    """Resample x (samples,), from its onset, to its first N_SAMPLES at SAMPLE_RATE."""
    return _resampled(x, sample_rate, SAMPLE_RATE, N_SAMPLES)


def _resampled(x: np.ndarray, sample_rate: float, rate: float, n_samples: int) -> np.ndarray:
    """The first n_samples of x (samples,) at another rate."""
    needed = x[: int(np.ceil((n_samples + PADDING) * sample_rate / rate))]
    return soxr.resample(needed, sample_rate, rate)[:n_samples]
