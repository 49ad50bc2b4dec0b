from dataclasses import replace

import numpy as np
import pytest

from matcher.kits.kit import CURVES, N_PADS, Kit, Pad, for_pad, velocity_to_gain
from matcher.kits.kit_file import load_kit, save_kit
from matcher.physics.drum import Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.partials import Partial
from matcher.physics.theta import PRESETS, Theta

TOM = Theta(2 * np.pi * 110.0, 0.4, 0.02, 0.01, 0.8)


@pytest.fixture
def kit():
    snare = Pad(38, 'Snäre "14"', Drum(TOM), gain_db=-3.5, pan=-0.25, tune=1.5, choke=2)
    pads = (Pad(36, "Kick", Drum(TOM._replace(tau=0.1)), curve="fixed"), *Kit().pads[1:])
    return replace(Kit("Live set", pads).with_pad(3, note=99), name="Ready").with_pad(
        2, **{name: getattr(snare, name) for name in snare.__dataclass_fields__}
    )


@pytest.fixture
def path(kit, tmp_path):
    save_kit(kit, tmp_path / "a.drumkit")
    return tmp_path / "a.drumkit"


def change(path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_a_saved_kit_loads_unchanged(kit, path):
    assert load_kit(path) == (kit, [])


def test_the_file_is_readable(path):
    text = path.read_text()
    assert text.startswith('schema = 2\nname = "Ready"\n')
    assert text.count("[[pads]]") == N_PADS
    assert "tau = 0.4" in text


def test_the_pads_of_a_new_kit_have_consecutive_notes():
    assert [pad.note for pad in Kit().pads] == list(range(36, 52))
    assert Kit().pad_of(51) == 15
    assert Kit().pad_of(52) is None


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.99])
def test_the_whole_pads_of_a_truncated_file_are_read(kit, path, keep):
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    opened, dropped = load_kit(path)
    whole = path.read_text().count("[[pads]]") - 1  # the last may be cut off
    assert opened.name == "Ready"
    assert opened.pads[:whole] == kit.pads[:whole]
    assert dropped


def test_a_broken_line_loses_one_pad(kit, path):
    change(path, 'name = "Kick"', 'name = "Kick')
    opened, dropped = load_kit(path)
    assert dropped == ["pad 1 cannot be read: left empty"]
    assert opened.pads == (Pad(36), *kit.pads[1:])


def test_invalid_utf_8_loses_one_pad(kit, path):
    path.write_bytes(path.read_bytes().replace(b"Kick", b"\xff\x00\xfe"))
    opened, dropped = load_kit(path)
    assert dropped == ["pad 1 cannot be read: left empty"]
    assert opened.pads[1:] == kit.pads[1:]


@pytest.mark.parametrize(
    ("old", "new", "sentence", "field"),
    [
        ("gain_db = -3.5", "gain_db = 99", "gain_db is 99, allowed is -60 to 12", "gain_db"),
        ("gain_db = -3.5", "gain_db = nan", "gain_db is nan", "gain_db"),
        ("pan = -0.25", 'pan = "left"', "pan is 'left'", "pan"),
        ("tune = 1.5", "tune = true", "tune is True", "tune"),
        ("choke = 2", "choke = 2.0", "allowed is a whole number from 0 to 8", "choke"),
        ("choke = 2", "color = 2", "unknown key 'color'", "choke"),
        ('curve = "fixed"', 'curve = "steep"', "curve is 'steep', allowed is one of", "curve"),
        ("tau = 0.1", "tau = 1e9", "tau is 1e+09, allowed is 0.01 to 3 s", "drum"),
        ("tau = 0.1", "t = 0.1", "allowed is a number for each of", "drum"),
        ("tau = 0.1", f"tau = {10**400}", "pad 1: ", "drum"),
    ],
)
def test_a_value_that_is_not_allowed_stays_at_its_default(kit, path, old, new, sentence, field):
    change(path, old, new)
    opened, dropped = load_kit(path)
    assert len(dropped) == 1
    assert sentence in dropped[0]
    (pad,) = (i for i in range(N_PADS) if opened.pads[i] != kit.pads[i])
    assert opened.pads[pad] == replace(kit.pads[pad], **{field: getattr(Pad(36), field)})


