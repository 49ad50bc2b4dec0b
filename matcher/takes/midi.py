"""A take as a MIDI file: a note for each hit, by mido."""

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from matcher.recording import save_atomically

BPM = 120.0  # beats a minute: a take has no tempo, so that two beats are a second
TICKS_PER_BEAT = 9600  # a tick is 52 us, which no onset is more exact than
DRUM_CHANNEL = 9  # channel 10 as musicians count: drums, by General MIDI
LONGEST_NOTE_S = 0.1  # s: drums ring on by themselves


class Note(NamedTuple):
    """A note of a take."""

    at_s: float  # s from the take's start
    note: int  # MIDI note, 0 to 127
    velocity: int  # 1 to 127


def save_midi(notes: list[Note], path: str | Path, name: str = "") -> None:
    """Write notes as a MIDI file of type 0, atomically.

    Args:
        notes: in any order.
        path: the file.
        name: of the track.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if its folder does not exist, or a note is out of range.
    """
    import mido

    track = mido.MidiTrack()
    plain = name.encode("ascii", "replace").decode()
    track.append(mido.MetaMessage("track_name", name=plain))
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)))
    now = 0
    for tick, kind, note, velocity in sorted(_events(notes)):
        track.append(
            mido.Message(
                "note_on" if kind else "note_off", channel=DRUM_CHANNEL, note=note,
                velocity=velocity, time=tick - now,
            )
        )  # fmt: skip
        now = tick
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT, tracks=[track])
    written = BytesIO()
    file.save(file=written)
    save_atomically(path, lambda file: file.write(written.getvalue()))


def _events(notes: list[Note]) -> list[tuple[int, int, int, int]]:
    """(tick, 1 for on or 0 for off, note, velocity); a note ends before it is struck again."""
    events, last = [], {}
    for at_s, note, velocity in sorted(notes):
        tick = _ticks(at_s)
        if note in last:
            events.append((min(last[note], tick), 0, note, 0))
        events.append((tick, 1, note, velocity))
        last[note] = tick + _ticks(LONGEST_NOTE_S)
    return events + [(tick, 0, note, 0) for note, tick in last.items()]


def _ticks(seconds: float) -> int:
    return round(seconds * BPM / 60 * TICKS_PER_BEAT)
