"""The recording that drums are compared with: its window, its spectrum, its background noise."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from matcher.matching import features
from matcher.matching.features import (
    DISTANCE,
    FLOOR,
    N_SAMPLES,
    SAMPLE_RATE,
    LogCqt,
    distance_from,
    normalise,
)
from matcher.matching.kept import kept
from matcher.physics import attack, drum
from matcher.physics.drum import Drum

ROOM = 1.2  # of the audible part's length that a window has, so that a drum may ring on after it
SHORTEST_DECAY_S = 0.005  # s: frames of 46 ms tell no shorter decay of the attack from a click
LONGEST_DECAY_S = 1.0  # s: in this window, longer ones are background
STEADY = 0.75  # ratio of amplitudes: noise falls by less from one quarter of a clip to the next
NEIGHBOURS = 13  # bins, an octave: a partial that rings covers fewer than half of them
MOST_OF_A_BIN = 2.0  # times the neighbours' median: a partial in the bin is not background
MOST_KEPT = 4  # drums, whose amplitudes are kept


class _Whole(LogCqt):
    units: ClassVar[float] = 3.5  # of work, as matching.effort: a sound rendered and transformed
    padding: ClassVar[int] = 2**13  # recording and drum wrap round alike, 48 dB down


class _Half(_Whole):
    units: ClassVar[float] = 1.5
    n_samples: ClassVar[int] = N_SAMPLES // 2


class _Quarter(_Whole):
    units: ClassVar[float] = 1.0
    n_samples: ClassVar[int] = N_SAMPLES // 4


# the distance's own transform with its Gaussians cut earlier, in windows of several lengths
_VALUES = {name: getattr(DISTANCE, name) for name in ("f_min", "n_bins", "bandwidth", "growth")}
WINDOWS = tuple(
    kind(n_frames=DISTANCE.n_frames * kind.n_samples // N_SAMPLES, **_VALUES)
    for kind in (_Quarter, _Half, _Whole)
)


@kept(attack, features)
def unit_attack_power() -> np.ndarray:
    """Spectra of the attack's bands and decays, each with power 1: (attack_powers, bins, 64)."""
    cqt = WINDOWS[-1]
    rows = [cqt.magnitude(unit) ** 2 for unit in attack.units(SAMPLE_RATE, N_SAMPLES)]
    return np.array(rows, np.float32)


def last_audible(clip: np.ndarray) -> int:
    """Number of samples until a clip stays below FLOOR.

    Args:
        clip: (samples,) with a peak of 1.

    Returns:
        Samples, at least 1.
    """
    return np.flatnonzero(np.abs(clip) > FLOOR)[-1] + 1


def window_for(n_samples: int) -> LogCqt:
    """The shortest of WINDOWS that holds ROOM times so many samples, or the longest."""
    return next(w for w in WINDOWS if w.n_samples >= min(ROOM * n_samples, N_SAMPLES))