def test_a_note_belongs_to_one_pad(kit, path):
    change(path, "note = 99", "note = 38")
    opened, dropped = load_kit(path)
    assert dropped == ["pad 4: note 38 already plays pad 3"]
    assert opened.pads[3].note == 39  # its own again
    with pytest.raises(ValueError, match="note 38 is on two pads"):
        kit.with_pad(3, note=38)


def test_surplus_pads_are_left_out(kit, path):
    change(path, "# end of kit", "[[pads]]\nnote = 100\n# end of kit")
    assert load_kit(path) == (kit, ["the file has 17 pads: those after 16 are left out"])


def test_a_newer_schema_is_refused_and_the_file_unchanged(path):
    change(path, "schema = 2", "schema = 3")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="has schema 3, made by a newer Drum matcher"):
        load_kit(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00", b"a = 1\n", b"x" * 2**21])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "x.drumkit").write_bytes(content)
    with pytest.raises(ValueError, match="is not a kit"):
        load_kit(tmp_path / "x.drumkit")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be read: No such file or directory; give a"):
        load_kit(tmp_path / "x.drumkit")
    with pytest.raises(ValueError, match=r"is not a file; give a \.drumkit file"):
        load_kit(tmp_path)


@pytest.mark.parametrize("curve", CURVES)
def test_curves_rise_from_0_to_1(curve):
    gains = [velocity_to_gain(CURVES[curve], v) for v in np.linspace(0, 1, 128)]
    assert gains[0] == 0
    assert gains[-1] == pytest.approx(1)
    assert (np.diff(gains[1:]) >= 0).all()
    side = np.sign(0.5 - velocity_to_gain(CURVES[curve], 0.5))
    assert side == {"l": 0, "e": 1, "f": -1}[curve[0]] or curve.startswith("logarithmic")


def test_exponential_curves_are_soft_and_logarithmic_curves_loud():
    halves = [velocity_to_gain(bend, 0.5) for bend in CURVES.values()]
    linear, soft, softer, loud, louder, fixed = halves
    assert softer < soft < linear < loud < louder < fixed == 1


def test_tune_transposes_the_pitch_up_to_the_end_of_its_range():
    pad = Pad(36, drum=Drum(TOM))
    assert replace(pad, tune=12.0).tuned == Drum(TOM._replace(omega=2 * TOM.omega))
    highest = PRESETS["live"]["omega"].high
    high = replace(pad, drum=Drum(TOM._replace(omega=highest)), tune=5.0)
    assert high.tuned.theta.omega == highest
    assert Pad(36).tuned is None


def test_all_of_a_drum_is_saved_and_checked(tmp_path):
    powers = ((0.25,) * 7,) * 14
    drum = Drum(TOM, (0.3, 0.45), 900.0, 0.25, powers, (Partial(2, 1, -30.5, 1.2, -6.0, 0.3),), 0.2)
    kit = Kit().with_pad(4, drum=drum, attack_mix=0.5, as_recorded=0.75)
    save_kit(kit, tmp_path / "a.drumkit")
    assert load_kit(tmp_path / "a.drumkit") == (kit, [])
    for wrong, sentence in (
        ({"tension": 3.0}, "tension is 3, allowed is 0 to 2"),
        ({"mallet_hz": 10.0}, "mallet_hz is 10, allowed is 50 to 20000 Hz"),
        ({"strike": (0.0, 0.5)}, "x1 is 0, allowed is 0.001 to 0.999"),
        ({"partials": (Partial(2, 1, 0.0, 0.0, 0.0, 7.0),)}, "decay_ratio of a partial is 0.0"),
        ({"glide_s": 2.0}, "the decay of the glide is 2.0, allowed is 0.01 to 1 s"),
        ({"attack_powers": ((-1.0,) * 7,) * 14}, "allowed are 14 rows of 7 numbers"),
    ):
        with pytest.raises(ValueError, match=sentence):
            Pad(36, drum=drum._replace(**wrong))
        Pad(36, drum=for_pad(drum._replace(**wrong)) if "attack_powers" not in wrong else drum)


def test_a_stroke_parameter_that_is_not_allowed_stays_at_its_default(tmp_path):
    path = tmp_path / "a.drumkit"
    save_kit(Kit().with_pad(0, drum=Drum(TOM, (0.3, 0.45), 900.0, 0.25)), path)
    change(path, "mallet_hz = 900.0", "mallet_hz = 9.0")
    opened, dropped = load_kit(path)
    assert dropped == ["pad 1: mallet_hz is 9, allowed is 50 to 20000 Hz"]
    assert opened.pads[0].drum == Drum(TOM, (0.3, 0.45), tension=0.25)


def test_values_by_name():
    pad = Pad(36, drum=Drum(TOM)).with_value("x1", 0.2).with_value("tau", 1.0)
    assert (pad.value("x1"), pad.value("tau"), pad.value("gain_db")) == (0.2, 1.0, 0.0)
    assert pad.drum == Drum(TOM._replace(tau=1.0), (0.2, 0.4))
    assert Pad(36).with_value("tau", 1.0) == Pad(36)
    assert Pad(36).with_value("pan", 1.0).pan == 1.0
    assert Pad(36).value("tau") is None


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_ends_of_every_range_are_allowed_and_no_more(name):
    row, pad = PARAMETERS[name], Pad(36, drum=Drum(TOM))
    for end, beyond in ((row.low, -1e-3), (row.high, 1e-3)):
        assert pad.with_value(name, end).value(name) == end
        with pytest.raises(ValueError, match="allowed is"):
            pad.with_value(name, end + beyond * (row.high - row.low))
    ends = row.from_share(0.0), row.from_share(1.0)
    assert ends == pytest.approx((row.low, row.high), rel=1e-12)
    assert row.to_share(row.from_share(0.3)) == pytest.approx(0.3)


def test_a_note_plays_one_pad_and_a_pad_has_several():
    kit = Kit().with_more_notes(2, (60, 61))
    assert [kit.pad_of(note) for note in (38, 60, 61, 62)] == [2, 2, 2, None]
    kit = kit.with_more_notes(0, (61, 37))  # one of pad 3's, and pad 2's own
    assert kit.notes[:3] == ((36, 61, 37), (52,), (38, 60))
    kit = kit.with_more_notes(3, (38,))  # pad 3's own: it goes on with its other
    assert kit.notes[2:4] == ((60,), (39, 38))
    kit = kit.with_note(5, 61)
    assert kit.notes[0] == (36, 37)
    assert kit.notes[5] == (61,)
    kit = kit.with_note(0, 37)  # one of its own
    assert kit.notes[0] == (37,)


@pytest.mark.parametrize("more", [(36,), (60, 60), (128,), (True,), [60], tuple(range(60, 76))])
def test_more_notes_that_are_not_allowed_are_refused(more):
    with pytest.raises(ValueError, match=r"more notes are|is on a pad twice"):
        Pad(36, more_notes=more)


def test_where_every_note_is_taken_none_is_given_away():
    kit = Kit()
    for i in range(7):
        kit = kit.with_more_notes(i, tuple(range(52 + 15 * i, min(128, 52 + 15 * i + 15))))
    kit = kit.with_more_notes(15, tuple(range(15)))
    kit = kit.with_more_notes(14, tuple(range(15, 30))).with_more_notes(13, tuple(range(30, 36)))
    with pytest.raises(ValueError, match="every MIDI note plays a pad already"):
        kit.with_more_notes(12, (kit.pads[11].note,))
