"""What the window shows of a hit and its twin, computed."""

from dataclasses import dataclass

import numpy as np

from matcher.kits.kit import Sound
from matcher.matching import spectrogram
from matcher.matching.hear import Clip, to_analysis_rate
from matcher.matching.match import twin_distance
from matcher.physics.drum import render


@dataclass(frozen=True)
class Comparison:
    """A hit and its twin: waveforms, spectrograms and distance."""

    clip: Clip
    twin: np.ndarray  # (frames,) at the clip's rate and peak
    spectrograms: tuple[np.ndarray, np.ndarray]  # (bins, frames) dB
    analysed: tuple[np.ndarray, np.ndarray]  # (samples,) at SAMPLE_RATE
    distance: float  # log-CQT


def compare(clip: Clip, sound: Sound) -> Comparison:
    """Compare a hit with a pad's sound, which has a drum."""
    (drum, *shares), peak = sound, float(np.abs(clip.samples).max())
    seconds = len(clip.samples) / clip.sample_rate
    twin = render(drum, clip.sample_rate, seconds, peak, *shares)
    both = tuple(to_analysis_rate(x, clip.sample_rate) for x in (clip.samples, twin))
    spectrograms = tuple(spectrogram.levels(x) for x in both)
    distance = twin_distance(both[0], drum, clip.ended, *shares)
    return Comparison(clip, twin, spectrograms, both, distance)
