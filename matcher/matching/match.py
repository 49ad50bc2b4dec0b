"""The offline signal path: a recording of a drum -> its twin, the resynthesis by the model."""

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from matcher.checks import check_range
from matcher.matching import confidence, onset, partials, refine, task
from matcher.matching.blas import one_blas_thread
from matcher.matching.candidates import candidates as find_candidates
from matcher.matching.effort import effort_named
from matcher.matching.encoder import Encoder
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE, distance
from matcher.matching.hear import Clip, Heard, analysed, hear
from matcher.matching.known import MOST_STROKES, KnownDrum
from matcher.matching.partials import AnalysedStroke, Stroke
from matcher.matching.target import Target
from matcher.matching.task import Refined
from matcher.physics import attack, drum, ftm
from matcher.physics.bank import N_MODES
from matcher.physics.drum import Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import Theta
from matcher.recording import RATES, READABLE_RATES, Recording

SHORTEST = 0.020  # s: shortest hit that can be matched
LONGEST = 10.0  # s: longest twin
MARGIN_S = 0.1  # s: read before a hit to find its exact onset
CANDIDATES = (1, 3)  # allowed number of candidates


@dataclass(frozen=True)
class MatchOptions:
    """Which hit to match, and how.

    Raises:
        ValueError: if an option is out of its range; names the range.
    """

    hit: int | None = None  # number of the hit, from 1; by default the loudest
    rate: int | None = None  # Hz: sample rate of the twin; by default the recording's
    # which may still be loading; by default the shipped model
    encoder: Encoder | Future | None = None
    effort: str = "network"  # one of effort.EFFORTS; "network": no refining
    attack_mix: float = 1.0  # gain of the attack in the twin, 0 to 1
    as_recorded: float = 1.0  # 0: the twin's tones are the membrane's, 1: the recording's
    n_candidates: int = 1  # different drums to look for, each with this effort
    # recordings of other strokes on the same drum, which are fitted together with the hit
    strokes: tuple[str | Path, ...] = ()

    def __post_init__(self):
        if self.rate is not None:
            check_range("rate", self.rate, *RATES)
        effort_named(self.effort)
        for name in ("attack_mix", "as_recorded"):
            check_range(name, getattr(self, name), PARAMETERS[name].low, PARAMETERS[name].high)
        check_range("n_candidates", self.n_candidates, *CANDIDATES)
        check_range("the number of other strokes", len(self.strokes), 0, MOST_STROKES)
        if self.strokes and self.effort == "network":
            raise ValueError("other strokes need refining; choose another effort than network")


DEFAULTS = MatchOptions()


@dataclass(frozen=True, eq=False)
class Match:
    """One hit and its twin."""

    drum: Drum
    onset_s: float  # s from the start of the recording
    hit: Clip
    twin: np.ndarray = field(repr=False)  # (samples,), duration and peak of the hit
    twin_rate: int  # Hz
    stages: list[Refined] = field(repr=False)  # of one search, as task.STAGES
    candidates: list[Refined] = field(repr=False)  # different drums, nearest first
    no_drum_reason: str  # why the sound may not be a drum; empty if it is plausible
    effort: str  # name of the effort
    attack_mix: float  # gain of the attack in the twin
    as_recorded: float  # 0: the twin's tones are the membrane's, 1: the recording's
    log_cqt_distance: float  # of the twin from the hit
    elapsed_ms: dict  # time of each step: read, features, encoder, refine, render; and total
    encoder: Encoder = field(repr=False)
    strokes: dict[str, bool] = field(default_factory=dict)  # path: whether it is on the same drum

    @property
    def theta(self) -> Theta:
        """The five physical parameters."""
        return self.drum.theta

    @property
    def spread(self) -> tuple[float, ...] | None:
        """Uncertainty of theta in nu, (5,), as in matching.confidence; None if not refined."""
        return self.candidates[0].spread

    @property
    def limited(self) -> bool:
        """Whether a time limit ended the search: a faster machine may find a nearer drum."""
        return any(stage.limited for stage in (*self.stages, *self.candidates))

    def candidate_twins(self) -> list[np.ndarray]:
        """Twins of the candidates after the first, rendered as `twin` is."""
        seconds, peak = self.hit.observed_s, float(np.abs(self.hit.samples).max())
        return [
            drum.render(
                candidate.drum, self.twin_rate, seconds, peak, self.attack_mix, self.as_recorded
            )
            for candidate in self.candidates[1:]
        ]

    def to_dict(self, source: str) -> dict:
        """The content of match.json; source: name of the recording."""
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
                "wires_s": self.drum.wires_s,
                "mix": self.attack_mix,
            },
            "as_recorded": self.as_recorded,
            "partials": _partials_to_dicts(self.drum),
            "glide": _glide_to_dict(self.drum),
            "distance": {"log_cqt": self.log_cqt_distance},
            "theta_68_percent": self.spread and confidence.interval(self.theta, self.spread),
            "candidates": [
                {"log_cqt": candidate.distance, "pitch_hz": float(candidate.drum.theta.pitch_hz)}
                | {name: float(value) for name, value in candidate.drum.theta._asdict().items()}
                for candidate in self.candidates
            ],
            "effort": {
                "name": self.effort,
                "units": round(self.stages[-1].units, 1),
                "limited": self.limited,
            },
            "doubt": self.no_drum_reason,
            "strokes": [
                {"file": path, "same_drum": same_drum} for path, same_drum in self.strokes.items()
            ],
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


