"""Which of a network's answers is shown first: the likeliest that its own modes confirm."""

import numpy as np

from matcher.matching.cost import EARLY, SMALLEST_PEAK
from matcher.matching.features import FLOOR, SAMPLE_RATE, LogCqt
from matcher.matching.mode_power import mode_power
from matcher.physics import drum
from matcher.physics.drum import Drum

LEEWAY = 1.2  # times the nearest answer's distance: what counts as confirmed


def first_confirmed(drums: list[Drum], x: np.ndarray, cqt: LogCqt) -> Drum:
    """The first of some drums whose modes explain the features about as well as any other's.

    Args:
        drums: The likeliest first.
        x: Features of a sound, (2, bins, frames) as LogCqt.features gives them.
        cqt: The transform that made them.
    """
    if len(drums) == 1:
        return drums[0]
    log_cqt, observed = x
    n_frames = int(np.count_nonzero(observed[0]))
    truth = log_cqt[:, :n_frames]
    distances = [np.linalg.norm(log_cqt_of_body(d, cqt, n_frames) - truth) for d in drums]
    return drums[int(np.argmax(np.array(distances) <= LEEWAY * min(distances)))]


def log_cqt_of_body(drum_: Drum, cqt: LogCqt, n_frames: int) -> np.ndarray:
    """Log-CQT of a drum's body with a peak of 1, by the power of its modes, (bins, n_frames)."""
    peak = np.abs(drum.render_body(drum_, SAMPLE_RATE, EARLY)).max()
    power = mode_power(drum_, cqt, n_frames)
    return np.log1p(np.sqrt(power) / (FLOOR * max(float(peak), SMALLEST_PEAK)))
