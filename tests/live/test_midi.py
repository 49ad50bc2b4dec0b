import pytest

from matcher.live.midi import CONTROL, NOTE_OFF, NOTE_ON, list_names, parse


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([0x90, 38, 100], (NOTE_ON, 38, 100)),
        ([0x99, 38, 100], (NOTE_ON, 38, 100)),
        ([0x90, 38, 0], (NOTE_OFF, 38, 0)),
        ([0x85, 38, 64], (NOTE_OFF, 38, 64)),
        ([0xB0, 16, 5], (CONTROL, 16, 5)),
    ],
)
def test_notes_and_controllers(data, expected):
    message = parse("keys", 1.5, data)
    assert (message.port, message.time_s) == ("keys", 1.5)
    assert message[2:] == expected


@pytest.mark.parametrize("data", [[0xF8], [0xC0, 3], [0xE0, 1, 2], [0xF0, 1, 2, 3, 0xF7], []])
def test_what_is_neither_is_nothing(data):
    assert parse("keys", 0.0, data) is None


def test_names_stay_when_alsa_counts_anew():
    assert list_names(["Pads:Pads MIDI 1 20:0", "keys:out"]) == ["Pads:Pads MIDI 1", "keys:out"]
    twice = ["Pads 20:0", "Pads 24:0", "Pads 28:0"]
    assert list_names(twice) == ["Pads", "Pads #2", "Pads #3"]
