"""The window's wiring: editor, engine, files, background work and preferences, as signals.

Everything here runs in Qt's main thread, and nothing here is a widget. Panels ask the editor, and
are told of changes by `changed`.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from gui import pad_wav, preferences
from gui.background import Background
from gui.editor import Editor, Replaced
from gui.hit_places import HitPlaces
from gui.link import Link
from gui.matched import EFFORT, find_candidates, of_match
from gui.message import Message
from gui.preferences import N_RECENT, Preferences
from matcher.kits.document import Document
from matcher.kits.kit import Kit
from matcher.kits.kit_file import load_kit
from matcher.kits.kit_folder import is_kit, kit_of_program
from matcher.live import kept_places
from matcher.live.protocol import (
    MORE_NOTES,
    NOTE,
    Answered,
    Audition,
    Calibrated,
    DeviceChanged,
    Failed,
    HitDetected,
    Learn,
    Learned,
    ModelLoaded,
    NotePlayed,
    PlacesKept,
    ProgramChanged,
    Ready,
    Rescan,
    Silence,
    Strike,
)
from matcher.live.report import calibrated, places_kept
from matcher.matching.encoder import SHIPPED, Encoder
from matcher.matching.match import Match, MatchOptions, match_file
from matcher.physics.parameters import PARAMETERS

DEMO = Path(__file__).parent / "demo.drumkit"
AUTOSAVE_MS = 300  # ms after an edit that it is written: not at each step of a knob
# fields of Preferences that choose devices, and are those of Setup
DEVICES = (
    "input", "output", "input_channel", "output_channel", "block", "exclusive", "asio", "midi_in",
    "midi_channel", "midi_out", "midi_out_port",
)  # fmt: skip
CANDIDATE_VELOCITY = 0.8  # velocity at which a picked drum is played: a firm hit


class Session(QObject):
    """The kit being played and edited, its file, and the engine that plays it.

    Signals:
        changed: of kit, chosen pad or set-up.
        played: pad, and velocity from 1 to 127; 0 where its drum was matched.
        message: a Message to show.
        remembered: the preferences changed.
    """

    changed = pyqtSignal()
    played = pyqtSignal(int, int)
    message = pyqtSignal(object)
    remembered = pyqtSignal()

    def __init__(self, editor: Editor, link: Link, remembered: Preferences):
        super().__init__()
        self.editor, self.link, self.preferences = editor, link, remembered
        self.document = editor.document
        self.learning = ""  # what the next controller or note is for
        self.places = HitPlaces(editor, link)
        self._missing = {"audio": "", "input": "", "midi": ""}  # a sentence for each, or none
        self._files = Background(self)
        self._files.done.connect(self._take_match)
        self._finding = Background(self, newest_only=True)
        self._finding.done.connect(self._take_candidates)
        self._finding.failed.connect(self.changed)
        for work in (self._files, self._finding):
            work.failed.connect(lambda reason: self.tell("error", reason))
        self._autosave = QTimer(self, singleShot=True, interval=AUTOSAVE_MS)
        self._autosave.timeout.connect(self.document.autosave)
        self._remembering = QTimer(self, singleShot=True, interval=AUTOSAVE_MS)
        self._remembering.timeout.connect(lambda: preferences.save(self.preferences))
        link.happened.connect(self.take)
        link.failed.connect(self._failed)
        self._begin_kit()

    def start(self) -> None:
        """Start the engine."""
        self.link.start(self.editor.state)

    def tell(self, kind: str, text: str, action_label: str = "", action=None,
             dismissed=None) -> None:  # fmt: skip
        """Tell the user something, as Message."""
        self.message.emit(Message(kind, text, action_label, action, dismissed))

    # edits

    def edit(self, do: Callable, *arguments, **more) -> None:
        """Call one of the editor's methods, then show and autosave what it changed."""
        try:
            do(*arguments, **more)
        except ValueError as error:
            self.tell("error", str(error))
            return
        self._autosave.start()
        self._show()

    def change_pad(self, text: str, name: str, value) -> None:
        """Set a field of the chosen pad."""
        self.edit(self.editor.change_pad, text, **{name: value})

    def choose_candidate(self, index: int) -> None:
        """Put one of the drums that come near its hit on the chosen pad, and play it."""
        self.edit(self.editor.choose_candidate, index)
        self.play(self.editor.armed, CANDIDATE_VELOCITY)

    def find_candidates(self) -> None:
        """Look for other drums near the hit of the chosen pad; they come with `changed`."""
        pad, matched = self.editor.armed, self.editor.armed_match
        if matched is not None and matched.clip is not None:
            self._finding.do(lambda: (pad, matched, find_candidates(matched)))

    def _take_candidates(self, result) -> None:
        if self.editor.attach_candidates(*result) and len(result[-1]) == 1:
            self.tell("note", "no other drum comes near this hit")
        self.changed.emit()

    # playing

    def play(self, pad: int, velocity: float) -> None:
        """Play a pad, velocity in [0, 1]."""
        self.link.send(Strike(pad, velocity))
        self.played.emit(pad, round(127 * velocity))

    def audition(self, x: np.ndarray, sample_rate: float) -> None:
        """Play a recording, x (frames,)."""
        self.link.send(Audition(np.asarray(x, np.float32), sample_rate))

    def silence(self) -> None:
        """Fade out everything."""
        self.link.send(Silence())

    def choose(self, pad: int) -> None:
        """Let hits and knobs go to another pad."""
        if self.editor.choose(pad):
            self.changed.emit()

    def set_mode(self, mode: str) -> None:
        """Set what a hit does, one of protocol.MODES."""
        self.editor.change(mode=mode)
        self.remember(mode=mode)

    def set_master(self, gain_db: float) -> None:
        """Set the master level, dB."""
        self.editor.change(output_gain_db=gain_db)
        self.remember(master_db=gain_db)

    def set_detection(self, **changes) -> None:
        """Set fields of detector.Settings."""
        self.editor.change(settings=replace(self.editor.setup.settings, **changes))
        self._remember_detection()

    def set_input_gain(self, gain_db: float) -> None:
        """Set the gain of the input, dB."""
        self.editor.change(input_gain_db=gain_db)
        self._remember_detection()

    def learn(self, what: str) -> None:
        """Wait for the controller that is to turn a parameter, or for the pad's NOTE."""
        self.learning = what
        self.link.send(Learn(what))
        notes = {NOTE: "play the note of this pad", MORE_NOTES: "play one more note for this pad"}
        wanted = notes.get(what) or (
            f"move the controller that is to turn {PARAMETERS[what].label.lower()}"
        )
        self.tell("note", wanted, "Cancel", self._learn_nothing, self._learn_nothing)

    def _learn_nothing(self) -> None:
        self.learning = ""
        self.link.send(Learn(None))
        self.tell("", "note")

    def forget(self, what: str) -> None:
        """Let no controller turn a parameter."""
        self.editor.forget(what)
        self._remember_controllers()

    # the engine

    def take(self, event) -> None:
        """Follow an event of the engine."""
        replaced = self.editor.replaced_by(event) if isinstance(event, Answered) else None
        taken = self.editor.take(event)
        if taken:
            self._autosave.start()
            self._show()
        match event:
            case Answered() if taken:
                self._tell_of_replaced(replaced)
                self.played.emit(event.pad, 0)
            case HitDetected() if self.editor.setup.mode == "trigger":
                self.played.emit(event.pad, event.velocity)
            case NotePlayed() if event.pad is not None:
                self.played.emit(event.pad, event.velocity)
            case NotePlayed():
                self._offer_note(event.note)
            case Learned():
                self._tell_of_learned(event, taken)
            case ProgramChanged():
                self._open_program(event.number)
            case Calibrated() if taken:
                self.tell("note", calibrated(event))
                self._remember_detection()
            case PlacesKept() if taken:
                self.tell("hint", places_kept(event))
            case Ready():
                self._missing["audio"] = ""
                none = "there is no input: connect a microphone to match drums"
                none = self._missing["input"] or none
                self._tell_missing("input", none if event.input is None else "")
            case DeviceChanged():
                self._tell_device(event)
            case Failed():
                self.tell("error", event.message)
        self.places.take(event)

    def _open_program(self, program: int) -> None:
        """Open the kit that a MIDI program stands for, unless that would lose edits."""
        if self.document.path is None:
            self.tell("note", "a MIDI program opens a kit of the folder of this one: save it first")
            return
        try:
            path = kit_of_program(self.document.path.parent, program)
        except ValueError as error:
            self.tell("error", str(error))
            return
        if path == self.document.path:
            return
        if self.document.edited:
            text = (
                f"program {program + 1} is {path.stem}, but this kit has edits that are not saved"
            )
            self.tell("note", text, "Open it all the same", lambda: self.open_kit(path))
        else:
            self.open_kit(path)

    def _offer_note(self, number: int) -> None:
        give = f"Give it to {self.editor.name_of(self.editor.armed)}"
        self.tell("note", f"note {number} plays no pad", give,
                  lambda: self.change_pad("note of a pad", "note", number))  # fmt: skip

    def _tell_of_replaced(self, replaced: Replaced | None) -> None:
        if replaced is not None:
            text = f"{replaced.by} took the place of {replaced.name}"
            self.tell("note", text, "Undo", lambda: self.edit(self.editor.undo))

    def _tell_of_learned(self, event: Learned, taken: bool) -> None:
        self.learning = ""
        self.tell("", "note")
        if taken and event.what in PARAMETERS:
            self._remember_controllers()
            label = PARAMETERS[event.what].label.lower()
            self.tell("note", f"controller {event.number} turns {label} now")

    def _tell_device(self, event: DeviceChanged) -> None:
        if event.state == "lost":
            again = f"{event.name} is gone; it is opened again when it is back"
            self._tell_missing(event.system, again)
        else:
            wrong = event.state in ("missing", "silent")
            self._tell_missing(event.system, event.name if wrong else "")

    def _tell_missing(self, what: str, sentence: str) -> None:
        """Tell what is missing of output, input and MIDI; sentence: empty where nothing is."""
        self._missing[what] = sentence
        if sentences := [missing for missing in self._missing.values() if missing]:
            rescan = lambda: self.link.send(Rescan())  # noqa: E731
            self.tell("missing", "; ".join(sentences), "Rescan", rescan)
        else:
            self.tell("", "missing")

    def repeat_missing(self) -> None:
        """Tell again what is missing, if anything is."""
        for what, sentence in self._missing.items():
            if sentence:
                self._tell_missing(what, sentence)
                return

    def _failed(self, sentence: str) -> None:
        if self.editor.setup.model == SHIPPED:
            self.tell("error", sentence)
        else:
            self.tell("error", sentence, "Use the shipped model", self._use_shipped_model)

    def _use_shipped_model(self) -> None:
        self.editor.take(ModelLoaded(time_s=0.0, path=SHIPPED))
        self.start()

    # files

    def open(self, path: Path) -> None:
        """Open a kit, or match a recording for the chosen pad."""
        if is_kit(path):
            self.open_kit(path)
            return
        self.match(path, self.editor.armed)

    def match(self, path: Path, pad: int) -> None:
        """Match a recording for a pad."""
        kit, model = self.editor.kits_begun, self.editor.setup.model
        self.tell("", "error")
        self.tell("note", f"matching {path.name}…")
        self._files.do(lambda: (pad, kit, path, _match(path, model)))

    def _take_match(self, result) -> None:
        pad, kit, path, match = result
        self.tell("", "note")
        if kit != self.editor.kits_begun:
            return  # another kit has been opened since
        replaced = self.editor.put_match(pad, path.name, of_match(match))
        self._show()
        self._tell_of_replaced(replaced)
        self.played.emit(pad, 0)

    def open_kit(self, path: Path) -> bool:
        """Open a kit file, discarding edits; False where it cannot be opened."""
        dropped = []
        if not self._try(lambda: dropped.extend(self.document.open(path))):
            return False
        self._begin_kit()
        self._remember_kit(path)
        if dropped:
            self.tell("error", _damage(path, dropped))
        return True

    def new_kit(self, kit: Kit | None = None) -> None:
        """Begin with sixteen empty pads, or with another kit that has no file."""
        self.document.new(kit)
        self._begin_kit()
        self.remember(kit="")

    def open_demo(self) -> None:
        """Open the kit that comes with the app."""
        self.begin_with(DEMO)

    def begin_with(self, path: Path) -> None:
        """Begin with a copy of a kit, which has no file of its own yet."""
        self._try(lambda: self.new_kit(load_kit(path)[0]))

    def save(self, path: Path | None = None) -> bool:
        """Save the kit, by default in its own file; False where that went wrong."""
        done = self._try(lambda: self.document.save(path))
        if done:
            self._remember_kit(self.document.path)
            self._show()
            self.tell("note", f"saved in {self.document.path}")
        return done

    def export(self, path: Path) -> None:
        """Write the sound of the chosen pad to a WAV file."""
        written = []
        if self._try(lambda: written.append(pad_wav.write(self.editor.pad.sound, path))):
            self.tell("note", f"{path} is written: {written[0]:.1f} s")

    def _begin_kit(self) -> None:
        self.editor.begin_kit()
        self._show()

    def _try(self, do: Callable[[], object]) -> bool:
        """Do something with a file; False, and a message, where that failed."""
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
        """Save the preferences and end the engine."""
        self._remember_detection()
        self._autosave.stop()
        self._remembering.stop()
        for work in (self._files, self._finding):
            work.close()
        preferences.save(self.preferences)
        self.document.discard()
        self.link.close()

    # preferences

    def remember(self, **changes) -> None:
        """Remember something for the next start."""
        self.preferences = replace(self.preferences, **changes)
        self._remembering.start()
        self.remembered.emit()

    def apply_preferences(self, wanted: Preferences) -> None:
        """Use the devices chosen, and remember them, the theme and the text size."""
        before = self.preferences
        if wanted.input != before.input:  # another device has other channels
            wanted = replace(wanted, input_channel=0)
        if wanted.output != before.output:
            wanted = replace(wanted, output_channel=0)
        self.remember(**{name: getattr(wanted, name) for name in ("theme", "text_scale", *DEVICES)})
        changes = {n: getattr(wanted, n) for n in DEVICES}
        changes = {n: value for n, value in changes.items() if value != getattr(before, n)}
        for name in changes.keys() & {"input", "output"}:
            changes[name] = changes[name] or None  # the system's own
        if changes:
            self.editor.change(**changes)
        if "midi_out" in changes:
            self.places.follow_midi_out()

    def _remember_detection(self) -> None:
        """Remember how hits are found; no panel shows what is remembered of it."""
        setup = self.editor.setup
        self.preferences = replace(
            self.preferences, detection=asdict(setup.settings), input_gain_db=setup.input_gain_db
        )
        self._remembering.start()

    def _remember_controllers(self) -> None:
        controllers = self.editor.setup.controllers.items()
        self.remember(controllers={str(cc): PARAMETERS[name].key for cc, name in controllers})

    def _remember_kit(self, path: Path) -> None:
        text = str(path.resolve())
        others = tuple(p for p in self.preferences.recent if p != text)
        self.remember(kit=text, recent=(text, *others)[:N_RECENT])

    def _show(self) -> None:
        """Have the panels refreshed, and tell what went wrong with the recovery file."""
        self.changed.emit()
        if self.document.problem:
            self.tell("error", self.document.problem)


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
    if document.problem:
        message = Message("error", document.problem)
    link = Link()
    more = {"model": model} if model else {}
    setup = remembered.setup(places_folder=kept_places.folder(), **more)
    return Session(Editor(document, setup, link.send), link, remembered), message


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


def _match(path: Path, model: Path) -> Match:
    return match_file(path, MatchOptions(encoder=Encoder(model), effort=EFFORT))


def _damage(path: Path, dropped: list[str]) -> str:
    more = f" and {len(dropped) - 3} more problems" if len(dropped) > 3 else ""
    return f"{path.name} is damaged: {'; '.join(dropped[:3])}{more}"
