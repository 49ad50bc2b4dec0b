import numpy as np
import pytest

from matcher.takes.kinds import KICK, SNARE, STICK, TOM, Spectrum, kinds, notes_and_names


def test_a_kit_goes_on_the_notes_of_general_midi():
    told = [TOM, SNARE, KICK, TOM, STICK, TOM]
    placed = notes_and_names(told, [90, 180, 60, 140, 400, 200], [5, 30, 20, 6, 4, 7])
    assert [note for note, _ in placed] == [43, 38, 36, 47, 37, 50]
    assert placed[5][1] == "High tom"


def test_toms_go_from_high_to_low_and_no_note_is_given_twice():
    rng = np.random.default_rng(0)
    for n in range(1, 17):
        told = [str(kind) for kind in rng.choice([KICK, SNARE, STICK, TOM], n)]
        pitches = rng.uniform(60, 400, n).tolist()
        notes = [note for note, _ in notes_and_names(told, pitches, [1] * n)]
        assert len(set(notes)) == n
        assert all(36 <= note <= 51 for note in notes)


def test_given_notes_are_taken_in_order():
    told, pitches = [TOM, KICK, TOM], [100, 60, 200]
    placed = notes_and_names(told, pitches, [1, 1, 1], (60, 61, 62))
    assert [note for note, _ in placed] == [62, 60, 61]


def test_too_few_notes_are_told():
    with pytest.raises(ValueError, match="3 drums were found for 2 pads"):
        notes_and_names([TOM] * 3, [1, 2, 3], [1, 1, 1], (36, 37))


def test_the_lowest_drum_without_wires_is_the_kick():
    low, high = Spectrum(70, 60, -50), Spectrum(150, 130, -45)
    assert kinds([high, low], [9, 9]) == [TOM, KICK]


def test_a_side_stick_is_higher_than_the_snare_beside_it():
    snare, stick = Spectrum(350, 185, -15), Spectrum(900, 1046, -12)
    assert kinds([stick, snare], [9, 9]) == [STICK, SNARE]
