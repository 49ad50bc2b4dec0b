"""Standard MIDI files: notes and when they were played, by mido."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from matcher.recording import save_atomically

BPM = 120  # tempo that the file names; what was played has none
TICKS = 9600  # in a quarter: 52 us at BPM, which no onset is more exact than
CHANNEL = 9  # from 0: the channel of drums in General MIDI
MOST_TICKS = 2**28 - 1  # between two events, 3.9 hours at BPM: what the format can write
LENGTH_S = 0.1  # s from note on to note off: drums ignore it


class Note(NamedTuple):
    """A note that was played."""

    at_s: float  # s, from 0
    note: int  # MIDI note, 0 to 127
    velocity: int  # 1 to 127


def save_midi(path: str | Path, notes: Iterable[Note], name: str = "Drum matcher") -> None:
    """Write a standard MIDI file of one track atomically.

    Args:
        path: path of the file.
        notes: what was played, in any order; the file begins at 0 s.
        name: of the track; what is not in Latin-1 is written as "?".

    Raises:
        OSError: if the file cannot be written.
        ValueError: if its folder does not exist, or a note is out of range.
    """
    import mido

    file = mido.MidiFile(type=0, ticks_per_beat=TICKS)
    track = mido.MidiTrack()
    file.tracks.append(track)
    plain = name.encode("latin-1", "replace").decode("latin-1")  # all that mido writes
    track.append(mido.MetaMessage("track_name", name=plain))
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)))
    now = 0
    for tick, kind, note, velocity in _messages(notes):
        while tick - now > MOST_TICKS:
            track.append(mido.MetaMessage("text", time=MOST_TICKS))  # an empty one
            now += MOST_TICKS
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
