"""What a descent makes small: how far a drum's sound is from a recording, and from its start.

A sound is peak-normalised before it is compared, so its peak is part of the model: every derivative
has a term for the spectrum and one for the peak. Both classes are immutable: another floor, prior
or start makes another Cost.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from matcher.matching.features import SAMPLE_RATE
from matcher.matching.mode_power import mode_power
from matcher.matching.search_space import HIGH, LOW, NAMES, THETA, to_drum
from matcher.matching.target import Target
from matcher.physics import attack, drum
from matcher.physics.drum import Drum

EARLY = 2048  # samples, 93 ms: the peak of a drum lies within
EARLY_S = np.arange(EARLY) / SAMPLE_RATE
EARLY_FADING = attack.fading(EARLY_S)  # (decays, EARLY)
SMALLEST_POWER = 1e-12  # power, added to each cell: the square root has no derivative at 0
SMALLEST_PEAK = 1e-9  # amplitude, at least, that a sound is divided by
SMALLEST_ENVELOPE = 1e-4  # amplitude, at least, that a band of the attack is divided by
SMALLEST_MODE_POWER = 1e-30  # power, at least, that a cell is divided by where no mode reaches


@dataclass(frozen=True, eq=False)
class Point:
    """A drum and its spectrum in the cells of a target: body and attack, in their proportions."""

    target: Target
    vector: np.ndarray  # (parameters,)
    body: np.ndarray  # (samples,), of which at least EARLY, on the scale of a Cost
    body_power: np.ndarray  # (cells,)
    gain: float  # log power that the body is raised by
    attack_powers: np.ndarray | None = None  # (attack_powers,); None: no attack

    @cached_property
    def power(self) -> np.ndarray:
        """Power before the sound is normalised, (cells,)."""
        power = np.exp(self.gain) * self.body_power + SMALLEST_POWER
        if self.attack_powers is not None:
            power = power + self.attack_powers[self.target.usable] @ self.target.unit_attack
        return power

    @cached_property
    def envelopes(self) -> np.ndarray:
        """Amplitude of the attack's bands, (bands, EARLY)."""
        return attack.amplitudes(self.attack_powers.reshape(attack.SHAPE), EARLY_FADING)

    @cached_property
    def early(self) -> np.ndarray:
        """The beginning of the sound, (EARLY,), before it is normalised."""
        early = np.exp(self.gain / 2) * self.body[:EARLY]
        if self.attack_powers is not None:
            noise = attack.noise(SAMPLE_RATE)[:, :EARLY]
            early = early + np.sum(self.envelopes * noise, axis=0)
        return early

    @cached_property
    def peak_index(self) -> int:
        """Sample at which the sound is loudest."""
        return int(np.argmax(np.abs(self.early)))

    @cached_property
    def peak(self) -> float:
        """Largest amplitude of the sound."""
        return max(abs(self.early[self.peak_index]), SMALLEST_PEAK)

    @cached_property
    def peak_sign(self) -> float:
        """Sign of the sound where it is loudest."""
        return np.sign(self.early[self.peak_index])

    @cached_property
    def normalised_power(self) -> np.ndarray:
        """Power of the sound with a peak of 1, (cells,)."""
        return self.power / self.peak**2

    @cached_property
    def observed_power(self) -> np.ndarray:
        """Power of the sound with a peak of 1 over the recording's background, (cells,)."""
        return self.normalised_power + self.target.noise_power

    @cached_property
    def amplitude(self) -> np.ndarray:
        """What is compared with the recording's, (cells,)."""
        return np.sqrt(self.observed_power)

    @property
    def body_peak_power(self) -> float:
        """The square of the body's largest amplitude."""
        return np.exp(self.gain) * np.max(np.abs(self.body)) ** 2


