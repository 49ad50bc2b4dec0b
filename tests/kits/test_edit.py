import pytest

from matcher.kits.describe import kit_lines, kit_to_json
from matcher.kits.edit import KEYS, changes, set_value, shown
from matcher.kits.kit import Kit
from matcher.physics.drum import Drum
from matcher.physics.parameters import BY_KEY, PARAMETERS
from tests.conftest import TOM

KIT = Kit("Mine").with_pad(0, name="Tom", drum=Drum(TOM))


@pytest.mark.parametrize("key", BY_KEY)
def test_every_parameter_can_be_set_to_its_ends(key):
    row = BY_KEY[key]
    for value in (row.low, row.high):
        kit = set_value(KIT, "1", key, repr(value * row.display_scale))
        assert kit.pads[0].value(row.name) == pytest.approx(value, rel=1e-12)
    beyond = row.high + abs(row.high) / 100
    with pytest.raises(ValueError, match="allowed is"):
        set_value(KIT, "1", key, repr(beyond * row.display_scale))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [("name", "Low tom", "Low tom"), ("note", "99", 99), ("choke", "3", 3),
     ("curve", "fixed", "fixed"), ("more_notes", "90, 91", (90, 91)), ("more_notes", "", ())],
)  # fmt: skip
def test_fields_of_the_pad(key, text, value):
    kit = set_value(KIT, "1", key, text)
    assert getattr(kit.pads[0], key) == value
    assert kit.pads[1:] == KIT.pads[1:]


def test_pitch_is_in_hz():
    assert set_value(KIT, "1", "omega", "220").pads[0].theta.pitch_hz == pytest.approx(220)


def test_a_note_of_another_pad_is_exchanged():
    kit = set_value(KIT, "1", "note", "38")
    assert (kit.pads[0].note, kit.pads[2].note) == (38, 36)
    assert changes(KIT, kit) == ["pad 1: note 36 -> 38", "pad 3: note 38 -> 36"]


@pytest.mark.parametrize(
    ("pad", "key", "text", "message"),
    [
        ("0", "tau", "1", "pad is '0', allowed is 1 to 16"),
        ("17", "tau", "1", "pad is '17', allowed is 1 to 16"),
        ("1", "taw", "1", "there is no 'taw', allowed is one of: name"),
        ("1", "tau", "soon", "tau is 'soon', allowed is a number"),
        ("1", "tau", "nan", "tau is nan, allowed is"),
        ("1", "note", "1.5", "note is '1.5', allowed is a whole number"),
        ("1", "note", "128", "note is 128, allowed is a whole number from 0 to 127"),
        ("2", "tau", "1", "pad 2 has no drum"),
        ("kit", "tau", "1", "a kit has no 'tau', allowed is name"),
        ("kit", "name", "a\nb", "name is"),
    ],
)
def test_what_is_wrong_is_said(pad, key, text, message):
    with pytest.raises(ValueError, match=message):
        set_value(KIT, pad, key, text)


def test_a_kit_in_words_has_all_pads_and_the_drum_with_units():
    lines = kit_lines(KIT)
    assert lines[0] == "Mine"
    assert sum(line.split()[:1] == [str(i)] for i in range(1, 17) for line in lines) == 16
    text = "\n".join(lines)
    assert "110.0 Hz" in text and "0.3 s" in text and "Pad 1: Tom" in text
    assert "Pad 2" not in text


def test_a_kit_as_json_has_every_parameter():
    pads = kit_to_json(KIT.with_pad(1, more_notes=(80,)))["pads"]
    assert pads[1]["notes"] == [37, 80] and pads[1]["drum"] is None
    flat = pads[0] | pads[0]["drum"] | pads[0]["drum"]["theta"]
    for row in PARAMETERS.values():
        assert flat[row.key] == pytest.approx(KIT.pads[0].value(row.name))


def test_every_key_can_be_shown():
    assert all(isinstance(shown(KIT.pads[1], key), str) for key in KEYS)
