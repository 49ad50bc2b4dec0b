"""A take of recordings in tests/data: a bass drum, a snare and a tom in several strengths."""

import numpy as np
import soundfile
import soxr

from tests.conftest import DATA

RATE = 44100
DRUMS = ("marching_bass_large.flac", "snare_kit.flac", "tom_high.flac")
STEP_S = 0.42  # s between strokes
GAINS = (1.0, 0.4, 0.7, 0.25)  # of the strokes of each drum, in turn


def take(n_hits: int = 12, noise: float = 1e-4, seed: int = 0, names: tuple[str, ...] = DRUMS):
    """The take (samples,), and of each hit its onset in s, its drum and its gain."""
    rng = np.random.default_rng(seed)
    sounds = [_recording(name) for name in names]
    x = np.zeros(round((n_hits * STEP_S + 1.5) * RATE), np.float32)
    truth = []
    for i in range(n_hits):
        drum, gain = i % len(sounds), GAINS[(i // len(sounds)) % len(GAINS)]
        at = round((0.3 + i * STEP_S) * RATE)
        sound = 0.5 * gain * sounds[drum]
        x[at : at + len(sound)] += sound[: len(x) - at]
        truth.append((at / RATE, drum, gain))
    return (x + noise * rng.standard_normal(len(x))).astype(np.float32), truth


def write(path, **more):
    """Write the take to a file -> its truth."""
    x, truth = take(**more)
    soundfile.write(path, x, RATE)
    return truth


def _recording(name: str) -> np.ndarray:
    x, rate = soundfile.read(DATA / name, dtype="float32")
    x = soxr.resample(x if x.ndim == 1 else x.mean(axis=1), rate, RATE)
    first = int(np.flatnonzero(np.abs(x) > 0.05 * np.abs(x).max())[0])
    return x[max(0, first - 20) :] / np.abs(x).max()