@dataclass(frozen=True, eq=False)
class Cost:
    """Squared distance of a point's sound from a target, and of its theta from the start's.

    Amplitudes are compressed by log1p over each of several floors, which weigh the same. A low
    floor compares all that is audible, a high one mostly what is loud.
    """

    target: Target
    start: np.ndarray  # (parameters,)
    floors: tuple[float, ...]  # amplitude, over the peak
    # factor on bodies that gives the start's a peak of about 1: the transform adds a constant power
    # to all sounds, which has to stay below them
    body_scale: np.float32
    prior: float = 0.0  # cost of a theta that is 1 in nu away from the start's
    low: np.ndarray = field(default_factory=LOW.copy)  # (parameters,), the least that is searched
    high: np.ndarray = field(default_factory=HIGH.copy)  # and the most

    def __post_init__(self):
        start = np.array(self.start)
        start.setflags(write=False)
        object.__setattr__(self, "start", start)

    @classmethod
    def of_start(cls, target: Target, start: np.ndarray, floors: tuple[float, ...]) -> "Cost":
        """The cost of a search from a start (parameters,), without a prior."""
        early = drum.render_body(to_drum(start), SAMPLE_RATE, EARLY)
        scale = np.float32(1 / max(float(np.abs(early).max()), SMALLEST_PEAK))
        return cls(target, start, floors, scale)

    def with_target(self, target: Target, floors: tuple[float, ...]) -> "Cost":
        """The same search on another target."""
        return replace(self, target=target, floors=floors)

    def with_floors(self, floors: tuple[float, ...]) -> "Cost":
        """The same search with other floors."""
        return replace(self, floors=floors)

    def with_prior(self, prior: float) -> "Cost":
        """The same search, more or less bound to its start."""
        return replace(self, prior=prior)

    def within(self, low: np.ndarray, high: np.ndarray) -> "Cost":
        """The same search in part of the space: bounds (parameters,) each."""
        return replace(self, low=np.maximum(low, LOW), high=np.minimum(high, HIGH))

    def with_start(self, start: np.ndarray) -> "Cost":
        """The same search around another start (parameters,)."""
        return replace(self, start=start)

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """What each floor's logarithms are multiplied by, so that they weigh as the first's."""
        sizes = [np.linalg.norm(np.log1p(self.target.amplitude / floor)) for floor in self.floors]
        return tuple(sizes[0] / size for size in sizes)

    @cached_property
    def compressed(self) -> np.ndarray:
        """The recording's amplitude, compressed, (floors * cells,)."""
        compressed = self._compress(self.target.amplitude)
        compressed.setflags(write=False)
        return compressed

    @cached_property
    def prior_weights(self) -> np.ndarray:
        """The prior of each parameter, (parameters,): 0 for all but theta."""
        weights = np.zeros(len(NAMES))
        weights[THETA] = self.prior
        return weights

    def point(self, vector, gain=None, attack_powers=None) -> Point:
        """Render and transform a drum.

        Args:
            vector: (parameters,).
            gain: Log power that the body is raised by; None: to a peak of 1.
            attack_powers: (attack_powers,); None: no attack.

        Returns:
            The point.
        """
        body = self.render_body(vector)
        gain = _unit_gain(body) if gain is None else gain
        return Point(self.target, vector, body, self.target.power(body), gain, attack_powers)

    def sketch(self, vector) -> Point:
        """Nearly what `point` gives, without a transform: to choose among many."""
        drum_ = to_drum(vector)
        early = self._scaled(drum.render_body(drum_, SAMPLE_RATE, EARLY))
        return Point(self.target, vector, early, self.mode_power(drum_), _unit_gain(early))

    def beside(self, vector, now: Point, now_mode_power: np.ndarray) -> Point:
        """Nearly the point next to `now`, from which only the change is estimated.

        Args:
            vector: (parameters,).
            now: A point near to it.
            now_mode_power: mode_power of that point, (cells,).

        Returns:
            The point, with the gain and the attack of `now`.
        """
        drum_ = to_drum(vector)
        share = np.minimum(now.body_power / np.maximum(now_mode_power, SMALLEST_MODE_POWER), 1)
        power = np.maximum(now.body_power + share * (self.mode_power(drum_) - now_mode_power), 0)
        early = self._scaled(drum.render_body(drum_, SAMPLE_RATE, EARLY))
        return Point(self.target, vector, early, power, now.gain, now.attack_powers)

    def render_body(self, vector) -> np.ndarray:
        """The body of a drum on this cost's scale, (samples of the target's window,) float32."""
        n_samples = self.target.cqt.n_samples
        return self._scaled(drum.render_body(to_drum(vector), SAMPLE_RATE, n_samples))

    def mode_power(self, drum_: Drum) -> np.ndarray:
        """Mean power of a drum's modes on this cost's scale, (cells,)."""
        powers = mode_power(drum_, self.target.cqt, self.target.n_frames)
        return powers.ravel() * float(self.body_scale) ** 2

    def value(self, point: Point) -> float:
        """The cost of a point."""
        away = self.prior_weights * (point.vector - self.start) ** 2
        return float(np.sum(self.residual(point) ** 2) + np.sum(away))

    def residual(self, point: Point) -> np.ndarray:
        """Compressed amplitude of the recording less the point's, (floors * cells,)."""
        return self.compressed - self._compress(point.amplitude)

    def slope(self, point: Point) -> np.ndarray:
        """d compressed / d log amplitude of the sound without background, (floors * cells,)."""
        x = point.amplitude
        slope = np.concatenate([w * x / (floor + x) for w, floor in zip(self.weights, self.floors)])
        return slope * self._tiled(point.normalised_power / point.observed_power)

    def by_gain(self, point: Point) -> np.ndarray:
        """d compressed / d gain, (floors * cells,)."""
        share = self._tiled(np.exp(point.gain) * point.body_power / point.power)
        body = np.exp(point.gain / 2) * point.body[point.peak_index]
        at_peak = point.peak_sign * body / point.peak
        return 0.5 * self.slope(point) * (share - at_peak)

    def by_attack_powers(self, point: Point) -> np.ndarray:
        """d compressed / d the usable attack_powers, (usable, floors * cells)."""
        at = point.peak_index
        decay = np.exp(-2 * EARLY_S[at] / np.array(attack.DECAYS_S))
        decay *= attack.rise(EARLY_S[at]) ** 2
        envelope = np.maximum(point.envelopes[:, at], SMALLEST_ENVELOPE)
        bands = point.peak_sign * attack.noise(SAMPLE_RATE)[:, at] / envelope
        at_peak = (bands[:, None] * decay).ravel()[self.target.usable] / point.peak
        share = self._tiled(self.target.unit_attack / point.power)
        return 0.5 * (share - at_peak[:, None]) * self.slope(point)

    def noise_deviation(self, point: Point) -> np.ndarray:
        """Standard deviation of `compressed` by the background's randomness, (floors * cells,)."""
        noise = np.sqrt(self.target.noise_power)
        return (
            0.5 * self.slope(point) * self._tiled(noise * point.amplitude / point.normalised_power)
        )

    def _compress(self, amplitude: np.ndarray) -> np.ndarray:
        """(cells,) -> (floors * cells,)."""
        return np.concatenate(
            [w * np.log1p(amplitude / floor) for w, floor in zip(self.weights, self.floors)]
        )

    def _tiled(self, x: np.ndarray) -> np.ndarray:
        """(..., cells) -> (..., floors * cells)."""
        return np.tile(x, len(self.floors))

    def _scaled(self, body: np.ndarray) -> np.ndarray:
        """A body (samples,) on this cost's scale, as long as the recording lasts."""
        body *= self.body_scale
        if self.target.ends_in_hit:
            body[len(self.target.clip) :] = 0
        return body


def _unit_gain(body: np.ndarray) -> float:
    """The gain that gives a body (samples,) a peak of 1."""
    return -2 * np.log(max(np.abs(body).max(), SMALLEST_PEAK))
