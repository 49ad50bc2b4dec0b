"""Performances composed of recorded single hits, so that the truth is known to the sample."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from matcher.live.detector import Found, Settings, detect, make_detector

RATE = 48000
BEFORE = 48  # samples of a recording kept before its onset
FADE = 2400  # samples, at the end of a recording
OTHER_S = 1.0  # of a sound that is no drum
NEAR_S = 0.010  # a hit found that near to a true one is that one


@dataclass(frozen=True)
class Recording:
    """One hit, peak 1, from BEFORE samples ahead of its onset."""

    x: np.ndarray
    onset: int
    instrument: str
    drum: bool


@dataclass(frozen=True)
class Scene:
    """How a performance is composed; times in s, levels in dBFS, noise RMS."""

    gap: tuple[float, float] = (0.3, 0.8)
    peak: tuple[float, float] = (-12.0, -1.0)
    noise: float = -60.0
    instruments: tuple[str, ...] = ()  # every one
    roll: int = 1  # strokes on one drum before the next
    others: float = 0.0  # share of hits that a sound follows which is no drum


SCENES = {
    "quiet": Scene(peak=(-36, -20), noise=-70),
    "loud": Scene(),
    "noise -50 dB": Scene(peak=(-24, -1), noise=-50),
    "noise -40 dB": Scene(peak=(-18, -1), noise=-40),
    "noise -30 dB": Scene(peak=(-9, -1), noise=-30),
    "ringing toms": Scene(gap=(0.12, 0.25), instruments=("tom", "marching_bass", "marching_tenor")),
    "rolls": Scene(gap=(0.06, 0.08), peak=(-8, -1), roll=16),
    "a drum each 70 ms": Scene(gap=(0.06, 0.08), peak=(-8, -1)),
    "other sounds between": Scene(others=0.4),
}


@dataclass(frozen=True)
class Score:
    """What was found of a performance."""

    hits: int
    misses: int
    doubles: int  # found though nothing, or something already found, was struck
    others: int  # triggers by sounds that are no drums
    errors_ms: np.ndarray  # of the onsets that were found

    @property
    def f_measure(self) -> float:
        found = self.hits - self.misses
        return 2 * found / (self.hits + found + self.doubles)


def load(folder: Path) -> list[Recording]:
    """The recordings of a folder with a hits.csv."""
    recordings = []
    with open(folder / "hits.csv", newline="") as file:
        for row in csv.DictReader(file):
            x, rate = soundfile.read(folder / row["file"], dtype="float32", always_2d=True)
            x = soxr.resample(x.mean(axis=1), rate, RATE)
            onset = round(float(row["onset_s"]) * RATE)
            start = max(0, onset - BEFORE)
            x = x[start:] / np.abs(x).max()
            x[-FADE:] *= np.linspace(1, 0, min(FADE, len(x)))  # some are cut off, with a click
            recordings.append(Recording(x, onset - start, row["instrument"], row["is_drum"] == "1"))
    return recordings


def compose(recordings: list[Recording], scene: Scene, hits: int, seed: int):
    """The sound (samples,), onsets of its hits, and (start, end) of sounds that are no drums."""
    rng = np.random.default_rng(seed)
    drums = [
        r for r in recordings if r.drum and r.instrument in (scene.instruments or (r.instrument,))
    ]
    others = [r for r in recordings if not r.drum]
    parts, onsets, between, now = [], [], [], RATE // 4
    for i in range(hits):
        if i % scene.roll == 0:
            drum = drums[rng.integers(len(drums))]
        parts.append((now, 10 ** (rng.uniform(*scene.peak) / 20) * drum.x))
        onsets.append(now + drum.onset)
        now += round(rng.uniform(*scene.gap) * RATE)
        if others and rng.random() < scene.others:
            other = others[rng.integers(len(others))].x[: round(OTHER_S * RATE)]
            parts.append((now, 10 ** (rng.uniform(*scene.peak) / 20) * other))
            between.append((now, now + len(other)))
            now += len(other) + RATE // 5
    x = np.zeros(now + RATE, np.float32)
    for start, part in parts:
        x[start : start + len(part)] += part[: len(x) - start]
    x += 10 ** (scene.noise / 20) * rng.standard_normal(len(x)).astype(np.float32)
    return x, np.array(onsets), between


def score(found: list[Found], onsets: np.ndarray, between: list[tuple[int, int]]) -> Score:
    """Match what was found one to one with the truth, the nearest first."""
    hits = np.array([hit.onset for hit in found if not hit.reason])
    apart = np.abs(hits[:, None] - onsets) if len(hits) else np.zeros((0, len(onsets)))
    errors, free = [], set(range(len(hits)))
    met = set()
    for flat in np.argsort(apart, axis=None):
        h, t = np.unravel_index(flat, apart.shape)
        if apart[h, t] > NEAR_S * RATE:
            break
        if h in free and t not in met:
            free.remove(h)
            met.add(t)
            errors.append((hits[h] - onsets[t]) / RATE * 1e3)
    elsewhere = {h for h in free if any(a <= hits[h] < b for a, b in between)}
    return Score(
        len(onsets), len(onsets) - len(met), len(free - elsewhere), len(elsewhere),
        np.array(errors),
    )  # fmt: skip


def hear(x: np.ndarray, scene: Scene) -> list[Found]:
    """What the detector hears, its threshold above the noise as set-up by listening puts it."""
    settings = Settings(threshold_db=max(-42.0, scene.noise + 14.0))
    return detect(make_detector(settings, RATE)[0], x)
