"""What is played live comes back from the MIDI file that `live --record-midi` writes."""

import signal

import mido

from tests.e2e.test_live import NOTE_ON, RATE, at, recording

SECOND = RATE  # frames


def test_notes_and_hits_come_back(stage, tmp_path):
    path = tmp_path / "played.mid"
    _, app, cables = stage("--mode", "trigger", "--pad", 2, "--record-midi", path)
    notes = [(SECOND // 2 * i, (NOTE_ON, 36 + i, 60 + 10 * i)) for i in range(4)]
    cables.play(at(recording(), 2.5), notes, 1.0)
    app.wait_for("hit")
    app.process.send_signal(signal.SIGINT)
    app.process.wait(60)
    assert f"{path} is written: 5 notes" in "".join(app.errors)
    on = [message for message in mido.MidiFile(path) if message.type == "note_on"]
    assert [message.note for message in on] == [36, 37, 38, 39, 37]
    assert [message.velocity for message in on[:4]] == [60, 70, 80, 90]
