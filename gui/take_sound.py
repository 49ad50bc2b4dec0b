"""How a hit of a take sounds as its twin plays it."""

import numpy as np

from matcher.matching.hear import Clip
from matcher.physics.drum import Drum
from matcher.takes.strength import strokes


def twin_of(drum: Drum, clip: Clip, velocity: int) -> np.ndarray:
    """A hit on a drum, (samples,) float32, as long and as loud as the recorded one.

    Args:
        drum: fitted to the hits of the recorded drum.
        clip: the recorded hit.
        velocity: MIDI velocity of the hit, 1 to 127, which is the force of the stroke.
    """
    x = strokes(drum, clip.sample_rate, len(clip.samples), (velocity / 127,))[0]
    peak = float(np.max(np.abs(x), initial=0))
    wanted = float(np.max(np.abs(clip.samples), initial=0))
    return x * np.float32(wanted / peak) if peak > 0 else x
