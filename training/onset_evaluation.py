"""How well detectors find the hits of performances of known truth."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np

from matcher.live.detector import Settings, detect, make_detector
from matcher.matching import onset
from training.performances import RATE, SCENES, Recording, Scene, Score, compose, score
from training.studies import band_rise

HITS = 80  # of a performance
ABOVE_NOISE_DB, LOWEST_DB = 14.0, -42.0  # dB: of the threshold, where calibration puts it
SUMMED, JOINED = Score.__match_args__[:4], Score.__match_args__[4:]
BLOCK = 64  # frames
DRAWS = 2000  # of the bootstrap over performances
FLUX_BANDS = 138  # mel bands, and the settings below: Boeck and Widmer 2013, as in librosa's manual
AUBIO_WINDOW, AUBIO_HOP = 512, 128  # samples
MASK_S = 0.02  # s: between two onsets of aubio, as the mask time of ours
FLUX_LATE_S = 0.0144  # s: its median error on loud hits of the part "learned", taken off


HEADER = (
    "| scene | detector | F | 95 % interval | misses | doubles | triggers by other sounds "
    "| error, ms: median, p95 | decided after, ms: median, p95 |\n" + 9 * "|---" + "|"
)


class Detected(NamedTuple):
    """What a detector found, in samples."""

    onsets: Sequence[int]
    decided: Sequence[int] = ()


def live(x: np.ndarray, threshold_db: float, drums_only: bool = False) -> Detected:
    """The detector of the live instrument."""
    settings = Settings(threshold_db=threshold_db, drums_only=drums_only)
    rows = [f for f in detect(make_detector(settings, RATE)[0], x) if not f.reason]
    return Detected([f.onset for f in rows], [f.decided for f in rows])


def drums_only(x: np.ndarray, threshold_db: float) -> Detected:
    """The same, which ignores what is probably no drum."""
    return live(x, threshold_db, True)


def look_ahead(x: np.ndarray, threshold_db: float) -> Detected:
    """The detector of recordings."""
    rows = onset.find_hits(onset.measure([x], RATE), RATE)
    return Detected([onset.refine(x, row.onset, RATE) for row in rows])


def by_rule(x: np.ndarray, threshold_db: float) -> Detected:
    """The detector before, by rule."""
    return Detected(*band_rise.find(x, RATE, threshold_db))


def superflux(x: np.ndarray, threshold_db: float) -> Detected:
    """librosa's onset_detect on the spectral flux of Boeck and Widmer 2013, at its defaults."""
    import librosa

    hop = RATE // 200
    mel = librosa.feature.melspectrogram(
        y=x, sr=RATE, n_fft=1024, hop_length=hop, fmin=27.5, fmax=16000, n_mels=FLUX_BANDS
    )
    strength = librosa.onset.onset_strength(
        S=librosa.power_to_db(mel, ref=np.max), sr=RATE, hop_length=hop, lag=2, max_size=3
    )
    found = librosa.onset.onset_detect(
        onset_envelope=strength, sr=RATE, hop_length=hop, units="samples"
    )
    return Detected((found - round(FLUX_LATE_S * RATE)).tolist())


def aubio(x: np.ndarray, threshold_db: float) -> Detected:
    """aubio's onset detector at its defaults (high-frequency content), in hops of AUBIO_HOP."""
    import aubio as library

    onsets, decided = [], []
    detector = library.onset("default", AUBIO_WINDOW, AUBIO_HOP, RATE)
    detector.set_minioi_s(MASK_S)
    whole = len(x) // AUBIO_HOP * AUBIO_HOP
    for i, hop in enumerate(np.asarray(x[:whole], np.float32).reshape(-1, AUBIO_HOP)):
        if detector(hop)[0]:
            onsets.append(detector.get_last())
            decided.append((i + 1) * AUBIO_HOP)
    return Detected(onsets, decided)


DETECTORS: dict[str, Callable] = {
    "by rule": by_rule,
    "learned": live,
    "learned, drums only": drums_only,
    "learned, look-ahead": look_ahead,
    "superflux (librosa)": superflux,
    "aubio": aubio,
}


