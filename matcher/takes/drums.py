"""The drums of a take: its hits in groups, which of these are drums, and what they are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from matcher.matching import plausibility
from matcher.matching.features import SAMPLE_RATE
from matcher.takes import grouping, kinds, pairs, signature
from matcher.takes.fitting import Struck
from matcher.takes.hits import Take
from matcher.takes.signature import Cells

LEAST_DRUM = 0.35  # probability below which a group is no drum: a lost drum is worse than a hat
BRIGHT_HZ = 1600.0  # Hz: mean of a spectrum from which on a drum gets less likely
BRIGHT = 2.0  # logits for each octave above
OFTEN = (0.4, 0.7)  # share of a take's hits: what is struck so often beside others may be a hat ...
OFTEN_BRIGHT_HZ = 1000.0  # Hz: ... which counts as bright from here on
CLIP_S = 0.4  # s of a hit by which it is told whether it is a drum's
CLEAR = 0.3  # of `clearness`, from which on a hit tells what it is a hit of ...
CLEAR_S = 0.06  # s: and how long it has to sound before the next one
RANG_DB = 12.0  # dB above what rang before, from which on a hit is as clear as any


@dataclass(frozen=True, eq=False)
class MeasuredHit:
    """What is measured of a hit of a take."""

    cells: Cells
    level: float  # RMS of its beginning, without what rang before
    clearness: float  # 0 to 1: how far it stands above what rang before
    drum: float  # probability that it is a drum's
    signature: np.ndarray  # (numbers,), beside the others of its take

    @property
    def is_clear(self) -> bool:
        """Whether it tells what it is a hit of."""
        return is_clear(self.clearness, self.cells)


@dataclass(frozen=True, eq=False)
class FoundDrum:
    """Hits of a take that are on one drum, or on something that is none."""

    hits: tuple[int, ...]  # indices of the take's hits
    is_drum: bool
    drum: float  # probability that it is a drum
    spectrum: kinds.Spectrum
    typical: tuple[float, ...]  # of each hit, the distance of its signature from the group's


def measure(take: Take, progress: Callable[[float], None] = lambda _: None) -> list[MeasuredHit]:
    """Measure each hit of a take.

    Args:
        take: the take.
        progress: called with the share that is measured after each hit; may raise to end it.
    """
    low = soxr.resample(take.x, take.sample_rate, SAMPLE_RATE)
    ratio = SAMPLE_RATE / take.sample_rate
    n, cells, clear, drum = len(take.hits), [], [], []
    for number, hit in enumerate(take.hits, 1):
        at, end = round(hit.onset * ratio), round(hit.end * ratio)
        cells.append(signature.cells(low, at, end))
        clear.append(clearness(low, at, cells[-1].level))
        clip = low[at : min(end, at + round(CLIP_S * SAMPLE_RATE))]
        sounds = plausibility.drum_probability(clip) if np.any(clip) else 0.0
        drum.append(_both(hit.drum, sounds))
        progress(number / n)
    if not cells:
        return []
    z = signature.signatures(np.array([signature.features(one) for one in cells]))
    return [MeasuredHit(cells[i], cells[i].level, clear[i], drum[i], z[i]) for i in range(n)]


def clearness(x: np.ndarray, onset: int, level: float) -> float:
    """How far a hit stands above what rang before, 0 to 1.

    Args:
        x: (samples,), the take at SAMPLE_RATE.
        onset: sample of the hit.
        level: of the hit, as Cells.level.
    """
    rang = x[max(0, onset - round(signature.BEFORE_S * SAMPLE_RATE)) : onset]
    before = float(np.sqrt(np.mean(np.square(rang, dtype=float)))) if len(rang) else 0.0
    above_db = 20 * np.log10(max(level, 1e-9) / max(before, 1e-9))
    return float(np.clip(above_db / RANG_DB, 0.05, 1))


def is_clear(clearness_: float, measured: Cells) -> bool:
    """Whether a hit tells what it is a hit of: it stands out, and sounds long enough."""
    seconds = float(measured.observed @ np.diff(signature.CQT.edges)) / SAMPLE_RATE
    return clearness_ >= CLEAR and seconds >= CLEAR_S


def _both(one: float, other: float) -> float:
    """The probability that two that judge on the same sound give together: the mean logit's."""
    logits = [np.log(np.clip(p, 1e-4, 1 - 1e-4) / np.clip(1 - p, 1e-4, 1)) for p in (one, other)]
    return float(1 / (1 + np.exp(-np.mean(logits))))


