"""The kit that is played and edited: no widget and no engine, only values.

Each edit is a step of the document and a command for the engine; what the engine changes by itself
(a hit's drum, a controller) is an event, and a step as well. Both go through protocol.apply, so
that window and engine have the same kit, and nothing that comes too late is taken over.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from gui.matched import Matched, of_answer
from matcher.kits.document import Document
from matcher.kits.kit import Kit, Pad, for_pad, plain_name
from matcher.live.protocol import (
    MORE_NOTES,
    NOTE,
    Answered,
    ChangeSetup,
    ControllerMoved,
    EditPads,
    Learned,
    ReplaceKit,
    Setup,
    State,
    apply,
)
from matcher.matching.task import Refined
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import LIVE, Theta, note_name

KEPT_BY_PASTE = ("note", "more_notes")  # fields of a pad that stay when another is pasted on it
KEPT_BY_CLEAR = (*KEPT_BY_PASTE, "gain_db", "pan", "tune", "choke", "curve")


@dataclass(frozen=True)
class Replaced:
    """A drum of the kit that a hit or a recording replaced."""

    pad: int
    name: str  # of the drum that is gone
    by: str


class Editor:
    """The kit, what its pads were matched to, and the engine's set-up.

    Args:
        document: the kit with its steps and its file.
        setup: what the engine is to do.
        send: called with each command for the engine.
    """

    def __init__(self, document: Document, setup: Setup, send: Callable[[object], None]):
        self.document, self._send = document, send
        self.state = State(setup, document.kit)
        self.kits_begun = 0  # so that a late match knows whether its kit is still open
        self._copied: tuple[Pad, Matched | None] | None = None

    # what there is

    @property
    def kit(self) -> Kit:
        """The kit as it is."""
        return self.document.kit

    @property
    def setup(self) -> Setup:
        """What the engine is to do."""
        return self.state.setup

    @property
    def armed(self) -> int:
        """The chosen pad: hits go to it, knobs turn it."""
        return self.setup.armed

    @property
    def pad(self) -> Pad:
        """The chosen pad."""
        return self.kit.pads[self.armed]

    @property
    def matched(self) -> dict[int, Matched]:
        """What pads were matched to, by pad."""
        return self.document.attached or {}

    @property
    def armed_match(self) -> Matched | None:
        """What the chosen pad was matched to, or None."""
        return self.matched.get(self.armed)

    @property
    def spread(self) -> tuple[float, ...] | None:
        """How uncertain the chosen pad's theta is, as long as it is as matched; or None."""
        matched = self.armed_match
        as_matched = matched is not None and matched.drum.theta == self.pad.theta
        return matched.spread if as_matched else None

    @property
    def candidates(self) -> tuple[list[str], int]:
        """Drums that come near the chosen pad's hit, in words; which one is on it, or -1."""
        matched = self.armed_match
        if matched is None or self.pad.drum is None:
            return [], -1
        names = _names([found.drum.theta for found in matched.candidates])
        words = [
            f"{i}: {name}, distance {found.distance:.2f}"
            for i, (name, found) in enumerate(zip(names, matched.candidates), 1)
        ]
        drums = [for_pad(found.drum) for found in matched.candidates]
        return words, drums.index(matched.drum) if matched.drum in drums else -1

    def name_of(self, pad: int) -> str:
        """What to call a pad."""
        return self.kit.pads[pad].name or f"pad {pad + 1}"

    # edits

    def edit(self, text: str, kit: Kit, merge=None, matched=None, touched=()) -> bool:
        """Change the kit as one step that can be undone, as Document.edit.

        matched: what pads are matched to from now on; as before where it is None. touched: pads
        whose drums the user has set: answers on their way come too late.
        """
        changed = self.document.edit(text, kit, merge, matched)
        if not changed and matched is not None:  # the same drum, for another hit
            self.document.attach(matched)
        self._send_edits(touched)
        return changed

    def change_pad(self, text: str, **changes) -> bool:
        """Set fields of the chosen pad. Raises ValueError where a value is not allowed."""
        names = tuple(changes)
        if names == ("note",):
            # each turn of a step begins anew: pads whose notes it passes by keep theirs
            kit = self.document.begun((names, self.armed)).with_note(self.armed, changes["note"])
        elif names == ("more_notes",):
            begun = self.document.begun((names, self.armed))
            kit = begun.with_more_notes(self.armed, changes["more_notes"])
        else:
            kit = self.kit.with_pad(self.armed, **changes)
        return self.edit(text, kit, merge=(names, self.armed))

    def turn(self, name: str, value: float) -> bool:
        """Set one of PARAMETERS of the chosen pad."""
        kit = self.kit.with_value(self.armed, name, value)
        return self.edit(PARAMETERS[name].label.lower(), kit, merge=(name, self.armed))

    def move_strike(self, x1: float, x2: float) -> bool:
        """Set where the chosen pad is struck."""
        drum = self.pad.drum and self.pad.drum._replace(strike=(x1, x2))
        kit = self.kit.with_pad(self.armed, drum=drum)
        return self.edit("strike point", kit, merge=("strike", self.armed))

    def rename(self, name: str) -> bool:
        """Set the kit's name."""
        kit = replace(self.kit, name=plain_name(name))
        return self.edit("name of the kit", kit, merge="name")

    def undo(self) -> None:
        """Take the last edit back."""
        self.document.undo()
        self._send_edits(range(len(self.kit.pads)))

    def redo(self) -> None:
        """Do again what was undone."""
        self.document.redo()
        self._send_edits(range(len(self.kit.pads)))

    def copy(self) -> None:
        """Keep the chosen pad for paste."""
        self._copied = self.pad, self.armed_match

    def paste(self) -> None:
        """Put what was copied on the chosen pad, which keeps its note."""
        if self._copied is not None:
            pad, matched = self._copied
            changes = {f.name: getattr(pad, f.name) for f in fields(Pad)}
            kept = {name: getattr(self.pad, name) for name in KEPT_BY_PASTE}
            kit = self.kit.with_pad(self.armed, **changes | kept)
            self.edit("paste", kit, matched=self._with_matched(matched), touched=[self.armed])

    def clear(self) -> None:
        """Take the drum off the chosen pad."""
        of_drum = {f.name: f.default for f in fields(Pad) if f.name not in KEPT_BY_CLEAR}
        kit = self.kit.with_pad(self.armed, **of_drum)
        matched = self._with_matched(None)
        self.edit("clear a pad", kit, matched=matched, touched=[self.armed])

    def choose_candidate(self, index: int) -> None:
        """Put one of the drums that come near its hit on the chosen pad."""
        matched = self.armed_match
        found = matched.candidates[index]
        matched = replace(matched, drum=for_pad(found.drum), spread=found.spread)
        kit = self.kit.with_pad(self.armed, drum=matched.drum)
        self.edit(
            "another candidate", kit, matched=self._with_matched(matched), touched=[self.armed]
        )

    def attach_candidates(self, pad: int, matched: Matched, found: tuple[Refined, ...]) -> bool:
        """Keep the candidates found for a match; False where the pad has another match by now."""
        if self.matched.get(pad) != matched:
            return False
        self.document.attach(self._with_matched(replace(matched, candidates=found), pad))
        return True

    def put_match(self, pad: int, name: str, matched: Matched) -> Replaced | None:
        """Put the match of a recording on a pad."""
        before = self.kit.pads[pad], self.matched.get(pad)
        kit = self.kit.with_pad(pad, drum=matched.drum, name=plain_name(Path(name).stem))
        self.edit(f"match of {name}", kit, None, self._with_matched(matched, pad), [pad])
        return _replaced(pad, *before, name)

    # set-up

    def change(self, **changes) -> None:
        """Change fields of Setup. Raises ValueError where a value is not allowed."""
        self._command(ChangeSetup(self.state.revision + 1, changes))

    def choose(self, pad: int) -> bool:
        """Let hits and knobs go to another pad; False where it is chosen already."""
        if pad == self.armed:
            return False
        self.change(armed=pad)
        self.document.end_step()
        return True

    def set_solo(self, on: bool) -> None:
        """Solo the chosen pad, or end that; pads that are not solo are silent while any is."""
        self.change(solo=self.setup.solo | {self.armed} if on else self.setup.solo - {self.armed})

    def forget(self, name: str) -> None:
        """Let no controller turn a parameter."""
        left = {cc: turned for cc, turned in self.setup.controllers.items() if turned != name}
        self.change(controllers=left)

    def begin_kit(self) -> None:
        """Play the kit just opened in the document, with its first empty pad chosen."""
        self.kits_begun += 1
        self._command(ReplaceKit(self.state.revision + 1, self.kit))
        empty = [i for i, pad in enumerate(self.kit.pads) if pad.drum is None]
        # an empty pad is chosen where there is one: a hit takes nothing away there
        self.change(armed=empty[0] if empty else 0, solo=frozenset())
        pads = enumerate(self.kit.pads)
        self.document.attach({i: Matched(pad.drum) for i, pad in pads if pad.drum is not None})

    # the engine

    def take(self, event) -> bool:
        """Apply an event of the engine; False where it is late or changes nothing."""
        before, after = self.state, apply(self.state, event)
        if after is before:
            if isinstance(event, Learned) and event.what in (NOTE, MORE_NOTES):
                self._send_notes()  # the engine has swapped notes that were edited here since
            return False
        self.state = after
        if isinstance(event, Answered):
            self._take_answer(event)
        elif isinstance(event, ControllerMoved):
            merge = ("turn", event.turns, event.pad)
            self.document.edit(f"controller {event.controller}", after.kit, merge)
        elif isinstance(event, Learned) and event.what in (NOTE, MORE_NOTES):
            self.document.edit("note of a pad", after.kit)
        self._send_edits()
        return True

    def replaced_by(self, event: Answered) -> Replaced | None:
        """The drum that an answer is about to replace; ask before `take`."""
        before = self.matched.get(event.pad)
        if before is not None and before.hit == event.hit:
            return None  # a drum for the same hit
        return _replaced(event.pad, self.kit.pads[event.pad], before, "the hit")

    def _take_answer(self, event: Answered) -> None:
        before = self.matched.get(event.pad)
        same_hit = before is not None and before.hit == event.hit
        matched = of_answer(event, before if same_hit else None)
        name = self.kit.pads[event.pad].name or f"Drum {event.pad + 1}"
        kit = self.state.kit.with_pad(event.pad, name=name)
        attached = self._with_matched(matched, event.pad)
        if not self.document.edit("match of a hit", kit, ("hit", event.hit, event.pad), attached):
            self.document.attach(attached)

    def _with_matched(self, matched: Matched | None, pad: int | None = None) -> dict:
        pad = self.armed if pad is None else pad
        others = {i: other for i, other in self.matched.items() if i != pad}
        return others if matched is None else others | {pad: matched}

    def _send_edits(self, touched: Iterable[int] = ()) -> None:
        """Send the engine the fields in which the document's kit differs from its own."""
        changes = {i: {"drum": self.kit.pads[i].drum} for i in touched}
        for i, (ours, theirs) in enumerate(zip(self.kit.pads, self.state.kit.pads)):
            names = (f.name for f in fields(Pad))
            edited = {n: getattr(ours, n) for n in names if getattr(ours, n) != getattr(theirs, n)}
            if edited:
                changes[i] = changes.get(i, {}) | edited
        if any(name in change for change in changes.values() for name in KEPT_BY_PASTE):
            # all of them: the engine may have learned one of these notes for another pad meanwhile
            for i, notes in self._notes().items():
                changes[i] = changes.get(i, {}) | notes
        if changes:
            self._command(EditPads(self.state.revision + 1, changes))
        if self.state.kit != self.kit:  # its name, which the engine need not know
            self.state = replace(self.state, kit=self.kit)

    def _send_notes(self) -> None:
        self._command(EditPads(self.state.revision + 1, self._notes()))

    def _notes(self) -> dict[int, dict]:
        """The notes of all pads as changes of EditPads."""
        return {i: {n: getattr(pad, n) for n in KEPT_BY_PASTE}
                for i, pad in enumerate(self.kit.pads)}  # fmt: skip

    def _command(self, command) -> None:
        self.state = apply(self.state, command)
        self._send(command)


def _names(thetas: list[Theta]) -> list[str]:
    """Drums by their notes; those that share one also by pitch and by where they differ most."""
    notes = [note_name(theta.pitch_hz) for theta in thetas]
    names = []
    for theta, note in zip(thetas, notes):
        of_note = [other for other, its in zip(thetas, notes) if its.split()[0] == note.split()[0]]
        name = note
        if len(of_note) > 1:
            away = np.ptp(LIVE.to_nu(Theta(*np.transpose(of_note))), axis=0)
            rows = PARAMETERS["omega"], LIVE.parameters[1 + int(np.argmax(away[1:]))]
            pitch, other = (row.format(getattr(theta, row.name)) for row in rows)
            name += f", {pitch}, {rows[1].label.lower()} {other}"
        names.append(name)
    return names


def _replaced(pad: int, before: Pad, matched: Matched | None, by: str) -> Replaced | None:
    """The replaced drum; None where there was none, or one that had itself been matched."""
    if before.drum is None or (matched is not None and matched.stages):
        return None
    return Replaced(pad, before.name or "the pad's drum", by)
