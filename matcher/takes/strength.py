"""A drum struck with some force, and the force with which a hit was struck.

A stroke of force f is what a pad plays at the gain f: the mallet damps more of the high modes, the
tension rises by f^2, and the attack keeps its share.
"""

import numpy as np

from matcher.matching.features import DISTANCE, N_SAMPLES, SAMPLE_RATE, distance_from
from matcher.physics import attack, drum
from matcher.physics.drum import Drum

FORCES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12)  # tried: 3 dB apart, down to a ghost note
FEW_FORCES = (1.0, 0.5, 0.2)  # by which drums are compared with each other


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


class Heard:
    """Hits that drums are compared with.

    Args:
        clips: (samples,) of each at SAMPLE_RATE, from its onset.
        ended: of each, whether the next hit cuts it off.
    """

    def __init__(self, clips: list[np.ndarray], ended: list[bool]):
        self._lengths = [len(c) if end else N_SAMPLES for c, end in zip(clips, ended)]
        self._spectra = [DISTANCE(clip) for clip in clips]

    def distances(self, drum_: Drum, forces=FORCES) -> tuple[float, ...]:
        """Log-CQT distance of a drum from each hit, struck with that force that suits it best."""
        sounds = strokes(drum_, SAMPLE_RATE, N_SAMPLES, forces)
        return tuple(
            min(distance_from(c, sound[:length]) for sound in sounds)
            for c, length in zip(self._spectra, self._lengths)
        )
