"""A drum that was struck before: its strokes are fitted together, as one body.

Whether a stroke is on that drum is told by its partials: those of the same drum explain nearly as
much of it as its own do. Frequencies and decay rates are then shared by all strokes; each has its
amplitudes, strike, mallet and attack.
"""

from dataclasses import dataclass

import numpy as np

from matcher.matching.partials import Partials, Stroke, analyse, in_strokes
from matcher.matching.pitch_glide import Glide
from matcher.physics import bank, drum
from matcher.physics.drum import Drum

# of what a stroke's own partials explain, at least: those of its drum explain so much of 97 in 100
# strokes, those of another drum of its kind of 9
SAME = 0.55
MOST_STROKES = 2  # earlier strokes that are fitted together with a new one: each takes its time


@dataclass(frozen=True, eq=False)
class KnownDrum:
    """What is known of a drum."""

    drum: Drum  # as it was matched to its last stroke
    found: Partials
    strokes: tuple[Stroke, ...] = ()  # the last first; none where it comes from a kit

    @classmethod
    def of_kit(cls, drum_: Drum) -> "KnownDrum | None":
        """From a drum alone; None where it has no partials."""
        n = len(drum_.partials)
        if n == 0:
            return None
        rows, own = drum.make_bank(drum_, np.inf), slice(bank.N_MODES, bank.N_MODES + n)
        amplitudes = rows["re"][own] + 1j * rows["im"][own]
        glide = Glide(drum_.tension, drum_.glide_s)
        pitches = np.array([drum_.theta.pitch_hz])
        hz, sigma = rows["omega"][own] / (2 * np.pi), rows["sigma"][own]
        return cls(drum_, Partials(hz, sigma, amplitudes[None], glide, 1.0, pitches))

    def in_stroke(self, stroke: Stroke, alone: Partials) -> Partials | None:
        """This drum's partials, as another stroke excites them.

        Args:
            stroke: the stroke, of which theirs is the first row of amplitudes.
            alone: what was found in it without knowing the drum.

        Returns:
            The partials, whose pitch is this drum's; None where it is another drum.
        """
        there = in_strokes(self.found, [stroke], alone.glide)
        if there.explained < SAME * alone.explained:
            return None
        if self.strokes:
            there = analyse([stroke, *self.strokes])
        pitch_hz = self.found.pitch_hz
        return there if pitch_hz is None else there.at(pitch_hz)

    def with_stroke(self, stroke: Stroke, drum_: Drum, found: Partials) -> "KnownDrum":
        """What is known after a stroke that was matched to drum_."""
        return KnownDrum(drum_, found, (stroke, *self.strokes)[:MOST_STROKES])
