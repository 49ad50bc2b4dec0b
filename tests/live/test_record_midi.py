import threading

import pytest

from matcher.kits.kit import Kit
from matcher.live import record_midi
from matcher.live.protocol import HitDetected, NotePlayed, Rescan
from matcher.live.record_midi import Played
from tests.test_midi_file import read


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
    written, save = threading.Event(), record_midi.save_midi
    monkeypatch.setattr(record_midi, "SAVE_AFTER_S", 0.01)
    played = Played(tmp_path / "live.mid", Kit())
    monkeypatch.setattr(record_midi, "save_midi", lambda *what: (save(*what), written.set()))
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
