"""Whether the place of each hit is sent with its note, and learning it from strokes."""

from PyQt6.QtCore import QObject, pyqtSignal

from gui.editor import Editor
from gui.link import Link
from matcher.live.protocol import (
    DeviceChanged,
    Failed,
    PlaceShown,
    PlacesKept,
    Ready,
    ShowPlaces,
)
from matcher.live.report import place_shown

NO_MIDI_OUT = "not sent: choose first where hits go as MIDI"
NOT_SENT = "not sent"
SENT = "sent as controller 16 before each note"


class HitPlaces(QObject):
    """The place of hits, as the window's user turns it on and off.

    What was learned is Setup.places, which the engine's process keeps for the next start; here is
    only how far learning is.

    Signals:
        changed: of anything that can be read here.
    """

    changed = pyqtSignal()

    def __init__(self, editor: Editor, link: Link):
        super().__init__()
        self._editor, self._link = editor, link
        self.learning = False
        self._words = ""  # on the last learning; empty: there is nothing to say of it

    @property
    def available(self) -> bool:
        """Whether hits are sent, so that their places can be."""
        return self._editor.setup.midi_out

    @property
    def learned(self) -> bool:
        """Whether places were learned."""
        return self._editor.setup.places is not None

    @property
    def words(self) -> str:
        """What is to be done, or what there is, in words."""
        if not self.available:
            return NO_MIDI_OUT
        return self._words or self._sent()

    def _sent(self) -> str:
        places = self._editor.setup.places
        if places is None:
            return NOT_SENT
        return f"{SENT}, as learned on {places.date} at {places.input}" if places.date else SENT

    def learn(self) -> None:
        """Learn from the next strokes, in the middle and then at the rim."""
        if self._link.running:
            self._link.send(ShowPlaces())
            self._show(True, "one moment…")
        else:
            self._show(False, "sound has not started yet: try again in a moment")

    def end(self, why: str = "") -> None:
        """End learning, if it goes on; what was learned before is kept."""
        if self.learning:
            # an edit ends it in the engine, and makes what it has sent meanwhile late
            self._editor.change(places=self._editor.setup.places)
            kept = "; what was learned before is kept" if why and self.learned else ""
            self._show(False, why + kept)

    def forget(self) -> None:
        """Send no places any more, and forget what was learned at this input."""
        self._editor.change(places=None)
        self._show(False, "")

    def follow_midi_out(self) -> None:
        """Hits are sent from now on, or not any more."""
        if not self.available:
            self.end()
        self.changed.emit()

    def take(self, event) -> None:
        """Follow an event of the engine, which the editor has taken."""
        if isinstance(event, PlacesKept):
            self._show(False, "")
        if not self.learning:
            return
        match event:
            case PlaceShown():
                if not self._editor.state.is_late(event.revision, "places"):
                    self._show(event.places is None, place_shown(event))
            case Failed():
                self.end(event.message)
            case Ready():
                self.end("sound has begun anew: learn it again")
            case DeviceChanged(system="audio" | "input", state="lost"):
                self.end(f"{event.name} is gone: learn it again when it is back")
            case DeviceChanged(system="audio" | "input", state="missing"):
                self.end(event.name)

    def _show(self, learning: bool, words: str) -> None:
        self.learning, self._words = learning, words
        self.changed.emit()
