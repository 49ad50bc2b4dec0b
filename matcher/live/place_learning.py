"""Learning where a drum is hit, from strokes that are shown in the middle and at the rim.

They come at the input (shown_places) or in two recordings. Where the readout cannot tell those very
strokes apart, each left out in turn, it tells no place.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from matcher.live import detector, hit_place
from matcher.live.detector import Settings
from matcher.recording import Recording

RIDGE = 3.0  # per level: what a weight costs, in strokes
LEAST_SPREAD = 0.05  # decades: levels that vary less count as little as they vary
FEWEST = 8  # strokes in each recording: of fewer, chance parts as many
APART = 0.85  # share of the pairs of strokes that have to be told apart
LONGEST_RECORDING_S = 120.0
BELOW_PEAK_DB = 30.0  # strokes of a recording that are softer than its peak by more do not count
SILENCE_S = 0.05  # s of silence around a recording, which may begin or end with a stroke
CUT_S = (0.002, 0.008)  # s before and after its onset, of a stroke that is kept


class Shown(NamedTuple):
    """Strokes in the middle and at the rim, which say what a place sounds like."""

    sample_rate: float  # Hz
    middle: tuple[bytes, ...]  # of each stroke its beginning, as `cut` gives it
    rim: tuple[bytes, ...]
    input: str = ""  # name and channel of the input that they were shown at; empty: recordings
    date: str = ""  # on which they were shown, as 2026-11-30


def fit(rows: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Ridge regression of places on levels.

    Args:
        rows: (strokes, levels).
        places: (strokes,).

    Returns:
        Weights (levels,), bias, and for each stroke the place that the others give it, in closed
        form (Allen 1974, PRESS).
    """
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + LEAST_SPREAD
    z, wanted = (rows - mean) / spread, places - places.mean()
    cost = RIDGE * z.shape[1] * np.eye(z.shape[1])
    gains = np.linalg.solve(z.T @ z + cost, z.T)  # (levels, strokes)
    hat = z @ gains + 1 / len(z)
    own = np.diag(hat)
    left_out = places.mean() + (hat @ wanted - own * wanted) / (1 - own)
    weights = gains @ wanted / spread
    return weights, float(places.mean() - mean @ weights), left_out


def told_apart(middle: np.ndarray, rim: np.ndarray) -> float:
    """Share of the pairs of which the one at the rim has the higher place; ties count half."""
    higher = np.sign(rim[:, None] - middle[None, :])
    return float((higher.mean() + 1) / 2)


def learn(readout, middle: np.ndarray, rim: np.ndarray) -> float:
    """Have a readout tell places from the levels of strokes.

    Args:
        readout: record of READOUT, from `prepare`.
        middle, rim: (strokes, levels), as `levels` gives them.

    Returns:
        Share of the pairs that are told apart, each stroke by what the others teach.

    Raises:
        ValueError: there are too few strokes, or they cannot be told apart.
    """
    for where, rows in (("in the middle", middle), ("at the rim", rim)):
        if len(rows) < FEWEST:
            raise ValueError(
                f"there are {len(rows)} strokes {where} to learn the place of hits from, needed "
                f"are {FEWEST}"
            )
    at_rim = np.repeat([False, True], [len(middle), len(rim)])
    weights, bias, left_out = fit(np.concatenate([middle, rim]), at_rim.astype(float))
    share = told_apart(left_out[~at_rim], left_out[at_rim])
    if share < APART:
        raise ValueError(
            f"strokes in the middle and at the rim sound too much alike to tell where a hit is: "
            f"{100 * share:.0f} % of their pairs are told apart, needed are {100 * APART:.0f} %; "
            "move the microphone, or raise the scan time"
        )
    low, high = left_out[~at_rim].mean(), left_out[at_rim].mean()
    readout["weights"] = (weights / (high - low)).reshape(hit_place.PARTS, hit_place.N_BANDS)
    readout["bias"] = (bias - low) / (high - low)
    return share


