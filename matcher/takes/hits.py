"""The hits of a take, each with the part of the take that it sounds in."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matcher.matching import onset
from matcher.matching.hear import Clip
from matcher.recording import Recording
from matcher.takes import onsets

MARGIN_S = 0.1  # s of the take before a hit, in which its onset is looked for
PEAK_S = 0.03  # s after an onset, in which a hit has its peak: the next drum may be louder
LONGEST_S = 3.0  # s of a hit that is looked at: the analysed window
LONGEST_TAKE_S = 1800.0  # s: a take is held in memory


@dataclass(frozen=True)
class TakeHit:
    """A hit of a take; samples count from the take's start."""

    onset: int  # sample
    end: int  # sample, at which the next hit begins or the take ends
    ended: bool  # whether the next hit cuts it off
    peak: float  # largest magnitude of its first PEAK_S
    drum: float  # probability that it is a drum's, by the network that found it


@dataclass(frozen=True, eq=False)
class Take:
    """A take in memory and its hits."""

    x: np.ndarray  # (samples,) float32
    sample_rate: int  # Hz
    hits: tuple[TakeHit, ...]  # in order of time

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.x) / self.sample_rate

    def clip(self, hit: TakeHit) -> Clip:
        """The part of the take in which a hit sounds."""
        longest = hit.onset + round(LONGEST_S * self.sample_rate)
        end = min(hit.end, longest)
        samples = self.x[hit.onset : end]
        return Clip(samples, self.sample_rate, len(samples) / self.sample_rate, hit.ended)


def read(path, progress: Callable[[float], None] = lambda _: None) -> Take:
    """Read a take and find its hits.

    Args:
        path: a WAV, FLAC, AIFF, OGG or MP3 file.
        progress: called with the share that is read, now and then; may raise to end it.

    Raises:
        ValueError: in one sentence, if it cannot be read, is too long, silent or has no hit.
    """
    with Recording(path) as recording:
        rate, x, n_frames = recording.sample_rate, [], 0
        for block in recording.blocks():
            x.append(block)
            n_frames += len(block)
            progress(min(1.0, n_frames / max(1, recording.n_frames)))
            if n_frames > LONGEST_TAKE_S * rate:
                raise ValueError(
                    f"{path} is longer than {LONGEST_TAKE_S / 60:g} minutes; cut a part of it out"
                )
    x = np.concatenate([np.zeros(0, np.float32), *x])
    if len(x):
        x -= np.float32(x.mean(dtype=float))  # an offset would ring below every hit
    take = of_samples(x, rate)
    if not take.hits:
        silent = not len(take.x) or np.max(np.abs(take.x)) <= onset.SILENCE
        why = "is silent" if silent else "has no hit: its level never rises suddenly"
        raise ValueError(f"{path} {why}; give a recording of someone playing drums")
    return take


def of_samples(x: np.ndarray, sample_rate: int) -> Take:
    """A take in memory; x: (samples,) finite float32."""
    measured = onset.measure([x], sample_rate)
    if measured.peak <= onset.SILENCE:
        return Take(x, sample_rate, ())
    found = onsets.find(measured, sample_rate)
    starts = [refined(x, hit.onset, sample_rate) for hit in found]
    ends = [*starts[1:], len(x)]
    hits = []
    for i, (hit, at, end) in enumerate(zip(found, starts, ends)):
        if end <= at:
            continue
        hits.append(TakeHit(at, end, i + 1 < len(found), peak_of(x[at:end], sample_rate), hit.drum))
    return Take(x, sample_rate, tuple(hits))


def refined(x: np.ndarray, near: int, sample_rate: int) -> int:
    """The sample of a take at which a hit begins, by the sample near which it was found."""
    margin = round(MARGIN_S * sample_rate)
    first = max(0, near - margin)
    return first + onset.refine(x[first : near + margin], near - first, sample_rate)


def peak_of(x: np.ndarray, sample_rate: int) -> float:
    """Largest magnitude of the beginning of a hit; x: (samples,) from its onset."""
    return float(np.abs(x[: round(PEAK_S * sample_rate)]).max(initial=0))
