"""How near a drum's parameters come to a recording, and steps that bring them nearer.

Gauss and Newton's method with Marquardt's damping on the log-CQT. What is compared is
peak-normalised, so the peak is part of the model. The attack's powers are solved for inside each
step (variable projection, by non-negative least squares).

Sounds that are rendered and transformed decide whether a step is taken. Where it goes is told by
mode_power, in less than half the time; when that gains little more, by sounds as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from matcher.matching.features import (
    DISTANCE,
    FLOOR,
    N_SAMPLES,
    SAMPLE_RATE,
    LogCqt,
    distance_from,
    normalise,
)
from matcher.matching.mode_power import mode_power
from matcher.physics import attack, drum, ftm
from matcher.physics.drum import Drum
from matcher.physics.theta import PRESETS, Theta

RANGE = PRESETS["live"]
NAMES = (*Theta._fields, "x1", "x2", "dull", "tension")  # dull: (pitch / mallet_hz)^2
LOW = np.array([-1, -1, -1, -1, -1, 0.02, 0.02, 0, drum.TENSION[0]])
HIGH = np.array([1, 1, 1, 1, 1, 0.5, 0.5, 1, drum.TENSION[1]])
STEP = np.array([1e-3, 1e-2, 1e-2, 1e-2, 1e-2, 5e-3, 5e-3, 1e-3, 1e-2])  # of differences
FIRST_DULL, FIRST_TENSION = 1e-3, 0.03
LONGEST_STEP = 0.3  # of each range
TRIES = 5  # of one step, each with more damping
ENOUGH = 1e-3  # of the cost: a smaller gain ends the steps
ROUGHLY_ENOUGH = 1e-2  # of the cost: a smaller gain asks for exact derivatives
SOFTEST_BODY = 0.5  # of its first amplitude: the attack may not take its place
STEADY, NEIGHBOURS = 0.75, 13  # what falls by less at the end of a clip is background; bins
BY_CHANCE = 4.0  # standard deviations of the background: attack has to explain more than them
EARLY = 2048  # samples in which the peak is looked for
SMALL = 1e-12  # power
SMALLEST = 1e-30


class _Whole(LogCqt):
    padding: ClassVar[int] = 2**13  # recording and drum wrap round alike, 48 dB down


class _Half(_Whole):
    n_samples: ClassVar[int] = N_SAMPLES // 2


class _Quarter(_Whole):
    n_samples: ClassVar[int] = N_SAMPLES // 4


# the distance's own transform with its Gaussians cut earlier, in windows of several lengths
_VALUES = {name: getattr(DISTANCE, name) for name in ("f_min", "n_bins", "bandwidth", "growth")}
WINDOWS = tuple(
    kind(n_frames=DISTANCE.n_frames * kind.n_samples // N_SAMPLES, **_VALUES)
    for kind in (_Quarter, _Half, _Whole)
)


@lru_cache(1)
def unit_attack_power() -> np.ndarray:
    """Powers of the attack's bands and decays with level 1, (attack_powers, bins, 64) float32."""
    seconds = np.arange(N_SAMPLES) / SAMPLE_RATE
    cqt = WINDOWS[-1]
    rows = [
        cqt.magnitude(band * np.exp(-seconds / decay).astype(np.float32)) ** 2
        for band in attack.noise(SAMPLE_RATE)
        for decay in attack.DECAYS_S
    ]
    return np.array(rows, np.float32)


@lru_cache(1)
def nnls():
    """Non-negative least squares; who only listens need not wait until it is loaded."""
    from scipy.optimize import nnls

    return nnls


def start_of(theta: Theta) -> np.ndarray:
    """The parameters that a search from the network's theta begins with, (len(NAMES),)."""
    nu = np.clip(RANGE.to_nu(theta), -1, 1)
    return np.r_[nu, ftm.STRIKE, FIRST_DULL, FIRST_TENSION]


