import numpy as np
import pytest

from matcher.physics import attack, drum, ftm
from matcher.physics.drum import Drum
from matcher.physics.partials import Partial
from matcher.physics.theta import Theta
from tests.physics.test_modal import sum_of_sines

RATE = 22050
TOM = Theta(2 * np.pi * 100, 0.4, 0.02, 0.03, 0.6)


def pitch(x, at_s, length_s=0.05):
    """Frequency of the strongest partial near the fundamental, Hz, by zero crossings."""
    part = x[round(at_s * RATE) : round((at_s + length_s) * RATE)]
    up = np.flatnonzero((part[:-1] < 0) & (part[1:] >= 0))
    exact = up - part[up] / (part[up + 1] - part[up])
    return RATE * (len(exact) - 1) / (exact[-1] - exact[0])


def one_mode(tension, tau=0.2):
    """A drum with hardly more than its fundamental: all other modes are strongly damped."""
    return Drum(Theta(2 * np.pi * 200, tau, 1.0, 1e-5, 1.0), (0.5, 0.5), 210.0, tension)


def test_the_default_is_the_linear_membrane():
    linear = sum_of_sines(ftm.modes(TOM, ftm.STRIKE), RATE, RATE)
    linear /= np.abs(linear).max()
    np.testing.assert_allclose(drum.render(Drum(TOM), RATE, 1.0), linear, atol=1e-5)


def test_a_theta_is_rendered_as_its_default_drum():
    np.testing.assert_array_equal(drum.render(TOM, RATE, 0.5), drum.render(Drum(TOM), RATE, 0.5))


def test_render_has_the_requested_duration_and_peak():
    x = drum.render(TOM, 48000, 0.5, peak=0.25)
    assert x.shape == (24000,)
    assert x.dtype == np.float32
    assert np.abs(x).max() == pytest.approx(0.25, rel=1e-6)


def test_the_fundamental_decays_with_tau():
    pure = Theta(omega=2 * np.pi * 200, tau=0.2, p=1.0, D=1e-5, alpha=1.0)  # high modes die at once
    x = drum.render(pure, RATE, 1.0)
    peaks = [np.abs(x[int(t * RATE) :][:221]).max() for t in (0.3, 0.5)]  # two periods each
    assert peaks[1] / peaks[0] == pytest.approx(np.exp(-0.2 / 0.2), rel=0.02)


def test_a_drum_with_every_mode_above_nyquist_is_silent():
    x = drum.render(TOM._replace(omega=2 * np.pi * 1500), 2000, 0.1)
    assert not x.any()


def test_a_very_small_tension_is_nearly_the_linear_membrane():
    x, y = (drum.render(Drum(TOM, tension=t), RATE, 1.0) for t in (0.0, 1e-6))
    assert 0 < np.abs(x - y).max() < 1e-3


def test_a_strike_starts_high_and_glides_down_as_its_energy_decays():
    tau, tension = 0.2, 0.5
    x = drum.render(one_mode(tension, tau), RATE, 2.0)
    for at in (0.05, 0.1, 0.2):
        middle = at + 0.025
        expected = 200 * np.sqrt(1 + tension * np.exp(-2 * middle / tau))
        assert pitch(x, at) == pytest.approx(expected, rel=0.01)
    assert pitch(x, 1.0) == pytest.approx(200, rel=1e-3)


def test_the_glide_grows_with_the_square_of_the_force():
    d = one_mode(0.5, tau=1.0)
    pitches = [pitch(drum.render_body(d, RATE, RATE, force), 0.05) for force in (1.0, 0.5)]
    rises = [(p / 200) ** 2 - 1 for p in pitches]
    softer = d.modes(0.5).gain.max() / d.modes(1.0).gain.max()  # effect of the mallet
    assert rises[1] / rises[0] == pytest.approx((0.5 * softer) ** 2, rel=0.05)


