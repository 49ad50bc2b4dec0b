"""The one table of all parameters: names, ranges, units, scales, labels, help and formats.

Knobs, sliders, command-line options, MIDI controllers, files and the encoder's outputs look their
parameters up here, always by name.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

HARD_HZ = 20000.0  # Hz: cutoff of a mallet that damps nothing audible
ROUNDING = 1e-9  # relative: some 1e7 times what a double rounds
DEFAULT_STRIKE = 0.4  # share of each side: strike and pick-up point of the paper


@dataclass(frozen=True)
class Parameter:
    """One parameter. `low` and `high` are in natural units and are both allowed values."""

    name: str
    label: str  # the word a drummer uses
    unit: str  # natural unit, used in files, events and the encoder
    low: float
    high: float
    scale: str  # "log" or "linear": the scale on which nu in [-1, 1] is uniform
    help: str
    format: Callable[[float], str] = "{:.2g}".format  # value -> text with its unit
    default: float | None = None
    symbol: str = ""  # of the paper, if any
    key: str = ""  # name in files, options and events; by default `name`
    step: float = 0.0  # increment of knobs; 0: continuous
    display_unit: str = ""  # unit that people read and type; by default `unit`
    display_scale: float = 1.0  # display units per natural unit

    def __post_init__(self):
        object.__setattr__(self, "key", self.key or self.name)
        object.__setattr__(self, "display_unit", self.display_unit or self.unit)

    def to_nu(self, value):
        """Value in natural units -> nu, in [-1, 1] inside the range; floats or arrays."""
        value, low, high = map(self._warp, (value, self.low, self.high))
        return 2 * (value - low) / (high - low) - 1

    def from_nu(self, nu):
        """Nu in [-1, 1] -> value in natural units; floats or arrays."""
        low, high = self._warp(self.low), self._warp(self.high)
        value = low + (np.asarray(nu) + 1) / 2 * (high - low)
        return np.exp(value) if self.scale == "log" else value

    def to_share(self, value: float) -> float:
        """Value -> its position in the range, 0 to 1."""
        return float((self.to_nu(value) + 1) / 2)

    def from_share(self, share: float) -> float:
        """Position in the range, 0 to 1 -> the value there."""
        return self.clamp(float(self.from_nu(2 * share - 1)))

    def clamp(self, value: float) -> float:
        """The nearest allowed value."""
        return min(max(float(value), self.low), self.high)

    def check(self, value: float) -> None:
        """Raise ValueError, which names parameter, value and range, if a value is not allowed."""
        number = not isinstance(value, bool) and isinstance(value, (int, float, np.floating))
        # rounding of a conversion to the display unit and back is allowed; NaN fails
        below, above = (ROUNDING * abs(limit) for limit in (self.low, self.high))
        if number and self.low - below <= value <= self.high + above:
            return
        name = "pitch" if self.name == "omega" else self.key
        shown = f"{value * self.display_scale:g}" if number else f"{value!r:.80}"
        low, high = (limit * self.display_scale for limit in (self.low, self.high))
        raise ValueError(
            f"{name} is {shown}, allowed is {low:g} to {high:g} {self.display_unit}".rstrip()
        )

    def _warp(self, value):
        return np.log(value) if self.scale == "log" else value


def _hz(omega: float) -> str:
    return f"{omega / (2 * math.pi):.1f} Hz"


def _seconds(tau: float) -> str:
    return f"{tau:.3g} s" if tau >= 0.1 else f"{1000 * tau:.0f} ms"


def _mallet(hz: float) -> str:
    return "hard" if hz >= HARD_HZ else f"{hz:.0f} Hz"


def _tension(tension: float) -> str:
    return f"{600 * math.log2(1 + tension):+.0f} cents"


PARAMETERS = {
    row.name: row
    for row in (
        # theta, with the ranges of the preset `live`, for real drums; `paper` is in physics.theta
        Parameter(
            "omega", "Pitch", "rad/s", 2 * math.pi * 25.0, 2 * math.pi * 1500.0, "log",
            "how high the drum is tuned: its lowest tone", _hz,
            symbol="\N{GREEK SMALL LETTER OMEGA}", display_unit="Hz",
            display_scale=1 / (2 * math.pi),
        ),
        Parameter(
            "tau", "Decay", "s", 0.01, 3.0, "log",
            "how long the lowest tone rings", _seconds, symbol="\N{GREEK SMALL LETTER TAU}",
        ),
        Parameter(
            "p", "Damping", "", 1e-5, 1.0, "log",
            "how much faster high tones decay: low rings like metal, high thuds like cloth",
            symbol="p",
        ),
        Parameter(
            "D", "Stiffness", "", 1e-5, 1.0, "log",
            "how far the overtones are spread: low sounds like a skin, high like a plate",
            symbol="D",
        ),
        Parameter(
            "alpha", "Shape", "", 0.05, 1.0, "linear",
            "side ratio: 1 is a square drum, near 0 a long and narrow one", "{:.2f}".format,
            symbol="\N{GREEK SMALL LETTER ALPHA}",
        ),
        # the pad
        Parameter(
            "gain_db", "Gain", "dB", -60.0, 12.0, "linear",
            "how loud the pad is", "{:+.1f} dB".format, 0.0, step=0.1,
        ),
        Parameter(
            "pan", "Pan", "", -1.0, 1.0, "linear",
            "-1 is left, +1 is right", "{:+.2f}".format, 0.0, step=0.05,
        ),
        Parameter(
            "tune", "Tune", "semitones", -24.0, 24.0, "linear",
            "semitones above or below the drum's own pitch", "{:+.1f} st".format, 0.0, step=0.1,
        ),
        # the stroke
        Parameter(
            "x1", "Strike along", "", 0.001, 0.999, "linear",
            "strike point along the long side, as a share of it", "{:.2f}".format, DEFAULT_STRIKE,
        ),
        Parameter(
            "x2", "Strike across", "", 0.001, 0.999, "linear",
            "strike point along the short side, as a share of it", "{:.2f}".format, DEFAULT_STRIKE,
        ),
        Parameter(
            "mallet_hz", "Mallet", "Hz", 50.0, HARD_HZ, "log",
            "hardness of the mallet: tones above this frequency are damped, less so by hard hits",
            _mallet, HARD_HZ,
        ),
        Parameter(
            "tension", "Tension", "", 0.0, 2.0, "linear",
            "how far above the drum's pitch a hard hit starts before it glides down", _tension, 0.0,
        ),
        Parameter(
            "attack_mix", "Attack", "", 0.0, 1.0, "linear",
            "level of the noise of the attack: 0 % is the membrane alone",
            lambda mix: f"{100 * mix:.0f} %", 1.0, key="attack",
        ),
        Parameter(
            "as_recorded", "As recorded", "", 0.0, 1.0, "linear",
            "0 % is the ideal membrane, 100 % the drum as it was recorded: its own tones",
            lambda mix: f"{100 * mix:.0f} %", 1.0,
        ),
    )
}  # fmt: skip
BY_KEY = {row.key: row for row in PARAMETERS.values()}


def find(key: str) -> Parameter:
    """Look a parameter up by its key.

    Raises:
        ValueError: if no parameter has this key; names all keys.
    """
    if key not in BY_KEY:
        raise ValueError(
            f"there is no parameter {key!r:.80}, allowed is one of: {', '.join(BY_KEY)}"
        )
    return BY_KEY[key]
