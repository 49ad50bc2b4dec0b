import numpy as np
import pytest

from matcher.physics import bank, drum, ftm, partials
from matcher.physics.drum import Drum
from matcher.physics.partials import Partial
from matcher.physics.theta import Theta
from tests.conftest import draw, one
from tests.physics.recorded import N, poles, recorded
from tests.physics.test_drum import pitch

RATE = 22050
TOM = Theta(2 * np.pi * 100, 0.4, 0.02, 0.03, 0.6)
OWN = slice(bank.N_MODES, bank.N_MODES + N)  # rows of the partials


def rows(drum_: Drum, as_recorded: float = 1.0, name: str = "omega") -> np.ndarray:
    """A column of the partials' rows, (N,)."""
    return drum.make_bank(drum_, 1e9, as_recorded)[name][OWN].copy()


def amplitudes(drum_: Drum, as_recorded: float = 1.0) -> np.ndarray:
    return rows(drum_, as_recorded, "re") + 1j * rows(drum_, as_recorded, "im")


@pytest.mark.parametrize("rate", [22050, 44100, 96000])
@pytest.mark.parametrize("mallet_hz", [20000.0, 900.0, 60.0])
@pytest.mark.parametrize("strike", [(0.4, 0.4), (0.31, 0.07), (0.5, 0.5)])
def test_the_partials_of_poles_sound_like_these(rate, mallet_hz, strike):
    parents, hz, sigma, amplitude = poles(Drum(TOM), seed=1)
    struck = Drum(TOM, strike, mallet_hz)
    struck = struck._replace(partials=partials.of_poles(struck, parents, hz, sigma, amplitude))
    t = np.arange(rate)[:, None] / rate
    expected = np.sum((amplitude * np.exp((-sigma + 2j * np.pi * hz) * t)).imag, axis=1)
    x = drum.render_body(struck, rate, rate)
    assert np.abs(x - expected).max() < 1e-5 * np.abs(expected).max()


def test_the_bank_has_the_closed_form():
    thetas = draw("live", 200, seed=5)
    for i in range(200):
        struck = Drum(one(thetas, i), (0.31, 0.47))
        modes, filled = ftm.modes(struck.theta, struck.strike), drum.make_bank(struck, np.inf)
        for name, wanted in zip(("sigma", "omega", "re"), modes):
            np.testing.assert_allclose(filled[name][: bank.N_MODES], wanted, rtol=1e-12)


def test_pitch_and_decay_carry_the_partials_along():
    whole = recorded(2)
    theta = whole.theta
    lower = whole._replace(theta=theta._replace(omega=0.8 * theta.omega))
    np.testing.assert_allclose(rows(lower) / rows(whole), 0.8, rtol=1e-9)
    longer = whole._replace(theta=theta._replace(tau=2 * theta.tau))
    np.testing.assert_allclose(rows(longer, name="sigma"), rows(whole, name="sigma") / 2)
    np.testing.assert_allclose(rows(longer), rows(whole), rtol=1e-12)


def test_no_strike_and_no_mallet_change_a_partial_by_much():
    rng = np.random.default_rng(0)
    whole = recorded(3, mallet_hz=20000.0)
    points = [(0.5, 0.5), (1 / 3, 0.25), (0.001, 0.001), *rng.uniform(0.001, 0.999, (200, 2))]
    gains = np.array([np.abs(amplitudes(whole._replace(strike=tuple(point)))) for point in points])
    assert 20 * np.log10(gains.max(axis=0) / gains.min(axis=0)).max() < 12.05
    soft = np.abs(amplitudes(whole._replace(mallet_hz=50.0)))
    hard = np.abs(amplitudes(whole))
    assert 20 * np.log10(hard / soft).max() < 8.7


@pytest.mark.parametrize("tension", [0.0, 0.3])
@pytest.mark.parametrize("force", [1.0, 0.3])
def test_without_partials_or_as_recorded_it_is_the_membrane(tension, force):
    whole = recorded(4, tension)
    bare = drum.render_body(whole._replace(partials=()), RATE, RATE, force)
    np.testing.assert_array_equal(drum.render_body(whole, RATE, RATE, force, 0.0), bare)
    for share in (0.0, 0.5):
        plain = drum.render_body(whole._replace(partials=()), RATE, RATE, force, share)
        np.testing.assert_array_equal(plain, bare)
    near = drum.render_body(whole, RATE, RATE, force, 1e-6)
    assert np.abs(near - bare).max() < 1e-3 * np.abs(bare).max()


