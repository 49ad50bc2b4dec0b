"""Takes that the stroke network is trained on: performances, heavily augmented, with their labels.

What is drawn differs from training/performances.py, which scores detectors: here every drum is
transposed, damped and filtered, drums of the physical model play as well, and other sounds come as
loud as drums, so that loudness does not tell one from the other.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import scipy.signal

from matcher.matching import strokes
from training import stroke_sounds
from training.performances import BEFORE, RATE, Recording, in_room
from training.stroke_sounds import log_uniform

SECONDS = 4.0  # s: of a take
SAMPLES = round(SECONDS * RATE)
FRAMES = round(SECONDS * strokes.FRAMES_PER_S)
FRAME = RATE // strokes.FRAMES_PER_S  # samples
DRUM, STRUCK, SUSTAINED = range(3)  # kinds of sounds
SYNTHETIC = 0.45  # share of drums of the physical model; of other sounds twice as many
NOW = round(strokes.NOW_S * strokes.FRAMES_PER_S)  # frames after an onset: "now" is true
LATE = tuple(round(t * strokes.FRAMES_PER_S) for t in strokes.LATE_S)  # and "late"
EITHER = 5  # frames around these in which they may be either
EARLY = 4  # frames after an onset in which "now" counts more: a hit should sound at once
DRUM_FRAMES = 30  # frames after an onset in which "drum" is learned
STYLES = ("sparse", "toms", "dense", "dense", "rolls", "rolls", "flams", "ghosts")


@dataclass(frozen=True)
class Take:
    """A take and its truth."""

    x: np.ndarray  # (SAMPLES,) float32
    events: list[tuple[int, int, int]]  # onset, kind, end in samples
    threshold_db: float  # as calibration would set it


class Pool:
    """The sounds that takes are made of.

    Args:
        recordings: of drums and of other sounds.
    """

    def __init__(self, recordings: list[Recording]):
        self._drums, self._others = defaultdict(list), defaultdict(list)
        for r in recordings:
            (self._drums if r.drum else self._others)[r.series].append(r)
        self._series = sorted(self._drums)
        self._other_series = sorted(self._others)

    def drum(self, rng) -> list[tuple[np.ndarray, int]]:
        """Strokes on one drum, as (samples, onset)."""
        if rng.random() < SYNTHETIC:
            return synthetic_drum(stroke_sounds.struck_drums, rng)
        return self.recorded_drum(rng)

    def recorded_drum(self, rng) -> list[tuple[np.ndarray, int]]:
        """Recorded strokes on one drum, as (samples, onset)."""
        series = self._drums[self._series[rng.integers(len(self._series))]]
        chosen = rng.permutation(len(series))[:4]
        return _varied([(series[i].x, series[i].onset) for i in chosen], rng, 0.7)

    def other(self, rng) -> tuple[np.ndarray, int, int]:
        """A sound that is no drum: samples, onset, and its kind."""
        if rng.random() < 0.3:
            return *synthetic_other(stroke_sounds.SUSTAINED, rng), SUSTAINED
        if rng.random() < 0.5:
            return *synthetic_other(stroke_sounds.STRUCK, rng), STRUCK
        return *self.recorded_other(rng), STRUCK

    def recorded_other(self, rng) -> tuple[np.ndarray, int]:
        """A recorded sound that is no drum: samples, onset."""
        series = self._others[self._other_series[rng.integers(len(self._other_series))]]
        one = series[rng.integers(len(series))]
        return _varied([(one.x, one.onset)], rng, 0.5)[0]


def synthetic_drum(strokes_on, rng) -> list[tuple[np.ndarray, int]]:
    """Strokes on one drum that strokes_on(rng, number) makes, as (samples, onset)."""
    return _varied([(x, BEFORE) for x in strokes_on(rng, 4)], rng, 0.7)


def synthetic_other(kinds: dict, rng) -> tuple[np.ndarray, int]:
    """A sound of some of stroke_sounds' kinds that are no drums: samples, onset."""
    return _varied([(stroke_sounds.draw(kinds, rng), BEFORE)], rng, 0.4)[0]


