import threading

import mido
import pytest

from matcher.kits.kit import Kit
from matcher.live.protocol import HitDetected, NotePlayed, Rescan
from matcher.packs import midi_file
from matcher.packs.midi_file import CHANNEL, Note, Played, save_midi


def read(path):
    """Time, note and velocity of each note on, and the times of each note's offs."""
    now, on, off = 0.0, [], {}
    for message in mido.MidiFile(path):
        now += message.time
        if message.type in ("note_on", "note_off"):
            assert message.channel == CHANNEL
        if message.type == "note_on":
            on.append((now, message.note, message.velocity))
        elif message.type == "note_off":
            off.setdefault(message.note, []).append(now)
    return on, off


def test_notes_come_back(tmp_path):
    notes = [Note(1.25, 38, 127), Note(0.0, 36, 1), Note(1.2503, 40, 64)]
    save_midi(tmp_path / "a.mid", notes)
    on, _ = read(tmp_path / "a.mid")
    for (at, *rest), note in zip(on, sorted(notes)):
        assert at == pytest.approx(note.at_s, abs=0.00015) and rest == [*note[1:]]


def test_each_note_ends_before_it_begins_again(tmp_path):
    notes = [Note(0.02 * i, 36, 100) for i in range(20)]
    save_midi(tmp_path / "roll.mid", notes)
    on, off = read(tmp_path / "roll.mid")
    assert len(on) == len(off[36]) == 20
    for (begins, *_), ends, (again, *_) in zip(on, off[36], [*on[1:], (9.9,)]):
        assert begins < ends <= again + 1e-9


def test_nothing_played_is_a_file_too(tmp_path):
    save_midi(tmp_path / "none.mid", [])
    assert read(tmp_path / "none.mid") == ([], {})


def test_what_is_played_live(tmp_path):
    played = Played(tmp_path / "live.mid", Kit().with_note(2, 60))
    played.take(HitDetected(time_s=7.1, onset_s=7.0, velocity=99, pad=2))
    played.take(NotePlayed(time_s=7.5, note=41, velocity=80, pad=5))
    played.take(NotePlayed(time_s=8.0, note=99, velocity=3, pad=None))
    played.take(Rescan())
    assert played.save() == 3
    on, _ = read(tmp_path / "live.mid")
    expected = [(0.0, 60, 99), (0.5, 41, 80), (1.0, 99, 3)]
    assert [(round(at, 3), *rest) for at, *rest in on] == expected


def test_what_is_played_is_written_soon_even_if_nothing_follows(tmp_path, monkeypatch):
    written, save = threading.Event(), midi_file.save_midi
    monkeypatch.setattr(midi_file, "SAVE_AFTER_S", 0.01)
    played = Played(tmp_path / "live.mid", Kit())
    monkeypatch.setattr(midi_file, "save_midi", lambda *what: (save(*what), written.set()))
    played.take(NotePlayed(time_s=1.0, note=41, velocity=80, pad=5))
    assert written.wait(30)
    assert read(tmp_path / "live.mid")[0] == [(0.0, 41, 80)]


def test_a_file_that_is_there_is_kept(tmp_path):
    (tmp_path / "mine.mid").write_bytes(b"mine")
    with pytest.raises(ValueError, match="is there already"):
        Played(tmp_path / "mine.mid", Kit())
    assert (tmp_path / "mine.mid").read_bytes() == b"mine"


def test_without_a_folder_for_it_nothing_begins(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        Played(tmp_path / "none" / "a.mid", Kit())
