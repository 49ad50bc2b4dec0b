"""The partials of a recorded drum: frequencies, decay rates, amplitudes and phases of its tones.

Damped sines are chosen one after the other from candidates (poles), each where it explains most of
what the earlier ones leave, as matching pursuit (Mallat and Zhang 1993) with all amplitudes solved
for again. Then each is moved a little, in frequency and decay, to where it explains most beside the
others. Strokes on one drum share frequencies and decay rates and have amplitudes of their own.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from matcher.matching import pitch, pitch_glide, poles
from matcher.matching.features import FLOOR, N_SAMPLES, SAMPLE_RATE, normalise
from matcher.matching.pitch_glide import Glide
from matcher.matching.sinusoids import Sinusoids

MOST = 16  # partials
NEAR_CENTS = 40.0  # cents between partials, at least
NEAR_HZ = 2.5  # Hz, at least
LEAST_GAIN = 1e-5  # of what the first explains: a partial with less is not there
FEW = 12  # partials, by which a glide is judged
GLIDE_GAIN = 0.2  # of the energy that they leave, which a glide has to explain as well
ROUNDS = 2  # of moving the partials, the second by half
MOVES_HZ = np.array([0, 1, -1, 2.5, -2.5, 0, 0, 1, -1])  # of MOVE_HZ sigma
MOVES_SIGMA = np.array([0, 0, 0, 0, 0, 1, -1, 1, -1])  # of MOVE_SIGMA
MOVE_HZ = 1 / (8 * np.pi)  # Hz per 1/s
LEAST_MOVE_HZ = 0.04  # Hz
MOVE_SIGMA = 0.25  # of the logarithm
AT_PITCH_CENTS = 60.0  # cents: standard deviation, how near to the pitch its partial is looked for
FARTHEST_CENTS = 120.0  # cents: farther away there is none
DECAY_CENTS = 80.0  # cents: standard deviation, of the partials whose mean decay is the pitch's


@dataclass(frozen=True)
class Partials:
    """Partials of a drum at rest: that of the pitch first, then those that explain most."""

    hz: np.ndarray  # (partials,)
    sigma: np.ndarray  # (partials,) 1/s
    # (strokes, partials) complex, over each clip's peak: Im(a exp((-sigma + i omega) t)) sounds
    amplitudes: np.ndarray
    glide: Glide
    explained: float  # share of the energy, the mean over windows and strokes
    pitches: np.ndarray  # Hz, as pitch.pitches; the first is the drum's

    @property
    def pitch_hz(self) -> float | None:
        """The drum's pitch; None where there is none."""
        return float(self.pitches[0]) if len(self.pitches) else None

    def at(self, pitch_hz: float | None) -> "Partials":
        """The same partials of a drum that has this pitch, if it is not None."""
        return replace(self, pitches=_with_first(pitch_hz, self.pitches))

    @property
    def at_pitch(self) -> np.ndarray:
        """How much of the pitch's energy each partial has, (partials,): 0 where it is far away."""
        if self.pitch_hz is None:
            return np.zeros(len(self.hz))
        cents = 1200 * np.log2(self.hz / self.pitch_hz)
        near = np.exp(-0.5 * (cents / DECAY_CENTS) ** 2) * (np.abs(cents) < FARTHEST_CENTS)
        return near * np.sum(np.abs(self.amplitudes) ** 2, axis=0) / self.sigma

    @property
    def pitch_sigma(self) -> float | None:
        """Decay rate at the pitch, 1/s; None where no partial is near to it.

        The mean of the logarithms of the partials there, weighted by their energy.
        """
        near = self.at_pitch
        if not np.any(near):
            return None
        return float(np.exp(np.sum(near * np.log(self.sigma)) / np.sum(near)))