def cut(x: np.ndarray, onset: int, sample_rate: float) -> bytes:
    """A stroke, as Shown keeps it.

    Args:
        x: (samples,), with CUT_S around the onset.
        onset: in samples.
        sample_rate: Hz.
    """
    before, after = (round(s * sample_rate) for s in CUT_S)
    return np.asarray(x[onset - before : onset + after], np.float32).tobytes()


def n_samples(sample_rate: float) -> int:
    """How many samples `cut` gives of a stroke; sample_rate: Hz."""
    return sum(round(s * sample_rate) for s in CUT_S)


@lru_cache(4)
def learned(shown: Shown, sample_rate: float, scan_ms: float, drums_only: bool) -> np.ndarray:
    """The readout for an input, a record of READOUT.

    Args:
        shown: the strokes to learn from.
        sample_rate: of the input, Hz.
        scan_ms, drums_only: of the detector's Settings.

    Raises:
        ValueError: as `learn`.
    """
    readout = hit_place.prepare(sample_rate, Settings(scan_ms=scan_ms, drums_only=drums_only))
    learn(readout, *shown_levels(readout, shown, sample_rate))
    return readout


def shown_levels(readout, shown: Shown, sample_rate: float) -> list[np.ndarray]:
    """Levels of the strokes in the middle and at the rim, (strokes, levels) each."""
    onset = round(CUT_S[0] * sample_rate)
    both = []
    for strokes in (shown.middle, shown.rim):
        rows = []
        for stroke in strokes:
            x = np.frombuffer(stroke, np.float32)
            if shown.sample_rate != sample_rate:
                x = soxr.resample(x, shown.sample_rate, sample_rate)
            rows += list(hit_place.levels(readout, x, [onset]))
        both.append(np.array(rows).reshape(-1, hit_place.PARTS * hit_place.N_BANDS))
    return both


def from_recordings(middle: str | Path, rim: str | Path, settings: Settings) -> Shown:
    """The strokes of two recordings, from which places can be told.

    Args:
        middle, rim: sound files of strokes there.
        settings: of the detector; the threshold follows each recording's own peak.

    Raises:
        ValueError: in one sentence, if a file cannot be read or is too long, or as `learn`.
    """
    shown = Shown(hit_place.RATE, *(_strokes_of(path, settings) for path in (middle, rim)))
    learned(shown, hit_place.RATE, settings.scan_ms, settings.drums_only)
    return shown


def _strokes_of(path: str | Path, settings: Settings) -> tuple[bytes, ...]:
    """The strokes of a recording, as the live detector finds them at the RATE of hit_place."""
    with Recording(path) as recording:
        rate = recording.sample_rate
        if recording.n_frames > LONGEST_RECORDING_S * rate:
            raise ValueError(
                f"{path} lasts {recording.n_frames / rate:.0f} s, allowed for strokes at one place "
                f"are up to {LONGEST_RECORDING_S:.0f} s"
            )
        x = np.concatenate([np.zeros(0, np.float32), *recording.blocks()])
    silence = np.zeros(round(SILENCE_S * hit_place.RATE))
    x = np.concatenate([silence, soxr.resample(x, rate, hit_place.RATE), silence])
    return tuple(cut(x, onset, hit_place.RATE) for onset in onsets(x, hit_place.RATE, settings))


def onsets(x: np.ndarray, sample_rate: float, settings: Settings) -> list[int]:
    """Onsets of the strokes of x (samples,) that are not much softer than the loudest."""
    peak = float(np.abs(x).max(initial=0))
    if peak == 0:
        return []
    low, high = Settings.RANGES["threshold_db"]
    threshold = min(max(20 * np.log10(peak) - BELOW_PEAK_DB, low), high)
    record = detector.make_detector(replace(settings, threshold_db=threshold), sample_rate)
    return [hit.onset for hit in detector.detect(record[0], x) if not hit.reason]
