"""Pads and kits. A kit is a value: an edit makes a new one."""

import math
from dataclasses import dataclass, field, replace

from matcher.physics.drum import OF_DRUM, Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import LIVE, Theta

N_PADS = 16
FIRST_NOTE = 36  # MIDI note of pad 1, bottom left on most pad controllers
N_CHOKE_GROUPS = 8
LONGEST_NAME = 64  # characters
# How strongly each velocity curve bends: above 0 soft hits come out softer, below 0 louder.
CURVES = {
    "linear": 0.0,
    "exponential 1": 2.0,
    "exponential 2": 4.0,
    "logarithmic 1": -2.0,
    "logarithmic 2": -4.0,
    "fixed": float("-inf"),
}
WHOLE_NUMBERS = {"note": (0, 127), "choke": (0, N_CHOKE_GROUPS)}
OF_PAD = tuple(name for name in PARAMETERS if name not in OF_DRUM)  # parameters that a Pad holds
ATTACK_DIGITS = 4  # significant ones of attack powers: kit files stay small, -80 dB is inaudible


def velocity_to_gain(curve: float, velocity: float) -> float:
    """Velocity in [0, 1] -> gain in [0, 1] by a value of CURVES; nothing but 0 gives 0.

    The audio callback runs it compiled.
    """
    if velocity <= 0:
        return 0.0
    if math.isinf(curve):
        return 1.0
    velocity = min(velocity, 1.0)
    return velocity if curve == 0 else math.expm1(curve * velocity) / math.expm1(curve)


@dataclass(frozen=True)
class Pad:
    """One pad. Raises ValueError, naming the value and what is allowed, where one is outside."""

    note: int  # MIDI note
    name: str = ""
    drum: Drum | None = None  # None: nothing on it yet
    gain_db: float = PARAMETERS["gain_db"].default
    pan: float = PARAMETERS["pan"].default  # -1 left to 1 right
    tune: float = PARAMETERS["tune"].default  # semitones
    choke: int = 0  # a strike silences the other pads of its group; 0: no group
    curve: str = "linear"  # one of CURVES
    attack_mix: float = PARAMETERS["attack_mix"].default

    def __post_init__(self):
        for name, (low, high) in WHOLE_NUMBERS.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(
                    f"{name} is {value!r}, allowed is a whole number from {low} to {high}"
                )
        for name in OF_PAD:
            PARAMETERS[name].check(getattr(self, name))
        if not isinstance(self.curve, str) or self.curve not in CURVES:
            raise ValueError(f"curve is {self.curve!r}, allowed is one of: {', '.join(CURVES)}")
        check_name(self.name)
        if self.drum is not None:
            self.drum.check()

    @property
    def theta(self) -> Theta | None:
        """The five physical parameters of its drum."""
        return self.drum and self.drum.theta

    @property
    def tuned(self) -> Drum | None:
        """The drum at its own pitch times `tune`, inside the pitch's range."""
        if self.drum is None:
            return None
        omega = self.drum.theta.omega * 2 ** (self.tune / 12)
        return self.drum.with_value("omega", PARAMETERS["omega"].clamp(omega))

    @property
    def sound(self) -> tuple[Drum | None, float]:
        """What its voices play: the tuned drum, and the share of the attack that sounds."""
        return self.tuned, self.attack_mix

    def value(self, name: str) -> float | None:
        """The value of one of PARAMETERS; None for those of a drum where there is none."""
        if name in OF_PAD:
            return getattr(self, name)
        return self.drum and self.drum.value(name)

    def with_value(self, name: str, value: float) -> "Pad":
        """The pad with one of PARAMETERS at another value; a pad without a drum stays as it is."""
        if name in OF_PAD:
            return replace(self, **{name: value})
        return self if self.drum is None else replace(self, drum=self.drum.with_value(name, value))


def for_pad(drum: Drum) -> Drum:
    """The nearest drum that a pad takes: every value inside its range."""
    theta = Theta(*(row.clamp(value) for row, value in zip(LIVE.parameters, drum.theta)))
    drum = drum._replace(
        theta=theta,
        strike=tuple(PARAMETERS[name].clamp(x) for name, x in zip(("x1", "x2"), drum.strike)),
        mallet_hz=PARAMETERS["mallet_hz"].clamp(drum.mallet_hz),
        tension=PARAMETERS["tension"].clamp(drum.tension),
    )
    if drum.attack_powers is None:
        return drum
    powers = tuple(
        tuple(float(f"{v:.{ATTACK_DIGITS}g}") for v in row) for row in drum.attack_powers
    )
    return drum._replace(attack_powers=powers)


def _empty_pads() -> tuple[Pad, ...]:
    return tuple(Pad(FIRST_NOTE + i) for i in range(N_PADS))


@dataclass(frozen=True)
class Kit:
    """A name and N_PADS pads, each on a note of its own; ValueError where two share one."""

    name: str = "New kit"
    pads: tuple[Pad, ...] = field(default_factory=_empty_pads)

    def __post_init__(self):
        check_name(self.name)
        notes = [pad.note for pad in self.pads]
        if len(notes) != N_PADS:
            raise ValueError(f"a kit has {len(notes)} pads, allowed is {N_PADS}")
        if twice := sorted({note for note in notes if notes.count(note) > 1}):
            raise ValueError(f"note {twice[0]} is on two pads, allowed is one pad for each note")

    def with_pads(self, pads: dict[int, Pad]) -> "Kit":
        """The kit with other pads at these indices, 0 to N_PADS - 1."""
        return replace(self, pads=tuple(pads.get(i, pad) for i, pad in enumerate(self.pads)))

    def with_pad(self, index: int, **changes) -> "Kit":
        """The kit with fields of pad `index`, 0 to N_PADS - 1, changed."""
        return self.with_pads({index: replace(self.pads[index], **changes)})

    def with_value(self, index: int, name: str, value: float) -> "Kit":
        """The kit with one of PARAMETERS of a pad at another value, as Pad.with_value."""
        return self.with_pads({index: self.pads[index].with_value(name, value)})

    def with_note(self, index: int, note: int) -> "Kit":
        """The kit with a note on a pad; a pad that had the note gets this one's."""
        changed, other = {index: replace(self.pads[index], note=note)}, self.pad_of(note)
        if other is not None and other != index:
            changed[other] = replace(self.pads[other], note=self.pads[index].note)
        return self.with_pads(changed)

    def pad_of(self, note: int) -> int | None:
        """The pad that a note plays, 0 to N_PADS - 1, or None."""
        return next((i for i, pad in enumerate(self.pads) if pad.note == note), None)


def check_name(name) -> None:
    """Raise ValueError where a pad or a kit cannot have this name."""
    plain = isinstance(name, str) and len(name) <= LONGEST_NAME and name.isprintable()
    if not plain:
        raise ValueError(f"name is {name!r}, allowed are {LONGEST_NAME} characters on one line")
