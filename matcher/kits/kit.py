"""Pads and kits, both immutable: an edit returns a new kit."""

import math
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

from matcher.checks import quoted
from matcher.physics import attack
from matcher.physics.drum import DRUM_PARAMETERS, Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.partials import GLIDE_S, LIMITS, Partial
from matcher.physics.theta import LIVE, Theta

N_PADS = 16
FIRST_NOTE = 36  # MIDI note of pad 1, the pad at the bottom left of most pad controllers
N_CHOKE_GROUPS = 8
LONGEST_NAME = 64  # characters: fits on one line of the window
# Curvature of each velocity curve: positive makes soft hits softer, negative makes them louder.
CURVES = {
    "linear": 0.0,
    "exponential 1": 2.0,
    "exponential 2": 4.0,
    "logarithmic 1": -2.0,
    "logarithmic 2": -4.0,
    "fixed": float("-inf"),
}
MOST_MORE_NOTES = 15  # a hi-hat has a note for each opening, a snare for each zone
WHOLE_NUMBERS = {"note": (0, 127), "choke": (0, N_CHOKE_GROUPS)}
NOTES_IN_ORDER = (*range(FIRST_NOTE, 128), *range(FIRST_NOTE))  # in which free ones are given
# names of the parameters that a Pad holds itself
PAD_PARAMETERS = tuple(name for name in PARAMETERS if name not in DRUM_PARAMETERS)
# Rounding keeps files small; its error is inaudible, 60 dB below the drum.
POWER_FORMAT = ".4g"  # of attack powers
PARTIAL_FORMATS = {  # of the fields of Partial; finest in cents, whose error grows as it rings
    "m": ".0f",
    "k": ".0f",
    "cents": ".4f",
    "decay_ratio": ".4g",
    "gain_db": ".3f",
    "phase": ".4f",
}


def velocity_to_gain(curve: float, velocity: float) -> float:
    """Gain of a strike. The audio callback runs a compiled version of this function.

    Args:
        curve: curvature, one of the values of CURVES.
        velocity: 0 to 1.

    Returns:
        Gain, 0 to 1; 0 for a velocity of 0 only.
    """
    if velocity <= 0:
        return 0.0
    if math.isinf(curve):
        return 1.0
    velocity = min(velocity, 1.0)
    return velocity if curve == 0 else math.expm1(curve * velocity) / math.expm1(curve)


class Sound(NamedTuple):
    """What the voices of a pad play, and what stands for the pad wherever it is rendered."""

    drum: Drum | None  # None: nothing
    attack_mix: float = PARAMETERS["attack_mix"].default
    as_recorded: float = PARAMETERS["as_recorded"].default


@dataclass(frozen=True)
class Pad:
    """One pad.

    Raises:
        ValueError: if a field is not allowed; names its value and the allowed ones.
    """

    note: int  # MIDI note, 0 to 127
    more_notes: tuple[int, ...] = field(default=(), kw_only=True)  # that play it as well
    name: str = ""
    drum: Drum | None = None  # None: the pad is empty
    gain_db: float = PARAMETERS["gain_db"].default
    pan: float = PARAMETERS["pan"].default  # -1 (left) to 1 (right)
    tune: float = PARAMETERS["tune"].default  # semitones
    choke: int = 0  # choke group, whose other pads a strike silences; 0: none
    curve: str = "linear"  # one of CURVES
    attack_mix: float = PARAMETERS["attack_mix"].default
    as_recorded: float = PARAMETERS["as_recorded"].default

    def __post_init__(self):
        for name, (low, high) in WHOLE_NUMBERS.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(
                    f"{name} is {quoted(value)}, allowed is a whole number from {low} to {high}"
                )
        check_more_notes(self.note, self.more_notes)
        for name in PAD_PARAMETERS:
            PARAMETERS[name].check(getattr(self, name))
        if not isinstance(self.curve, str) or self.curve not in CURVES:
            allowed = ", ".join(CURVES)
            raise ValueError(f"curve is {quoted(self.curve)}, allowed is one of: {allowed}")
        check_name(self.name)
        if self.drum is not None:
            self.drum.check()

    @property
    def notes(self) -> tuple[int, ...]:
        """All MIDI notes that play the pad."""
        return (self.note, *self.more_notes)

    @property
    def theta(self) -> Theta | None:
        """The five physical parameters of the pad's drum; None if the pad is empty."""
        return self.drum and self.drum.theta

    @property
    def tuned(self) -> Drum | None:
        """The drum transposed by `tune`, its pitch clamped to the allowed range."""
        if self.drum is None:
            return None
        omega = self.drum.theta.omega * 2 ** (self.tune / 12)
        return self.drum.with_value("omega", PARAMETERS["omega"].clamp(omega))

    @property
    def sound(self) -> Sound:
        """What the pad's voices play; its drum is the tuned one, None if the pad is empty."""
        return Sound(self.tuned, self.attack_mix, self.as_recorded)

    def value(self, name: str) -> float | None:
        """The value of the parameter `name`; None for a drum's parameter if the pad is empty."""
        if name in PAD_PARAMETERS:
            return getattr(self, name)
        return self.drum and self.drum.value(name)

    def with_value(self, name: str, value: float) -> "Pad":
        """A copy with `name` set; an empty pad is unchanged if the parameter is a drum's."""
        if name in PAD_PARAMETERS:
            return replace(self, **{name: value})
        return self if self.drum is None else replace(self, drum=self.drum.with_value(name, value))


