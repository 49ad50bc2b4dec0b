import numpy as np
import pytest

from matcher.physics.theta import PRESETS, Theta, describe, note_name

TOM = Theta(omega=2 * np.pi * 110, tau=0.4, p=0.01, D=0.02, alpha=0.8)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_from_nu_and_to_nu_are_inverse(preset):
    nu = np.random.default_rng(0).uniform(-1, 1, (1000, 5))
    assert np.abs(preset.to_nu(preset.from_nu(nu)) - nu).max() < 1e-12


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_the_ends_of_nu_are_the_ends_of_the_range(preset):
    low, high = preset.from_nu(-np.ones(5)), preset.from_nu(np.ones(5))
    for row in preset.parameters:
        assert getattr(low, row.name) == pytest.approx(row.low, rel=1e-12)
        assert getattr(high, row.name) == pytest.approx(row.high, rel=1e-12)


def test_the_table_is_in_the_order_of_theta():
    for preset in PRESETS.values():
        assert tuple(row.name for row in preset.parameters) == Theta._fields


def test_live_contains_paper():
    for row in PRESETS["paper"].parameters:
        live = PRESETS["live"][row.name]
        assert live.low <= row.low < row.high <= live.high


def test_paper_pitch_is_40_to_1004_hz():
    row = PRESETS["paper"]["omega"]
    assert (row.low, row.high) == pytest.approx((10**2.4, 10**3.8), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"omega": 2 * np.pi * 2000}, "pitch is 2000, allowed is 25 to 1500 Hz"),
        ({"tau": 9.0}, "tau is 9, allowed is 0.01 to 3 s"),
        ({"alpha": 0.0}, "alpha is 0, allowed is 0.05 to 1"),
        ({"D": float("nan")}, "D is nan, allowed is 1e-05 to 1"),
    ],
)
def test_check_says_what_is_allowed(change, sentence):
    with pytest.raises(ValueError, match="^" + sentence):
        PRESETS["live"].check(TOM._replace(**change))


def test_check_accepts_both_ends():
    for value in (-1, 1):
        PRESETS["live"].check(PRESETS["live"].from_nu(np.full(5, value)))


@pytest.mark.parametrize(
    ("hz", "name"), [(440, "A4 +0 cents"), (27.5, "A0 +0"), (262.0, "C4 +2"), (430, "A4 -40 cents")]
)
def test_note_name(hz, name):
    assert note_name(hz).startswith(name)


def test_describe_has_a_row_for_every_parameter():
    rows = describe(TOM)
    assert [label for label, _, _ in rows] == ["Pitch", "Decay", "Damping", "Stiffness", "Shape"]
    assert rows[0][1] == "110.0 Hz"
    assert "2.8 s until -60 dB" in rows[1][2]  # 6.91 tau