def find(measured: list[MeasuredHit], apart: float = grouping.APART) -> list[FoundDrum]:
    """Group the hits of a take by drum.

    Args:
        measured: the hits.
        apart: distance of two groups above which they are two drums.

    Returns:
        What was found, that with the most hits first.
    """
    clear = np.array([hit.is_clear for hit in measured])
    labels = grouping.group(distances(measured), clear, apart)
    return of_labels(measured, labels)


def of_labels(measured: list[MeasuredHit], labels: np.ndarray) -> list[FoundDrum]:
    """The drums of hits whose groups are known, that with the most hits first.

    Args:
        measured: the hits.
        labels: the group of each, (hits,); those below 0 are left out.
    """
    groups = (np.flatnonzero(labels == label) for label in np.unique(labels[labels >= 0]))
    return sorted((of_hits(measured, own) for own in groups), key=lambda d: -len(d.hits))


def signatures(measured: Sequence[MeasuredHit]) -> np.ndarray:
    """The signatures of hits, (hits, numbers)."""
    return np.array([hit.signature for hit in measured])


def distances(measured: Sequence[MeasuredHit]) -> np.ndarray:
    """How far hits of a take are from being on one drum, (hits, hits), as pairs.distances."""
    levels = np.array([signature.log_levels(hit.cells) for hit in measured])
    observed = np.array([hit.cells.observed for hit in measured])
    clear = np.array([hit.is_clear for hit in measured])
    return pairs.distances(levels, observed, signatures(measured), clear)


def of_hits(measured: Sequence[MeasuredHit], own: Iterable[int]) -> FoundDrum:
    """What some hits are together; own: their indices, at least one."""
    hits = [measured[i] for i in own]
    weight = np.array([hit.clearness for hit in hits])
    logits = np.log([hit.drum / (1 - hit.drum) for hit in hits])
    spectrum = kinds.Spectrum.of([hit.cells for hit in hits])
    is_often = OFTEN[0] <= len(hits) / len(measured) <= OFTEN[1]
    from_hz = OFTEN_BRIGHT_HZ if is_often else BRIGHT_HZ
    bright = BRIGHT * max(0.0, float(np.log2(spectrum.centre_hz / from_hz)))
    drum = float(1 / (1 + np.exp(bright - np.average(logits, weights=weight))))
    z = signatures(hits)
    middle = np.average(z, axis=0, weights=weight)
    typical = tuple(np.linalg.norm(z - middle, axis=1).tolist())
    return FoundDrum(tuple(map(int, own)), drum >= LEAST_DRUM, drum, spectrum, typical)


def struck(take: Take, measured: list[MeasuredHit], drum: FoundDrum) -> list[Struck]:
    """The hits of a drum as fitting takes them, in the drum's order."""
    return [
        Struck(take.clip(take.hits[i]), measured[i].level, measured[i].clearness, typical)
        for i, typical in zip(drum.hits, drum.typical)
    ]


def velocities(measured: list[MeasuredHit], drum: FoundDrum) -> list[int]:
    """MIDI velocity of each hit of a drum, 1 to 127; its loudest hit has 127."""
    level = np.array([measured[i].level for i in drum.hits])
    share = level / max(float(level.max()), 1e-12)
    return [int(v) for v in np.clip(np.round(127 * share), 1, 127)]
