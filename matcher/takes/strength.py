"""A drum struck with some force, and the force with which a hit was struck.

A stroke of force f is what a pad plays at the gain f: the mallet damps more of the high modes, the
tension rises by f^2, and the attack keeps its share.
"""

import numpy as np

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE, distance
from matcher.physics import attack, drum
from matcher.physics.drum import Drum

FORCES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12)  # tried: 3 dB apart, down to a ghost note


def strokes(drum_: Drum, sample_rate: int, n_samples: int, forces=FORCES) -> np.ndarray:
    """A drum struck with several forces, (forces, n_samples) float32, before the gain.

    Args:
        drum_: the drum.
        sample_rate: Hz.
        n_samples: length of each stroke.
        forces: each in (0, 1]; with force 1 the body has a peak of 1.
    """
    bodies = [drum.render_body(drum_, sample_rate, n_samples, force) for force in forces]
    whole = drum.render_body(drum_, sample_rate, n_samples) if 1.0 not in forces else bodies[0]
    peak = float(np.max(np.abs(whole), initial=0))
    out = np.array(bodies) / np.float32(peak if peak > 0 else 1)
    if drum_.attack_powers is not None:
        powers = np.array(drum_.attack_powers)
        out += attack.render(powers, sample_rate, n_samples, drum_.wires_s)
    return out


def distance_at_best(sounds: np.ndarray, clip: np.ndarray, ended: bool) -> tuple[float, int]:
    """Log-CQT distance of the nearest of some strokes from a hit, and which it is.

    Args:
        sounds: (strokes, samples) at SAMPLE_RATE, as `strokes` renders N_SAMPLES.
        clip: (samples,) of the hit at SAMPLE_RATE, from its onset.
        ended: whether the next hit cuts the clip off.
    """
    length = len(clip) if ended else N_SAMPLES
    distances = [distance(clip, sound[:length]) for sound in sounds]
    best = int(np.argmin(distances))
    return distances[best], best


def for_matching(drum_: Drum) -> np.ndarray:
    """What `distance_at_best` takes, of a drum."""
    return strokes(drum_, SAMPLE_RATE, N_SAMPLES)
