"""The sound of a pad as a WAV file."""

from pathlib import Path

import numpy as np

from matcher.kits.kit import Sound
from matcher.matching.match import LONGEST
from matcher.physics import attack
from matcher.physics.drum import make_bank, render
from matcher.recording import write_wav

RATE = 44100  # Hz, which every sampler takes
PEAK = 0.99  # of full scale: loud, and nothing clips


def write(sound: Sound, path: Path) -> float:
    """Write a pad's sound, which has a drum, until it has died away.

    Returns:
        How long it is, s.

    Raises:
        OSError, ValueError: if it cannot be written.
    """
    drum, *shares = sound
    seconds = min(LONGEST, ring_s(sound))
    write_wav(path, render(drum, RATE, seconds, PEAK, *shares), RATE)
    return seconds


def ring_s(sound: Sound) -> float:
    """How long a pad's sound rings, s: until all of it is 60 dB below its loudest mode."""
    drum, attack_mix, as_recorded = sound
    rows = make_bank(drum, RATE, as_recorded)
    sounds = rows["omega"][: rows["n"]] > 0
    sigma, *parts = (rows[name][: rows["n"]][sounds] for name in ("sigma", "re", "im"))
    amplitude = np.hypot(*parts)
    audible = amplitude > 1e-3 * amplitude.max()
    left = np.log(1e3 * amplitude[audible] / amplitude.max()) / sigma[audible]
    decays = attack.decays_of(drum.attack_powers) if attack_mix > 0 else ()
    return max(*left, *(float(np.log(1e3)) * decay for decay in decays), 0.0)