def test_logarithms_go_from_the_mode_to_the_partial():
    whole = recorded(5)
    for name in ("omega", "sigma"):
        low, middle, high = (np.log(rows(whole, A, name)) for A in (1e-12, 0.25, 1.0))
        np.testing.assert_allclose(middle, 0.75 * low + 0.25 * high, atol=1e-9)


def sampled_peak(drum_: Drum, as_recorded: float) -> float:
    """Largest of the samples of a body by which the bank tells its peak."""
    filled = drum.make_bank(drum_, np.inf, as_recorded)
    sigma, omega, re, im = (filled[name][: filled["n"]] for name in ("sigma", "omega", "re", "im"))
    t = bank.EARLY_STEP_S * np.arange(1, bank.N_EARLY + 1)[:, None]
    return np.abs(np.sum(((re + 1j * im) * np.exp((-sigma + 1j * omega) * t)).imag, axis=1)).max()


@pytest.mark.parametrize("seed", range(4))
def test_amplitudes_go_straight_from_the_membrane_to_the_drum_peak_for_peak(seed):
    whole = recorded(seed)
    membrane, own = whole.modes().gain, amplitudes(whole)
    peaks = sampled_peak(whole, 0.0), sampled_peak(whole, 1.0)
    for A in (0.2, 0.7):
        level = peaks[0] ** (1 - A) * peaks[1] ** A
        from_membrane, from_own = level * (1 - A) / peaks[0], level * A / peaks[1]
        taken = set()
        for i, partial in sorted(enumerate(whole.partials), key=lambda row: -row[1].gain_db):
            mode = 10 * (partial.m - 1) + partial.k - 1
            place = 0 if mode in taken else from_membrane * membrane[mode]
            assert amplitudes(whole, A)[i] == pytest.approx(place + from_own * own[i], rel=1e-9)
            taken.add(mode)
        for mode in set(range(bank.N_MODES)) - taken:
            there = drum.make_bank(whole, np.inf, A)["re"][mode]
            assert there == pytest.approx(from_membrane * membrane[mode], rel=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_no_share_of_the_recorded_drum_begins_with_a_step(seed):
    whole = recorded(seed)
    for A in np.linspace(0, 1, 11):
        x = drum.render_body(whole, RATE, RATE, 1.0, A)
        assert abs(x[0]) < 1e-5 * np.abs(x).max()


def test_a_membrane_that_a_dull_mallet_silences_is_no_gap_on_the_way():
    whole = recorded(3, mallet_hz=50.0)
    whole = whole._replace(theta=whole.theta._replace(omega=2 * np.pi * 1500))
    assert np.abs(drum.render_body(whole, RATE, RATE, 1.0, 0.0)).max() < 1e-30
    x, peak = drum.render_mixed(whole, RATE, RATE, 1.0, 0.1)
    assert peak > 1e-9
    assert np.abs(x).max() == pytest.approx(1)


@pytest.mark.parametrize("strike", [(0.31, 0.47), (0.5, 0.5)])
def test_a_strike_at_another_point_goes_from_the_membrane_to_the_drum(strike):
    whole, elsewhere = recorded(4)._replace(strike=strike), (0.12, 0.83)
    m, k = np.array([partial[:2] for partial in whole.partials]).T

    def struck_elsewhere(A):
        filled = drum.make_bank(whole, np.inf, A)
        at = ftm.shape(m, k, *elsewhere) + filled["node"][OWN]
        return at * (filled["anywhere"][0, OWN] + 1j * filled["anywhere"][1, OWN])

    there = whole._replace(strike=elsewhere)
    np.testing.assert_allclose(struck_elsewhere(1.0), amplitudes(there), rtol=1e-12)
    near, gains = struck_elsewhere(1e-9), ftm.modes(whole.theta, elsewhere).gain
    gains = gains * np.exp(-partials.softness(whole.modes().omega, whole.mallet_hz))
    mode = (10 * (m - 1) + k - 1).astype(int)
    for parent in set(mode):
        there = np.abs(near[mode == parent]).sum()
        assert there == pytest.approx(gains[parent], rel=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_ten_steps_to_the_recorded_drum_are_small(seed):
    whole = recorded(seed, tension=0.2 * (seed % 2))
    levels = []
    for A in np.linspace(0, 1, 11):
        x, _ = drum.render_mixed(whole, RATE, RATE, 1.0, A)
        levels.append(10 * np.log10(np.sum(x**2)))
    print(f"largest step {np.abs(np.diff(levels)).max():.1f} dB")
    assert np.abs(np.diff(levels)).max() < 3


@pytest.mark.parametrize("glide_s", [0.05, 0.2])
def test_a_partial_glides_as_its_law_says(glide_s):
    rise, hz = 0.5, 333.0
    struck = Drum(TOM, tension=rise, glide_s=glide_s)
    own = partials.of_poles(struck, [(2, 1)], [hz], [1.0], [0.01])
    x = drum.render_body(struck._replace(partials=own), RATE, RATE)
    for at in (0.0, 0.05, 0.1, 0.5):
        t = at + np.linspace(0, 0.05, 200)
        expected = np.mean(hz * np.sqrt(1 + rise * np.exp(-2 * t / glide_s)))
        assert pitch(x, at) == pytest.approx(expected, rel=4e-3)


def test_all_partials_glide_by_one_ratio():
    whole = recorded(6, tension=0.4)
    np.testing.assert_allclose(rows(whole, name="pull"), 1)
    np.testing.assert_allclose(rows(whole, name="weight"), 0)


def test_the_first_sample_is_what_the_phases_say():
    struck = Drum(TOM, tension=0.2)
    amplitude = 0.01 * np.exp(1j * np.array([0.3, -1.2, 2.0]))
    own = partials.of_poles(
        struck, [(1, 1), (1, 2), (2, 2)], [90.0, 160.0, 250.0], [3.0] * 3, amplitude
    )
    x = drum.render_body(struck._replace(partials=own), RATE, 100)
    assert x[0] == pytest.approx(amplitude.imag.sum(), rel=1e-5)


def test_the_glide_is_silent():
    struck = Drum(TOM, tension=0.5, partials=(Partial(1, 1, 0.0, 1.0, -200.0, 0.0),))
    x = drum.render_body(struck, RATE, RATE)
    assert np.abs(x).max() < 1e-9 * ftm.modes(TOM).gain.max()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"m": 11}, "m of a partial is 11, allowed is 1 to 10"),
        ({"k": 1.5}, "k of a partial is 1.5, allowed are whole numbers"),
        ({"cents": np.nan}, "cents of a partial is nan, allowed is -12000 to 12000"),
        ({"decay_ratio": 0.0}, "decay_ratio of a partial is 0.0, allowed is 1e-06 to 1e[+]06"),
        ({"gain_db": 300.0}, "gain_db of a partial is 300.0, allowed is -200 to 200"),
        ({"phase": "x"}, "phase of a partial is x, allowed is"),
    ],
)
def test_check_says_what_is_allowed(wrong, sentence):
    right = Partial(1, 2, 10.0, 1.0, 0.0, 0.5)
    Drum(TOM, partials=(right,) * 16).check()
    with pytest.raises(ValueError, match=sentence):
        Drum(TOM, partials=(right, right._replace(**wrong))).check()


def test_check_counts_partials_and_limits_the_glide():
    right = Partial(1, 2, 10.0, 1.0, 0.0, 0.5)
    with pytest.raises(ValueError, match="a drum has 17 partials, allowed are up to 16"):
        Drum(TOM, partials=(right,) * 17).check()
    with pytest.raises(ValueError, match=r"decay of the glide is 2, allowed is 0[.]01 to 1 s"):
        Drum(TOM, glide_s=2).check()
    with pytest.raises(ValueError, match="a partial has 2 numbers, allowed are 6"):
        Drum(TOM, partials=((1, 2),)).check()
