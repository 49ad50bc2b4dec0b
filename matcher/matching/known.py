"""A drum that was struck before: its strokes are fitted together, as one body.

Whether a stroke is on that drum is told by its partials: those of the same drum explain at least
SAME of what its own do. Frequencies and decay rates are then shared by all strokes; each has its
amplitudes, strike, mallet and attack.
"""

from dataclasses import dataclass

import numpy as np

from matcher.matching.partials import AnalysedStroke, Partials, in_stroke, together
from matcher.matching.pitch_glide import Glide
from matcher.physics import bank, drum
from matcher.physics.drum import Drum

# of what a stroke's own partials explain, at least; how often that is right: docs/quality.md
SAME = 0.55
MOST_STROKES = 2  # earlier strokes that are fitted together with a new one: each takes its time


@dataclass(frozen=True, eq=False)
class KnownDrum:
    """What is known of a drum."""

    drum: Drum  # as it was matched to its last stroke
    found: Partials
    strokes: tuple[AnalysedStroke, ...] = ()  # those that tell most first; none of a kit's drum

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

    def in_stroke(self, stroke: AnalysedStroke) -> Partials | None:
        """This drum's partials, as another stroke excites them.

        Args:
            stroke: the stroke, whose amplitudes are the first row of the result's.

        Returns:
            The partials, whose pitch is this drum's; None where it is another drum.
        """
        glides = stroke.alone.glide, self.found.glide
        heard = [in_stroke(self.found, stroke._replace(glide=glide)) for glide in glides]
        there = max(heard, key=lambda found: found.explained)
        if there.explained < SAME * stroke.alone.explained:
            return None
        if self.strokes:
            stroke = stroke._replace(glide=there.glide)
            there = together([stroke, *self.strokes], self.found)
        return there.at(self.found.pitch_hz)

    def with_stroke(self, stroke: AnalysedStroke, drum_: Drum, found: Partials) -> "KnownDrum":
        """What is known after a stroke that was matched to drum_, whose partials were found.

        The last strokes are kept, but none that the next one has cut off in the place of one that
        rang longer: it tells less of the drum.
        """
        stroke = stroke._replace(glide=found.glide)
        kept = sorted((stroke, *self.strokes), key=lambda each: -each.stroke.known_until)
        kept = tuple(kept[:MOST_STROKES])
        told = any(each is stroke for each in kept)
        return KnownDrum(drum_, found if told else self.found, kept)
