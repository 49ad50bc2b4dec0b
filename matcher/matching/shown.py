"""What the picture of a match shows: all that has to be known to draw it.

A process that draws needs no more than this and matplotlib (picture.py), so it starts quickly.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Sound(NamedTuple):
    """A sound and its spectrogram."""

    samples: np.ndarray  # (samples,)
    sample_rate: float  # Hz
    levels: np.ndarray  # (bins, frames) dB, as spectrogram.levels


class Scales(NamedTuple):
    """What both spectrograms are drawn on."""

    edges_s: np.ndarray  # (frames + 1,)
    edges_hz: np.ndarray  # (bins + 1,)
    ticks_hz: tuple[float, ...]
    range_db: float  # dB: displayed range below the maximum


class Ladder(NamedTuple):
    """A drum's own partials and the modes of its membrane; heights are 0 to 1 for the loudest."""

    hz: np.ndarray  # (partials,)
    heights: np.ndarray  # (partials,)
    parents: np.ndarray  # (partials,) index of each one's mode
    mode_hz: np.ndarray  # (modes,)
    mode_heights: np.ndarray  # (modes,)


@dataclass(frozen=True, eq=False)
class Shown:
    """A match, as far as its picture shows it."""

    title: str
    distance: float  # log-CQT, of the twin from the hit
    seconds: float  # s: the displayed time
    scales: Scales
    recorded: Sound
    twin: Sound
    ladder: Ladder | None  # None where there are no partials
    words: list[tuple[str, str, str]]  # rows of label, value, meaning
    no_drum_reason: str  # why the sound may not be a drum; empty if it is plausible
