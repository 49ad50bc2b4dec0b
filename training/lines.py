"""The strongest spectral lines of a hit, behind its attack."""

import numpy as np
import scipy.fft

from matcher.matching.features import SAMPLE_RATE

FROM_S = 0.06  # s from the onset, behind the attack
RISE_S = 0.005  # s of the window's rise, so that its beginning makes no lines
FALL_S = 0.5  # s of the window's fall: long enough to tell tones apart, while most drums ring
SHORTEST_S = 0.04  # s behind FROM_S that there have to be
LOW_HZ, HIGH_HZ = 28.0, 7000.0  # Hz, where lines are looked for
APART_CENTS = 60.0  # cents between two lines that count as two
LOW_PARTIAL_HZ = 1500.0  # Hz: the highest pitch of the preset live
FFT_SAMPLES = 2**17  # samples, zero-padded: lines 0.17 Hz apart before interpolation
OUT_DB = 20.0  # dB above the octaves around it by which a partial stands out of noise
N_LINES = 5  # strongest lines of the recording ...
AMONG = 10  # ... that are looked for among so many of the twin's
NEAR_CENTS = 30.0  # cents by which a line may be off to count as found


def spectrum(x: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Level of a hit from FROM_S on.

    Args:
        x: (samples,) at SAMPLE_RATE from the onset.

    Returns:
        Hz and dB, (lines,) each; None where the hit is too short.
    """
    first, rise, fall = (round(s * SAMPLE_RATE) for s in (FROM_S, RISE_S, FALL_S))
    x = x[first : first + fall]
    if len(x) < SHORTEST_S * SAMPLE_RATE or not np.any(x):
        return None
    window = 0.5 + 0.5 * np.cos(np.pi * np.arange(len(x)) / len(x))
    window[:rise] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    power = np.abs(scipy.fft.rfft(x * window, FFT_SAMPLES)) ** 2
    hz = np.fft.rfftfreq(FFT_SAMPLES, 1 / SAMPLE_RATE)
    return hz, 10 * np.log10(power + 1e-20)


def strongest(x: np.ndarray, count: int, high_hz: float = HIGH_HZ) -> list[float]:
    """The strongest lines of a hit, strongest first.

    A line is a local maximum of the spectrum at least APART_CENTS from every stronger line.

    Args:
        x: (samples,) at SAMPLE_RATE from the onset.
        count: Lines.
        high_hz: Up to which they are looked for.

    Returns:
        Hz, at most `count`; none where the hit is too short.
    """
    found = spectrum(x)
    if found is None:
        return []
    hz, level = found
    inside = np.flatnonzero((hz >= LOW_HZ) & (hz <= high_hz))
    peaks = inside[(level[inside] > level[inside - 1]) & (level[inside] >= level[inside + 1])]
    left = peaks[np.argsort(-level[peaks], kind="stable")]
    lines = []
    while len(left) and len(lines) < count:
        lines.append(_interpolated(level, left[0]) * SAMPLE_RATE / FFT_SAMPLES)
        left = left[np.abs(cents(hz[left], hz[left[0]])) >= APART_CENTS]
    return lines


def stands_out(x: np.ndarray) -> bool:
    """Whether the strongest line of a hit is OUT_DB above the median of the octaves around it."""
    lines = strongest(x, 1)
    return bool(lines) and _is_out(*spectrum(x), lines[0])


def low_partial(x: np.ndarray) -> float | None:
    """Hz of the strongest of a hit's lines up to LOW_PARTIAL_HZ; None where it does not stand out.

    Args:
        x: (samples,) at SAMPLE_RATE from the onset.
    """
    low = strongest(x, 1, LOW_PARTIAL_HZ)
    return low[0] if low and _is_out(*spectrum(x), low[0]) else None


def _is_out(hz: np.ndarray, level: np.ndarray, line: float) -> bool:
    """Whether a line (Hz) of a spectrum (Hz and dB) is OUT_DB above the octaves around it."""
    around = level[(hz >= line / 2) & (hz <= 2 * line)]
    return bool(level[np.argmin(np.abs(hz - line))] - np.median(around) >= OUT_DB)


def share_found(recording: list[float], twin: list[float]) -> float:
    """Share of the recording's lines that the twin has within NEAR_CENTS; NaN without lines.

    Args:
        recording: Its N_LINES strongest, Hz.
        twin: Its AMONG strongest, Hz.
    """
    if not recording:
        return np.nan
    if not twin:
        return 0.0
    off = np.abs(cents(np.array(twin)[:, None], np.array(recording)))
    return float(np.mean(off.min(axis=0) <= NEAR_CENTS))


def cents(hz, other):
    """Interval from `other` to `hz` in cents."""
    return 1200 * np.log2(np.asarray(hz) / other)


def _interpolated(level: np.ndarray, i: int) -> float:
    """The place of the maximum near i, by a parabola through three lines."""
    before, at, after = level[i - 1 : i + 2]
    return i + 0.5 * (before - after) / min(before - 2 * at + after, -1e-9)
