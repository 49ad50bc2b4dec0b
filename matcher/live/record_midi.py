"""What is played live, as a MIDI file that is written as it goes on."""

import threading
from contextlib import suppress
from pathlib import Path

from matcher.kits.kit import Kit
from matcher.live.protocol import Event, HitDetected, NotePlayed
from matcher.midi_file import Note, save_midi

SAVE_AFTER_S = 2.0  # s after a note: as much playing a crash may lose


class Played:
    """What is played live, written to a MIDI file as it goes on.

    Args:
        path: of the file; it must not exist yet.
        kit: names the note of a pad that a hit at the microphone sets or plays.

    Raises:
        ValueError: if the file exists, or there is no folder for it.
    """

    def __init__(self, path: Path, kit: Kit):
        if path.exists():
            raise ValueError(f"{path} is there already; give another file to record to")
        self._path, self._kit, self._notes = path, kit, []
        self._lock, self._timer = threading.RLock(), None
        self.save()

    def take(self, event: Event) -> None:
        """Note a hit or a MIDI note of the engine; other events are ignored."""
        if isinstance(event, HitDetected):
            played = Note(event.onset_s, self._kit.pads[event.pad].note, event.velocity)
        elif isinstance(event, NotePlayed) and event.velocity > 0:
            played = Note(event.time_s, event.note, event.velocity)
        else:
            return
        with self._lock:
            self._notes.append(played)
            if self._timer is None:
                self._timer = threading.Timer(SAVE_AFTER_S, self._save_meanwhile)
                self._timer.daemon = True
                self._timer.start()

    def save(self) -> int:
        """Write what was played so far, from the first note on -> how many notes."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            first = min((note.at_s for note in self._notes), default=0.0)
            save_midi(self._path, [n._replace(at_s=n.at_s - first) for n in self._notes])
            return len(self._notes)

    def _save_meanwhile(self) -> None:
        with suppress(OSError):  # the last save says what is wrong
            self.save()
