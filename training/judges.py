"""Judges of twins: distances of two drum sounds. Matching minimises the log-CQT alone.

Silence follows a sound that has died away, so that a twin that rings on is farther off; where the
reference was cut off, the other sound is compared up to there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import soxr

from matcher.matching.features import DISTANCE, N_SAMPLES, SAMPLE_RATE, normalise
from matcher.matching.match import match_file
from training import auditory_image, mel
from training.distances import jtfs_distance, stft_distance
from training.mel import LENGTH, RATE


@dataclass(frozen=True, eq=False)
class Sound:
    """A drum sound and what the judges derive from it, each once."""

    x: np.ndarray = field(repr=False)  # (samples,) float32 at RATE from the onset, peak 1
    ended: bool = False  # cut off: silence does not follow

    @classmethod
    def of(cls, x: np.ndarray, rate: float = RATE, ended: bool = False) -> "Sound":
        """A sound of any level and rate (Hz), cut to the length of the analysis."""
        x = np.asarray(x, np.float32)
        x = x if rate == RATE else soxr.resample(x, rate, RATE)
        return cls(normalise(x[:LENGTH]), ended)

    def like(self, reference: "Sound") -> "Sound":
        """As much of this sound as can be compared with the reference."""
        if reference.ended and len(self.x) > len(reference.x):
            return Sound.of(self.x[: len(reference.x)])
        return self

    @cached_property
    def analysed(self) -> np.ndarray:
        """The sound as it is matched, (N_SAMPLES,) float32 at SAMPLE_RATE."""
        clip = soxr.resample(self.x, RATE, SAMPLE_RATE)[:N_SAMPLES]
        return np.pad(clip, (0, N_SAMPLES - len(clip)))

    @cached_property
    def log_cqt(self) -> np.ndarray:
        """As features.distance compares it, (bins, frames)."""
        return DISTANCE(self.analysed)

    @cached_property
    def log_mel(self) -> np.ndarray:
        """dB, (mel.N_MELS, mel.N_FRAMES)."""
        return mel.log_mel(self.x)

    @cached_property
    def image(self) -> np.ndarray:
        """Sones, (24, frames)."""
        return auditory_image.auditory_image(self.x, RATE)


def by_image(reference: Sound, other: Sound) -> float:
    """Distance of auditory images: 0 for equal sounds, 1 for silence."""
    return auditory_image.distance(reference.image, other.image)


def by_log_cqt(reference: Sound, other: Sound) -> float:
    """The distance that matching makes small: 0 for equal sounds, 1 for silence."""
    c = reference.log_cqt
    return float(np.linalg.norm(c - other.log_cqt) / np.linalg.norm(c))


def by_log_mel(reference: Sound, other: Sound) -> float:
    """Difference of log-mel spectra over what is audible, dB."""
    return float(mel.log_mel_distance(reference.log_mel, other.log_mel))


def by_mfcc(reference: Sound, other: Sound) -> float:
    """Distance of mel-frequency cepstra, in dB times the root of mel bands."""
    return mel.mfcc_distance(reference.log_mel, other.log_mel)


def by_stft(reference: Sound, other: Sound) -> float:
    """Multi-resolution STFT, relative to the reference."""
    return stft_distance(guess=other.analysed, truth=reference.analysed)


def by_jtfs(reference: Sound, other: Sound) -> float:
    """Joint time-frequency scattering; a second and more."""
    return jtfs_distance(guess=other.analysed, truth=reference.analysed)


Judge = Callable[[Sound, Sound], float]
JUDGES: dict[str, Judge] = {
    "auditory image": by_image,
    "log-mel, dB": by_log_mel,
    "MFCC": by_mfcc,
    "multi-resolution STFT": by_stft,
    "log-CQT": by_log_cqt,
}
SLOW_JUDGES: dict[str, Judge] = {"JTFS": by_jtfs}  # of twins alone: it has no positions


def judge(reference: Sound, other: Sound, jtfs: bool = False) -> dict[str, float]:
    """How far a sound is from the reference, by each of JUDGES and, if wanted, of SLOW_JUDGES."""
    other = other.like(reference)
    judges = JUDGES | SLOW_JUDGES if jtfs else JUDGES
    return {name: measure(reference, other) for name, measure in judges.items()}


@lru_cache(256)  # sounds: their spectra are some 250 kB each
def sound_of(path: Path) -> Sound:
    """The loudest hit of a recording.

    Raises:
        ValueError: As match_file.
    """
    hit = match_file(path).hit
    return Sound.of(hit.samples[: len(hit)], hit.sample_rate, hit.ended)
