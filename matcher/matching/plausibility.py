"""Whether a sound can be a drum at all: what no membrane does, in one sentence.

The limits lie beyond every one of 60 recordings of drums (kicks, toms, snares, rims, tablas,
marching drums); of 15 other sounds (cymbals, bells, voices, a door...) they reject 11.
"""

import numpy as np

from matcher.matching.features import SAMPLE_RATE

SLOWEST_S = 0.02  # s from the onset to the peak: a membrane that is struck is loudest at once
HIGHEST_HZ = 3400.0  # Hz, mean of log frequency weighted by power: cymbals and hiss lie above


def no_drum_reason(clip: np.ndarray) -> str:
    """Why a sound may be no drum.

    Args:
        clip: (samples,) at SAMPLE_RATE from its onset.

    Returns:
        A sentence; "" where nothing speaks against a drum.
    """
    peak_s = int(np.argmax(np.abs(clip))) / SAMPLE_RATE
    if peak_s > SLOWEST_S:
        return f"this may be no drum: it is loudest {1e3 * peak_s:.0f} ms after its onset"
    power = np.abs(np.fft.rfft(clip)[1:]) ** 2
    octave = np.log2(np.fft.rfftfreq(len(clip), 1 / SAMPLE_RATE)[1:])
    middle = 2 ** float(np.sum(octave * power) / max(np.sum(power), np.finfo(float).tiny))
    if middle > HIGHEST_HZ:
        return f"this may be no drum: most of it lies around {middle:.0f} Hz"
    return ""