def test_gliding_leaves_the_decay_unchanged():
    still, gliding = (drum.render(one_mode(t), RATE, 1.0) for t in (0.0, 0.5))
    for start in (2000, 8000):
        a, b = (np.abs(x[start : start + 1000]).max() for x in (still, gliding))
        assert a == pytest.approx(b, rel=0.05)


def test_a_mallet_damps_high_modes_and_a_weak_strike_damps_them_more():
    hard, soft = Drum(TOM).modes(), Drum(TOM, mallet_hz=300.0).modes()
    expected = np.exp(-0.5 * (hard.omega / (2 * np.pi * 300)) ** 2)
    np.testing.assert_allclose(soft.gain, hard.gain * expected)
    weak = Drum(TOM, mallet_hz=300.0).modes(force=0.1)
    struck = hard.gain > 0
    assert np.all(weak.gain[struck] < soft.gain[struck])


def test_the_noise_of_each_band_lies_in_that_band_at_every_rate():
    edges = attack.edges_hz()
    for rate in (22050, 48000):
        bands = attack.noise(rate)
        for i in (0, 4, 8):
            power = np.abs(np.fft.rfft(bands[i])) ** 2
            hz = np.fft.rfftfreq(bands.shape[1], 1 / rate)
            middle = np.sum(power * hz) / power.sum()
            assert edges[i] < middle < edges[i + 1]
            assert np.std(bands[i]) == pytest.approx(1, abs=1e-3)


def test_attack_powers_add_up_and_decay():
    attack_powers = np.zeros(attack.SHAPE)
    attack_powers[5, 2], attack_powers[9, 3] = 0.04, 0.01
    x = attack.render(attack_powers, RATE, RATE)
    assert x[0] == 0  # it starts without a click
    for at in (0.02, 0.1, 0.3):
        part = x[round(at * RATE) :][:1500].astype(float)
        t = at + np.arange(1500) / RATE
        expected = sum(
            np.mean(power * np.exp(-2 * t / attack.DECAYS_S[k]))
            for power, k in ((0.04, 2), (0.01, 3))
        )
        assert np.mean(part**2) == pytest.approx(expected, rel=0.5)
    assert np.std(x[-2000:]) < 1e-2 * np.std(x[:2000])


def test_attack_mix_goes_from_the_membrane_alone_to_the_whole_attack():
    attack_powers = tuple(tuple(0.1 for _ in attack.DECAYS_S) for _ in range(attack.N_BANDS))
    whole, bare = Drum(TOM, attack_powers=attack_powers), Drum(TOM)
    np.testing.assert_allclose(
        drum.render(whole, RATE, 0.5, attack_mix=0.0), drum.render(bare, RATE, 0.5), atol=1e-6
    )
    rough = [drum.render(whole, RATE, 0.5, attack_mix=m) for m in (0.5, 1.0)]
    body = drum.render(bare, RATE, 0.5)

    def unlike(x):
        return 1 - np.corrcoef(x, body)[0, 1]

    assert 0.01 < unlike(rough[0]) < unlike(rough[1])
    assert all(np.abs(x).max() == pytest.approx(1) for x in rough)


def test_partials_are_described_as_far_as_they_sound():
    own = tuple(Partial(1, 1, cents, 1.0, 0.0, 0.0) for cents in (-74.0, 10.0, 300.0))
    whole = Drum(TOM, partials=own)
    (row,) = (row for row in drum.describe_strike(whole) if row[0] == "Partials")
    assert row[1:] == ("3", "its own, 74 cents from the membrane's at the median")
    (row,) = (row for row in drum.describe_strike(whole, 1.0, 0.5) if row[0] == "Partials")
    assert row[2].endswith(", 50 % as recorded")
    for membrane in (drum.describe_strike(whole, 1.0, 0.0), drum.describe_strike(Drum(TOM))):
        assert "Partials" not in [label for label, _, _ in membrane]
