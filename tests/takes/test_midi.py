import mido
import numpy as np
import pytest

from matcher.takes.midi import DRUM_CHANNEL, Note, save_midi


def read(path):
    """(s, note, velocity) of the notes that begin, and the ends, in order."""
    begins, ends, now = [], [], 0.0
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on" and message.velocity:
            begins.append((now, message.note, message.velocity))
        elif message.type.startswith("note"):
            ends.append((now, message.note))
    return begins, ends


def test_what_is_written_is_read_back(tmp_path):
    rng = np.random.default_rng(0)
    at = np.sort(rng.uniform(0, 60, 200))
    notes = [Note(float(t), int(rng.integers(36, 52)), int(rng.integers(1, 128))) for t in at]
    save_midi(notes, tmp_path / "take.mid", "Küche")
    begins, ends = read(tmp_path / "take.mid")
    assert [row[1:] for row in begins] == [(n.note, n.velocity) for n in notes]
    assert np.abs(np.array([row[0] for row in begins]) - at).max() < 1e-4
    assert len(ends) == len(begins)


def test_a_note_ends_before_it_is_struck_again(tmp_path):
    save_midi([Note(0.0, 38, 100), Note(0.03, 38, 90), Note(0.03, 36, 80)], tmp_path / "take.mid")
    sounding = set()
    for message in mido.MidiFile(tmp_path / "take.mid").tracks[0]:
        if message.type == "note_on":
            assert message.note not in sounding
            assert message.channel == DRUM_CHANNEL
            sounding.add(message.note)
        elif message.type == "note_off":
            sounding.discard(message.note)
    assert not sounding


def test_a_note_out_of_range_leaves_no_file(tmp_path):
    with pytest.raises(ValueError):
        save_midi([Note(0.0, 200, 100)], tmp_path / "take.mid")
    assert not list(tmp_path.iterdir())
