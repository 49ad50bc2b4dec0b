"""Synthetic sounds beside the recorded ones: drums of our own model, and sounds that are no drums.

The recordings hold few kinds of either; these stand for hand drums, voices, claps, cymbals
and bells that no recording for training has. Each is (samples,) at RATE with peak 1, struck at
sample BEFORE if at all.
"""

import numpy as np
import scipy.signal

from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from matcher.physics.theta import PRESETS, Theta
from training.dataset import draw_attacks
from training.performances import BEFORE, RATE

LONGEST_S = 1.0  # s
HAND_DRUM = {  # ranges for a share of the drums: the theta of tablas, congas, rims and shells
    "omega": (2 * np.pi * 70, 2 * np.pi * 1200), "tau": (0.02, 1.2), "p": (1e-4, 0.2),
    "D": (1e-5, 0.1), "alpha": (0.3, 1.0),
}  # fmt: skip


def log_uniform(rng, low: float, high: float) -> float:
    """A number between low and high, log-uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def struck_drums(rng, n: int = 4) -> list[np.ndarray]:
    """Strokes on one drum: one of the physical model, a tabla or a rim."""
    kind = rng.random()
    return tabla(rng, n) if kind < 0.3 else rim(rng, n) if kind < 0.45 else membrane(rng, n)


def membrane(rng, n: int) -> list[np.ndarray]:
    """Strokes on a drum of the physical model, at several places and forces."""
    if rng.random() < 0.5:
        theta = Theta(**{name: log_uniform(rng, *ends) for name, ends in HAND_DRUM.items()})
    else:
        theta = PRESETS["live"].from_nu(rng.uniform(-0.9, 0.9, 5))
        theta = Theta(*map(float, theta))
    powers = tuple(map(tuple, attack.widened(draw_attacks(rng)).tolist()))
    tension = log_uniform(rng, 0.001, 0.3) if rng.random() < 0.4 else 0.0
    attacked = rng.random() < 0.6  # a bare membrane beats, and its beats are no strokes
    strokes = []
    for _ in range(n):
        struck = Drum(
            theta, tuple(rng.uniform(0.1, 0.5, 2)), log_uniform(rng, 300, 15000), tension,
            powers if attacked else None,
        )  # fmt: skip
        seconds = float(np.clip(6 * theta.tau, 0.1, LONGEST_S))
        strokes.append(_begin(drum.render(struck, RATE, seconds)))
    return strokes


def tabla(rng, n: int) -> list[np.ndarray]:
    """Strokes on a loaded head, whose partials are nearly harmonic (Raman 1920): open, closed and
    gliding ones."""
    pitch = log_uniform(rng, 70, 700)
    glide, glide_s = rng.uniform(-0.4, 0.5) * (rng.random() < 0.4), log_uniform(rng, 0.02, 0.3)
    strokes = []
    for _ in range(n):
        t = np.arange(round(rng.uniform(0.15, LONGEST_S) * RATE)) / RATE
        bend = pitch * (t + glide * glide_s * (1 - np.exp(-t / glide_s)))
        decay, slope = log_uniform(rng, 0.012, 0.6), rng.uniform(0.3, 2.5)
        x = np.zeros(len(t))
        for k in range(1, rng.integers(4, 9)):
            tuned = k * 2 ** (rng.normal(0, 0.03))
            x += rng.uniform(0.1, 1) * k**-slope * np.sin(
                2 * np.pi * tuned * bend + rng.uniform(0, 6.28)
            ) * np.exp(-t * (1 + 0.3 * (k - 1)) / decay)  # fmt: skip
        slap = rng.standard_normal(len(t)) * np.exp(-t / log_uniform(rng, 0.001, 0.012))
        slap = _band(slap, 300, log_uniform(rng, 1500, 12000))
        x = x / np.abs(x).max() + log_uniform(rng, 0.03, 1.5) * slap / np.abs(slap).max()
        strokes.append(_begin(x * (1 - np.exp(-t / log_uniform(rng, 0.0001, 0.002)))))
    return strokes


def rim(rng, n: int) -> list[np.ndarray]:
    """Strokes on a rim or a shell: a few short resonances of wood and metal, and a click."""
    hz, decay_s, strokes = (350, log_uniform(rng, 1500, 5000)), (0.003, 0.08), []
    seed = rng.integers(2**32)
    for _ in range(n):
        x = _modes(np.random.default_rng(seed), 6, hz, decay_s, 0.3)  # the same ones each time
        noise = rng.standard_normal(len(x)) * np.exp(-np.arange(len(x)) / (0.002 * RATE))
        strokes.append(_begin(x / np.abs(x).max() + rng.uniform(0.05, 0.6) * noise))
    return strokes


def clap(rng) -> np.ndarray:
    """A clap, snap or slap: a few bursts of band noise within some milliseconds."""
    n = round(rng.uniform(0.1, 0.5) * RATE)
    x = np.zeros(n)
    for _ in range(rng.integers(1, 5)):
        at = 0 if not x.any() else rng.integers(0, round(0.025 * RATE))
        decay = log_uniform(rng, 0.002, 0.05) * RATE
        burst = rng.standard_normal(n - at) * np.exp(-np.arange(n - at) / decay)
        x[at:] += rng.uniform(0.3, 1) * burst
    middle = log_uniform(rng, 500, 5000)
    width = rng.uniform(1.2, 2.5)
    return _begin(_band(x, middle / width, middle * width))


def click(rng) -> np.ndarray:
    """Sticks, a key, a lighter: short resonances."""
    return _begin(_modes(rng, rng.integers(1, 6), (3000, 10000), (0.002, 0.03), 0.15))


def bell(rng) -> np.ndarray:
    """A bell, cowbell, glass or plate: few inharmonic resonances."""
    return _begin(_modes(rng, rng.integers(3, 12), (1200, 9000), (0.15, 1.0), LONGEST_S))


def cymbal(rng) -> np.ndarray:
    """A cymbal or hi-hat: many resonances and hiss."""
    decay = log_uniform(rng, 0.02, 0.8)
    x = _modes(rng, 80, (350, 15000), (0.3 * decay, 1.5 * decay), LONGEST_S)
    hiss = rng.standard_normal(len(x)) * np.exp(-np.arange(len(x)) / (decay * RATE))
    hiss = scipy.signal.sosfilt(scipy.signal.butter(2, 5000, "high", fs=RATE, output="sos"), hiss)
    swell = 1 - np.exp(-np.arange(len(x)) / (log_uniform(rng, 0.0003, 0.02) * RATE))
    return _begin((x / np.abs(x).max() + rng.uniform(0.2, 2) * hiss / np.abs(hiss).max()) * swell)


def thud(rng) -> np.ndarray:
    """A door, a step, a knocked microphone: dull noise, and what rattles after it."""
    n = round(rng.uniform(0.2, 0.6) * RATE)
    t = np.arange(n) / RATE
    x = rng.standard_normal(n) * np.exp(-t / log_uniform(rng, 0.015, 0.1))
    x = _band(x, 30, log_uniform(rng, 120, 1200)) * 3
    for _ in range(rng.integers(0, 5)):
        at = rng.integers(0, n)
        rattle = rng.standard_normal(n - at) * np.exp(-t[: n - at] / 0.01)
        x[at:] += rng.uniform(0.05, 0.5) * _band(rattle, 500, 6000)
    return _begin(x * (1 - np.exp(-t / log_uniform(rng, 0.001, 0.012))))


def voice(rng) -> np.ndarray:
    """A syllable or a call: glottal pulses with vibrato through three formants, and fricatives."""
    n = round(rng.uniform(0.12, 0.9) * RATE)
    t = np.arange(n) / RATE
    pitch = log_uniform(rng, 80, 600) * (1 + 0.05 * rng.standard_normal())
    glide = pitch * 2 ** (rng.uniform(-0.5, 0.5) * t / t[-1] + 0.02 * np.sin(2 * np.pi * 5.5 * t))
    phase = np.cumsum(glide) / RATE
    source = np.where(np.diff(np.floor(phase), prepend=0) > 0, 1.0, 0.0)
    source += rng.uniform(0.002, 0.08) * rng.standard_normal(n)
    x = np.zeros(n)
    for low, high in ((250, 900), (800, 2500), (2200, 4500)):
        at = rng.uniform(low, high)
        b, a = scipy.signal.iirpeak(at, at / rng.uniform(60, 250), fs=RATE)
        x += rng.uniform(0.3, 1) * scipy.signal.lfilter(b, a, source)
    if rng.random() < 0.4:
        begin, length = rng.integers(0, n), round(rng.uniform(0.04, 0.15) * RATE)
        hiss = _band(rng.standard_normal(n), 3000, 10000)[begin : begin + length]
        x[begin : begin + length] += rng.uniform(0.1, 1) * np.abs(x).max() * hiss * np.hanning(
            len(hiss)
        ) / max(1e-9, np.abs(hiss).max())  # fmt: skip
    rise = log_uniform(rng, 0.008, 0.1)
    return _begin(x * np.minimum(1, t / rise) * np.minimum(1, (t[-1] - t) / 0.04))


def scratch(rng) -> np.ndarray:
    """Rubbing, breath, a turntable: band noise that swells and sweeps."""
    n = round(rng.uniform(0.1, 0.8) * RATE)
    t = np.arange(n) / n
    low = log_uniform(rng, 200, 4000)
    x = _band(rng.standard_normal(n), low, low * rng.uniform(1.5, 4))
    swells = np.abs(np.sin(np.pi * t * rng.integers(1, 5))) ** rng.uniform(0.5, 2)
    return _begin(x * swells)


DRUMS = (membrane, tabla, rim)
STRUCK = {clap: 1.0, click: 1.0, bell: 0.7, cymbal: 1.2, thud: 0.7}  # share of each
SUSTAINED = {voice: 1.0, scratch: 0.4}


def draw(kinds: dict, rng) -> np.ndarray:
    """One sound of STRUCK or SUSTAINED."""
    shares = np.array(list(kinds.values()))
    return list(kinds)[rng.choice(len(kinds), p=shares / shares.sum())](rng)


def _begin(x: np.ndarray) -> np.ndarray:
    """x after BEFORE samples of silence, at most LONGEST_S long, faded out, peak 1."""
    x = np.concatenate([np.zeros(BEFORE), x])[: round(LONGEST_S * RATE)].astype(np.float32)
    fade = min(len(x), round(0.02 * RATE))
    x[-fade:] *= np.linspace(1, 0, fade)
    return x / max(1e-9, np.abs(x).max())


def _modes(rng, count, hz, decay_s, seconds) -> np.ndarray:
    """The sum of so many decaying sines, their frequencies and decays log-uniform."""
    t = np.arange(round(seconds * RATE), dtype=np.float32) / RATE
    x = np.zeros(len(t), np.float32)
    for _ in range(count):
        at, decay = log_uniform(rng, *hz), log_uniform(rng, *decay_s)
        x += rng.uniform(0.2, 1) * np.exp(-t / decay) * np.sin(2 * np.pi * at * t)
    return x


def _band(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """x between two frequencies, Hz, by a Butterworth filter of order 2."""
    sos = scipy.signal.butter(2, [low, min(high, 0.45 * RATE)], "band", fs=RATE, output="sos")
    return scipy.signal.sosfilt(sos, x)
