"""Where a drum was hit, from the first milliseconds, as strokes that were shown have it.

How a stroke at the rim differs from one in the middle depends on the drum and on where the
microphone stands, so it is learned from strokes that are shown: some in the middle, some at the
rim, at the input or in two recordings. A linear readout of the levels of a few bands, in two
overlapping halves of the scan time, tells one from the other, and what lies between; the levels are
relative to their sum, so that neither force nor gain counts. Where it cannot tell those very
strokes apart, each left out in turn, there is no place.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from matcher.compiled import native
from matcher.live import detector
from matcher.live.detector import Settings
from matcher.recording import Recording

LONGEST_S = 0.005  # s: longest start of a hit that is looked at; the callback's work grows with it
RATE = 48000  # Hz: a hit at a multiple of it is averaged down to about this
MOST_SAMPLES = 384  # of LONGEST_S at less than 1.5 times RATE
PARTS = 2  # overlapping halves of the start
# Hz: between the bands, so that each is wider than the one below, from three bins of 3 ms on
EDGES_HZ = (0, 166, 500, 833, 1167, 1833, 2833, 4167, 6167, 8833, 12000)
N_BANDS = len(EDGES_HZ) - 1
MOST_BINS = round(EDGES_HZ[-1] * LONGEST_S) + 1
FLOOR = 1e-3  # of the power of all bands: what is below is no more than noise of the room
RIDGE = 3.0  # per level: what a weight costs, in strokes
LEAST_SPREAD = 0.05  # decades: levels that vary less count as little as they vary
FEWEST = 8  # strokes in each recording: of fewer, chance parts as many
APART = 0.85  # share of the pairs of strokes that have to be told apart
LONGEST_RECORDING_S = 120.0
BELOW_PEAK_DB = 30.0  # strokes of a recording that are softer than its peak by more do not count
SILENCE_S = 0.05  # s of silence around a recording, which may begin or end with a stroke
CUT_S = (0.002, 0.008)  # s before and after its onset, of a stroke that is kept
HIGHEST = 127  # value of the controller at the rim

READOUT = np.dtype(
    [
        ("n", np.int64),  # samples of the start, after averaging; 0: no place is told
        ("stride", np.int64),  # samples that are averaged to one
        ("n_bins", np.int64),
        ("band", np.int64, MOST_BINS),  # that a bin of the transform belongs to
        ("window", np.float64, (PARTS, MOST_SAMPLES)),
        ("turn", np.float64, (2, MOST_SAMPLES)),  # cosine and sine of each n-th of a turn
        ("weights", np.float64, (PARTS, N_BANDS)),  # of the levels
        ("bias", np.float64),  # 0 in the middle, 1 at the rim
        # what `measure` works in, and its result: decades below the power of all bands
        ("part", np.float64, (PARTS, MOST_SAMPLES)),
        ("levels", np.float64, (PARTS, N_BANDS)),
    ],
    align=True,
)


class Shown(NamedTuple):
    """Strokes in the middle and at the rim, which say what a place sounds like."""

    sample_rate: float  # Hz
    middle: tuple[bytes, ...]  # of each stroke its beginning, as `cut` gives it
    rim: tuple[bytes, ...]


def prepare(sample_rate: float, settings: Settings) -> np.ndarray:
    """A readout that measures levels and has learned nothing yet, a record of READOUT.

    Args:
        sample_rate: of the input, Hz.
        settings: of the detector; they say how much of a hit has come in when it is known.
    """
    readout = np.zeros(1, READOUT)[0]
    come_in = int(detector.make_detector(settings, sample_rate)[0]["judged"])  # at the least
    stride = max(1, round(sample_rate / RATE))
    rate = sample_rate / stride
    n = min(come_in, int(LONGEST_S * sample_rate)) // stride
    t, width = np.arange(n), n / PARTS
    bins = np.arange(min(n // 2, int(np.ceil(EDGES_HZ[-1] * n / rate)))) * rate / n
    readout["n"], readout["stride"], readout["n_bins"] = n, stride, len(bins)
    readout["band"][: len(bins)] = np.searchsorted(EDGES_HZ, bins, "right") - 1
    for part in range(PARTS):
        away = np.clip((t - (part + 0.5) * width) / width, -1, 1)
        readout["window"][part, :n] = np.cos(np.pi / 2 * away) ** 2
    readout["turn"][:, :n] = np.cos(2 * np.pi * t / n), np.sin(2 * np.pi * t / n)
    return readout


@native
def measure(readout, x, first):
    """Set the levels of a hit; False where it is silent.

    Args:
        readout: record of READOUT.
        x: (samples,) float32, a ring.
        first: of the hit, in x; all its samples that count have come in.
    """
    n = readout.n
    for t in range(n):
        value = 0.0
        for i in range(readout.stride):
            value += x[(first + t * readout.stride + i) % x.shape[0]]
        for part in range(PARTS):
            readout.part[part, t] = value * readout.window[part, t]
    readout.levels[:] = 0
    total = 0.0
    for k in range(readout.n_bins):
        for part in range(PARTS):
            power = _power(readout, part, k)
            readout.levels[part, readout.band[k]] += power
            total += power
    if total <= 0:
        return False
    for part in range(PARTS):
        for band in range(N_BANDS):
            readout.levels[part, band] = np.log10(readout.levels[part, band] / total + FLOOR)
    return True


@native
def _power(readout, part, k):
    """Power of a part of a hit in bin k of its discrete Fourier transform."""
    re = im = 0.0
    turn = 0
    for t in range(readout.n):
        re += readout.part[part, t] * readout.turn[0, turn]
        im += readout.part[part, t] * readout.turn[1, turn]
        turn += k
        if turn >= readout.n:
            turn -= readout.n
    return re * re + im * im


@native
def estimate(readout, x, first):
    """Value of the controller for a hit, 0 in the middle to HIGHEST at the rim; below 0: unknown.

    Arguments as `measure`.
    """
    if readout.n == 0 or not measure(readout, x, first):
        return np.int64(-1)
    place = readout.bias
    for part in range(PARTS):
        for band in range(N_BANDS):
            place += readout.weights[part, band] * readout.levels[part, band]
    return np.int64(round(HIGHEST * min(max(place, 0.0), 1.0)))


LEARNED = ("n", "stride", "n_bins", "band", "window", "turn", "weights", "bias")  # of a READOUT


def is_as_learned(readout, learned: np.ndarray | None) -> bool:
    """Whether a readout tells the places that another one has learned; None: it tells none."""
    if learned is None:
        return readout["n"] == 0
    return all(np.array_equal(readout[name], learned[name]) for name in LEARNED)


def write(readout, learned: np.ndarray | None) -> None:
    """Have a readout, which nobody uses yet, tell what another one has learned; None: no place."""
    for name in LEARNED:
        readout[name] = 0 if learned is None else learned[name]


def levels(readout, x: np.ndarray, onsets) -> np.ndarray:
    """Levels of strokes at onsets in x (samples,) float32; (strokes, PARTS * N_BANDS)."""
    rows = []
    for onset in onsets:
        if measure(readout, x, int(onset)):
            rows.append(readout["levels"].ravel().copy())
    return np.array(rows).reshape(-1, PARTS * N_BANDS)


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
    readout["weights"] = (weights / (high - low)).reshape(PARTS, N_BANDS)
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
    readout = prepare(sample_rate, Settings(scan_ms=scan_ms, drums_only=drums_only))
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
            rows += list(levels(readout, x, [onset]))
        both.append(np.array(rows).reshape(-1, PARTS * N_BANDS))
    return both


def from_recordings(middle: str | Path, rim: str | Path, settings: Settings) -> Shown:
    """The strokes of two recordings, from which places can be told.

    Args:
        middle, rim: sound files of strokes there.
        settings: of the detector; the threshold follows each recording's own peak.

    Raises:
        ValueError: in one sentence, if a file cannot be read or is too long, or as `learn`.
    """
    shown = Shown(RATE, *(_strokes_of(path, settings) for path in (middle, rim)))
    learned(shown, RATE, settings.scan_ms, settings.drums_only)
    return shown


def _strokes_of(path: str | Path, settings: Settings) -> tuple[bytes, ...]:
    """The strokes of a recording, as the live detector finds them at RATE."""
    with Recording(path) as recording:
        rate = recording.sample_rate
        if recording.n_frames > LONGEST_RECORDING_S * rate:
            raise ValueError(
                f"{path} lasts {recording.n_frames / rate:.0f} s, allowed for strokes at one place "
                f"are up to {LONGEST_RECORDING_S:.0f} s"
            )
        x = np.concatenate([np.zeros(0, np.float32), *recording.blocks()])
    silence = np.zeros(round(SILENCE_S * RATE))
    x = np.concatenate([silence, soxr.resample(x, rate, RATE), silence])
    return tuple(cut(x, onset, RATE) for onset in onsets(x, RATE, settings))


def onsets(x: np.ndarray, sample_rate: float, settings: Settings) -> list[int]:
    """Onsets of the strokes of x (samples,) that are not much softer than the loudest."""
    peak = float(np.abs(x).max(initial=0))
    if peak == 0:
        return []
    low, high = Settings.RANGES["threshold_db"]
    threshold = min(max(20 * np.log10(peak) - BELOW_PEAK_DB, low), high)
    record = detector.make_detector(replace(settings, threshold_db=threshold), sample_rate)
    return [hit.onset for hit in detector.detect(record[0], x) if not hit.reason]
