import mido
import pytest

from matcher.midi_file import CHANNEL, Note, save_midi


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


def test_hours_may_pass_between_two_notes(tmp_path):
    notes = [Note(0.0, 36, 100), Note(50_000.0, 38, 100)]  # s: a night
    save_midi(tmp_path / "night.mid", notes)
    (track,) = mido.MidiFile(tmp_path / "night.mid").tracks
    assert max(message.time for message in track) < 2**28  # four bytes of seven bits
    on, _ = read(tmp_path / "night.mid")
    assert [round(at, 3) for at, *_ in on] == [0.0, 50_000.0]


def test_a_name_in_any_script_is_written(tmp_path):
    for name, written in (("é 'x'", "é 'x'"), ("Барабан 🥁", "??????? ?"), ("", "")):
        save_midi(tmp_path / "named.mid", [], name)
        assert mido.MidiFile(tmp_path / "named.mid").tracks[0].name == written


def test_nothing_played_is_a_file_too(tmp_path):
    save_midi(tmp_path / "none.mid", [])
    assert read(tmp_path / "none.mid") == ([], {})


def test_a_note_out_of_range_leaves_no_file(tmp_path):
    with pytest.raises(ValueError):
        save_midi(tmp_path / "take.mid", [Note(0.0, 200, 100)])
    assert not list(tmp_path.iterdir())