def match(x: np.ndarray, sample_rate: int, options: MatchOptions = DEFAULTS) -> Match:
    """Match one hit of a recording in memory.

    Args:
        x: (samples,) or (samples, channels), finite; the mean of the channels is matched.
        sample_rate: Hz.
        options: which hit to match, and how.

    Returns:
        The hit and its twin.

    Raises:
        ValueError: in one sentence, if x is not allowed or there is nothing to match.
    """
    check_range("sample_rate", sample_rate, *READABLE_RATES)
    mono = np.asarray(x, np.float32)
    mono = mono.mean(axis=1) if mono.ndim == 2 else mono
    if mono.ndim != 1:
        raise ValueError(f"x has shape {np.shape(x)}, allowed is (samples,) or (samples, channels)")
    if not np.isfinite(mono).all():
        raise ValueError("x holds NaN or infinite samples; only finite ones are allowed")
    return _match([mono], lambda start, stop: mono[start:stop], sample_rate, options)


def match_file(path: str | Path, options: MatchOptions = DEFAULTS) -> Match:
    """Match one hit of a sound file, which is read in blocks.

    Args:
        path: a WAV, FLAC, AIFF, OGG or MP3 file.
        options: which hit to match, and how.

    Returns:
        The hit and its twin.

    Raises:
        ValueError: in one sentence, if the file cannot be read or there is nothing to match.
    """
    with Recording(path) as recording:
        try:
            return _match(recording.blocks(), recording.read, recording.sample_rate, options)
        except _NothingToMatch as error:
            raise ValueError(f"{path} {error}") from error


@one_blas_thread
def _match(blocks, read, sample_rate: int, options: MatchOptions) -> Match:
    """The offline signal path: recording -> clip -> features -> drum -> refined drum -> twin."""
    clock, effort = [time.perf_counter()], effort_named(options.effort)
    x, start, ends_in_hit = _cut_hit(blocks, read, sample_rate, options.hit)
    clip = Clip(x, sample_rate, len(x) / sample_rate, ends_in_hit)
    clock.append(time.perf_counter())
    stroke = _analysed(clip) if effort.body > 0 else None
    clock.append(time.perf_counter())
    encoder = _encoder(options)
    heard = hear(clip, encoder)
    clock.append(time.perf_counter())
    known, strokes = _known_drum(heard, ends_in_hit, options)
    stages = refine.refine(
        heard.x, heard.drum, ends_in_hit, effort, whole=heard.whole, known=known, stroke=stroke
    )  # fmt: skip
    if known and not stages[-1].same_drum:
        strokes = dict.fromkeys(strokes, False)
    candidates = find_candidates(
        heard.x, stages, options.n_candidates, ends_in_hit, effort, heard.whole
    )
    nearest, shares = candidates[0].drum, (options.attack_mix, options.as_recorded)
    clock.append(time.perf_counter())
    rate = options.rate or sample_rate
    twin = drum.render(nearest, rate, len(x) / sample_rate, float(np.abs(x).max()), *shares)
    clock.append(time.perf_counter())
    log_cqt_distance = candidates[0].distance
    if shares != (1, 1):
        log_cqt_distance = twin_distance(heard.x, nearest, ends_in_hit, *shares)
    read_ms, analysis_ms, _, refine_ms, render_ms = np.diff(clock) * 1e3
    steps = {
        "read": read_ms, "features": heard.features_ms, "encoder": heard.encoder_ms,
        "refine": analysis_ms + refine_ms, "render": render_ms,
    }  # fmt: skip
    return Match(
        drum=nearest,
        onset_s=start / sample_rate,
        hit=clip,
        twin=twin,
        twin_rate=rate,
        stages=stages,
        candidates=candidates,
        no_drum_reason=heard.no_drum_reason,
        effort=effort.name,
        attack_mix=options.attack_mix,
        as_recorded=options.as_recorded,
        log_cqt_distance=log_cqt_distance,
        elapsed_ms=steps | {"total": sum(steps.values())},
        encoder=encoder,
        strokes=strokes,
    )


