"""A drum recording -> its physical twin: the offline signal path."""

import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr

from matcher.matching import confidence, onset, refine
from matcher.matching.encoder import Encoder
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE, distance
from matcher.matching.plausibility import no_drum_reason
from matcher.physics import attack, drum, ftm
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta
from matcher.recording import RATES, Recording

SHORTEST = 0.020  # s of a hit that can be matched at least
LONGEST = 10.0  # s of a twin at most
BUDGETS_S = (0.0, 60.0)  # of each stage of refining
CANDIDATES = (1, 3)


@dataclass
class Match:
    """One hit and its twin."""

    drum: Drum
    onset_s: float  # in the recording
    hit: np.ndarray = field(repr=False)  # (samples,) from the onset at sample_rate
    sample_rate: int
    twin: np.ndarray = field(repr=False)  # (samples,) at twin_rate; hit's length and peak
    twin_rate: int
    ends_in_hit: bool  # by another one, not by silence
    stages: list[refine.Refined] = field(repr=False)  # of the first answer
    candidates: list[refine.Refined] = field(repr=False)  # that differ, nearest first: `drum`
    no_drum_reason: str  # why it may be no drum; empty where nothing says so
    attack_mix: float  # of the attack in the twin
    log_cqt_distance: float  # of the twin from the hit
    elapsed_ms: dict  # read, features, encoder, refine, render, total
    encoder: Encoder = field(repr=False)

    @property
    def theta(self) -> Theta:
        """The five physical parameters."""
        return self.drum.theta

    @property
    def spread(self) -> tuple[float, ...] | None:
        """How far off each of theta may be, as matching.confidence has it; None: not refined."""
        return self.candidates[0].spread

    def other_twins(self) -> list[np.ndarray]:
        """The sounds of the candidates but the first, as `twin`."""
        seconds, peak = len(self.hit) / self.sample_rate, float(np.abs(self.hit).max())
        return [
            drum.render(other.drum, self.twin_rate, seconds, peak, self.attack_mix)
            for other in self.candidates[1:]
        ]

    def to_dict(self, source: str) -> dict:
        """The contents of match.json; source: what to call the recording."""
        return {
            "input": source,
            "onset_s": round(self.onset_s, 6),
            "theta": {name: float(value) for name, value in self.theta._asdict().items()},
            "pitch_hz": float(self.theta.pitch_hz),
            "pde": {name: float(value) for name, value in ftm.pde(self.theta)._asdict().items()},
            "strike": {"x1": self.drum.strike[0], "x2": self.drum.strike[1]},
            "mallet_hz": self.drum.mallet_hz,
            "tension": self.drum.tension,
            "attack": self.drum.attack_powers
            and {
                "bands_hz": attack.edges_hz().tolist(),
                "decays_s": attack.DECAYS_S,
                "levels": self.drum.attack_powers,
                "mix": self.attack_mix,
            },
            "distance": {"log_cqt": self.log_cqt_distance},
            "theta_68_percent": self.spread and confidence.interval(self.theta, self.spread),
            "candidates": [
                {"log_cqt": other.distance, "pitch_hz": float(other.drum.theta.pitch_hz)}
                | {name: float(value) for name, value in other.drum.theta._asdict().items()}
                for other in self.candidates
            ],
            "doubt": self.no_drum_reason,
            "stages": [
                {"name": stage.name, "log_cqt": stage.distance, "elapsed_ms": stage.elapsed_ms}
                for stage in self.stages
            ],
            "elapsed_ms": {name: round(value, 3) for name, value in self.elapsed_ms.items()},
            "model": {
                "name": self.encoder.path.name,
                "preset": self.encoder.contract.preset.name,
                "sha256": self.encoder.sha256,
                "trained_sounds": self.encoder.contract.training["sounds"],
            },
        }


