"""The takes that grouping is learned on: which drums, in which room (training/take_grouping.py).

A take has drums as they are recorded, or each transposed, damped and filtered in its own way, or
lines of drums that differ in little but their pitch; some are of the physical model. Every stroke
is a little unlike the others of its drum.
"""

from dataclasses import replace

import numpy as np
import scipy.signal

from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.theta import TURN, Theta
from training import stroke_sounds, takes
from training.dataset import draw_attacks
from training.performances import BEFORE, RATE
from training.stroke_sounds import log_uniform
from training.take_scenes import Scene, Sound, compose

SECONDS = 16.0  # s of a take
PLAIN = 0.25  # share of takes of drums as they are recorded
LINES = 0.5  # share of the other takes in which a line of drums plays
STEPS = (2, 6)  # of a line: from two to five, so that it has three to six drums
STEP_SEMITONES = (1.0, 6.0)  # between its drums, log-uniform
OWN = 0.5  # share of the lines in which each drum has a filter and damping of its own
DRUMS = (2, 9)  # in a take
BESIDE = (0, 4)  # drums beside a line
SYNTHETIC = 0.35  # share of drums that no recording is of
MODELLED = 0.65  # share of these that are of the physical model with its law of force
OTHERS = (0, 3)  # sounds in a take that are no drums, beside its hat
OCTAVES = 0.6  # up or down: transposition of a drum
STROKES = 8  # of a drum in a take, at most
CENTS = 6.0  # cents, standard deviation: between strokes on one drum
TILT_DB = 2.0  # dB, standard deviation: of the lows of a stroke
SOFTEST_DB = 18.0  # dB: of a stroke on a synthetic drum below the loudest


def draw(pool: dict[str, list[Sound]], rng, lines: float = LINES, plain: float = PLAIN):
    """A take of these sounds: samples (n,) at RATE, and its strokes.

    Args:
        pool: recordings by drum, as take_scenes.load.
        rng: what is drawn from.
        lines: share of the takes of varied drums that have a line of drums.
        plain: share of the takes of drums as they are recorded.
    """
    if rng.random() < plain:
        kit = plain_kit(pool, rng)
    else:
        kit = draw_kit(pool, rng, rng.random() < lines)
    names = sorted(n for n, s in pool.items() if s[0].instrument == "hihat")
    hats = pool[names[rng.integers(len(names))]] if names else []
    x, events = compose(kit, hats, draw_scene(rng), int(rng.integers(2**31)))
    if rng.random() < 0.8:
        x = takes.captured(x, rng)
    return (x / max(1.0, np.abs(x).max())).astype(np.float32), events


def draw_kit(pool: dict[str, list[Sound]], rng, line: bool) -> dict[str, list[Sound]]:
    """Drums of a take, and other sounds that are told from them, each in a form of its own.

    Args:
        pool: recordings by drum.
        rng: what is drawn from.
        line: whether there is a line of drums.
    """
    names = sorted(pool)
    drums = [name for name in names if pool[name][0].is_drum and len(pool[name]) > 1]
    others = [name for name in names if not pool[name][0].is_drum]
    kit, shells = {}, set()
    wanted = rng.integers(*BESIDE) if line else rng.integers(*DRUMS)
    if line:
        base = pool[drums[rng.integers(len(drums))]]
        if rng.random() < SYNTHETIC:
            base = _synthetic(rng)
        kit = draw_line(base, rng)
    for name in rng.permutation(drums):
        if len(shells) >= wanted:
            break
        shell = (pool[name][0].shell, kind(name))
        if shell in shells:
            continue
        shells.add(shell)
        strokes = _synthetic(rng) if rng.random() < SYNTHETIC else pool[name]
        octaves = OCTAVES * rng.uniform(-1, 1) * (rng.random() < 0.7)
        kit[name] = varied(strokes, octaves, rng)
    for name in rng.permutation(others)[: rng.integers(*OTHERS)]:
        octaves = OCTAVES * rng.uniform(-1, 1) * (rng.random() < 0.5)
        kit[name] = varied(pool[name], octaves, rng)
    return {name: [replace(s, drum=name) for s in strokes] for name, strokes in kit.items()}


def draw_line(base: list[Sound], rng) -> dict[str, list[Sound]]:
    """Drums that are one drum at several pitches, as a drum line or the toms of a kit are."""
    low, high = np.sort(np.exp(rng.uniform(*np.log(STEP_SEMITONES), 2)))
    steps = rng.uniform(low, high, rng.integers(*STEPS)) / 12
    octaves = np.concatenate([[0], np.cumsum(steps)])
    octaves += rng.uniform(-OCTAVES, OCTAVES) - octaves.mean()
    own = rng.random() < OWN
    base = varied(base, 0.0, rng, most=len(base))
    return {f"line {i}": varied(base, at, rng, own) for i, at in enumerate(octaves)}


def _synthetic(rng) -> list[Sound]:
    """Strokes on a drum that no recording is of."""
    if rng.random() < MODELLED:
        return [Sound(x, BEFORE, "", "", True) for x in modelled(rng, STROKES)]
    gains = [10 ** (-db / 20) for db in rng.uniform(0, SOFTEST_DB, STROKES)]
    return [
        Sound((gain * x).astype(np.float32), BEFORE, "", "", True)
        for gain, x in zip(gains, stroke_sounds.struck_drums(rng, len(gains)))
    ]


