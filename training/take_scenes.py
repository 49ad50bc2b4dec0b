"""Takes of a whole kit, composed of recorded single hits so that the truth is known.

Grouping is learned from takes of the part "development" (training/take_grouping.py), and a kit from
a take is measured on takes of other drums (training/take_kits.py).
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from matcher.recording import Recording
from training import hits, performances
from training.performances import BEFORE, FADE, RATE, in_room

GAP_S = (0.13, 0.55)  # s between strokes: sixteenths to quarters
HAT_S = (0.16, 0.35)  # s between strokes of a hat
GAIN_DB = 3.0  # dB up or down, which a stroke is turned beside its recording's own level
TOP_DB = (-10.0, -2.0)  # dBFS: loudest stroke of each drum
BEGIN_S = 0.4  # s before the first stroke
LONGEST_S = 1.5  # s of a recording
LAYERS_DB = 12.0  # dB between two recordings of a drum whose own levels are not known


@dataclass(frozen=True)
class Sound:
    """A recorded stroke, from BEFORE samples ahead of its onset, at RATE."""

    x: np.ndarray
    onset: int
    drum: str  # its name in a take: shell, kind of stroke and microphone
    shell: str  # the drum itself
    is_drum: bool
    instrument: str = ""


@dataclass(frozen=True)
class Scene:
    """How a take is composed."""

    seconds: float = 60.0
    noise_db: float = -65.0  # dBFS, RMS
    room_s: float = 0.0  # reverberation time; 0: none
    hat_db: float | None = -20.0  # level of a hat below the loudest drum; None: no hat
    hum: bool = False


@dataclass(frozen=True)
class Event:
    """A stroke of a composed take."""

    at: int  # sample of its onset
    drum: str
    is_drum: bool
    peak: float  # of the stroke alone, before room and noise


def load(folder: Path, parts: tuple[str, ...]) -> dict[str, list[Sound]]:
    """The recordings of parts of a folder with a hits.csv, in their own levels, by drum.

    Args:
        folder: of recordings.
        parts: of training.performances.PARTS.
    """
    with open(folder / "hits.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    sounds = defaultdict(list)
    for row in rows:
        if "all" not in parts and performances.part_of(row, folder) not in parts:
            continue
        sound = _sound(folder, row)
        sounds[sound.drum].append(sound)
    return dict(sounds)


def _sound(folder: Path, row: dict) -> Sound:
    with Recording(folder / row["file"]) as file:
        x = soxr.resample(np.concatenate(list(file.blocks())), file.sample_rate, RATE)
    onset = round(float(row["onset_s"]) * RATE)
    start = max(0, onset - BEFORE)
    x = x[start : onset + round(LONGEST_S * RATE)].copy()
    x[-FADE:] *= np.linspace(1, 0, min(FADE, len(x)))
    if row.get("drum"):
        name = "/".join((row["drum"], row["stroke"], row["mic"]))
        shell = hits.SHELLS.get(row["drum"], row["drum"])
    else:  # v1of2 and v2of2 of one drum
        name = shell = row["file"].rsplit(".", 1)[0].rsplit("_v", 1)[0]
        x *= _layer_gain(row) / max(1e-9, np.abs(x).max())
    return Sound(x, onset - start, name, shell, row["is_drum"] == "1", row["instrument"])


def _layer_gain(row: dict) -> float:
    """Level of a layer, the last of which is the loudest, where all files have the same level."""
    if "/" not in row.get("velocity_layer", ""):
        return 1.0
    layer, layers = map(int, row["velocity_layer"].split("/"))
    return 10 ** (-LAYERS_DB * (layers - layer) / 20)


def compose(
    kit: dict[str, list[Sound]], hats: list[Sound], scene: Scene, seed: int
) -> tuple[np.ndarray, list[Event]]:
    """A seeded take.

    Args:
        kit: the strokes of each drum, in levels of their own.
        hats: sounds that play along and are no drums.
        scene: what else there is.
        seed: of all that is drawn.

    Returns:
        The take (samples,) float32 at RATE, and its strokes in order of time.
    """
    rng = np.random.default_rng(seed)
    x = np.zeros(round((scene.seconds + LONGEST_S) * RATE), np.float32)
    events = [*_drums(x, kit, scene, rng)]
    if hats and scene.hat_db is not None:
        events += add_hats(x, hats, scene, rng)
    if scene.room_s:
        x = in_room(x, scene.room_s, rng)
    x /= max(1.0, np.abs(x).max() / 0.98)
    x += 10 ** (scene.noise_db / 20) * performances.noise(len(x), scene.hum, rng)
    return x.astype(np.float32), sorted(events, key=lambda event: event.at)


def _drums(x, kit, scene: Scene, rng):
    names = sorted(kit)
    top = {name: peak_of(kit[name]) for name in names}
    gain = {name: 10 ** (rng.uniform(*TOP_DB) / 20) / top[name] for name in names}
    weight = rng.dirichlet(np.full(len(names), 4.0))  # some drums are played more often
    now = round(BEGIN_S * RATE)
    while now < scene.seconds * RATE:
        name = names[rng.choice(len(names), p=weight)]
        sound = kit[name][rng.integers(len(kit[name]))]
        turned = gain[name] * 10 ** (rng.uniform(-GAIN_DB, 0) / 20)
        yield add(x, sound, now, turned)
        now += round(float(np.exp(rng.uniform(*np.log(GAP_S)))) * RATE)


def add_hats(x: np.ndarray, hats: list[Sound], scene: Scene, rng):
    """Add a hat that plays along to x (samples,) -> its events; arguments as compose."""
    gain = 10 ** (scene.hat_db / 20) / peak_of(hats)
    now, step = round(BEGIN_S * RATE), rng.uniform(*HAT_S)
    while now < scene.seconds * RATE:
        sound = hats[rng.integers(len(hats))]
        yield add(x, sound, now, gain)
        now += round(step * rng.uniform(0.93, 1.07) * RATE)


def add(x: np.ndarray, sound: Sound, at: int, gain: float) -> Event:
    """Add a stroke to x (samples,), struck at a sample."""
    start = at - sound.onset
    end = min(len(x), start + len(sound.x))
    x[start:end] += gain * sound.x[: end - start]
    return Event(at, sound.drum, sound.is_drum, float(gain * np.abs(sound.x).max()))


def peak_of(sounds: list[Sound]) -> float:
    """Largest magnitude of some strokes."""
    return max(float(np.abs(sound.x).max()) for sound in sounds)
