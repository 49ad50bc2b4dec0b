"""Calibration: input gain, threshold, sensitivity and mask time from a few hits."""

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from matcher.live import capture, detector
from matcher.live.detector import Settings
from matcher.matching import onset

LOUDEST_DB = -3.0  # dB: target peak of the loudest hit, with headroom for a louder one
GAIN_DB = (-20.0, 40.0)  # dB: allowed gain
CLIPPED = 0.999  # amplitude: samples above it are clipped
N_CLIPPED = 4  # samples: fewer clipped ones may be chance
ABOVE_NOISE_DB = 6.0  # dB: least margin of the threshold above the noise
BELOW_HIT_DB = 18.0  # dB: margin of the threshold below the softest hit, if the noise permits
CLOSEST_DB = 3.0  # dB: least margin of the threshold below the softest hit, at any noise
NEAR_S = 0.03  # s: onsets nearer to each other belong to the same hit
SENSITIVITIES = (0.6, 0.5, 0.7, 0.4, 0.8, 0.3, 0.2)  # in order of preference
MASKS_MS = (20.0, 30.0, 45.0, 64.0)  # ms: in order of preference


class Advice(NamedTuple):
    """Result of a calibration."""

    gain_db: float  # of the input
    settings: Settings
    hits: int  # number of hits in the input
    clipped: bool  # the input clips before the gain, which cannot correct it


def hits_in(x: np.ndarray, sample_rate: float) -> list[int]:
    """Onsets, in samples, of the hits in x (samples,), at any level."""
    rate = round(sample_rate)
    measured = onset.measure([x], rate)
    if measured.peak < onset.SILENCE:
        return []
    noise = np.percentile(measured.level, 20)
    return [hit.onset for hit in onset.find_hits(measured, rate) if hit.level > 4 * noise]


def set_up(x: np.ndarray, sample_rate: float, start: Settings | None = None) -> Advice:
    """Find the gain and the settings that detect all hits of an input and nothing else.

    Args:
        x: (samples,), the input before its gain: a few hits, about a second apart.
        sample_rate: Hz.
        start: settings whose remaining fields are kept.

    Returns:
        Gain and settings with the fewest mistakes.

    Raises:
        ValueError: if no hit stands out from the noise.
    """
    onsets = hits_in(x, sample_rate)
    if not onsets:
        raise ValueError(
            "no hit stands out from the noise; hit the drum a few times, a second apart, or turn "
            "up the input"
        )
    ends = [*onsets[1:], len(x)]
    peaks = np.array([np.abs(x[a:b]).max() for a, b in zip(onsets, ends)])
    gain_db = float(np.clip(round(LOUDEST_DB - _db(peaks.max())), *GAIN_DB))
    quiet = np.abs(x[: max(1, onsets[0] - round(NEAR_S * sample_rate))])
    softest, noise = _db(peaks.min()), _db(np.percentile(quiet, 99.9))
    threshold = min(max(noise + ABOVE_NOISE_DB, softest - BELOW_HIT_DB), softest - CLOSEST_DB)
    low, high = Settings.RANGES["threshold_db"]
    threshold = float(np.clip(round(threshold + gain_db), low, high))
    amplified = 10 ** (gain_db / 20) * x
    tried = []
    for mask in MASKS_MS:
        for sensitivity in SENSITIVITIES:
            settings = replace(
                start or Settings(), threshold_db=threshold, sensitivity=sensitivity, mask_ms=mask
            )
            tried.append((_mistakes(amplified, sample_rate, settings, onsets), settings))
            if tried[-1][0] == 0:
                break
        if tried[-1][0] == 0:
            break
    settings = min(tried, key=lambda row: row[0])[1]
    clipped = np.count_nonzero(np.abs(x) >= CLIPPED) >= N_CLIPPED
    return Advice(gain_db, settings, len(onsets), bool(clipped))


def _mistakes(x, sample_rate, settings: Settings, onsets: list[int]) -> int:
    """Number of onsets that a detector misses, finds twice, or finds where there is none."""
    record = detector.make_detector(settings, sample_rate)[0]
    found = [hit.onset for hit in detector.detect(record, x) if not hit.reason]
    near = NEAR_S * sample_rate
    detected = sum(any(abs(f - o) < near for f in found) for o in onsets)
    return len(onsets) - detected + len(found) - detected


def _db(level: float) -> float:
    return 20 * np.log10(max(level, 1e-6))


class Calibration:
    """A running calibration: waits until the input has enough hits.

    Args:
        began: frame of the stream at which it began.
    """

    HITS = 4  # hits: enough for a loudest and a softest one
    LONGEST_S = 15.0  # s: it ends then, even with fewer hits
    LOOK_S = 0.25  # s: between two looks at the input
    REST_S = 0.6  # s: after the last hit, so that it is received as a whole

    def __init__(self, began: int):
        self._began = began
        self._next_look = 0.0  # time.monotonic

    def received(self, record, sample_rate: float) -> np.ndarray | None:
        """The input since the calibration began, once it is complete.

        Args:
            record: the input's CAPTURE.
            sample_rate: of its stream, Hz.

        Returns:
            (frames,) before the gain; None until it is complete.
        """
        now = time.monotonic()
        if now < self._next_look:
            return None
        self._next_look = now + self.LOOK_S
        frames = int(record["time"]) - self._began
        longest = min(self.LONGEST_S * sample_rate, 0.9 * capture.INPUT_RING)
        gain = float(record["input_gain"])
        x = capture.received(record, self._began, self._began + frames) / gain
        onsets = hits_in(x, sample_rate)
        rested = bool(onsets) and len(x) - onsets[-1] > self.REST_S * sample_rate
        return x if frames >= longest or (len(onsets) >= self.HITS and rested) else None
