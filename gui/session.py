"""What the window works on: the kit, its file, the hits that were matched, and the engine.

Everything here runs in Qt's main thread, and nothing here is a widget. An edit goes to the document
and from there to panels (`changed`) and engine, never from one panel to another; what the engine
changes by itself (theta of a hit, a controller) is an edit too.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from gui import preferences
from gui.background import Background
from gui.link import Link
from gui.matched import BUDGET_S, Matched, find_others, of_event, of_match
from gui.preferences import N_RECENT, Preferences
from matcher.kits.document import Document
from matcher.kits.kit import (
    DRUM,
    LONGEST_NAME,
    RANGE,
    SUFFIX,
    Kit,
    Pad,
    drum_values,
    load_kit,
    values_of,
)
from matcher.matching.encoder import SHIPPED, Encoder
from matcher.matching.match import LONGEST, Match, match_file
from matcher.physics import attack
from matcher.physics.drum import render
from matcher.physics.theta import Theta, note_name
from matcher.recording import write_wav

DEMO = Path(__file__).parent / "demo.drumkit"
AUTOSAVE_MS = 300  # after which a knob that is being turned is kept safe
WAV_RATE = 44100
ANSWER_VELOCITY = 0.8  # at which an answer that is picked is heard


@dataclass(frozen=True)
class Message:
    """A sentence for the user; mend: the words of a button that calls do."""

    kind: str  # "error", "missing", "note", or "" to take back the one of the kind `text`
    text: str = ""
    mend: str = ""
    do: Callable[[], None] | None = None
    dismissed: Callable[[], None] | None = None  # called where it is put away


class Session(QObject):
    """The kit being played and edited.

    changed: the kit or the chosen pad is another; played: a pad, with a velocity of 1 to 127;
    message: to be told; remembered: preferences changed.
    """

    changed = pyqtSignal()
    played = pyqtSignal(int, int)
    message = pyqtSignal(object)
    remembered = pyqtSignal()

    def __init__(self, link: Link, document: Document, remembered: Preferences):
        super().__init__()
        self.link, self.document, self.preferences = link, document, remembered
        self.solo: set[int] = set()
        self.learning = ""  # what the next controller or note is for
        self._copied: tuple[Pad, Matched | None] | None = None
        self._missing = {"audio": "", "midi": ""}  # a sentence for each, or none
        self._n_hits = 0  # each is one step to undo
        self._done_hits = 0  # whose later answers come too late: the pad was cleared, say
        self._n_kits = 0  # that were begun
        self._files = Background(self)
        self._files.done.connect(self._take_match)
        self._others = Background(self, newest_only=True)
        self._others.done.connect(self._take_others)
        self._others.failed.connect(self._show)
        for work in (self._files, self._others):
            work.failed.connect(lambda reason: self.tell("error", reason))
        self._autosave = QTimer(self, singleShot=True, interval=AUTOSAVE_MS)
        self._autosave.timeout.connect(document.autosave)
        self._remembering = QTimer(self, singleShot=True, interval=AUTOSAVE_MS)
        self._remembering.timeout.connect(lambda: preferences.save(self.preferences))
        link.said.connect(self.take)
        link.started.connect(self._show)
        link.failed.connect(self._failed)
        self._begin_kit()

    @property
    def kit(self) -> Kit:
        """The kit as it is."""
        return self.document.kit

    @property
    def matched(self) -> dict[int, Matched]:
        """What pads were matched to."""
        return self.document.attached or {}

    def _with_matched(self, pad: int, matched: Matched | None) -> dict[int, Matched]:
        others = {i: of for i, of in self.matched.items() if i != pad}
        return others if matched is None else others | {pad: matched}

    @property
    def armed(self) -> int:
        """The chosen pad: hits go to it, knobs turn it."""
        return self.link.setup.armed

    @property
    def pad(self) -> Pad:
        """The chosen pad's values."""
        return self.kit.pads[self.armed]

    @property
    def spread(self) -> tuple[float, ...] | None:
        """How sure theta of the chosen pad is, while it is as it was matched."""
        matched = self.matched.get(self.armed)
        as_matched = matched is not None and matched.theta == self.pad.theta
        return matched.spread if as_matched else None

    @property
    def answers(self) -> tuple[str, str, list[str], int]:
        """What MatchPanel.show_answers takes of the chosen pad."""
        matched = self.matched.get(self.armed)
        if matched is None or self.pad.theta is None:
            return "", "", [], -1
        others = [
            f"{i}: {note_name(other.drum.theta.pitch_hz)}, distance {other.distance:.2f}"
            for i, other in enumerate(matched.others, 1)
        ]
        values = [drum_values(other.drum) for other in matched.others]
        chosen = values.index(matched.values) if matched.values in values else -1
        return matched.words, matched.no_drum_reason, others, chosen

    def name_of(self, pad: int) -> str:
        """What to call a pad."""
        return self.kit.pads[pad].name or f"pad {pad + 1}"

    def tell(self, kind: str, text: str, mend: str = "", do=None, dismissed=None) -> None:
        """Tell the user something, as Message."""
        self.message.emit(Message(kind, text, mend, do, dismissed))

    # edits

    def edit(self, text: str, kit: Kit, merge=None, matched=None) -> bool:
        """Change the kit as one step that can be undone; as Document.edit."""
        changed = self.document.edit(text, kit, merge, matched)
        if not changed and matched is not None:  # the same theta, of another hit
            self.document.attach(matched)
        if changed and merge is not None:
            self._autosave.start()
        if changed or matched is not None:
            self._show()
        return changed

    def change_pad(self, text: str, name: str, value) -> None:
        """Set a field of the chosen pad."""
        try:
            if name == "note":
                # each turn of a step begins anew: what it passes by keeps its note
                kit = self.document.begun((name, self.armed)).with_note(self.armed, value)
            else:
                kit = self.kit.with_pad(self.armed, **{name: value})
        except ValueError as error:
            self.tell("error", str(error))
        else:
            self.edit(text, kit, merge=(name, self.armed))

    def turn(self, name: str, value: float) -> None:
        """Set one of theta, or of what strikes it."""
        kit = self.kit.with_value(self.armed, name, value)
        self.edit(_word(name), kit, merge=(name, self.armed))

    def move_strike(self, x1: float, x2: float) -> None:
        """Set where the chosen pad is struck."""
        kit = self.kit.with_pad(self.armed, x1=x1, x2=x2)
        self.edit("strike point", kit, merge=("strike", self.armed))

    def rename(self, name: str) -> None:
        """Set the kit's name."""
        self.edit("name of the kit", replace(self.kit, name=_plain(name)), merge="name")

    def undo(self) -> None:
        """Take the last edit back."""
        self._done_hits = self._n_hits
        self.document.undo()
        self._show()

    def redo(self) -> None:
        """Do it again."""
        self.document.redo()
        self._show()

    def copy(self) -> None:
        """Keep the chosen pad for paste."""
        self._copied = self.pad, self.matched.get(self.armed)

    def paste(self) -> None:
        """Put what was copied on the chosen pad, which keeps its note."""
        if self._copied is not None:
            pads, (pad, matched) = list(self.kit.pads), self._copied
            pads[self.armed] = replace(pad, note=self.pad.note)
            self._done_hits = self._n_hits
            matched = self._with_matched(self.armed, matched)
            self.edit("paste", replace(self.kit, pads=tuple(pads)), matched=matched)

    def clear(self) -> None:
        """Take the drum off the chosen pad."""
        self._done_hits = self._n_hits
        of_drum = {row.name: row.default for row in fields(Pad) if row.name in (*DRUM, "attack")}
        kit = self.kit.with_pad(self.armed, name="", **of_drum)
        self.edit("clear a pad", kit, matched=self._with_matched(self.armed, None))

    # playing

    def play(self, pad: int, velocity: float) -> None:
        """Play a pad, velocity in [0, 1]."""
        self.link.ask("strike", pad, velocity)
        self.played.emit(pad, round(127 * velocity))

    def choose(self, pad: int) -> None:
        """Let hits and knobs go to another pad."""
        if pad != self.armed:
            self.link.change(armed=pad)
            self.document.end_step()
            self._show()

    def set_solo(self, on: bool) -> None:
        """Hear the chosen pad and others that are solo, and no more."""
        (self.solo.add if on else self.solo.discard)(self.armed)
        self._show()

    def set_mode(self, mode: str) -> None:
        """match or trigger."""
        self.link.change(mode=mode)
        self.remember(mode=mode)

    def set_master(self, gain_db: float) -> None:
        """Level of all that is played."""
        self.link.change(output_gain_db=gain_db)
        self.remember(master_db=gain_db)

    def learn(self, what: str) -> None:
        """Wait for the controller that shall turn one of kit.TURNED, or for the pad's note."""
        self.learning = what
        self.link.ask("learn", what)
        wanted = "play the note of this pad" if what == "note" else (
            f"move the controller that shall turn {_word(what)}"
        )  # fmt: skip
        self.tell("note", wanted, "Do not", self._learn_nothing, self._learn_nothing)

    def _learn_nothing(self) -> None:
        self.learning = ""
        self.link.ask("learn", None)
        self.tell("", "note")

    def forget(self, what: str) -> None:
        """Let no controller turn it."""
        left = {cc: name for cc, name in self.link.setup.controllers.items() if name != what}
        self.link.change(controllers=left)
        self.remember(controllers={str(cc): name for cc, name in left.items()})

    # the engine

    def take(self, event: dict) -> None:
        """Follow an event of the engine."""
        kind, pad = event["event"], (event.get("pad") or 0) - 1
        if kind == "hit":
            self._n_hits += 1
            if self.link.setup.mode == "trigger":
                self.played.emit(pad, event["velocity"])
        elif kind == "theta":
            self._take_theta(event, pad)
        elif kind == "note" and pad >= 0:
            self.played.emit(pad, event["velocity"])
        elif kind == "note":
            number = event["note"]
            give = f"Give it to {self.name_of(self.armed)}"
            self.tell("note", f"note {number} plays no pad", give,
                      lambda: self.change_pad("note of a pad", "note", number))  # fmt: skip
        elif kind == "control" and event["to"] is not None:
            kit = self.kit.with_value(pad, event["turns"], event["to"])
            self.edit(f"controller {event['controller']}", kit, merge=("turn", event["turns"], pad))
        elif kind == "learned":
            self._take_learned(event, pad)
        elif kind == "listened":
            self._take_listened(event)
        elif kind == "ready":
            none = "there is no input: connect a microphone to match drums"
            self._miss("audio", none if event["input"] is None else "")
        elif kind == "device" and event["state"] == "lost":
            self._miss("audio", f"{event['name']} is gone; it is opened again when it is back")
        elif kind == "device":
            self._miss(event["of"], event["name"] if event["state"] == "missing" else "")
        elif kind == "error":
            self.tell("error", event["message"])

    def _take_theta(self, event: dict, pad: int) -> None:
        now, before = self.kit.pads[pad], self.matched.get(pad)
        goes_on = before is not None and before.number == self._n_hits
        if self._n_hits <= self._done_hits or (goes_on and values_of(now) != before.values):
            self._done_hits = self._n_hits  # the drum was turned, cleared or undone since
            self._show()
            return
        clip = self.link.clip(pad)
        matched = of_event(event, clip, before if goes_on else None, self._n_hits)
        kit = self.kit.with_pad(pad, **matched.values, name=now.name or f"Drum {pad + 1}")
        self.edit(
            "match of a hit", kit, ("hit", self._n_hits, pad), self._with_matched(pad, matched)
        )
        if not goes_on:
            self._tell_of_replaced(now, before, "the hit")
        self.played.emit(pad, 0)

    def find_others(self) -> None:
        """Look for other answers to the hit of the chosen pad; they come with `changed`."""
        pad, matched = self.armed, self.matched.get(self.armed)
        if matched is not None and matched.hit is not None:
            self._others.do(lambda: (pad, matched, find_others(matched)))

    def _take_others(self, result) -> None:
        pad, matched, others = result
        if self.matched.get(pad) == matched:
            if len(others) == 1:
                self.tell("note", "no other drum comes near this hit")
            found = replace(matched, others=others)
            self.document.attach(self._with_matched(pad, found))
        self._show()

    def choose_answer(self, index: int) -> None:
        """Put one of the answers to its hit on the chosen pad, and play it."""
        matched = self.matched[self.armed]
        answer = matched.others[index]
        values = drum_values(answer.drum)
        matched = replace(matched, values=values, spread=answer.spread)
        kit = self.kit.with_pad(self.armed, **values)
        self._done_hits = self._n_hits
        self.edit("another answer", kit, matched=self._with_matched(self.armed, matched))
        self.play(self.armed, ANSWER_VELOCITY)

    def _tell_of_replaced(self, pad: Pad, before: Matched | None, by: str) -> None:
        """Say that a drum of the kit is gone, where it was not one that was just matched."""
        if pad.theta is not None and (before is None or not before.stages):
            gone = pad.name or "the pad's drum"
            self.tell("note", f"{by} took the place of {gone}", "Undo", self.undo)

    def _take_learned(self, event: dict, pad: int) -> None:
        self.learning = ""
        self.tell("", "note")
        if event["what"] == "note":
            self.edit("note of a pad", self.kit.with_note(pad, event["number"]))
            return
        controllers = self.link.setup.controllers
        self.remember(controllers={str(cc): name for cc, name in controllers.items()})
        self.tell("note", f"controller {event['number']} turns {_word(event['what'])} now")

    def _take_listened(self, event: dict) -> None:
        clipped = "; the input clips, turn it down at the device" if event["clipped"] else ""
        self.tell(
            "note", f"set by {event['hits']} hits: gain {event['gain_db']:+g} dB, threshold "
            f"{event['threshold_db']:g} dB, sensitivity {100 * event['sensitivity']:.0f} %, mask "
            f"time {event['mask_ms']:g} ms{clipped}",
        )  # fmt: skip
        self.remember_detection()

    def _miss(self, what: str, sentence: str) -> None:
        """Say what is missing, of audio and MIDI together; no sentence: it is there."""
        self._missing[what] = sentence
        sentences = [said for said in self._missing.values() if said]
        if sentences:
            self.tell("missing", "; ".join(sentences), "Rescan", lambda: self.link.ask("rescan"))
        else:
            self.tell("", "missing")

    def tell_missing(self) -> None:
        """Say again what is missing, if anything is."""
        for what, sentence in self._missing.items():
            if sentence:
                self._miss(what, sentence)
                return

    def _failed(self, sentence: str) -> None:
        if self.link.setup.model == SHIPPED:
            self.tell("error", sentence)
        else:
            self.tell("error", sentence, "Use the shipped model", self.link.use_shipped_model)

    # files

    def open(self, path: Path) -> None:
        """Open a kit, or match a recording for the chosen pad."""
        if is_kit(path):
            self.open_kit(path)
            return
        armed, kit = self.armed, self._n_kits
        self.tell("", "error")
        self.tell("note", f"matching {path.name}…")
        self._files.do(lambda: (armed, kit, path, self._match(path)))

    def _match(self, path: Path) -> Match:
        return match_file(path, encoder=Encoder(self.link.setup.model), budget_s=BUDGET_S)

    def _take_match(self, result) -> None:
        pad, number, path, match = result
        self.tell("", "note")
        if number != self._n_kits:
            return  # another kit has been opened since
        matched = of_match(match)
        now, before = self.kit.pads[pad], self.matched.get(pad)
        kit = self.kit.with_pad(pad, **matched.values, name=_plain(path.stem))
        self._done_hits = self._n_hits
        self.edit(f"match of {path.name}", kit, matched=self._with_matched(pad, matched))
        self._tell_of_replaced(now, before, path.name)
        self.played.emit(pad, 0)

    def open_kit(self, path: Path) -> bool:
        """Open a kit file; what was edited before is gone."""
        dropped = []
        if not self.attempt(lambda: dropped.extend(self.document.open(path))):
            return False
        self._begin_kit()
        self._recent(path)
        if dropped:
            self.tell("error", _damage(path, dropped))
        return True

    def new_kit(self, kit: Kit | None = None) -> None:
        """Begin with sixteen empty pads, or with another kit that has no file."""
        self.document.new(kit)
        self._begin_kit()
        self.remember(kit="")

    def open_demo(self) -> None:
        """Put the kit that comes with the app on the pads."""
        self.attempt(lambda: self.new_kit(load_kit(DEMO)[0]))

    def save(self, path: Path | None = None) -> bool:
        """Save the kit, by default in its own file; False where that went wrong."""
        done = self.attempt(lambda: self.document.save(path))
        if done:
            self._recent(self.document.path)
            self._show()
            self.tell("note", f"saved in {self.document.path}")
        return done

    def export(self, path: Path) -> None:
        """Write the sound of the chosen pad to a WAV file."""
        pad = self.pad
        longest = max(
            [pad.theta.tau, *(attack.decays_of(pad.attack_powers) if pad.attack > 0 else ())]
        )
        seconds = min(LONGEST, float(np.log(1000)) * longest)
        x = render(pad.drum, WAV_RATE, seconds, 0.99, pad.attack)
        if self.attempt(lambda: write_wav(path, x, WAV_RATE)):
            self.tell("note", f"{path} is written: {seconds:.1f} s")

    def attempt(self, do: Callable[[], object]) -> bool:
        """Do something with a file; what goes wrong is told in one sentence, and False."""
        try:
            do()
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            self.tell("error", f"{where}{error.strerror or error}")
            return False
        except ValueError as error:
            self.tell("error", str(error))
            return False
        return True

    def close(self) -> None:
        """Remember, and end the engine."""
        self.remember_detection()
        preferences.save(self.preferences)
        self._autosave.stop()
        self.document.discard()
        self._files.close()
        self._others.close()
        self.link.close()

    # what is remembered

    def remember(self, **changes) -> None:
        """Keep these preferences, on disk in a moment."""
        self.preferences = replace(self.preferences, **changes)
        self._remembering.start()
        self.remembered.emit()

    def remember_detection(self) -> None:
        """Keep how hits are looked for."""
        setup = self.link.setup
        values = {name: getattr(setup.settings, name) for name in type(setup.settings).RANGES}
        self.remember(detection=values, input_gain_db=setup.input_gain_db)

    def apply(self, wanted: Preferences) -> None:
        """Take over devices, theme and size of text that were chosen."""
        names = ("input", "output", "block", "midi_in")
        before = self.preferences
        self.remember(**{name: getattr(wanted, name) for name in ("theme", "text_scale", *names)})
        changes = {n: getattr(wanted, n) for n in names if getattr(wanted, n) != getattr(before, n)}
        for name in changes.keys() & {"input", "output"}:
            changes[name] = changes[name] or None  # the system's own
        if changes:
            self.link.change(**changes)

    def _recent(self, path: Path) -> None:
        text = str(path.resolve())
        others = tuple(p for p in self.preferences.recent if p != text)
        self.remember(kit=text, recent=(text, *others)[:N_RECENT])

    def _begin_kit(self) -> None:
        self.solo.clear()
        self._n_kits += 1
        self._done_hits = self._n_hits
        empty = [i for i, pad in enumerate(self.kit.pads) if pad.theta is None]
        self.link.change(armed=empty[0] if empty else 0)  # where a hit takes nothing away
        pads = enumerate(self.kit.pads)
        matched = {i: Matched(values_of(pad)) for i, pad in pads if pad.theta is not None}
        self.document.attach(matched)
        self._show()

    def _show(self) -> None:
        """Let panels and engine have the kit as it is."""
        kit = self.kit
        for i in range(len(kit.pads)) if self.solo else ():
            if i not in self.solo:
                kit = kit.with_pad(i, theta=None)
        self.link.set_kit(kit)
        self.changed.emit()
        if self.document.problem:
            self.tell("error", self.document.problem)


