import numpy as np
import pytest

from matcher.physics import attack, drum, ftm, modal
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

RATE = 22050
TOM = Theta(2 * np.pi * 100, 0.4, 0.02, 0.03, 0.6)


def pitch(x, at_s, length_s=0.05):
    """Frequency of the strongest partial near the fundamental, Hz, by zero crossings."""
    part = x[round(at_s * RATE) : round((at_s + length_s) * RATE)]
    up = np.flatnonzero((part[:-1] < 0) & (part[1:] >= 0))
    exact = up - part[up] / (part[up + 1] - part[up])
    return RATE * (len(exact) - 1) / (exact[-1] - exact[0])


def one_mode(tension, tau=0.2):
    """A drum of which nearly nothing but the fundamental sounds: damping kills the rest."""
    return Drum(Theta(2 * np.pi * 200, tau, 1.0, 1e-5, 1.0), (0.5, 0.5), 210.0, tension)


def test_by_default_it_is_the_linear_membrane():
    linear = modal.render(TOM, RATE, 1.0, ftm.STRIKE)
    np.testing.assert_allclose(drum.render(Drum(TOM), RATE, 1.0), linear, atol=1e-6)


def test_a_tension_of_nearly_nothing_is_nearly_the_linear_membrane():
    x, y = (drum.render(Drum(TOM, tension=t), RATE, 1.0) for t in (0.0, 1e-6))
    assert 0 < np.abs(x - y).max() < 1e-3


def test_a_strike_begins_high_and_glides_down_as_the_energy_dies():
    tau, tension = 0.2, 0.5
    x = drum.render(one_mode(tension, tau), RATE, 2.0)
    for at in (0.05, 0.1, 0.2):
        middle = at + 0.025
        expected = 200 * np.sqrt(1 + tension * np.exp(-2 * middle / tau))
        assert pitch(x, at) == pytest.approx(expected, rel=0.01)
    assert pitch(x, 1.0) == pytest.approx(200, rel=1e-3)


def test_a_softer_strike_glides_less_by_the_square_of_its_force():
    d = one_mode(0.5, tau=1.0)
    pitches = [pitch(drum.render_body(d, RATE, RATE, force), 0.05) for force in (1.0, 0.5)]
    rises = [(p / 200) ** 2 - 1 for p in pitches]
    softer = d.modes(0.5).gain.max() / d.modes(1.0).gain.max()  # by the mallet
    assert rises[1] / rises[0] == pytest.approx((0.5 * softer) ** 2, rel=0.05)


def test_gliding_changes_no_mode_s_decay():
    still, gliding = (drum.render(one_mode(t), RATE, 1.0) for t in (0.0, 0.5))
    for start in (2000, 8000):
        a, b = (np.abs(x[start : start + 1000]).max() for x in (still, gliding))
        assert a == pytest.approx(b, rel=0.05)


def test_a_mallet_takes_the_high_modes_and_force_gives_some_back():
    hard, soft = Drum(TOM).modes(), Drum(TOM, mallet_hz=300.0).modes()
    expected = np.exp(-0.5 * (hard.omega / (2 * np.pi * 300)) ** 2)
    np.testing.assert_allclose(soft.gain, hard.gain * expected)
    weak = Drum(TOM, mallet_hz=300.0).modes(force=0.1)
    heard = hard.gain > 0
    assert np.all(weak.gain[heard] < soft.gain[heard])


def test_the_noise_of_each_band_is_where_it_should_be_at_every_rate():
    edges = attack.edges_hz()
    for rate in (22050, 48000):
        bands = attack.noise(rate)
        for i in (0, 4, 8):
            power = np.abs(np.fft.rfft(bands[i])) ** 2
            hz = np.fft.rfftfreq(bands.shape[1], 1 / rate)
            middle = np.sum(power * hz) / power.sum()
            assert edges[i] < middle < edges[i + 1]
            assert np.std(bands[i]) == pytest.approx(1, abs=1e-3)


def test_the_levels_are_powers_that_add_up_and_die_away():
    attack_powers = np.zeros(attack.SHAPE)
    attack_powers[5, 2], attack_powers[9, 3] = 0.04, 0.01
    x = attack.render(attack_powers, RATE, RATE)
    assert x[0] == 0  # it begins without a click
    for at in (0.02, 0.1, 0.3):
        part = x[round(at * RATE) :][:1500].astype(float)
        t = at + np.arange(1500) / RATE
        expected = sum(
            np.mean(level * np.exp(-2 * t / attack.DECAYS_S[k]))
            for level, k in ((0.04, 2), (0.01, 3))
        )
        assert np.mean(part**2) == pytest.approx(expected, rel=0.5)
    assert np.std(x[-2000:]) < 1e-2 * np.std(x[:2000])


def test_the_mix_goes_from_pure_physics_to_all_of_the_attack():
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