def for_pad(drum: Drum) -> Drum:
    """The nearest drum that is allowed on a pad: clamped to the ranges, rounded as in its file."""
    theta = Theta(*(row.clamp(value) for row, value in zip(LIVE.parameters, drum.theta)))
    drum = drum._replace(
        theta=theta,
        strike=tuple(PARAMETERS[name].clamp(x) for name, x in zip(("x1", "x2"), drum.strike)),
        mallet_hz=PARAMETERS["mallet_hz"].clamp(drum.mallet_hz),
        tension=PARAMETERS["tension"].clamp(drum.tension),
        partials=tuple(_for_pad(partial) for partial in drum.partials),
        glide_s=_clamp(drum.glide_s, *GLIDE_S),
        wires_s=_clamp(drum.wires_s, *attack.WIRES_S),
    )
    if drum.attack_powers is None:
        return drum
    powers = tuple(tuple(_round(v, POWER_FORMAT) for v in row) for row in drum.attack_powers)
    return drum._replace(attack_powers=powers)


def _for_pad(partial: Partial) -> Partial:
    """The nearest partial that is allowed on a pad, rounded."""
    values = zip(LIMITS.values(), PARTIAL_FORMATS.values(), partial, strict=True)
    m, k, *rest = (_clamp(_round(value, form), *limits) for limits, form, value in values)
    return Partial(int(m), int(k), *rest)


def _round(value: float, form: str) -> float:
    return float(format(value, form))


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _empty_pads() -> tuple[Pad, ...]:
    return tuple(Pad(FIRST_NOTE + i) for i in range(N_PADS))