def modelled(
    rng, n: int, hz: float | None = None, decay_s: float | None = None
) -> list[np.ndarray]:
    """Strokes on a drum of the physical model, (samples,) each, struck at sample BEFORE.

    Place and mallet vary a little; force does what the model says: high modes, and the glide.

    Args:
        rng: what is drawn from.
        n: strokes.
        hz: pitch of the drum, Hz; None: drawn.
        decay_s: of its fundamental, s; None: drawn.
    """
    drawn = log_uniform(rng, 45, 500), log_uniform(rng, 0.03, 0.7)
    theta = Theta(
        TURN * (hz or drawn[0]), decay_s or drawn[1], log_uniform(rng, 1e-4, 0.1),
        log_uniform(rng, 1e-5, 0.05), rng.uniform(0.4, 1.0),
    )  # fmt: skip
    powers = attack.widened(draw_attacks(rng))
    tension = log_uniform(rng, 0.005, 0.5) if rng.random() < 0.6 else 0.0
    place, mallet = rng.uniform(0.12, 0.5, 2), log_uniform(rng, 500, 15000)
    samples = round(float(np.clip(6 * theta.tau, 0.25, stroke_sounds.LONGEST_S)) * RATE)
    noise = attack.render(powers, RATE, samples)
    envelope_of = np.random.default_rng(rng.integers(2**32))
    peak, strokes = 0.0, []
    for _ in range(n):
        force = 10 ** (-rng.uniform(0, SOFTEST_DB) / 20)
        at = tuple(np.clip(place + 0.02 * rng.standard_normal(2), 0.05, 0.5))
        struck = Drum(theta, at, float(np.clip(mallet * 2 ** rng.normal(0, 0.2), 300, 18000)),
                      tension)  # fmt: skip
        body = drum.render_body(struck, RATE, samples, force)
        peak = peak or float(np.abs(drum.render_body(struck, RATE, samples)).max()) or 1.0
        # the noise of each stroke is another one: its sign turns at random every millisecond
        turned = np.repeat(envelope_of.choice([-1.0, 1.0], samples // 48 + 1), 48)[:samples]
        x = np.concatenate([np.zeros(BEFORE), force * (body / peak + noise * turned)])
        x[-960:] *= np.linspace(1, 0, 960)
        strokes.append(x.astype(np.float32))
    return strokes


def varied(
    strokes: list[Sound], octaves: float, rng, shape: bool = True, most: int = STROKES
) -> list[Sound]:
    """Strokes of one drum, all transposed, damped and filtered alike, and each a little by itself.

    Args:
        strokes: on one drum.
        octaves: by which it is transposed.
        rng: what is drawn from.
        shape: whether it is damped and filtered.
        most: strokes that are drawn of them.
    """
    decay = log_uniform(rng, 0.05, 0.6) * RATE if shape and rng.random() < 0.3 else 0.0
    peaks = [
        (scipy.signal.iirpeak(log_uniform(rng, 60, 9000), rng.uniform(0.5, 2), fs=RATE),
         10 ** (rng.uniform(-8, 8) / 20) - 1)
        for _ in range(rng.integers(0, 3) if shape else 0)
    ]  # fmt: skip
    result = []
    for i in rng.permutation(len(strokes))[:most]:
        sound = strokes[i]
        x, onset = sound.x, sound.onset
        factor = 2 ** (octaves + rng.normal(0, CENTS) / 1200)
        at = np.arange(int((len(x) - 1) / factor)) * factor
        x = np.interp(at, np.arange(len(x)), x).astype(np.float32)
        onset = round(onset / factor)
        if decay:
            x[onset:] *= np.exp(-np.arange(len(x) - onset, dtype=np.float32) / decay)
        lows = scipy.signal.butter(1, log_uniform(rng, 150, 3000), fs=RATE)
        for (b, a), gain in [*peaks, (lows, 10 ** (rng.normal(0, TILT_DB) / 20) - 1)]:
            x = (x + gain * scipy.signal.lfilter(b, a, x)).astype(np.float32)
        result.append(replace(sound, x=x, onset=onset))
    return result


def plain_kit(pool, rng, drums: tuple[int, int] = (3, 8)) -> dict[str, list[Sound]]:
    """Drums as they are recorded, of different shells or kinds of stroke, in one microphone."""
    mics = sorted({name.split("/")[-1] for name, s in pool.items() if s[0].is_drum})
    mic = mics[rng.integers(len(mics))]
    kit, shells, wanted = {}, set(), rng.integers(*drums)
    for name in rng.permutation(sorted(pool)):
        sound = pool[name][0]
        place = (sound.shell, kind(name))
        fits = sound.is_drum and len(pool[name]) > 1 and name.split("/")[-1] == mic
        if fits and place not in shells and len(kit) < wanted:
            shells.add(place)
            kit[name] = pool[name]
    return kit


def kind(name: str) -> str:
    """Side sticks are told from strokes on the head, centre and edge are not."""
    stroke = (name.split("/") + [""])[1]
    return "side stick" if stroke == "ss" else "head"


def draw_scene(rng) -> Scene:
    """Noise and hats of a take, and in half of the takes the room that performances are in."""
    return Scene(
        seconds=SECONDS,
        noise_db=rng.uniform(-75, -42),
        room_s=log_uniform(rng, 0.1, 1.0) if rng.random() < 0.4 else 0.0,
        hat_db=rng.uniform(-34, -8) if rng.random() < 0.6 else None,
        hum=rng.random() < 0.3,
    )