def make_take(pool: Pool, seed: int) -> Take:
    """A seeded take."""
    rng = np.random.default_rng(seed)
    x, events = np.zeros(SAMPLES, np.float32), []
    loudest = rng.uniform(-30, -1)  # dBFS
    style = STYLES[rng.integers(len(STYLES))]
    drums = [pool.drum(rng) for _ in range(rng.integers(1, 5))]
    share = rng.choice([0.0, 0.15, 0.4, 0.8], p=[0.3, 0.3, 0.3, 0.1])  # of other sounds
    wide = rng.choice([4.0, 10.0, 18.0])  # dB: of the levels
    for at, drum, level in _score(style, len(drums), rng):
        peak = 10 ** ((loudest - rng.uniform(0, wide) + level) / 20)
        if rng.random() < share:
            sound, onset, kind = pool.other(rng)
        else:
            sound, onset = drums[drum][rng.integers(len(drums[drum]))]
            kind = DRUM
        start = at - onset
        end = min(SAMPLES, start + len(sound))
        if start < 0 or at >= SAMPLES - FRAME:
            continue
        x[start:end] += peak * sound[: end - start]
        events.append((at, kind, end))
    peak = max(1e-4, np.abs(x).max())
    x = captured(x, rng)
    x *= 10 ** (loudest / 20) / max(1e-6, np.abs(x).max()) if rng.random() < 0.5 else 1
    noise_db = _add_noise(x, 20 * np.log10(max(peak, 1e-3)), rng)
    if rng.random() < 0.15:
        top = np.abs(x).max() * 10 ** (-rng.uniform(0, 9) / 20)
        x = np.clip(x, -top, top) if rng.random() < 0.5 else top * np.tanh(x / top)
    threshold = max(-42.0, noise_db + 14) + rng.uniform(-8, 5)
    return Take(x.astype(np.float32), sorted(events), float(np.clip(threshold, -80, -6)))


def _score(style: str, drums: int, rng):
    """(sample, drum, level in dB) of the strokes of a take."""
    now, drum, i = round(rng.uniform(0.15, 0.5) * RATE), 0, 0
    gap = {"sparse": (0.25, 1.2), "toms": (0.12, 0.25), "dense": (0.055, 0.15),
           "flams": (0.15, 0.5), "ghosts": (0.1, 0.3)}.get(style)  # fmt: skip
    pulse = rng.uniform(0.04, 0.1)  # s: of a roll
    while now < SAMPLES:
        if style == "rolls":
            if i % 16 == 0:
                drum = rng.integers(drums)
            seconds = pulse * rng.uniform(0.85, 1.15)
            if i % 16 == 15:
                seconds, pulse = rng.uniform(0.1, 0.4), rng.uniform(0.04, 0.1)
        else:
            drum, seconds = rng.integers(drums), rng.uniform(*gap)
        level = rng.uniform(-16, -5) if style == "ghosts" and rng.random() < 0.6 else 0.0
        if style == "flams" and rng.random() < 0.6:
            yield now, drum, rng.uniform(-14, -3)
            now += round(rng.uniform(0.022, 0.045) * RATE)
        yield now, drum, level
        now += round(seconds * RATE)
        i += 1