@dataclass(frozen=True)
class Kit:
    """A name and N_PADS pads, each with a MIDI note of its own.

    Raises:
        ValueError: if the name or the number of pads is not allowed, or two pads share a note.
    """

    name: str = "New kit"
    pads: tuple[Pad, ...] = field(default_factory=_empty_pads)

    def __post_init__(self):
        check_name(self.name)
        if len(self.pads) != N_PADS:
            raise ValueError(f"a kit has {len(self.pads)} pads, allowed is {N_PADS}")
        notes = [note for pad in self.pads for note in pad.notes]
        if twice := sorted({note for note in notes if notes.count(note) > 1}):
            raise ValueError(f"note {twice[0]} is on two pads, allowed is one pad for each note")

    def with_pads(self, pads: dict[int, Pad]) -> "Kit":
        """A copy with the pads at these indices, 0 to N_PADS - 1, replaced."""
        return replace(self, pads=tuple(pads.get(i, pad) for i, pad in enumerate(self.pads)))

    def with_pad(self, index: int, **changes) -> "Kit":
        """A copy with fields of pad `index`, 0 to N_PADS - 1, changed."""
        return self.with_pads({index: replace(self.pads[index], **changes)})

    def with_value(self, index: int, name: str, value: float) -> "Kit":
        """A copy with the parameter `name` of pad `index` set, as by Pad.with_value."""
        return self.with_pads({index: self.pads[index].with_value(name, value)})

    @property
    def notes(self) -> tuple[tuple[int, ...], ...]:
        """All MIDI notes of each pad."""
        return tuple(pad.notes for pad in self.pads)

    def with_note(self, index: int, note: int) -> "Kit":
        """A copy with this note as that of pad `index`; a pad whose note it was gets the old one.

        Where it was one of more notes of a pad, it is no more.
        """
        pad, other = self.pads[index], self.pad_of(note)
        changed = {index: replace(pad, note=note, more_notes=_without(pad.more_notes, note))}
        if other is not None and other != index:
            changed[other] = self._without_note(other, note, pad.note)
        return self.with_pads(changed)

    def with_more_notes(self, index: int, notes: tuple[int, ...]) -> "Kit":
        """A copy in which these notes play pad `index` beside its own, and no other pad.

        A pad whose own note is among them gets the next of its own, or a free one. Raises
        ValueError where they are more than a pad can have, or none is free.
        """
        check_more_notes(self.pads[index].note, notes)
        kit = self.with_pad(index, more_notes=())
        for note in notes:
            other = kit.pad_of(note)
            pads = {index: replace(kit.pads[index], more_notes=(*kit.pads[index].more_notes, note))}
            if other is not None:
                pads[other] = kit._without_note(other, note, kit._next_note(other))
            kit = kit.with_pads(pads)
        return kit

    def _next_note(self, index: int) -> int:
        """The note that pad `index` gets where it loses its own."""
        taken = {note for notes in self.notes for note in notes}
        free = (note for note in NOTES_IN_ORDER if note not in taken)
        note = next(chain(self.pads[index].more_notes, free), None)
        if note is None:
            raise ValueError("every MIDI note plays a pad already, take one from another pad first")
        return note

    def _without_note(self, index: int, note: int, instead: int) -> Pad:
        """Pad `index` without a note; `instead` is its note where it was that one."""
        pad = self.pads[index]
        if pad.note != note:
            return replace(pad, more_notes=_without(pad.more_notes, note))
        return replace(pad, note=instead, more_notes=_without(pad.more_notes, instead))

    def pad_of(self, note: int) -> int | None:
        """Index of the pad that a MIDI note plays, 0 to N_PADS - 1; None if no pad has it."""
        return next((i for i, notes in enumerate(self.notes) if note in notes), None)


def _without(notes: tuple[int, ...], note: int) -> tuple[int, ...]:
    return tuple(n for n in notes if n != note)


def check_more_notes(note: int, more) -> None:
    """Raise ValueError if a pad with this note cannot have these further ones."""
    low, high = WHOLE_NUMBERS["note"]
    fits = isinstance(more, tuple) and len(more) <= MOST_MORE_NOTES
    if not fits or not all(type(n) is int and low <= n <= high for n in more):
        raise ValueError(
            f"more notes are {quoted(more)}, allowed are up to {MOST_MORE_NOTES} whole numbers "
            f"from {low} to {high}"
        )
    if twice := sorted({n for n in (note, *more) if (note, *more).count(n) > 1}):
        raise ValueError(f"note {twice[0]} is on a pad twice, allowed is once")


def check_name(name) -> None:
    """Raise ValueError if this is not an allowed name of a pad or a kit."""
    plain = isinstance(name, str) and len(name) <= LONGEST_NAME and name.isprintable()
    if not plain:
        raise ValueError(
            f"name is {quoted(name)}, allowed are {LONGEST_NAME} characters on one line"
        )


def plain_name(text: str) -> str:
    """The nearest name that a pad or a kit may have: on one line, cut where it is too long."""
    return "".join(c if c.isprintable() else " " for c in text)[:LONGEST_NAME]


def kit_name(kit: Kit) -> str:
    """The name of a kit, or a word where it has none."""
    return kit.name.strip() or "Kit"


def pad_name(kit: Kit, pad: int) -> str:
    """The name of a pad, 0 to N_PADS - 1, or its number from 1 on where it has none."""
    return kit.pads[pad].name.strip() or f"Pad {pad + 1}"


def filled_pads(kit: Kit) -> list[int]:
    """The pads that have a drum, from 0.

    Raises:
        ValueError: if there is none.
    """
    pads = [i for i, pad in enumerate(kit.pads) if pad.drum is not None]
    if not pads:
        raise ValueError("no pad of the kit has a drum; match one, or choose another kit")
    return pads
