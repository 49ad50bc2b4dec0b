import numpy as np
import pytest

from matcher.kits.kit import Kit
from matcher.midi_file import Note
from matcher.physics.drum import Drum, render
from matcher.takes import twin
from tests.conftest import TOM

RATE = 44100


@pytest.fixture(scope="module")
def kit():
    return Kit().with_pad(2, drum=Drum(TOM), gain_db=-6.0)


def test_a_note_is_the_drum_at_its_place(kit):
    x = twin.render(kit, [Note(0.5, 38, 127)], RATE, 1.0)
    at, n = round(0.5 * RATE), round(0.4 * RATE)
    assert not np.any(x[:at])
    expected = 10 ** (-6 / 20) * render(Drum(TOM), RATE, 0.4)
    assert np.abs(x[at : at + n] - expected[:n]).max() < 1e-3


def test_half_the_velocity_is_half_as_loud(kit):
    loud, soft = (np.abs(twin.render(kit, [Note(0.0, 38, v)], RATE)).max() for v in (126, 63))
    assert loud / soft == pytest.approx(2, rel=0.01)


def test_notes_without_a_pad_are_silent_and_loud_kits_are_turned_down(kit):
    assert not np.any(twin.render(kit, [Note(0.1, 99, 100)], RATE))
    many = [Note(0.1 + 1e-4 * i, 38, 127) for i in range(20)]
    assert np.abs(twin.render(kit, many, RATE)).max() <= twin.LOUDEST + 1e-6