class Stroke(NamedTuple):
    """A stroke on a drum."""

    x: np.ndarray  # (samples,) at SAMPLE_RATE from its onset, not silent
    ends_in_hit: bool = False  # the next hit cuts it off; otherwise it dies away

    @property
    def silent_until(self) -> int:
        """Samples from the onset, until which it is known to be silent after its end."""
        return 0 if self.ends_in_hit else N_SAMPLES

    @property
    def known_until(self) -> int:
        """Samples from the onset, until which it is known what sounds or that nothing does."""
        return max(len(self.x), self.silent_until)

    @property
    def audible(self) -> "Stroke":
        """With a peak of 1, cut where it stays below FLOOR."""
        x = normalise(np.asarray(self.x, float))
        return self._replace(x=x[: np.flatnonzero(np.abs(x) > FLOOR)[-1] + 1])

    def unglided(self, glide: Glide) -> "Stroke":
        """As it would be without the glide."""
        return self._replace(x=pitch_glide.unglided(self.x, SAMPLE_RATE, glide))


class AnalysedStroke(NamedTuple):
    """A stroke and what is found in it."""

    stroke: Stroke
    alone: Partials  # found without knowing its drum
    glide: Glide  # of its own, or its drum's: a short stroke does not tell how it glides

    @property
    def straight(self) -> Stroke:
        """The audible stroke without its glide."""
        return self.stroke.audible.unglided(self.glide)


def analyse(stroke: Stroke) -> AnalysedStroke:
    """Find the partials of a stroke."""
    glide, straight, sines = _glide(stroke.audible)
    alone = _of_candidates([straight], [sines], glide, pitch.pitches([straight.x]))
    return AnalysedStroke(stroke, alone, glide)


def together(strokes: list[AnalysedStroke], known: Partials) -> Partials:
    """The partials that strokes on one drum share, each of which glides in its own way.

    Args:
        strokes: The strokes; the result has the glide of the first.
        known: Of their drum, whose pitch is kept.
    """
    straight = [stroke.straight for stroke in strokes]
    pitches = _with_first(known.pitch_hz, pitch.pitches([stroke.x for stroke in straight]))
    alone = (stroke.alone for stroke in strokes if stroke.glide == stroke.alone.glide)
    candidates = [known, *alone]
    hz, sigma = (np.concatenate([getattr(c, name) for c in candidates]) for name in ("hz", "sigma"))
    sines = _sinusoids(straight, hz, sigma)
    return _of_candidates(straight, sines, strokes[0].glide, pitches)


def _of_candidates(
    strokes: list[Stroke], sines: list[Sinusoids], glide: Glide, pitches: np.ndarray
) -> Partials:
    """The partials of strokes without glide, chosen from candidates."""
    chosen, _ = _choose(sines, MOST, pitches[0] if len(pitches) else None)
    if not chosen:
        none = np.zeros(0)
        return Partials(none, none, np.zeros((len(strokes), 0), complex), glide, 0.0, pitches)
    hz, sigma = sines[0].hz[chosen], sines[0].sigma[chosen]
    for i in range(ROUNDS):
        hz, sigma = _moved(strokes, hz, sigma, 0.5**i)
    return _with_amplitudes(strokes, hz, sigma, glide, pitches)


def in_stroke(found: Partials, stroke: AnalysedStroke) -> Partials:
    """Partials as another stroke excites them."""
    straight = [stroke.straight]
    return _with_amplitudes(straight, found.hz, found.sigma, stroke.glide, found.pitches)


def _with_amplitudes(strokes: list[Stroke], hz, sigma, glide: Glide, pitches) -> Partials:
    """Partials of these frequencies and decay rates in strokes without glide."""
    sines = _sinusoids(strokes, hz, sigma)
    chosen = list(range(len(hz)))
    amplitudes = [s.amplitudes(chosen, from_zero=True) for s in sines]
    explained = _explained(sines, chosen, amplitudes)
    # Re(a z^n) = Im(i a z^n)
    amplitudes = 1j * np.array([a[:, 0] + 1j * a[:, 1] for a in amplitudes])
    return Partials(hz, sigma, amplitudes, glide, explained, pitches)


def _with_first(pitch_hz: float | None, pitches: np.ndarray) -> np.ndarray:
    """Pitches in Hz, this one first if it is not None."""
    if pitch_hz is None:
        return pitches
    others = pitches[np.abs(1200 * np.log2(pitches / pitch_hz)) > FARTHEST_CENTS]
    return np.r_[pitch_hz, others]


