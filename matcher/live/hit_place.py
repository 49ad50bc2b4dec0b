"""Where a drum was hit, from the first milliseconds, in the input's callback.

A linear readout of the levels of a few bands, in two overlapping halves of the scan time, tells
strokes in the middle from those at the rim, and what lies between; the levels are relative to their
sum, so that neither force nor gain counts. How a stroke at the rim differs depends on the drum and
on where the microphone stands, so the weights are learned (place_learning).
"""

import numpy as np

from matcher.compiled import native
from matcher.live import detector
from matcher.live.detector import Settings

LONGEST_S = 0.005  # s: longest start of a hit that is looked at; the callback's work grows with it
RATE = 48000  # Hz: a hit at a multiple of it is averaged down to about this
MOST_SAMPLES = 384  # of LONGEST_S at less than 1.5 times RATE
PARTS = 2  # overlapping halves of the start
# Hz: between the bands; in 3 ms each holds a bin of the transform, the higher ones up to nine
EDGES_HZ = (0, 166, 500, 833, 1167, 1833, 2833, 4167, 6167, 8833, 12000)
N_BANDS = len(EDGES_HZ) - 1
MOST_BINS = round(EDGES_HZ[-1] * LONGEST_S) + 1
FLOOR = 1e-3  # of the power of all bands: what is below is no more than noise of the room
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
