"""Takes that are hard to make a kit of, composed so that the truth is known.

Drums ring long, rooms are loud, hats are bright or dark and as loud as drums, strokes come as
flams, rolls and ghost notes, a telephone's gain control and clipping are in between, takes are
short, a tom lies near the snare. They teach what is a hit (training/take_hits.py), and limits of
matcher/takes/ are chosen on them.
"""

from dataclasses import replace

import numpy as np
import scipy.signal

from training import performances, stroke_sounds, take_scenes
from training.performances import BEFORE, RATE, in_room
from training.stroke_sounds import log_uniform
from training.take_draws import modelled, varied
from training.take_scenes import BEGIN_S, GAIN_DB, GAP_S, LONGEST_S, TOP_DB, Event, Scene, Sound

KINDS = ("rings", "room", "hats", "fast", "telephone", "short", "near")
SECONDS = {"short": 12.0}  # s of a take ...
MOST_SECONDS = 30.0  # s: ... of the other kinds
HATS = {"hats": 1.0, "room": 0.7, "rings": 0.4}  # share of the takes with a hat ...
SOME_HATS = 0.5  # ... of the other kinds
LAYERED = 0.6  # share of the kits that have two strokes of each drum, LAYERS_DB apart
STROKES = 8  # on a drum of the physical model


def compose(pool: dict[str, list[Sound]], kind: str, seed: int) -> tuple[np.ndarray, list[Event]]:
    """A seeded take.

    Args:
        pool: recordings by drum, as take_scenes.load.
        kind: one of KINDS.
        seed: of all that is drawn.

    Returns:
        The take (samples,) float32 at RATE, and its strokes in order of time.
    """
    rng = np.random.default_rng((seed, KINDS.index(kind), 77))
    seconds = SECONDS.get(kind, MOST_SECONDS)
    kit = draw_kit(pool, rng, kind)
    x = np.zeros(round((seconds + LONGEST_S) * RATE), np.float32)
    events = list(_played(x, kit, seconds, kind, rng))
    if rng.random() < HATS.get(kind, SOME_HATS):
        db = rng.uniform(-22, -6) if kind == "hats" else rng.uniform(-28, -16)
        scene = Scene(seconds=seconds, hat_db=db)
        events += take_scenes.add_hats(x, draw_hats(pool, rng), scene, rng)
    if kind == "room" or rng.random() < 0.25:
        x = in_room(x, log_uniform(rng, 0.3, 1.2), rng, rng.uniform(0, 9))
    x = x / np.abs(x).max() * rng.uniform(0.3, 0.98)
    noise = performances.noise(len(x), rng.random() < 0.3, rng)
    x = x + 10 ** (rng.uniform(-75, -45) / 20) * noise
    if kind == "telephone":
        x = by_telephone(x, rng)
    x = x / max(1.0, np.abs(x).max())
    return x.astype(np.float32), sorted(events, key=lambda event: event.at)


def draw_kit(pool: dict[str, list[Sound]], rng, kind: str) -> dict[str, list[Sound]]:
    """Kick, snare, two to four toms and sometimes a side stick, none as it was recorded."""
    mic = rng.choice(["close", "front", "window"])

    def any_of(instrument: str) -> list[Sound]:
        names = [n for n in sorted(pool) if pool[n][0].instrument == instrument
                 and len(pool[n]) > 3 and (instrument != "tom" or n.endswith(mic))]  # fmt: skip
        return pool[names[rng.integers(len(names))]]

    rings = kind == "rings"
    kit = {"snare": varied(any_of("snare"), rng.uniform(-0.3, 0.3), rng)}
    if rng.random() < 0.6:
        kit["kick"] = varied(any_of("kick"), rng.uniform(-0.5, 0.5), rng)
    else:
        decay_s = log_uniform(rng, 0.06, 0.3 if rings else 0.15)
        kit["kick"] = _modelled(rng, log_uniform(rng, 40, 80), decay_s)
    if rng.random() < 0.4:
        kit["stick"] = varied(any_of("sidestick"), rng.uniform(-0.4, 0.4), rng)
    kit |= _toms(any_of, rng, rings)
    if kind == "near":
        kit["high tom"] = varied(any_of("tom"), rng.uniform(0.2, 0.8), rng)
    if rng.random() < LAYERED:
        kit = {name: _two_layers(strokes, rng) for name, strokes in kit.items()}
    return {name: [replace(s, drum=name, is_drum=True) for s in strokes]
            for name, strokes in kit.items()}  # fmt: skip


def _toms(any_of, rng, rings: bool) -> dict[str, list[Sound]]:
    """Toms three to six semitones apart, of a recorded one or of the physical model."""
    steps = np.cumsum(rng.uniform(3, 6, rng.integers(2, 5))) / 12
    if rng.random() < 0.6:
        base = any_of("tom")
        octaves = steps - steps.mean() + rng.uniform(-0.4, 0.4)
        return {f"tom {i}": varied(base, at, rng, not rings) for i, at in enumerate(octaves)}
    hz, ranges = log_uniform(rng, 70, 130), (0.2, 0.45) if rings else (0.08, 0.2)
    decay_s = log_uniform(rng, *ranges)
    return {f"tom {i}": _modelled(rng, hz * 2**step, decay_s) for i, step in enumerate(steps)}