def _glide(stroke: Stroke) -> tuple[Glide, Stroke, Sinusoids]:
    """The glide of a stroke, and the stroke and its candidates without it."""
    candidates, glide = _candidates(stroke), pitch_glide.find(stroke.x, SAMPLE_RATE)
    if glide.rise > 0:
        straight = stroke.unglided(glide)
        other = _candidates(straight)
        few, more = (_explained([s], *_choose([s], FEW)) for s in (candidates, other))
        if more > few + GLIDE_GAIN * (1 - few):
            return glide, straight, other
    return Glide(), stroke, candidates


def _candidates(stroke: Stroke) -> Sinusoids:
    """The sines that may be in a stroke."""
    hz, sigma = poles.find(stroke.x, SAMPLE_RATE).T
    return _sinusoids([stroke], hz, sigma)[0]


def _sinusoids(strokes: list[Stroke], hz, sigma) -> list[Sinusoids]:
    return [Sinusoids(s.x, hz, sigma, SAMPLE_RATE, s.silent_until) for s in strokes]


def _explained(sines, chosen, amplitudes) -> float:
    return float(np.mean([s.explained(chosen, a) for s, a in zip(sines, amplitudes)]))


def _choose(
    sines: list[Sinusoids], most: int, pitch_hz: float | None = None
) -> tuple[list[int], list[np.ndarray]]:
    """Indices of the sines that explain most, at most so many, and their amplitudes.

    The first is the one at the pitch, where there is one.
    """
    hz, chosen = sines[0].hz, []
    amplitudes = [np.zeros((0, 2))] * len(sines)
    free, first = np.ones(len(hz), bool), 0.0
    while len(chosen) < most and free.any():
        gains = np.mean(
            [s.gains(chosen, a) / s.n_windows for s, a in zip(sines, amplitudes)], axis=0
        )
        allowed = np.where(free, gains, 0)
        if not chosen and pitch_hz is not None:
            allowed = _at_pitch(allowed, hz, pitch_hz)
        best = int(np.argmax(allowed))
        first = max(first, gains.max())
        if gains[best] <= LEAST_GAIN * first:
            break
        chosen.append(best)
        amplitudes = [s.amplitudes(chosen) for s in sines]
        cents = 1200 * np.abs(np.log2(hz / hz[best]))
        free &= (cents > NEAR_CENTS) & (np.abs(hz - hz[best]) > NEAR_HZ)
    return chosen, amplitudes


def _at_pitch(gains: np.ndarray, hz: np.ndarray, pitch_hz: float) -> np.ndarray:
    """Gains of sines (sines,), those near the pitch alone; all of them where none is near."""
    cents = 1200 * np.log2(hz / pitch_hz)
    near = np.exp(-0.5 * (cents / AT_PITCH_CENTS) ** 2) * (np.abs(cents) < FARTHEST_CENTS)
    return gains * near if np.any(gains * near > 0) else gains


def _moved(strokes, hz, sigma, share) -> tuple[np.ndarray, np.ndarray]:
    """Each partial moved a little to where it explains most beside the others."""
    step = np.maximum(MOVE_HZ * sigma, LEAST_MOVE_HZ)[:, None]
    n = len(MOVES_HZ)
    hz = (hz[:, None] + share * step * MOVES_HZ).ravel()
    sigma = (sigma[:, None] * np.exp(share * MOVE_SIGMA * MOVES_SIGMA)).ravel()
    sines = _sinusoids(strokes, hz, np.clip(sigma, *poles.SIGMA))
    chosen = list(range(0, len(hz), n))
    for i in range(len(chosen)):
        others = chosen[:i] + chosen[i + 1 :]
        own = slice(n * i, n * (i + 1))
        gains = sum(s.gains(others, s.amplitudes(others))[own] / s.n_windows for s in sines)
        chosen[i] = n * i + int(np.argmax(gains))
    return sines[0].hz[chosen], sines[0].sigma[chosen]
