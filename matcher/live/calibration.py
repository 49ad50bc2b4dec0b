"""Set up detection by listening: a few hits in, gain, threshold, sensitivity and mask out."""

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from matcher.live import callback as native
from matcher.live import detector
from matcher.live.detector import Settings
from matcher.matching import onset

LOUDEST_DB = -3.0  # where the loudest hit shall peak
GAIN_DB = (-20.0, 40.0)
CLIPPED = 0.999
N_CLIPPED = 4  # samples, that make it more than chance
ABOVE_NOISE_DB, BELOW_HIT_DB, CLOSEST_DB = 6.0, 18.0, 3.0  # where the threshold goes
NEAR_S = 0.03  # two onsets that near are of the same hit
SENSITIVITIES = (0.6, 0.5, 0.7, 0.4, 0.8, 0.3, 0.2)  # the first that does best is taken
MASKS_MS = (20.0, 30.0, 45.0, 64.0)


class Advice(NamedTuple):
    """What suits the hits that were heard."""

    gain_db: float
    settings: Settings
    hits: int
    clipped: bool  # the input itself is too loud: no gain here mends that


def hits_in(x: np.ndarray, sample_rate: float) -> list[int]:
    """Onsets, in samples, of the hits of x (samples,), whatever their level."""
    rate = round(sample_rate)
    level, _, peak = onset.levels([x], rate)
    if peak < onset.SILENCE:
        return []
    noise = np.percentile(level, 20)
    return [hit.onset for hit in onset.find_hits(level, rate) if hit.level > 4 * noise]


def set_up(x: np.ndarray, sample_rate: float, start: Settings | None = None) -> Advice:
    """x (samples,), as the microphone gave it, with some hits a while apart -> Advice.

    start: settings whose other values are kept. Raises ValueError where no hit stands out.
    """
    onsets = hits_in(x, sample_rate)
    if not onsets:
        raise ValueError(
            "no hit was heard that stands out from the noise; hit the drum a few times, a second "
            "apart, or turn up the input"
        )
    ends = [*onsets[1:], len(x)]
    peaks = np.array([np.abs(x[a:b]).max() for a, b in zip(onsets, ends)])
    gain_db = float(np.clip(round(LOUDEST_DB - _db(peaks.max())), *GAIN_DB))
    quiet = np.abs(x[: max(1, onsets[0] - round(NEAR_S * sample_rate))])
    softest, noise = _db(peaks.min()), _db(np.percentile(quiet, 99.9))
    threshold = min(max(noise + ABOVE_NOISE_DB, softest - BELOW_HIT_DB), softest - CLOSEST_DB)
    low, high = Settings.RANGES["threshold_db"]
    threshold = float(np.clip(round(threshold + gain_db), low, high))
    heard = 10 ** (gain_db / 20) * x
    tried = []
    for mask in MASKS_MS:
        for sensitivity in SENSITIVITIES:
            settings = replace(
                start or Settings(), threshold_db=threshold, sensitivity=sensitivity, mask_ms=mask
            )
            tried.append((_mistakes(heard, sample_rate, settings, onsets), settings))
            if tried[-1][0] == 0:
                break
        if tried[-1][0] == 0:
            break
    settings = min(tried, key=lambda row: row[0])[1]
    clipped = np.count_nonzero(np.abs(x) >= CLIPPED) >= N_CLIPPED
    return Advice(gain_db, settings, len(onsets), bool(clipped))


def _mistakes(x, sample_rate, settings: Settings, onsets: list[int]) -> int:
    """Hits that a detector misses, and those that it finds twice or where none is."""
    record = detector.make_detector(settings, sample_rate)[0]
    found = [hit.onset for hit in detector.detect(record, x) if not hit.reason]
    near = NEAR_S * sample_rate
    met = sum(any(abs(f - o) < near for f in found) for o in onsets)
    return len(onsets) - met + len(found) - met


def _db(level: float) -> float:
    return 20 * np.log10(max(level, 1e-6))


class Calibration:
    """A calibration that is under way: the input since it began, until there are enough hits."""

    HITS, LONGEST_S = 4, 15.0  # it ends after so many hits, or so many seconds
    LOOK_S = 0.25  # s between two looks
    REST_S = 0.6  # s of rest after the last hit

    def __init__(self, began: int):
        self._began, self._next_look = began, 0.0  # frame; time.monotonic

    def received(self, record, sample_rate: float) -> np.ndarray | None:
        """The input, (frames,) before its gain, once there is enough of it; None until then."""
        now = time.monotonic()
        if now < self._next_look:
            return None
        self._next_look = now + self.LOOK_S
        frames = int(record["time"]) - self._began
        longest = min(self.LONGEST_S * sample_rate, 0.9 * native.INPUT_RING)
        gain = float(record["input_gain"])
        x = native.received(record, self._began, self._began + frames) / gain
        onsets = hits_in(x, sample_rate)
        rested = bool(onsets) and len(x) - onsets[-1] > self.REST_S * sample_rate
        return x if frames >= longest or (len(onsets) >= self.HITS and rested) else None
