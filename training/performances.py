"""Performances composed of recorded single hits, so that the truth is known to the sample.

They score detectors. What detectors are trained on is composed otherwise: training/takes.py.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
import soxr

from matcher.recording import Recording as File
from training import hits

RATE = 48000
BEFORE = 48  # samples of a recording kept before its onset
FADE = 2400  # samples, at the end of a recording
OTHER_S = 1.0  # of a sound that is no drum
NEAR_S = 0.010  # a hit found that near to a true one is that one
APART_OTHERS = (  # sounds of shared kinds that are no drums and kept apart, by the name of the drum
    "bellyside", "cheek", "fingerclap", "heel", "pinkysnap", "stomp", "gogodze_hf", "gogodze_ho",
    "gogodze_ht",
)  # fmt: skip
CHOICE = (  # drums and others of the part "development" on which training is stopped
    "gogodze_tm", "gogodze_ss", "franken_10_basic", "franken_10_brush", "franken_20_basic",
    "franken_20_brush", "franken_20_prep", "head", "snap", "gogodze_hh",
)  # fmt: skip
PARTS = ("learned", "choice", "apart", "all")


@dataclass(frozen=True)
class Recording:
    """One hit, peak 1, from BEFORE samples ahead of its onset."""

    x: np.ndarray
    onset: int
    instrument: str
    drum: bool
    shell: str = ""  # the drum itself
    series: tuple = ()  # strokes that may follow each other in a roll


@dataclass(frozen=True)
class Scene:
    """How a performance is composed; times in s, levels in dBFS, noise RMS."""

    gap: tuple[float, float] = (0.3, 0.8)
    peak: tuple[float, float] = (-12.0, -1.0)
    noise: float = -60.0
    instruments: tuple[str, ...] = ()  # every one
    roll: int = 1  # strokes on one drum before the next
    others: float = 0.0  # share of hits that a sound follows which is no drum
    room_s: float = 0.0  # reverberation time; 0: none
    hum: bool = False  # brown noise and mains hum instead of white noise


TOMS = ("tom", "marching_bass", "marching_tenor")
SCENES = {
    "quiet room": Scene(peak=(-36, -20), noise=-70, room_s=0.3),
    "loud": Scene(),
    "noise -50 dB": Scene(peak=(-24, -1), noise=-50),
    "noise -40 dB": Scene(peak=(-18, -1), noise=-40),
    "noise -30 dB": Scene(peak=(-9, -1), noise=-30),
    "noisy room": Scene(peak=(-18, -1), noise=-40, room_s=0.6, hum=True),
    "overlapping toms": Scene(gap=(0.12, 0.25), instruments=TOMS),
    "rolls, 60 to 80 ms": Scene(gap=(0.06, 0.08), peak=(-8, -1), roll=16),
    "rolls, 40 to 60 ms": Scene(gap=(0.04, 0.06), peak=(-8, -1), roll=16),
    "a drum each 70 ms": Scene(gap=(0.06, 0.08), peak=(-8, -1)),
    "hand drums": Scene(gap=(0.1, 0.4), instruments=("tabla",), others=0.1, room_s=0.3),
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
    delays_ms: np.ndarray  # from the onset to the decision

    @property
    def f_measure(self) -> float:
        """Harmonic mean of precision and recall, triggers by other sounds left out."""
        found = self.hits - self.misses
        return 2 * found / max(1, self.hits + found + self.doubles)


def part_of(row: dict, folder: Path) -> str:
    """The part of PARTS that a row of hits.csv belongs to; "all" where there are no kits."""
    drum = row.get("drum", "")
    if not drum:
        return "all"
    kind = drum if drum.startswith(("gogodze", "franken")) else drum.split("_")[0]
    if row["is_drum"] == "1":
        hit = hits.Hit(folder / row["file"], kit=row["kit"], drum=drum)
        part = hits.part_of(hit)
    else:
        part = "apart" if kind in APART_OTHERS else "development"
    if part == "development":
        return "choice" if kind in CHOICE else "learned"
    return part


def load(folder: Path, part: str = "all") -> list[Recording]:
    """The recordings of a folder with a hits.csv that belong to a part of PARTS."""
    recordings = []
    with open(folder / "hits.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if part in ("all", part_of(row, folder))]
    for row in rows:
        with File(folder / row["file"]) as file:
            x = soxr.resample(np.concatenate(list(file.blocks())), file.sample_rate, RATE)
        onset = round(float(row["onset_s"]) * RATE)
        start = max(0, onset - BEFORE)
        x = x[start:] / np.abs(x).max()
        x[-FADE:] *= np.linspace(1, 0, min(FADE, len(x)))  # some are cut off, with a click
        names = tuple(row.get(name, "") for name in ("drum", "stroke", "mic"))
        series = names if any(names) else (row["file"],)
        recordings.append(
            Recording(x, onset - start, row["instrument"], row["is_drum"] == "1",
                      hits.SHELLS.get(names[0], names[0]) or row["file"], series)
        )  # fmt: skip
    return recordings


def compose(recordings: list[Recording], scene: Scene, n_hits: int, seed: int):
    """The sound (samples,), onsets of its hits, and (start, end) of sounds that are no drums."""
    rng = np.random.default_rng(seed)
    wanted = scene.instruments
    drums = [r for r in recordings if r.drum and r.instrument in (wanted or (r.instrument,))]
    others = [r for r in recordings if not r.drum]
    series = defaultdict(list)
    for r in drums:
        series[r.series].append(r)
    parts, onsets, between, now = [], [], [], RATE // 4
    for i in range(n_hits):
        if i % scene.roll == 0:
            drum = drums[rng.integers(len(drums))]
        elif len(series[drum.series]) > 1:
            drum = series[drum.series][rng.integers(len(series[drum.series]))]
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
    if scene.room_s:
        x = in_room(x, scene.room_s, rng)
    x += 10 ** (scene.noise / 20) * noise(len(x), scene.hum, rng)
    return x.astype(np.float32), np.array(onsets), between


def in_room(x: np.ndarray, seconds: float, rng, direct_db: float = 6.0) -> np.ndarray:
    """x in a room of this reverberation time: the direct sound, and exponentially decaying noise
    whose energy is direct_db below it."""
    t = np.arange(round(seconds * RATE)) / RATE
    tail = rng.standard_normal(len(t)) * np.exp(-np.log(1000) * t / seconds)
    tail[: round(0.002 * RATE)] = 0
    tail *= 10 ** (-direct_db / 20) / np.linalg.norm(tail)
    tail[0] = 1
    return scipy.signal.oaconvolve(x, tail)[: len(x)].astype(np.float32)


def noise(n: int, hum: bool, rng) -> np.ndarray:
    """Noise of RMS 1: white, or brown with mains hum."""
    x = rng.standard_normal(n).astype(np.float32)
    if hum:
        x = scipy.signal.lfilter([1], [1, -0.995], x) / 10 + 0.1 * x
        t = np.arange(n) / RATE
        x = x + sum(np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3, 5))
    return x / np.sqrt(np.mean(x**2))


def score(found, onsets: np.ndarray, between, delays=()) -> Score:
    """Match what was found one to one with the truth, the nearest first.

    Args:
        found: onsets of hits, in samples.
        onsets: the true ones.
        between: (start, end) of sounds that are no drums, in samples.
        delays: (found,), when each was decided, in samples; none where that is not known.
    """
    found = np.asarray(found)
    apart = np.abs(found[:, None] - onsets) if len(found) else np.zeros((0, len(onsets)))
    errors, decided, free, met = [], [], set(range(len(found))), set()
    near = np.argwhere(apart <= NEAR_S * RATE)
    for h, t in near[np.argsort(apart[tuple(near.T)], kind="stable")]:
        if h in free and t not in met:
            free.remove(h)
            met.add(t)
            errors.append((found[h] - onsets[t]) / RATE * 1e3)
            if len(delays):
                decided.append((delays[h] - onsets[t]) / RATE * 1e3)
    elsewhere = {h for h in free if any(a <= found[h] < b for a, b in between)}
    return Score(
        len(onsets), len(onsets) - len(met), len(free - elsewhere), len(elsewhere),
        np.array(errors), np.array(decided),
    )  # fmt: skip
