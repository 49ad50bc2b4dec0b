"""Standard MIDI files of what was hit or played."""

import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import mido

from matcher.kits.kit import Kit
from matcher.live.protocol import Event, HitDetected, NotePlayed
from matcher.recording import save_atomically

BPM = 120  # tempo that the file names; what was played has none
TICKS = 1920  # in a quarter: 0.26 ms at BPM
CHANNEL = 9  # from 0: the channel of drums in General MIDI
LENGTH_S = 0.1  # s from note on to note off: drums ignore it
SAVE_AFTER_S = 2.0  # s after a note: as much playing a crash may lose


class Note(NamedTuple):
    """A note that was played."""

    at_s: float
    note: int  # MIDI note, 0 to 127
    velocity: int  # 1 to 127


def save_midi(path: str | Path, notes: Iterable[Note], name: str = "Drum matcher") -> None:
    """Write a standard MIDI file of one track atomically.

    Args:
        path: path of the file.
        notes: what was played, in any order; the file begins at 0 s.
        name: of the track.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if its folder does not exist.
    """
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS)
    track = mido.MidiTrack()
    file.tracks.append(track)
    plain = name.encode("latin-1", "replace").decode("latin-1")  # all that mido writes
    track.append(mido.MetaMessage("track_name", name=plain))
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)))
    now = 0
    for tick, kind, note, velocity in _messages(notes):
        track.append(mido.Message(kind, channel=CHANNEL, note=note, velocity=velocity,
                                  time=tick - now))  # fmt: skip
        now = tick
    save_atomically(path, lambda out: file.save(file=out))


def _messages(notes: Iterable[Note]) -> list[tuple[int, str, int, int]]:
    """Tick, kind, note and velocity of each message in order; a note ends before the next one."""
    per_s, out, ends = TICKS * BPM / 60, [], {}
    for at_s, note, velocity in sorted(notes, reverse=True):
        on = round(at_s * per_s)
        off = min(on + round(LENGTH_S * per_s), ends.get(note, on + TICKS))
        ends[note] = on
        out += [(on, "note_on", note, velocity), (max(off, on + 1), "note_off", note, 0)]
    return sorted(out)  # "note_off" before "note_on" of the same tick


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
