"""The list of a take's drums as someone changes it: merge, split, move hits, leave out, name.

A list is immutable: each change returns another one, in which rows that did not change are the very
same. So a fit that is known by its row's hits stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from matcher.kits.kit import N_PADS, WHOLE_NUMBERS, plain_name
from matcher.takes import drums, grouping, kinds, kit_of_take
from matcher.takes.drums import FoundDrum, MeasuredHit
from matcher.takes.fitting import Fitted, Struck, choose
from matcher.takes.hits import Take
from matcher.takes.kit_of_take import KitOfTake

OTHERS = "Other hits"  # name of the row of hits that are like none of the drums found


@dataclass(frozen=True, eq=False)
class Row:
    """A group of hits, and what is to become of it."""

    found: FoundDrum
    on_pad: bool  # whether it is to get a pad
    name: str = ""  # that someone gave it; empty: what it is told to be
    note: int | None = None  # that someone gave it; None: that of what it is told to be

    @property
    def hits(self) -> tuple[int, ...]:
        """Indices of the take's hits, in order of time."""
        return self.found.hits


@dataclass(frozen=True, eq=False)
class DrumList:
    """The drums of a take, as found and as changed since.

    Rows are given by their place from 0 on. Changes raise a ValueError of one sentence where they
    are not possible.
    """

    take: Take
    measured: Sequence[MeasuredHit]
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, take: Take, measured: Sequence[MeasuredHit], found: list[FoundDrum]) -> "DrumList":
        """A list as found: what is a drum gets a pad, as far as there are pads.

        Hits that are like none of them are in a last row, so that they can be heard and moved.
        """
        likely = [d for d in found if d.is_drum and kit_of_take.can_be_fitted(take, d)][:N_PADS]
        rows = [Row(d, any(d is other for other in likely)) for d in found]
        list_ = cls(take, measured, tuple(sorted(rows, key=lambda row: not row.on_pad)))
        if not list_.left_out:
            return list_
        others = drums.of_hits(measured, list_.left_out)
        return list_._with({}, Row(others, False, OTHERS))

    @cached_property
    def left_out(self) -> tuple[int, ...]:
        """Hits that are in no row."""
        listed = {i for row in self.rows for i in row.hits}
        return tuple(i for i in range(len(self.take.hits)) if i not in listed)

    @cached_property
    def on_pads(self) -> tuple[int, ...]:
        """The rows that are to get a pad."""
        return tuple(i for i, row in enumerate(self.rows) if row.on_pad)

    def to_values(self) -> list[dict]:
        """The rows as plain values, for JSON."""
        return [
            {"hits": row.hits, "on_pad": row.on_pad, "name": row.name, "note": row.note}
            for row in self.rows
        ]

    def with_values(self, values: Sequence[dict]) -> "DrumList":
        """The list whose rows `to_values` gave.

        Raises:
            ValueError, KeyError, TypeError: if they are not rows of this take.
        """
        same = {row.hits: row.found for row in self.rows}
        rows, seen = [], set()
        for value in values:
            hits = tuple(sorted(map(int, value["hits"])))
            known = bool(hits) and hits[0] >= 0 and hits[-1] < len(self.take.hits)
            if not known or len({*hits} - seen) < len(hits):
                raise ValueError("these are not rows of this take")
            seen |= {*hits}
            found = same.get(hits) or drums.of_hits(self.measured, hits)
            on_pad = bool(value["on_pad"]) and kit_of_take.can_be_fitted(self.take, found)
            note = None if value["note"] is None else _checked_note(int(value["note"]))
            rows.append(Row(found, on_pad, plain_name(str(value["name"])), note))
        return replace(self, rows=())._with({}, *rows)

    def loudest_db(self, row: int) -> float:
        """Peak of the loudest hit of a row, dB of full scale."""
        peak = max(self.take.hits[i].peak for i in self.rows[row].hits)
        return float(20 * np.log10(max(peak, 1e-9)))

    def velocities(self, row: int) -> list[int]:
        """MIDI velocity of each hit of a row."""
        return drums.velocities(self.measured, self.rows[row].found)

    def struck(self, row: int) -> list[Struck]:
        """The hits of a row as fitting takes them."""
        return drums.struck(self.take, self.measured, self.rows[row].found)

    def clearest(self, row: int) -> int:
        """The hit that shows best how the drum of a row sounds: the one that is fitted first."""
        return self.rows[row].hits[choose(self.struck(row))[0]]

    # changes

    def merged(self, rows: Sequence[int]) -> "DrumList":
        """These rows as one drum, in the place of the first."""
        rows = sorted(set(rows))
        if len(rows) < 2:
            raise ValueError("choose two drums or more to merge them")
        own = [self.rows[i] for i in rows]
        one = self._row(sorted(hit for row in own for hit in row.hits))
        one = replace(
            one, on_pad=any(row.on_pad for row in own),
            name=next((row.name for row in own if row.name), ""),
            note=next((row.note for row in own if row.note is not None), None),
        )  # fmt: skip
        return self._with({rows[0]: (one,)} | dict.fromkeys(rows[1:], ()))

    def split(self, row: int) -> "DrumList":
        """A row as two drums, by the distances that hits were grouped by; the larger first."""
        before = self.rows[row]
        if len(before.hits) < 2:
            raise ValueError("this drum has one hit, so it cannot be split")
        own = [self.measured[i] for i in before.hits]
        clear = np.array([hit.is_clear for hit in own])
        half = grouping.halves(drums.distances(own), clear)
        parts = [[hit for hit, k in zip(before.hits, half) if k == part] for part in (0, 1)]
        second = self._row(parts[1], before.on_pad)
        return self._with({row: (self._of(before, parts[0]), second)})

    def moved(self, hit: int, to: int) -> "DrumList":
        """A hit on the drum of another row."""
        into = self.rows[to]
        if hit in into.hits:
            return self
        into = self._of(into, sorted((*into.hits, hit)))
        return self._with(self._without(hit) | {to: (into,)})

    def alone(self, hit: int) -> "DrumList":
        """A hit as a drum of its own, after the one that it was on."""
        before = self.row_of(hit)
        if before is not None and len(self.rows[before].hits) == 1:
            return self
        on_pad = before is None or self.rows[before].on_pad
        own = self._row([hit], on_pad)
        if before is None:
            return self._with({}, own)
        (rest,) = self._without(hit)[before]
        return self._with({before: (rest, own)})

    def without(self, hit: int) -> "DrumList":
        """A list in which a hit is on no drum; a row that has no other is gone."""
        return self._with(self._without(hit))

    def with_pad(self, rows: Sequence[int], on_pad: bool) -> "DrumList":
        """These rows with a pad, or with none."""
        for i in rows:
            if on_pad and not kit_of_take.can_be_fitted(self.take, self.rows[i].found):
                least = round(kit_of_take.SHORTEST_S * 1e3)
                raise ValueError(f"its hits are all shorter than {least} ms, too short to fit")
        return self._with({i: (replace(self.rows[i], on_pad=on_pad),) for i in rows})

    def named(self, row: int, name: str) -> "DrumList":
        """A row with another name; an empty one: what it is told to be."""
        return self._with({row: (replace(self.rows[row], name=plain_name(name)),)})

    def with_note(self, row: int, note: int, pitches: Sequence[float | None] = ()) -> "DrumList":
        """A row on another note; a row that has it gets the one that this row had.

        pitches: as `placed`.
        """
        _checked_note(note)
        notes = {i: note_ for i, (note_, _) in self.placed(pitches).items()}
        changes = {row: (replace(self.rows[row], note=note),)}
        other = next((i for i, its in notes.items() if its == note and i != row), None)
        if other is not None:
            changes[other] = (replace(self.rows[other], note=notes.get(row)),)
        return self._with(changes)

    # what comes of it

    def placed(self, pitches: Sequence[float | None] = ()) -> dict[int, tuple[int, str]]:
        """Note and name of each row that gets a pad.

        Args:
            pitches: Hz, of the drum fitted to each row; None, or none at all: not known yet.
        """
        known = list(pitches) or [None] * len(self.rows)
        own = [(i, self.rows[i]) for i in self.on_pads]
        counts = [len(row.hits) for _, row in own]
        heights = [known[i] or row.found.spectrum.loudest_hz for i, row in own]
        told = kinds.kinds([row.found.spectrum for _, row in own], counts) if own else []
        general = kinds.notes_and_names(told, heights, counts)
        given: dict[int, int] = {}  # note: the row that someone gave it, the first of several
        for i, row in own:
            if row.note is not None:
                given.setdefault(row.note, i)
        has = [given.get(row.note) == i for i, row in own]
        kept = {note for (note, _), has_ in zip(general, has) if not has_ and note not in given}
        spare = (n for n in kinds.PAD_NOTES if n not in given and n not in kept)
        placed = {}
        for (i, row), (note, name), has_ in zip(own, general, has):
            if has_:
                note = row.note
            elif note in given:
                note = next(spare)
            placed[i] = note, row.name or name
        return placed

    def made(self, fitted: Sequence[Fitted | None], name: str) -> KitOfTake:
        """The kit of this list.

        Args:
            fitted: of each row; None for those without a pad.
            name: of the kit.
        """
        if not self.on_pads:
            raise ValueError("no drum of this list is to go on a pad; give one a pad")
        pitches = [fit and float(fit.drum.theta.pitch_hz) for fit in fitted]
        placed = self.placed(pitches)
        rows = [(self.rows[i].found, fitted[i], placed[i]) for i in self.on_pads]
        others = tuple(row.found for row in self.rows if not row.on_pad)
        return kit_of_take.assemble(self.take, self.measured, rows, others, name)

    def row_of(self, hit: int) -> int | None:
        """The row that a hit is in; None for none."""
        return next((i for i, row in enumerate(self.rows) if hit in row.hits), None)

    def _row(self, hits: Sequence[int], on_pad: bool = True) -> Row:
        """A new row of hits."""
        found = drums.of_hits(self.measured, hits)
        return Row(found, on_pad and kit_of_take.can_be_fitted(self.take, found))

    def _of(self, row: Row, hits: Sequence[int]) -> Row:
        """A row with other hits."""
        new = self._row(hits, row.on_pad)
        return replace(row, found=new.found, on_pad=new.on_pad)

    def _without(self, hit: int) -> dict[int, tuple[Row, ...]]:
        """The row that a hit is in, without it."""
        place = self.row_of(hit)
        if place is None:
            return {}
        left = [i for i in self.rows[place].hits if i != hit]
        if not left:
            return {place: ()}
        return {place: (self._of(self.rows[place], left),)}

    def _with(self, changes: dict[int, tuple[Row, ...]], *more: Row) -> "DrumList":
        """Rows replaced by none, one or two others, and more at the end."""
        rows = [new for i, row in enumerate(self.rows) for new in changes.get(i, (row,))]
        changed = replace(self, rows=(*rows, *more))
        if len(changed.on_pads) > N_PADS:
            raise ValueError(f"a kit has {N_PADS} pads; leave another drum out first")
        return changed


def _checked_note(note: int) -> int:
    low, high = WHOLE_NUMBERS["note"]
    if not low <= note <= high:
        raise ValueError(f"the note is {note}, allowed is {low} to {high}")
    return note