def _modelled(rng, hz: float, decay_s: float) -> list[Sound]:
    return [Sound(x, BEFORE, "", "", True) for x in modelled(rng, STROKES, hz, decay_s)]


def _two_layers(strokes: list[Sound], rng) -> list[Sound]:
    chosen = rng.permutation(len(strokes))[:2]
    gains = (10 ** (-take_scenes.LAYERS_DB / 20), 1.0)
    return [
        replace(strokes[i], x=np.float32(gain / np.abs(strokes[i].x).max()) * strokes[i].x)
        for i, gain in zip(chosen, gains)
    ]


def draw_hats(pool: dict[str, list[Sound]], rng) -> list[Sound]:
    """Strokes on a hat or a cymbal, recorded or synthetic, sometimes always the same."""
    if rng.random() < 0.55:
        names = sorted(n for n, sounds in pool.items() if sounds[0].instrument == "hihat")
        strokes = pool[names[rng.integers(len(names))]]
    else:
        seed = int(rng.integers(2**31))
        x = stroke_sounds.cymbal(np.random.default_rng(seed))
        strokes = [Sound(x * np.float32(10 ** (-db / 20)), BEFORE, "", "", False)
                   for db in (0, 2, 4)]  # fmt: skip
    strokes = varied(strokes, rng.uniform(-0.5, 0.5), rng)
    strokes = strokes[:1] if rng.random() < 0.4 else strokes
    return [replace(s, drum="hat", is_drum=False) for s in strokes]


def _played(x: np.ndarray, kit: dict[str, list[Sound]], seconds: float, kind: str, rng):
    """Add strokes to x -> their events."""
    names = sorted(kit)
    gain = {name: 10 ** (rng.uniform(*TOP_DB) / 20) / take_scenes.peak_of(kit[name])
            for name in names}  # fmt: skip
    for at_s, name, db in _score(names, seconds, kind, rng):
        sound = kit[name][rng.integers(len(kit[name]))]
        if at_s < seconds:
            yield take_scenes.add(x, sound, round(at_s * RATE), gain[name] * 10 ** (db / 20))


def _score(names: list[str], seconds: float, kind: str, rng):
    """(s, drum, dB) of strokes."""
    weight, now = rng.dirichlet(np.full(len(names), 4.0)), BEGIN_S
    gap = (rng.uniform(0.07, 0.12), rng.uniform(0.25, 0.5)) if kind == "fast" else GAP_S
    while now < seconds:
        name = names[rng.choice(len(names), p=weight)]
        for after_s, other, db in _before(name, names, rng) if kind == "fast" else ():
            yield now, other, db
            now += after_s
        yield now, name, rng.uniform(-GAIN_DB, 0)
        now += log_uniform(rng, *gap)


def _before(name: str, names: list[str], rng):
    """Strokes before one: (s to the next one, drum, dB) of a flam, a roll, a ghost note or another
    drum at nearly the same time."""
    drawn = rng.random()
    if drawn < 0.08:
        yield rng.uniform(0.025, 0.045), name, rng.uniform(-15, -3)
    elif drawn < 0.12:
        step = rng.uniform(0.045, 0.075)
        for _ in range(rng.integers(5, 13)):
            yield step * rng.uniform(0.9, 1.1), name, rng.uniform(-10, -4)
    elif drawn < 0.27:
        yield rng.uniform(0.08, 0.2), name, rng.uniform(-30, -14)
    elif drawn < 0.33:
        yield rng.uniform(0.012, 0.03), names[rng.integers(len(names))], rng.uniform(-6, 0)


def by_telephone(x: np.ndarray, rng) -> np.ndarray:
    """x without lows and highs, with automatic gain, clipped."""
    for order, hz, kind in ((2, log_uniform(rng, 80, 250), "high"),
                            (4, log_uniform(rng, 5000, 12000), "low")):  # fmt: skip
        x = scipy.signal.sosfilt(scipy.signal.butter(order, hz, kind, fs=RATE, output="sos"), x)
    x = x / np.abs(x).max()
    step = RATE // 1000
    level = np.abs(x[: len(x) // step * step]).reshape(-1, step).max(axis=1)
    slow, followed = np.exp(-1e-3 / rng.uniform(0.15, 0.8)), np.empty(len(level))
    state = 0.0
    for i, value in enumerate(level):
        state = max(value, state * slow + value * (1 - slow))
        followed[i] = state
    gain = np.maximum(followed, 0.02) ** -rng.uniform(0.3, 0.7)
    x = x * np.interp(np.arange(len(x)), np.arange(len(gain)) * step, gain)
    top = np.quantile(np.abs(x), 0.9995) * rng.uniform(0.4, 1.0)
    return np.clip(x, -top, top) / top * 0.99