def is_kit(path: Path) -> bool:
    """Whether a file's name says that it is a kit."""
    return path.suffix.lower() == SUFFIX


def _plain(name: str) -> str:
    """A name as a kit takes it."""
    return "".join(c if c.isprintable() else " " for c in name)[:LONGEST_NAME]


def _word(name: str) -> str:
    """What one of kit.TURNED is called on the panels."""
    words = {"gain_db": "gain", "x1": "the strike point along", "x2": "the strike point across",
             "mallet_hz": "mallet"}  # fmt: skip
    return RANGE[name].label.lower() if name in Theta._fields else words.get(name, name)


def make_session(remembered: Preferences, recovery: Path | None, model=None, file=None):
    """A Session as the app starts: with the kit of last time, or the one given; and a Message.

    file: a kit. A kit that a crash left behind comes before all. Raises ValueError where the model
    cannot be what is wanted.
    """
    document = Document(recovery)
    if document.recover():
        message = Message("note", f"{document.kit.name} is back as it was before the app ended")
    else:
        message = _first_kit(document, file, remembered)
    setup = remembered.setup(kit=document.kit, **({"model": model} if model else {}))
    return Session(Link(setup), document, remembered), message


def _first_kit(document: Document, file: Path | None, remembered: Preferences) -> Message:
    """Open the kit that the app starts with."""
    wanted = file or (Path(remembered.kit) if remembered.kit else None)
    message = Message("")
    if wanted is not None:
        try:
            dropped = document.open(wanted)
        except (OSError, ValueError) as error:
            message = Message("error", str(error))
        else:
            return Message("error", _damage(wanted, dropped)) if dropped else message
    document.new(load_kit(DEMO)[0])
    return message


def _damage(path: Path, dropped: list[str]) -> str:
    more = f" and {len(dropped) - 3} things more" if len(dropped) > 3 else ""
    return f"{path.name} is damaged: {'; '.join(dropped[:3])}{more}"