def _varied(sounds, rng, octaves: float) -> list[tuple[np.ndarray, int]]:
    """Sounds of one drum, all transposed, damped and cut alike."""
    factor = 2 ** rng.uniform(-octaves, octaves) if rng.random() < 0.8 else 1.0
    decay = log_uniform(rng, 0.03, 0.6) * RATE if rng.random() < 0.4 else 0.0
    longest = round(1.2 * RATE)
    varied = []
    for x, onset in sounds:
        if factor != 1:
            n = min(longest, int((len(x) - 1) / factor))
            x, onset = np.interp(np.arange(n) * factor, np.arange(len(x)), x), round(onset / factor)
        x = np.array(x[:longest], np.float32)
        if decay:
            x[onset:] *= np.exp(-np.arange(len(x) - onset, dtype=np.float32) / decay)
        fade = min(len(x), FRAME * 20)
        x[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        varied.append((x / max(1e-9, np.abs(x).max()), onset))
    return varied


def captured(x: np.ndarray, rng) -> np.ndarray:
    """x in a room, through a microphone."""
    if rng.random() < 0.55:
        x = in_room(x, log_uniform(rng, 0.1, 1.2), rng, rng.uniform(0, 18))
    if rng.random() < 0.5:
        x = _filter(x, scipy.signal.butter(rng.integers(1, 3), log_uniform(rng, 20, 150), "high",
                                           fs=RATE, output="sos"))  # fmt: skip
    if rng.random() < 0.4:
        x = _filter(x, scipy.signal.butter(rng.integers(1, 3), log_uniform(rng, 3000, 18000),
                                           fs=RATE, output="sos"))  # fmt: skip
    for _ in range(rng.integers(0, 3)):
        at = log_uniform(rng, 60, 12000)
        b, a = scipy.signal.iirpeak(at, rng.uniform(0.5, 3), fs=RATE)
        x = x + (10 ** (rng.uniform(-8, 8) / 20) - 1) * scipy.signal.lfilter(b, a, x)
    return x


def _filter(x, sos):
    return scipy.signal.sosfilt(sos, x)


def _add_noise(x: np.ndarray, peak_db: float, rng) -> float:
    """Add noise to x in place -> its RMS, dBFS: white, pink, brown, hum or several voices."""
    level = min(rng.uniform(-85, -28), peak_db - rng.uniform(14, 30))
    white = rng.standard_normal(len(x))
    kind = rng.integers(5)
    if kind == 1:
        white = scipy.signal.lfilter(
            [0.049922, -0.095993, 0.050612, -0.004408], [1, -2.494956, 2.017265, -0.522189], white
        )  # pink: Smith, Spectral Audio Signal Processing, appendix F
    elif kind == 2:
        white = scipy.signal.lfilter([1], [1, -rng.uniform(0.9, 0.998)], white)
    elif kind == 3:
        t, mains = np.arange(len(x)) / RATE, rng.choice([50, 60])
        white = 0.3 * white + sum(
            rng.uniform(0, 2) / k * np.sin(2 * np.pi * mains * k * t + rng.uniform(0, 6))
            for k in range(1, 8)
        )
    elif kind == 4:
        talk = np.zeros(len(x))
        for _ in range(24):
            syllable, at = stroke_sounds.voice(rng), rng.integers(len(x))
            talk[at : at + len(syllable)] += syllable[: len(x) - at]
        white = 0.1 * white + 3 * talk
    x += (10 ** (level / 20) / np.sqrt(np.mean(white**2)) * white).astype(x.dtype)
    return float(level)


def labels(take: Take) -> tuple[np.ndarray, np.ndarray]:
    """Targets and weights of a take's frames, (FRAMES, outputs) float32 each."""
    target = np.zeros((FRAMES, len(strokes.OUTPUTS)), np.float32)
    weight = np.zeros_like(target)
    weight[:, :2] = 1
    for onset, kind, end in take.events:
        if kind == SUSTAINED:
            weight[max(0, onset // FRAME - 2) : end // FRAME, strokes.DRUM] = 0.15
    struck = [event for event in take.events if event[1] != SUSTAINED]
    for onset, _, _ in struck:  # what may be either
        f = onset // FRAME
        weight[f : f + NOW + EITHER, strokes.NOW] = 0
        weight[f : f + LATE[1] + EITHER, strokes.LATE] = 0
    quietest = 10 ** (take.threshold_db / 20)
    for onset, kind, _ in struck:
        f = onset // FRAME
        if np.abs(take.x[onset : onset + 5 * FRAME]).max() < quietest:
            continue
        target[f + 1 : f + 1 + NOW, strokes.NOW] = 1
        weight[f + 1 : f + 1 + NOW, strokes.NOW] = 1
        weight[f + 2 : f + 1 + EARLY, strokes.NOW] = 2
        target[f + LATE[0] : f + LATE[1], strokes.LATE] = 1
        weight[f + LATE[0] : f + LATE[1], strokes.LATE] = 1
        weight[f : f + DRUM_FRAMES, strokes.DRUM] = 1
        weight[f : f + 1, strokes.DRUM] = 0
        weight[f + 1 : f + 3, strokes.DRUM] = 0.5
        target[f : f + DRUM_FRAMES, strokes.DRUM] = kind == DRUM
    return target, weight
