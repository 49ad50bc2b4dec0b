"""What kit files keep of a drum, and what files of schema 1 mean."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import gui
from matcher.checks import LONGEST_QUOTE
from matcher.kits import kit_file
from matcher.kits.kit import MOST_MORE_NOTES, Kit, for_pad
from matcher.kits.kit_file import (
    DEEPEST,
    LARGEST_FILE,
    LONGEST_LINE,
    MOST_PROBLEMS,
    SUFFIX,
    load_kit,
    save_kit,
)
from matcher.physics import attack, drum, ftm
from matcher.physics.drum import Drum
from matcher.physics.partials import MOST_PARTIALS, Partial
from matcher.physics.theta import Theta
from tests.conftest import DATA, rms
from tests.physics.recorded import recorded

INAUDIBLE = 1e-3  # of the sound: -60 dB
RATE = 44100
SCHEMA_1 = """\
schema = 1
name = "Earlier"

[[pads]]
note = 36
name = "Tom"
gain_db = -3.0
pan = 0.0
tune = 0.0
choke = 0
curve = "linear"
x1 = 0.31
x2 = 0.42
mallet_hz = 700.0
tension = 0.0
attack = 0.5
levels = [
    [0.0, 0.000188, 0.009017, 0.003505, 1.125e-08],
    [0.1077, 0.007355, 8.476e-06, 0.003858, 0.0],
    [0.06303, 0.0, 0.0, 8.584e-06, 0.0],
    [0.004983, 0.0001347, 0.0, 8.176e-06, 0.0],
    [0.0, 0.0, 5.207e-05, 2.093e-06, 0.0],
    [1.781e-05, 0.0, 2.049e-05, 9.389e-07, 0.0],
    [0.0002006, 0.0, 5.585e-06, 9.284e-07, 0.0],
    [0.0005179, 0.0, 1.567e-06, 2.852e-06, 0.0],
    [0.001143, 5.341e-05, 0.0, 3.631e-06, 0.0],
    [0.00176, 1.504e-05, 0.0, 2.739e-06, 0.0],
    [0.0001731, 0.0, 0.0, 3.946e-07, 0.0],
    [0.0002214, 0.0, 0.0, 2.085e-07, 0.0],
]

