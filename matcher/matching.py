"""A drum recording -> its physical twin: the offline signal path."""

import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr

from matcher import ftm, modal, onset
from matcher.encoder import Encoder
from matcher.features import N_SAMPLES, SAMPLE_RATE, distance
from matcher.recording import Recording
from matcher.theta import Theta

SHORTEST = 0.020  # s of a hit that can be matched at least
LONGEST = 10.0  # s of a twin at most


@dataclass
class Match:
    """One hit and its twin."""

    theta: Theta
    onset_s: float  # in the recording
    hit: np.ndarray = field(repr=False)  # (samples,) from the onset at sample_rate
    sample_rate: int
    twin: np.ndarray = field(repr=False)  # (samples,) at twin_rate; hit's length and peak
    twin_rate: int
    log_cqt_distance: float
    elapsed_ms: dict  # read, features, encoder, render, total
    encoder: Encoder = field(repr=False)

    def to_dict(self, source: str) -> dict:
        """The contents of match.json; source: what to call the recording."""
        return {
            "input": source,
            "onset_s": round(self.onset_s, 6),
            "theta": {name: float(value) for name, value in self.theta._asdict().items()},
            "pitch_hz": float(self.theta.pitch_hz),
            "pde": {name: float(value) for name, value in ftm.pde(self.theta)._asdict().items()},
            "distance": {"log_cqt": self.log_cqt_distance},
            "elapsed_ms": {name: round(value, 3) for name, value in self.elapsed_ms.items()},
            "model": {
                "name": self.encoder.path.name,
                "preset": self.encoder.contract.preset.name,
                "sha256": self.encoder.sha256,
                "trained_sounds": self.encoder.contract.training["sounds"],
            },
        }


def match(
    x: np.ndarray, sample_rate: int, hit: int | None = None, rate: int | None = None, encoder=None
) -> Match:
    """Match one hit of a recording in memory.

    x: (samples,) or (samples, channels), finite. hit: which one, from 1; the loudest by default.
    rate: of the twin, Hz; sample_rate by default. encoder: the shipped model by default. Raises
    ValueError for what cannot be matched.
    """
    mono = np.asarray(x, np.float32)
    mono = mono.mean(axis=1) if mono.ndim == 2 else mono
    if mono.ndim != 1:
        raise ValueError(f"x has shape {np.shape(x)}, allowed is (samples,) or (samples, channels)")
    if not np.isfinite(mono).all():
        raise ValueError("x holds NaN or infinite samples; only finite ones are allowed")
    return _match([mono], lambda start, stop: mono[start:stop], sample_rate, hit, rate, encoder)


def match_file(
    path: str | Path, hit: int | None = None, rate: int | None = None, encoder=None
) -> Match:
    """Match one hit of a sound file, which is read in blocks; as match()."""
    with Recording(path) as recording:
        try:
            return _match(
                recording.blocks(), recording.read, recording.sample_rate, hit, rate, encoder
            )
        except _NothingToMatch as error:
            raise ValueError(f"{path} {error}") from error


def _match(blocks, read, sample_rate, number, rate, encoder) -> Match:
    encoder, rate = encoder or shipped_encoder(), rate or sample_rate
    clock = [time.perf_counter()]
    x, start, ends_in_hit = _cut_hit(blocks, read, sample_rate, number)
    clock.append(time.perf_counter())
    clip = to_analysis_rate(x, sample_rate)
    features = encoder.contract.cqt.features(clip)
    clock.append(time.perf_counter())
    theta = encoder.infer(features)
    clock.append(time.perf_counter())
    twin = modal.render(theta, rate, len(x) / sample_rate, peak=float(np.abs(x).max()))
    clock.append(time.perf_counter())
    steps = dict(zip(("read", "features", "encoder", "render"), np.diff(clock) * 1e3))
    return Match(
        theta=theta,
        onset_s=start / sample_rate,
        hit=x,
        sample_rate=sample_rate,
        twin=twin,
        twin_rate=rate,
        log_cqt_distance=twin_distance(clip, theta, ends_in_hit),
        elapsed_ms=steps | {"total": sum(steps.values())},
        encoder=encoder,
    )


class _NothingToMatch(ValueError):
    pass


def _cut_hit(blocks, read, sample_rate, number):
    """One hit: its samples from the onset to the next one, where it starts, and what ends it."""
    level, n_frames, peak = onset.levels(blocks, sample_rate)
    if n_frames < SHORTEST * sample_rate:
        ms = n_frames / sample_rate * 1e3
        raise _NothingToMatch(f"lasts {ms:.1f} ms; a hit needs at least {SHORTEST * 1e3:.0f} ms")
    if peak <= onset.SILENCE:
        raise _NothingToMatch("is silent; a hit louder than -100 dB is needed")
    hits = onset.find_hits(level, sample_rate)
    if not hits:
        raise _NothingToMatch("holds no hit: its level never rises suddenly")
    if number is not None and not 1 <= number <= len(hits):
        raise _NothingToMatch(f"has no hit {number}; allowed is 1 to {len(hits)}")
    index = number - 1 if number else int(np.argmax([hit.level for hit in hits]))
    margin = round(0.1 * sample_rate)
    first = max(0, hits[index].onset - margin)
    ends_in_hit = index + 1 < len(hits)
    last = hits[index + 1].onset if ends_in_hit else n_frames
    last = min(last, hits[index].onset + round(LONGEST * sample_rate))
    x = read(first, last)
    start = onset.refine(x, hits[index].onset - first, sample_rate)
    if len(x) - start < SHORTEST * sample_rate:
        raise _NothingToMatch(
            f"ends {(len(x) - start) / sample_rate * 1e3:.1f} ms after the hit; "
            f"at least {SHORTEST * 1e3:.0f} ms are needed"
        )
    return x[start:], first + start, ends_in_hit


def to_analysis_rate(x: np.ndarray, sample_rate: float) -> np.ndarray:
    """x (samples,) from its onset -> what of it the analysis hears, at features.SAMPLE_RATE."""
    needed = x[: int(np.ceil((N_SAMPLES + 256) * sample_rate / SAMPLE_RATE))]
    return soxr.resample(needed, sample_rate, SAMPLE_RATE)[:N_SAMPLES]


def twin_distance(
    clip: np.ndarray, theta: Theta, ends_in_hit: bool = False, strike=ftm.STRIKE
) -> float:
    """log-CQT distance of theta's sound from a clip (samples,) at features.SAMPLE_RATE.

    A recording that ends has died away, so its twin is heard for the whole window; one that
    the next hit ends is compared until there.
    """
    twin = modal.render(theta, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE, strike)
    return distance(clip, twin[: len(clip)] if ends_in_hit else twin)


@lru_cache(1)
def shipped_encoder() -> Encoder:
    """The model that comes with the package."""
    return Encoder()