def match(
    x: np.ndarray,
    sample_rate: int,
    hit: int | None = None,
    rate: int | None = None,
    encoder=None,
    budget_s: float = 0.0,
    attack_mix: float = 1.0,
    n_candidates: int = 1,
) -> Match:
    """Match one hit of a recording in memory.

    x: (samples,) or (samples, channels), finite. hit: which one, from 1; the loudest by default.
    rate: of the twin, Hz; sample_rate by default. encoder: the shipped model by default. Raises
    ValueError for what cannot be matched. budget_s: for each of the two stages that refine what the
    network inferred; 0: none. attack_mix: of the attack in the twin, 0 to 1. n_candidates: that
    differ to look for, each with that budget.
    """
    mono = np.asarray(x, np.float32)
    mono = mono.mean(axis=1) if mono.ndim == 2 else mono
    if mono.ndim != 1:
        raise ValueError(f"x has shape {np.shape(x)}, allowed is (samples,) or (samples, channels)")
    if not np.isfinite(mono).all():
        raise ValueError("x holds NaN or infinite samples; only finite ones are allowed")
    read = lambda start, stop: mono[start:stop]  # noqa: E731
    return _match([mono], read, sample_rate, hit, rate, encoder, budget_s, attack_mix, n_candidates)


def match_file(
    path: str | Path,
    hit: int | None = None,
    rate: int | None = None,
    encoder=None,
    budget_s: float = 0.0,
    attack_mix: float = 1.0,
    n_candidates: int = 1,
) -> Match:
    """Match one hit of a sound file, which is read in blocks; as match()."""
    with Recording(path) as recording:
        try:
            return _match(
                recording.blocks(),
                recording.read,
                recording.sample_rate,
                hit,
                rate,
                encoder,
                budget_s,
                attack_mix,
                n_candidates,
            )
        except _NothingToMatch as error:
            raise ValueError(f"{path} {error}") from error


def _match(
    blocks, read, sample_rate, number, rate, encoder, budget_s, attack_mix, n_candidates
) -> Match:
    for name, value, (low, high) in (
        ("rate", RATES[0] if rate is None else rate, RATES),
        ("attack_mix", attack_mix, drum.ATTACK_MIX),
        ("budget_s", budget_s, BUDGETS_S), ("n_candidates", n_candidates, CANDIDATES),
    ):  # fmt: skip
        if not low <= value <= high:
            raise ValueError(f"{name} is {value:g}, allowed is {low:g} to {high:g}")
    rate = rate or sample_rate
    encoder = encoder or shipped_encoder()
    clock = [time.perf_counter()]
    x, start, ends_in_hit = _cut_hit(blocks, read, sample_rate, number)
    clock.append(time.perf_counter())
    clip = to_analysis_rate(x, sample_rate)
    features = encoder.contract.cqt.features(clip)
    clock.append(time.perf_counter())
    theta = encoder.infer(features)
    clock.append(time.perf_counter())
    stages = refine.refine(clip, theta, ends_in_hit, budget_s)
    candidates = refine.candidates(clip, stages, n_candidates, ends_in_hit, budget_s)
    found = candidates[0].drum
    clock.append(time.perf_counter())
    twin = drum.render(found, rate, len(x) / sample_rate, float(np.abs(x).max()), attack_mix)
    whole = attack_mix == 1 or found.attack_powers is None
    clock.append(time.perf_counter())
    steps = dict(zip(("read", "features", "encoder", "refine", "render"), np.diff(clock) * 1e3))
    return Match(
        candidates=candidates,
        no_drum_reason=no_drum_reason(clip),
        drum=found,
        onset_s=start / sample_rate,
        hit=x,
        sample_rate=sample_rate,
        twin=twin,
        twin_rate=rate,
        ends_in_hit=ends_in_hit,
        attack_mix=attack_mix,
        log_cqt_distance=(
            candidates[0].distance if whole else twin_distance(clip, found, ends_in_hit, attack_mix)
        ),
        stages=stages,
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
    clip: np.ndarray, drum_: Drum, ends_in_hit: bool = False, attack_mix: float = 1.0
) -> float:
    """log-CQT distance of a drum's sound from a clip (samples,) at features.SAMPLE_RATE.

    A recording that ends has died away, so its twin is heard for the whole window; one that
    the next hit ends is compared until there.
    """
    twin = drum.render(drum_, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE, attack_mix=attack_mix)
    return distance(clip, twin[: len(clip)] if ends_in_hit else twin)


@lru_cache(1)
def shipped_encoder() -> Encoder:
    """The model that comes with the package."""
    return Encoder()