[pads.theta]
omega = 654.65
tau = 0.16
p = 0.0135
D = 0.0278
alpha = 0.57
"""
EARLIER_DECAYS_S = (0.008, 0.025, 0.07, 0.2, 0.6)


def earlier_attack(powers: np.ndarray, n: int) -> np.ndarray:
    """The noise (n,) at RATE that levels (12, 5) of schema 1 mean, 12 bands over 8 octaves."""
    period = round(2**16 / 22050 * RATE)
    hz = np.arange(1, int(2 * 40 * 2**8 * 2**16 / 22050)) * RATE / period
    phase = np.exp(2j * np.pi * np.random.default_rng(20231).random(len(hz)))
    place, t, x = 1.5 * np.log2(hz / 40) - 0.5, np.arange(n) / RATE, np.zeros(n)
    for band, row in enumerate(powers):
        lines = np.zeros(period // 2 + 1, complex)
        shape = np.cos(np.pi / 2 * np.minimum(np.abs(place - band), 1))
        lines[1 : len(hz) + 1] = shape * np.sqrt(2 / np.sum(shape**2)) * phase
        power = sum(p * np.exp(-2 * t / s) for p, s in zip(row, EARLIER_DECAYS_S))
        x += np.sqrt(power) * np.fft.irfft(lines * period / 2, period)[:n]
    return x * np.minimum(t / 0.0005, 1)


def membrane(struck: Drum, n: int) -> np.ndarray:
    """Its damped sines (n,) at RATE, a peak of 1; all of them far below the Nyquist frequency."""
    sigma, omega, gain = ftm.modes(struck.theta, struck.strike)
    gain = gain * np.exp(-((omega / (2 * np.pi * struck.mallet_hz)) ** 2) / 2)
    t = np.arange(n)[:, None] / RATE
    x = np.sum(gain * np.exp(-sigma * t) * np.sin(omega * t), axis=1)
    return x / np.abs(x).max()


def test_a_pad_of_schema_1_sounds_as_it_did(tmp_path):
    path = tmp_path / "earlier.drumkit"
    empty = "".join(f"\n[[pads]]\nnote = {note}\n" for note in range(37, 52))
    path.write_text(f"{SCHEMA_1}{empty}# end of kit\n")
    kit, dropped = load_kit(path)
    assert dropped == []
    sound = kit.pads[0].sound
    assert sound.drum.partials == ()
    n = RATE // 2
    x, _ = drum.render_mixed(sound.drum, RATE, n, *sound[1:])
    levels = SCHEMA_1[SCHEMA_1.index("levels") :].split("\n\n")[0].splitlines()[1:-1]
    powers = np.array([[float(v) for v in row.strip(" [],").split(",")] for row in levels])
    expected = membrane(sound.drum, n) + 0.5 * earlier_attack(powers, n)
    assert rms(x - expected) < INAUDIBLE * rms(expected)
    save_kit(kit, path)
    assert load_kit(path) == (kit, [])


def test_the_demo_kit_opens_without_a_word_and_sounds():
    kit, dropped = load_kit(Path(gui.__file__).parent / f"demo{SUFFIX}")
    assert dropped == []
    drums = [pad.drum for pad in kit.pads if pad.drum is not None]
    assert len(drums) >= 8
    for one in drums:
        assert np.shape(one.attack_powers) == attack.SHAPE
        assert np.isfinite(drum.render(one, RATE, 0.1)).all()


@pytest.mark.parametrize("seed", range(8))
def test_rounding_a_drum_for_its_pad_is_inaudible(seed):
    whole = recorded(seed, tension=0.3 * (seed % 2))._replace(glide_s=0.123456)
    # higher and longer than most drums: the hardest case for what is rounded
    theta = whole.theta._replace(omega=2 * np.pi * 800, tau=1.0)
    whole = whole._replace(theta=theta)
    x, y = (drum.render_body(d, RATE, RATE) for d in (whole, for_pad(whole)))
    error = rms(x - y) / rms(x)
    print(f"{20 * np.log10(error):.0f} dB")
    assert error < INAUDIBLE


def test_a_rounded_drum_is_the_same_from_its_file(tmp_path):
    kit = Kit()
    for i in range(16):
        powers = np.random.default_rng(i).uniform(0, 1, attack.SHAPE)
        whole = recorded(i, tension=0.1)._replace(attack_powers=powers, glide_s=0.0312345)
        kit = kit.with_pad(i, drum=for_pad(whole), as_recorded=0.05 * i)
    path = tmp_path / "a.drumkit"
    save_kit(kit, path)
    assert load_kit(path) == (kit, [])
    assert path.stat().st_size < 0.7 * LARGEST_FILE
    rows = [line for line in path.read_text().splitlines() if line.startswith("    [")]
    assert len(rows) == 16 * (attack.N_BANDS + MOST_PARTIALS)  # each on one line
    assert max(map(len, rows)) < 100


def test_a_pad_takes_the_nearest_partials():
    beyond = Partial(0, 11, 99999.123456, 0.0, -300.0, 2 * np.pi + 1e-6)
    (found,) = for_pad(Drum(TOM, partials=(beyond,), glide_s=5.0)).partials
    assert found == Partial(1, 10, 12000.0, 1e-6, -200.0, 2 * np.pi)
    assert for_pad(Drum(TOM, glide_s=5.0)).glide_s == 1.0


TOM = Theta(2 * np.pi * 110.0, 0.4, 0.02, 0.01, 0.8)
ROW = "[2, 1, -30.5, 1.2, -6.0, 0.3]"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (ROW, "[2, 1, -30.5]", "a partial has 3 numbers, allowed are 6: m, k, cents, decay_ratio"),
        (ROW, ROW.replace("2, 1", "11, 1"), "m of a partial is 11, allowed is 1 to 10"),
        (ROW, ROW.replace("0.3", "nan"), "phase of a partial is nan, allowed is -6.28319"),
        (ROW, ROW.replace("2, 1", "true, 1"), "allowed is a list of rows of numbers"),
        (f"[\n    {ROW},\n]", '"none"', "partials are 'none', allowed is a list of rows"),
        (ROW, ",".join([ROW] * 17), "a drum has 17 partials, allowed are up to 16"),
        ("glide_s = 0.2", "glide_s = 9", "decay of the glide is 9, allowed is 0.01 to 1 s"),
        ("glide_s = 0.2", 'glide_s = "x"', "decay of the glide is x, allowed is 0.01 to 1 s"),
        ("as_recorded = 0.75", "as_recorded = 2", "as_recorded is 2, allowed is 0 to 1"),
    ],
)
def test_what_is_wrong_with_partials_is_said_and_the_rest_is_kept(tmp_path, old, new, sentence):
    path = tmp_path / "a.drumkit"
    own = (Partial(2, 1, -30.5, 1.2, -6.0, 0.3),)
    whole = Drum(TOM, (0.3, 0.45), partials=own, glide_s=0.2)
    save_kit(Kit().with_pad(0, drum=whole, as_recorded=0.75), path)
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    kit, dropped = load_kit(path)
    assert len(dropped) == 1 and dropped[0].startswith("pad 1: ")
    assert sentence in dropped[0]
    found = kit.pads[0]
    assert (found.drum.theta, found.drum.strike) == (TOM, (0.3, 0.45))
    assert found.drum.partials == (() if old.startswith("[") else own)
    assert isinstance(found.drum, Drum)


def test_partials_may_be_an_empty_list_and_whole_numbers(tmp_path):
    path = tmp_path / "a.drumkit"
    save_kit(Kit().with_pad(0, drum=Drum(TOM)), path)
    text = path.read_text()
    path.write_text(text.replace("glide_s", "partials = []\nglide_s"))
    assert load_kit(path)[0].pads[0].drum == Drum(TOM)
    path.write_text(text.replace("glide_s", "partials = [[1, 2, 3, 4, 5, 6]]\nglide_s"))
    (found,) = load_kit(path)[0].pads[0].drum.partials
    assert found == Partial(1, 2, 3.0, 4.0, 5.0, 6.0)
    assert [type(v) for v in found] == [int, int, float, float, float, float]


def test_a_kit_of_schema_1_opens_without_a_warning_and_keeps_its_drums():
    kit, dropped = load_kit(DATA / "earlier.drumkit")
    assert dropped == []
    drums_ = [pad.drum for pad in kit.pads if pad.drum is not None]
    assert len(drums_) == 15
    assert all(drum.partials == () and drum.wires_s == attack.NEVER_S for drum in drums_)
    assert any(drum.attack_powers is not None for drum in drums_)


def test_the_largest_kit_fits_into_its_file(tmp_path):
    kit = Kit("k" * 64)
    for i in range(16):
        powers = np.random.default_rng(i).uniform(0, 1, attack.SHAPE)
        whole = recorded(i, tension=0.1)._replace(attack_powers=powers, glide_s=0.0312345)
        kit = kit.with_pad(i, drum=for_pad(whole), name="\N{DRUM WITH DRUMSTICKS}" * 64)
    for i in range(4):
        more = tuple(range(56 + 15 * i, 56 + 15 * i + MOST_MORE_NOTES)) if i < 4 else ()
        kit = kit.with_more_notes(i, more)
    save_kit(kit, tmp_path / "a.drumkit")
    assert load_kit(tmp_path / "a.drumkit") == (kit, [])
    assert (tmp_path / "a.drumkit").stat().st_size < LARGEST_FILE


def test_a_note_among_more_notes_of_two_pads_stays_with_the_first(tmp_path):
    kit = Kit().with_more_notes(0, (60, 61))
    save_kit(kit, tmp_path / "a.drumkit")
    text = (tmp_path / "a.drumkit").read_text()
    text = text.replace("note = 38", "note = 38\nmore_notes = [61, 36, 62]")
    (tmp_path / "a.drumkit").write_text(text)
    kit, dropped = load_kit(tmp_path / "a.drumkit")
    assert kit.notes[0] == (36, 60, 61)
    assert kit.notes[2] == (38, 62)
    assert dropped == [f"pad 3: note {note} already plays pad 1" for note in (61, 36)]


HEAD = 'schema = 2\nname = "x"\n[[pads]]\nnote = 40\n'
HOSTILE = {  # each takes tomllib long, much memory or much of the stack
    "a dotted key": "a." * 30_000 + "a = 1",
    "dotted keys": "\n".join(f"x{i} = {{{'a.' * 1000}a = 1}}" for i in range(25)),
    "a quoted dotted key": "'a'." * 10_000 + "'a' = 1",
    "dots with blanks": "a . " * 10_000 + "a = 1",
    "a table of tables": "[" + "a." * 20_000 + "a]",
    "lists": "x = " + "[" * 30_000 + "]" * 30_000,
    "tables": "x = " + "{a=" * 20_000,
    "a long line": "x = [" + "1," * 5_000 + "]",
    "lines in a string": '"""\n' + "a.b.c.d.e.f.g = 1\n" * 1_000 + '"""',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_pad_is_left_empty_without_being_parsed(tmp_path, monkeypatch, kind):
    parsed = []
    loads = kit_file.tomllib.loads
    monkeypatch.setattr(kit_file.tomllib, "loads", lambda text: parsed.append(text) or loads(text))
    (tmp_path / "x.drumkit").write_text(f"{HEAD}{HOSTILE[kind]}\n")
    kit, dropped = load_kit(tmp_path / "x.drumkit")
    assert "pad 1 cannot be read: left empty" in dropped
    assert kit.pads == Kit().pads
    assert max(len(text) for text in parsed) < 100  # the head alone


@pytest.mark.parametrize(
    "line",
    [
        'name = "R.O.C.K.E.T. [[[[[[[["',
        "name = 'a.b.c.d.e.f.g'",
        'name = "a\\"b.c.d.e.f.g"',
        "# a.b.c.d.e.f.g [[[[[[[[[",
        "gain_db = -1.5 # it's a.b.c.d.e.f",
    ],
)
def test_dots_and_brackets_in_names_and_comments_are_no_nesting(tmp_path, line):
    (tmp_path / "x.drumkit").write_text(f"{HEAD}{line}\n")
    kit, dropped = load_kit(tmp_path / "x.drumkit")
    assert kit.pads[0].note == 40
    assert not any("cannot be read" in sentence for sentence in dropped)


def test_what_a_kit_may_be_is_as_large_as_kits_are():
    assert DEEPEST >= 3
    assert LONGEST_LINE >= 2000


@pytest.mark.parametrize(
    "line",
    [
        f'name = "{"x" * 1900}"',
        f"choke = 0x{'f' * 2000}",
        f"theta = {{a = '{'x' * 1900}'}}",
        f"{'k' * 1900} = 1",
        f"partials = '{'x' * 1900}'",
        f"more_notes = [{'1, ' * 600}]",
        f"pan = '{'x' * 1900}'",
    ],
)
def test_a_sentence_shows_little_of_a_bad_value(tmp_path, line):
    (tmp_path / "x.drumkit").write_text(f"{HEAD}{line}\n")
    _, dropped = load_kit(tmp_path / "x.drumkit")
    (sentence,) = (s for s in dropped if s.startswith("pad 1: "))
    assert len(sentence) < LONGEST_QUOTE + 120


def test_of_many_problems_the_first_are_listed(tmp_path):
    keys = "".join(f"k{i} = 1\n" for i in range(6000))
    (tmp_path / "x.drumkit").write_text(f"{HEAD}{keys}")
    _, dropped = load_kit(tmp_path / "x.drumkit")
    assert len(dropped) == MOST_PROBLEMS + 1
    assert dropped[-1].endswith("more problems")


def test_a_file_that_never_ends_is_not_read():
    with pytest.raises(ValueError, match="/dev/zero is not a file"):
        load_kit("/dev/zero")


FULL = {  # of files that are parsed, each as large as a file may be
    "pads": "[[pads]]\n" * 7000,
    "unknown keys": HEAD + "".join(f"k{i} = 1\n" for i in range(6000)),
    "keys of three parts": HEAD + "".join(f"a{i}.b.c = 1\n" for i in range(4000)),
    "tables": HEAD + "[[a.b]]\n" * 7000,
    "long words": HEAD + f"{'k' * 2000} = 1\n" * 30,
    "blanks": HEAD + f"a{' ' * 2000}\n" * 30,
    "numbers": HEAD + f"choke = 0x{'f' * 2000}\n" * 30,
    "quotes that are escaped": HEAD + ("x = " + '\\"' * 1000 + "\n") * 30,
    "strings that do not end": HEAD + ('x = "' + '\\"' * 1000 + "\n") * 30,
}


@pytest.mark.parametrize("kind", [*FULL, *HOSTILE])
def test_reading_a_hostile_kit_takes_little_memory(tmp_path, kind):
    text = FULL.get(kind) or f"{HEAD}{HOSTILE[kind]}\n"
    (tmp_path / "x.drumkit").write_text(text)
    load_kit(tmp_path / "x.drumkit")
    began = time.perf_counter()
    load_kit(tmp_path / "x.drumkit")
    took = time.perf_counter() - began
    tracemalloc.start()
    load_kit(tmp_path / "x.drumkit")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{kind}, {len(text)} bytes: {1e3 * took:.1f} ms, {peak / 1e6:.1f} MB")
    assert peak < 16e6


@pytest.mark.parametrize(
    ("stem", "name"),
    [("a\tb\nc", "a b c"), ("x" * 100, "x" * 64), ("\udcff", Kit.name), ("  ", Kit.name)],
)
def test_a_kit_without_a_name_is_named_after_its_file_whatever_that_is(tmp_path, stem, name):
    path = tmp_path / f"{stem}.drumkit"
    save_kit(Kit().with_pad(0, drum=Drum(TOM)), path)
    path.write_text(path.read_text().replace(f'name = "{Kit.name}"\n', "", 1))
    kit, dropped = load_kit(path)
    assert kit.name == name and len(dropped) == 1
    assert kit.pads[0].drum is not None