def _known_drum(
    heard: Heard, ends_in_hit: bool, options: MatchOptions
) -> tuple[KnownDrum | None, dict[str, bool]]:
    """What other strokes tell of the drum of a hit, and {path: whether it is on that drum}."""
    if not options.strokes:
        return None, {}
    alone = partials.analyse(Stroke(heard.x, ends_in_hit)).alone
    own, known, strokes = KnownDrum(heard.drum, alone), None, {}
    encoder, effort = _encoder(options), effort_named(options.effort)
    for path in options.strokes:
        clip = match_file(path, MatchOptions(encoder=encoder)).hit
        there = hear(clip, encoder)
        same = own.in_stroke(partials.analyse(Stroke(there.x, clip.ended))) is not None
        if same:
            last = refine.refine(
                there.x, there.drum, clip.ended, effort, whole=there.whole, known=known
            )[-1]
            same = last.same_drum is not False
        if same:
            before = known or KnownDrum(last.drum, last.found)
            known = before.with_stroke(last.stroke, last.drum, last.found)
        strokes[str(path)] = same
    return known, strokes


def _analysed(clip: Clip) -> AnalysedStroke | None:
    """The partials of a clip, for which the network need not be there; None of silence."""
    x = analysed(clip)
    return task.analysed(Target.of_clip(x, clip.ended)) if np.any(x) else None


def _encoder(options: MatchOptions) -> Encoder:
    if isinstance(options.encoder, Future):
        return options.encoder.result()
    return options.encoder or shipped_encoder()


class _NothingToMatch(ValueError):
    pass


def _cut_hit(blocks, read, sample_rate, number):
    """Cut out a hit: its samples, its onset in frames, and whether the next hit ends it."""
    measured = onset.measure(blocks, sample_rate)
    n_frames = measured.n_frames
    if n_frames < SHORTEST * sample_rate:
        ms = n_frames / sample_rate * 1e3
        raise _NothingToMatch(f"lasts {ms:.1f} ms; a hit needs at least {SHORTEST * 1e3:.0f} ms")
    if measured.peak <= onset.SILENCE:
        raise _NothingToMatch("is silent; a hit louder than -100 dB is needed")
    hits = onset.find_hits(measured, sample_rate)
    if not hits:
        raise _NothingToMatch("has no hit: its level never rises suddenly")
    if number is not None and not 1 <= number <= len(hits):
        raise _NothingToMatch(f"has no hit {number}; allowed is 1 to {len(hits)}")
    index = number - 1 if number else int(np.argmax([hit.level for hit in hits]))
    margin = round(MARGIN_S * sample_rate)
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


def twin_distance(
    clip: np.ndarray, drum_: Drum, ends_in_hit: bool = False, attack_mix: float = 1.0,
    as_recorded: float = 1.0,
) -> float:  # fmt: skip
    """Log-CQT distance of a drum's sound from a clip.

    Silence follows a hit that decayed, so it is compared over the whole window; a hit that is cut
    off by the next one is compared up to there.

    Args:
        clip: (samples,) at features.SAMPLE_RATE, from the onset.
        drum_: the drum.
        ends_in_hit: whether the next hit cuts the clip off.
        attack_mix: gain of the attack, 0 to 1.
        as_recorded: 0 for the membrane alone, 1 for the drum's own partials.

    Returns:
        The distance, as features.distance.
    """
    seconds = N_SAMPLES / SAMPLE_RATE
    twin = drum.render(drum_, SAMPLE_RATE, seconds, 1.0, attack_mix, as_recorded)
    return distance(clip, twin[: len(clip)] if ends_in_hit else twin)


def _partials_to_dicts(drum_: Drum) -> list[dict]:
    """The partials of a drum, each with its frequency at rest and its decay time to 1/e."""
    bank = drum.make_bank(drum_, np.inf)
    own = slice(N_MODES, N_MODES + len(drum_.partials))
    return [
        {"hz": float(omega / (2 * np.pi)), "decay_s": float(1 / sigma)} | partial._asdict()
        for partial, omega, sigma in zip(drum_.partials, bank["omega"][own], bank["sigma"][own])
    ]


def _glide_to_dict(drum_: Drum) -> dict | None:
    """How the partials of a drum glide, as pitch_glide.Glide; None where there are none."""
    return {"rise": drum_.tension, "seconds": drum_.glide_s} if drum_.partials else None


@lru_cache(1)
def shipped_encoder() -> Encoder:
    """The model that ships with the package, loaded once."""
    return Encoder()