def of_drum(drum_: Drum) -> np.ndarray:
    """A drum -> the parameters of a search, (len(NAMES),)."""
    dull = 0.0 if drum_.mallet_hz >= drum.HARD_HZ else (drum_.theta.pitch_hz / drum_.mallet_hz) ** 2
    p = np.r_[RANGE.to_nu(drum_.theta), drum_.strike, dull, drum_.tension]
    return np.clip(p, LOW, HIGH)


def to_drum(p: np.ndarray, attack_powers=None) -> Drum:
    """A search's parameters -> the drum."""
    theta = Theta(*(float(value) for value in RANGE.from_nu(p[:5])))
    mallet_hz = min(float(theta.pitch_hz / np.sqrt(max(p[7], 1e-9))), drum.HARD_HZ)
    return Drum(theta, (float(p[5]), float(p[6])), mallet_hz, float(p[8]), attack_powers)


class Target:
    """A recording, and everything about it that stays as it is."""

    def __init__(self, clip: np.ndarray, ends_in_hit: bool, noise: np.ndarray | None = None):
        self.clip = normalise(np.asarray(clip[:N_SAMPLES], np.float32))
        self.ends_in_hit = ends_in_hit
        last = len(self.clip) if ends_in_hit else last_heard(self.clip)
        self.cqt = window_for(last)
        n_frames = self.cqt.n_frames
        if ends_in_hit:
            n_frames = max(1, int(len(self.clip) * DISTANCE.n_frames / N_SAMPLES))
        self.frames = slice(0, min(n_frames, self.cqt.n_frames))
        # the last frame of a clip that was cut off hears the cut
        whole = max(0, last * DISTANCE.n_frames // N_SAMPLES - ends_in_hit)  # frames
        self.noise = _background(self.exact[:, :whole]) if noise is None else noise  # (bins,)
        heard_s = len(self.clip) / SAMPLE_RATE
        decays = np.array([not ends_in_hit or decay <= heard_s for decay in attack.DECAYS_S])
        self.usable = np.flatnonzero(
            np.tile(decays, attack.N_BANDS)
        )  # attack_powers that can be heard

    @cached_property
    def exact(self) -> np.ndarray:
        """As the distance hears it, (bins, 64)."""
        return DISTANCE(self.clip)

    @cached_property
    def begin(self) -> "Target":
        """As much of it as the first of WINDOWS hears, with room for what rings on."""
        if self.cqt is WINDOWS[0]:
            return self
        return Target(self.clip[: WINDOWS[0].n_samples], True, self.noise)

    @cached_property
    def amplitude(self) -> np.ndarray:
        """The recording's, in each bin and frame, (values,)."""
        return np.sqrt(self.power(self.clip))

    def hear(self, floors: tuple[float, ...]) -> None:
        """Compare by log1p over each of these floors; all of them weigh the same."""
        self.floors = floors
        logs = [np.log1p(self.amplitude / floor) for floor in floors]
        sizes = [np.linalg.norm(log) for log in logs]
        self.scales = [sizes[0] / size for size in sizes]
        self.C = np.concatenate([scale * log for scale, log in zip(self.scales, logs)])

    @cached_property
    def noise_power(self) -> np.ndarray:
        """The background's, in each bin and frame, (values,)."""
        shape = len(self.noise), self.frames.stop
        return np.broadcast_to(self.noise[:, None] ** 2, shape).ravel()

    @cached_property
    def attack(self) -> np.ndarray:
        """Powers of the attack, (attack_powers, values)."""
        powers = unit_attack_power()[:, :, self.frames]
        return np.ascontiguousarray(powers.reshape(len(powers), -1))

    def power(self, x: np.ndarray) -> np.ndarray:
        """Power of sounds (..., samples) in each bin and frame, (..., values)."""
        return self.cqt.magnitude(x)[..., self.frames].reshape(*x.shape[:-1], -1) ** 2

    def distance(self, drum_: Drum) -> float:
        """log-CQT distance of a drum."""
        twin = drum.render(drum_, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
        return distance_from(self.exact, twin[: len(self.clip)] if self.ends_in_hit else twin)


def last_heard(clip: np.ndarray) -> int:
    """How many samples of a clip (samples,) with a peak of 1 it takes to FLOOR and below."""
    return np.flatnonzero(np.abs(clip) > FLOOR)[-1] + 1


def window_for(n_samples: int) -> LogCqt:
    """The shortest of WINDOWS that hears so many samples and a fifth as many after them."""
    return next(w for w in WINDOWS if w.n_samples >= min(1.2 * n_samples, N_SAMPLES))


def _background(log_cqt: np.ndarray) -> np.ndarray:
    """Amplitude of the steady noise under a hit in each bin, (bins,); 0 where there is none.

    log_cqt: (bins, frames) of the hit, to its end. Steady is what in its last quarter is nearly as
    loud as in the one before, at the median of NEIGHBOURS bins: of noise, not of one partial that
    rings among them. For the same reason no bin counts for more than twice that median.
    """
    quarter = log_cqt.shape[1] // 4
    if quarter < 2:
        return np.zeros(len(log_cqt))
    power = (FLOOR * np.expm1(log_cqt)) ** 2
    end, before = power[:, -quarter:], power[:, -2 * quarter : -quarter]
    end, before = (np.sqrt(part.mean(axis=1)) for part in (end, before))
    around, around_before = _median(end), _median(before)
    steady = around > STEADY * around_before
    return np.where(steady, np.minimum(end, 2 * around), 0)


def _median(x: np.ndarray) -> np.ndarray:
    """(bins,) -> the running median over NEIGHBOURS bins, (bins,)."""
    padded = np.pad(x, NEIGHBOURS // 2, "edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, NEIGHBOURS), axis=1)


_EARLY_S = np.arange(EARLY) / SAMPLE_RATE


@dataclass
class Point:
    """Parameters and what they sound like."""

    target: Target
    p: np.ndarray  # (len(NAMES),)
    body: np.ndarray  # (samples,)
    body_power: np.ndarray  # (values,)
    gain: float  # log power of the body
    attack_powers: np.ndarray | None  # (attack_powers,) power, or None: no attack
    power: np.ndarray = field(init=False)
    peak: float = field(init=False)
    at: int = field(init=False)  # where the peak is

    def __post_init__(self):
        self.power = np.exp(self.gain) * self.body_power + SMALL
        early = np.exp(self.gain / 2) * self.body[:EARLY]
        if self.attack_powers is not None:
            self.power = self.power + self.attack_powers @ self.target.attack
            self.envelopes = attack.envelopes(self.attack_powers.reshape(attack.SHAPE), _EARLY_S)
            early = early + np.sum(self.envelopes * attack.noise(SAMPLE_RATE)[:, :EARLY], axis=0)
        self.at = int(np.argmax(np.abs(early)))
        self.peak, self.sign = max(abs(early[self.at]), 1e-9), np.sign(early[self.at])
        own = self.power / self.peak**2
        power = own + self.target.noise_power
        self.amplitude = np.sqrt(power)
        x, scales, floors = self.amplitude, self.target.scales, self.target.floors
        logs = [scale * np.log1p(x / floor) for scale, floor in zip(scales, floors)]
        self.residual = self.target.C - np.concatenate(logs)
        # of log1p, over the log amplitude of the model without the background
        self.slope = np.concatenate([s * x / (floor + x) for s, floor in zip(scales, floors)])
        self.slope *= self._tiled(own / power)

    def with_(self, gain=None, attack_powers=None) -> "Point":
        """The same body in other proportions."""
        gain = self.gain if gain is None else gain
        attack_powers = self.attack_powers if attack_powers is None else attack_powers
        return Point(self.target, self.p, self.body, self.body_power, gain, attack_powers)

    def by_gain(self) -> np.ndarray:
        """Derivative of the model by the body's log power."""
        share = self._tiled(np.exp(self.gain) * self.body_power / self.power)
        at_peak = self.sign * np.exp(self.gain / 2) * self.body[self.at] / self.peak
        return 0.5 * self.slope * (share - at_peak)

    def by_attack_powers(self) -> np.ndarray:
        """Derivatives of the model by each level, (attack_powers, values)."""
        decay = np.exp(-2 * _EARLY_S[self.at] / np.array(attack.DECAYS_S))
        decay *= attack.rise(_EARLY_S[self.at]) ** 2
        envelope = np.maximum(self.envelopes[:, self.at], 1e-4)
        bands = self.sign * attack.noise(SAMPLE_RATE)[:, self.at] / envelope
        at_peak = (bands[:, None] * decay).ravel() / self.peak
        share = self._tiled(self.target.attack / self.power)
        return 0.5 * (share - at_peak[:, None]) * self.slope

    def by_chance(self) -> np.ndarray:
        """How far the background's ups and downs move the model: standard deviations, (values,)."""
        own = self.power / self.peak**2
        return (
            0.5 * self.slope * self._tiled(np.sqrt(self.target.noise_power) * self.amplitude / own)
        )

    def _tiled(self, x: np.ndarray) -> np.ndarray:
        """(..., values) once for each floor."""
        return np.tile(x, len(self.target.floors))


class Search:
    """One search, from one start, within a time."""

    def __init__(self, target: Target, start: np.ndarray, out_of_time: Callable[[], bool]):
        self.target, self.start, self.over = target, start, out_of_time
        self.heard = start[: len(Theta._fields)]  # nu of the network
        self.scale = None  # of bodies, so that the first has a peak of 1: the transform has a floor
        self.prior = np.zeros(len(NAMES))
        self.H = None  # of the last step: how the cost of the sound alone rises around it

    def point(self, p, gain=None, attack_powers=None) -> Point:
        """Parameters -> their sound; gain: by default the body's peak is 1."""
        body = self._body(p)
        if gain is None:
            gain = -2 * np.log(max(np.abs(body).max(), 1e-9))
        return Point(self.target, p, body, self.target.power(body), gain, attack_powers)

    def _body(self, p) -> np.ndarray:
        return self._scaled(drum.render_body(to_drum(p), SAMPLE_RATE, self.target.cqt.n_samples))

    def run(self, now: Point, steps: int) -> Point:
        """Steps downhill until they gain nothing, or the time is over."""
        damping, floor = 1e-2, now.gain + 2 * np.log(SOFTEST_BODY)
        exact = False
        for _ in range(steps):
            if self.over():
                break
            rows = self._derivatives(now, exact)
            H, g = rows @ rows.T, rows @ now.residual
            self.H = H.copy()
            n = len(NAMES)
            H[:n, :n] += np.diag(self.prior)
            g[:n] -= self.prior * (now.p - self.start)
            before = self.cost(now)
            for _ in range(TRIES):
                D = damping * np.diag(H) + 1e-9 * np.trace(H) / len(H)
                step = np.linalg.solve(H + np.diag(D), g)[: n + 1]
                new = self._moved(now, step, floor)
                if self.cost(new) < before or self.over():
                    break
                damping *= 4
            gained = before - self.cost(new)
            if gained > 0:
                now, damping = new, max(damping / 5, 1e-5)
            if gained < ROUGHLY_ENOUGH * before and not exact:
                exact, damping = True, 1e-2
            elif gained < ENOUGH * before:
                break
        return now

    def cost(self, point: Point) -> float:
        """What is made least."""
        away = self.prior * (point.p - self.start) ** 2
        return float(np.sum(point.residual**2) + np.sum(away))

    def deviation(self, point: Point) -> np.ndarray | None:
        """Standard deviation of each of theta: the residual's variance on the inverse of H."""
        if self.H is None:
            return None
        variance = np.sum(point.residual**2) / len(point.residual)
        scale = np.sqrt(np.maximum(np.diag(self.H), SMALL))
        correlation = self.H / np.outer(scale, scale) + 1e-6 * np.eye(len(scale))
        diagonal = np.diag(np.linalg.inv(correlation)) / scale**2
        return np.clip(np.sqrt(variance * diagonal[: len(self.heard)]), 1e-5, 1)

    def solve_attack_powers(self, now: Point, rounds: int = 2) -> Point:
        """The attack's best attack_powers beside this body."""
        for _ in range(rounds):
            use = self.target.usable
            rows = now.by_attack_powers()[use]
            scale = np.sqrt(np.einsum("ij,ij->i", rows, rows)) + 1e-30
            rows = rows / scale[:, None]
            H = rows @ rows.T + 1e-5 * np.eye(len(rows))
            L = np.linalg.cholesky(H)
            wanted = rows @ (now.residual + (now.attack_powers[use] * scale) @ rows)
            if np.any(self.target.noise):
                wanted -= BY_CHANCE * np.sqrt(rows**2 @ now.by_chance() ** 2)
            attack_powers = np.zeros(len(now.attack_powers))
            try:
                attack_powers[use] = nnls()(L.T, np.linalg.solve(L, wanted))[0] / scale
            except RuntimeError:  # it did not converge
                break
            found = now
            for share in (1.0, 0.5, 0.2, 0.05):
                new = now.with_(
                    attack_powers=now.attack_powers + share * (attack_powers - now.attack_powers)
                )
                if self.cost(new) < self.cost(found):
                    found = new
                    break
            if found is now:
                break
            now = found
        return now

    def sketch(self, p) -> Point:
        """What `point` gives, nearly, from mode_power alone: to choose among many."""
        found = to_drum(p)
        early = self._early(found)
        gain = -2 * np.log(max(np.abs(early).max(), 1e-9))
        return Point(self.target, p, early, self._mode_power(found), gain, None)

    def _near(self, p, now: Point, powers: np.ndarray) -> Point:
        """`point` next to now, whose mode_power is `powers`: what changes it takes from there."""
        found = to_drum(p)
        share = np.minimum(now.body_power / np.maximum(powers, SMALLEST), 1)
        power = np.maximum(now.body_power + share * (self._mode_power(found) - powers), 0)
        return Point(self.target, p, self._early(found), power, now.gain, now.attack_powers)

    def _early(self, found: Drum) -> np.ndarray:
        return self._scaled(drum.render_body(found, SAMPLE_RATE, EARLY))

    def _scaled(self, body: np.ndarray) -> np.ndarray:
        """A body (samples,) as the transform shall hear it."""
        if self.scale is None:
            self.scale = np.float32(1 / max(float(np.abs(body).max()), 1e-9))
        body *= self.scale
        if self.target.ends_in_hit:
            body[len(self.target.clip) :] = 0
        return body

    def _mode_power(self, found: Drum) -> np.ndarray:
        """mode_power on the scale of bodies, (values,)."""
        powers = mode_power(found, self.target.cqt, self.target.frames.stop)
        return powers.ravel() * float(self.scale) ** 2

    def _derivatives(self, now: Point, exact: bool) -> np.ndarray:
        """(parameters, gain and the attack powers in use, values)."""
        steps = np.where(now.p + STEP <= HIGH, STEP, -STEP)
        near = now.p + np.diag(steps)  # (parameters, parameters)
        if exact:
            bodies = np.stack([self._body(p) for p in near])
            points = [
                Point(self.target, p, body, power, now.gain, now.attack_powers)
                for p, body, power in zip(near, bodies, self.target.power(bodies))
            ]
        else:
            powers = self._mode_power(to_drum(now.p))
            points = [self._near(p, now, powers) for p in near]
        rows = [(now.residual - point.residual) / step for point, step in zip(points, steps)]
        rows.append(now.by_gain())
        if now.attack_powers is not None:
            used = now.attack_powers > SMALL
            rows += list(now.by_attack_powers()[used] * now.attack_powers[used, None])
        return np.array(rows)

    def _moved(self, now: Point, step: np.ndarray, floor: float) -> Point:
        longest = LONGEST_STEP * (HIGH - LOW)
        p = np.clip(now.p + np.clip(step[:-1], -longest, longest), LOW, HIGH)
        gain = now.gain + np.clip(step[-1], -1, 1)
        if now.attack_powers is None:
            return self.point(p, gain)
        return self.solve_attack_powers(self.point(p, max(gain, floor), now.attack_powers))