@dataclass(frozen=True, eq=False)
class Target:
    """A recorded hit, and what is derived from it alone. It never changes.

    Cells are the bins and frames that are compared, one after the other: (bins * n_frames,).
    """

    clip: np.ndarray  # (samples,) float32 at SAMPLE_RATE from the onset, with a peak of 1
    peak: float  # of the clip before it was normalised
    ends_in_hit: bool  # the next hit cuts it off; otherwise it dies away
    known_noise: np.ndarray | None = None  # (bins,), of the whole clip where this is a part of it

    @classmethod
    def of_clip(
        cls, clip: np.ndarray, ends_in_hit: bool, known_noise: np.ndarray | None = None
    ) -> "Target":
        """Normalise a clip and cut it to the length of the analysis.

        Args:
            clip: (samples,) at SAMPLE_RATE from its onset, not silent.
            ends_in_hit: Whether the next hit cuts it off.
            known_noise: Amplitude of its background, (bins,); None: it is estimated.

        Returns:
            The target, with a copy of the clip that cannot be written to.
        """
        clip = np.array(clip[:N_SAMPLES], np.float32)
        peak, clip = float(np.max(np.abs(clip))), normalise(clip)
        clip.setflags(write=False)
        return cls(clip, peak, ends_in_hit, known_noise)

    @cached_property
    def cqt(self) -> LogCqt:
        """The transform that drums are compared by: one of WINDOWS."""
        return window_for(self._last)

    @cached_property
    def n_frames(self) -> int:
        """How many of the transform's frames are compared, from the first on."""
        if not self.ends_in_hit:
            return self.cqt.n_frames
        whole = max(1, int(len(self.clip) * DISTANCE.n_frames / N_SAMPLES))
        return min(whole, self.cqt.n_frames)

    @cached_property
    def log_cqt(self) -> np.ndarray:
        """The recording as the distance compares it, (bins, 64)."""
        return DISTANCE(self.clip)

    @cached_property
    def noise(self) -> np.ndarray:
        """Amplitude of the background, (bins,)."""
        if self.known_noise is not None:
            return self.known_noise
        # the last frame of a clip that was cut off is disturbed by the cut
        whole = max(0, self._last * DISTANCE.n_frames // N_SAMPLES - self.ends_in_hit)  # frames
        return background(self.log_cqt[:, :whole])

    @cached_property
    def usable(self) -> np.ndarray:
        """Indices of the attack powers that the clip can tell, (attack_powers,)."""
        observed_s = len(self.clip) / SAMPLE_RATE if self.ends_in_hit else np.inf
        longest = min(LONGEST_DECAY_S, observed_s)
        decays = [SHORTEST_DECAY_S <= decay <= longest for decay in attack.DECAYS_S]
        bands = attack.edges_hz()[1:] < SAMPLE_RATE / 2
        return np.flatnonzero(np.outer(bands, decays))

    @cached_property
    def beginning(self) -> "Target":
        """As much of it as the first of WINDOWS takes, with room for what rings on."""
        if self.cqt is WINDOWS[0]:
            return self
        return Target.of_clip(self.clip[: WINDOWS[0].n_samples], True, self.noise)

    @cached_property
    def amplitude(self) -> np.ndarray:
        """Amplitude of the recording, (cells,)."""
        return np.sqrt(self.power(self.clip))

    @cached_property
    def noise_power(self) -> np.ndarray:
        """Power of the background, (cells,)."""
        shape = len(self.noise), self.n_frames
        return np.broadcast_to(self.noise[:, None] ** 2, shape).ravel()

    @cached_property
    def unit_attack(self) -> np.ndarray:
        """Spectra of the usable bands and decays, each with power 1: (usable, cells)."""
        powers = unit_attack_power()[self.usable, :, : self.n_frames]
        return powers.reshape(len(powers), -1)

    def power(self, x: np.ndarray) -> np.ndarray:
        """Power of sounds (..., samples) at SAMPLE_RATE in each cell, (..., cells)."""
        return self.cqt.magnitude(x)[..., : self.n_frames].reshape(*x.shape[:-1], -1) ** 2

    def distance(self, drum_: Drum) -> float:
        """log-CQT distance of a drum's sound, as matching.match.twin_distance."""
        if self.ends_in_hit:
            twin = drum.render(drum_, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
            return distance_from(self.log_cqt, twin[: len(self.clip)])
        return self._away(self._amplitude(drum_) / np.float32(FLOOR))

    def distance_over_noise(self, drum_: Drum) -> float:
        """As distance, of the drum's sound over the recording's background."""
        if not np.any(self.noise):
            return self.distance(drum_)
        amplitude = np.sqrt(self._amplitude(drum_) ** 2 + self.noise[:, None] ** 2)
        return self._away(amplitude / FLOOR)

    def _away(self, amplitude: np.ndarray) -> float:
        """Distance of an amplitude (bins, 64) over FLOOR."""
        away = self.log_cqt - np.log1p(amplitude)
        return float(np.linalg.norm(away) / np.linalg.norm(self.log_cqt))

    @cached_property
    def _amplitude(self) -> Callable[[Drum], np.ndarray]:
        """Amplitude of a drum's sound, (bins, 64): several stages ask for that of one drum."""
        return lru_cache(MOST_KEPT)(self._transformed)

    def _transformed(self, drum_: Drum) -> np.ndarray:
        twin = normalise(drum.render(drum_, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE))
        return DISTANCE.magnitude(twin[: len(self.clip)] if self.ends_in_hit else twin)

    @cached_property
    def _last(self) -> int:
        """Samples from which on nothing is audible, or the clip is cut off."""
        return len(self.clip) if self.ends_in_hit else last_audible(self.clip)


def background(log_cqt: np.ndarray) -> np.ndarray:
    """Amplitude of the steady noise under a hit; 0 where there is none.

    Steady is what is nearly as loud in the last quarter as in the one before, at the median of
    NEIGHBOURS bins: noise, not one partial that rings among them. For the same reason no bin counts
    for more than MOST_OF_A_BIN times that median.

    Args:
        log_cqt: (bins, frames) of the hit, to its end.

    Returns:
        Amplitudes (bins,), over the peak of the hit.
    """
    quarter = log_cqt.shape[1] // 4
    if quarter < 2:
        return np.zeros(len(log_cqt))
    power = (FLOOR * np.expm1(log_cqt)) ** 2
    end, before = power[:, -quarter:], power[:, -2 * quarter : -quarter]
    end, before = (np.sqrt(part.mean(axis=1)) for part in (end, before))
    around, around_before = _median(end), _median(before)
    steady = around > STEADY * around_before
    return np.where(steady, np.minimum(end, MOST_OF_A_BIN * around), 0)


def _median(x: np.ndarray) -> np.ndarray:
    """(bins,) -> the running median over NEIGHBOURS bins, (bins,)."""
    padded = np.pad(x, NEIGHBOURS // 2, "edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, NEIGHBOURS), axis=1)