class Row(NamedTuple):
    """A detector's score in a scene, all performances together."""

    scene: str
    detector: str
    score: Score
    interval: tuple[float, float]  # of F, 95 %
    sounds: int  # others that were played


def possible(recordings: list[Recording], scene: Scene) -> bool:
    """Whether a scene can be composed of these recordings."""
    wanted = scene.instruments
    others = not scene.others or any(not r.drum for r in recordings)
    return others and any(r.drum and (not wanted or r.instrument in wanted) for r in recordings)


def evaluate(recordings, performances: int, detectors=tuple(DETECTORS), scenes=tuple(SCENES)):
    """Score detectors in scenes; yields Row."""
    for name in scenes:
        scene = SCENES[name]
        if not possible(recordings, scene):
            continue
        takes = [compose(recordings, scene, HITS, seed) for seed in range(performances)]
        threshold_db = max(LOWEST_DB, scene.noise + ABOVE_NOISE_DB)
        for detector in detectors:
            scores = []
            for x, onsets, between in takes:
                found = DETECTORS[detector](x, threshold_db)
                scores.append(score(found.onsets, onsets, between, found.decided))
            sounds = sum(len(between) for _, _, between in takes)
            yield Row(name, detector, total(scores), interval_of(scores), sounds)


def block_us() -> float:
    """Microseconds that the live detector takes for a block of 64 frames; of 5 trials the best."""
    x, times = 0.1 * np.random.default_rng(0).standard_normal(10 * RATE), []
    for _ in range(5):
        detector = make_detector(Settings(), RATE)[0]
        began = perf_counter()
        detect(detector, x)
        times.append(perf_counter() - began)
    return 1e6 * min(times) * BLOCK / len(x)


def total(scores: list[Score]) -> Score:
    """Several performances as one."""
    sums = (sum(getattr(s, name) for s in scores) for name in SUMMED)
    joined = (np.concatenate([getattr(s, name) for s in scores]) for name in JOINED)
    return Score(*sums, *joined)


def interval_of(scores: list[Score]) -> tuple[float, float]:
    """95 % interval of F by resampling performances."""
    counts = np.array([(s.hits, s.misses, s.doubles) for s in scores])
    drawn = np.random.default_rng(0).integers(len(scores), size=(DRAWS, len(scores)))
    hits, misses, doubles = counts[drawn].sum(axis=1).T
    f = 2 * (hits - misses) / (2 * hits - misses + doubles)
    return tuple(np.quantile(f, (0.025, 0.975)).tolist())


def line(row: Row) -> str:
    """A row of the table of docs/live.md."""
    s, (low, high) = row.score, row.interval
    error = np.abs(s.errors_ms) if len(s.errors_ms) else np.array([np.nan])
    delay = f"{np.median(s.delays_ms):.1f}, {np.percentile(s.delays_ms, 95):.1f}" if len(
        s.delays_ms) else ""  # fmt: skip
    others = f"{s.others} of {row.sounds}" if row.sounds else ""
    return (
        f"| {row.scene} | {row.detector} | {s.f_measure:.3f} | {low:.3f} to {high:.3f} "
        f"| {s.misses} | {s.doubles} | {others} | {np.median(error):.2f}, "
        f"{np.percentile(error, 95):.2f} | {delay} |"
    )


def f_table(rows: list[Row]) -> str:
    """F of each detector in each scene with its interval, a table of docs/live.md."""
    detectors = list(dict.fromkeys(row.detector for row in rows))
    cells = {
        (row.scene, row.detector): "{:.3f} ({:.3f} to {:.3f})".format(
            row.score.f_measure, *row.interval
        )
        for row in rows
    }
    lines = [f"| F | {' | '.join(detectors)} |", "|---" * (1 + len(detectors)) + "|"]
    for scene in dict.fromkeys(row.scene for row in rows):
        lines.append(f"| {scene} | {' | '.join(cells[scene, name] for name in detectors)} |")
    return "\n".join(lines)
