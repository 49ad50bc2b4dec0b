import numpy as np
import pytest

from matcher.physics import attack

EARLIER_DECAYS_S = (0.008, 0.025, 0.07, 0.2, 0.6)


def earlier_band(band: int, t: np.ndarray) -> np.ndarray:
    """The noise of one of the 12 bands over 8 octaves that earlier files mean, at times in s."""
    period = 2**16 / 22050
    hz = np.arange(1, int(2 * 40.0 * 2**8 * period)) / period
    phase = 2 * np.pi * np.random.default_rng(20231).random(len(hz))
    distance = np.abs(1.5 * np.log2(hz / 40.0) - 0.5 - band)
    use = distance < 1
    amplitude = np.cos(np.pi / 2 * distance[use])
    amplitude *= np.sqrt(2 / np.sum(amplitude**2))
    return np.cos(2 * np.pi * t[:, None] * hz[use] + phase[use]) @ amplitude


def test_earlier_attack_powers_sound_as_they_did():
    powers = np.random.default_rng(0).uniform(0, 0.1, attack.EARLIER_SHAPE)
    rate = 44100  # holds the noise's period as a whole number of samples
    x = attack.render(attack.widened(powers), rate, rate // 2)
    at = np.array([5, 30, 100, 1000, 3000, 10000, 20000])
    t = at / rate
    expected = np.zeros(len(at))
    for band, row in enumerate(powers):
        power = sum(p * np.exp(-2 * t / s) for p, s in zip(row, EARLIER_DECAYS_S))
        expected += earlier_band(band, t) * np.sqrt(power) * np.minimum(t / attack.RISE_S, 1)
    np.testing.assert_allclose(x[at], expected, atol=1e-5 * np.abs(x).max())


def test_widened_powers_stand_at_their_decays():
    powers = np.arange(60.0).reshape(attack.EARLIER_SHAPE)
    wide = attack.widened(powers)
    assert wide.shape == attack.SHAPE
    assert wide.sum() == powers.sum()
    for i, decay in enumerate(EARLIER_DECAYS_S):
        np.testing.assert_array_equal(wide[:12, attack.DECAYS_S.index(decay)], powers[:, i])


def test_the_noise_reaches_20_khz_and_nothing_is_above_22_khz():
    bands = attack.noise(96000)
    power = np.abs(np.fft.rfft(bands[-1].astype(float))) ** 2
    hz = np.fft.rfftfreq(bands.shape[1], 1 / 96000)
    assert power[hz > 22000.0].sum() < 1e-10 * power.sum()
    assert power[(hz > 19000) & (hz < 22000)].sum() > 0.3 * power.sum()


@pytest.mark.parametrize("rate", [44100, 48000])
def test_every_band_has_power_1_where_the_rate_holds_it(rate):
    np.testing.assert_allclose(attack.noise(rate).std(axis=1), 1, atol=1e-3)


def test_check_powers_says_what_is_allowed():
    with pytest.raises(ValueError, match=r"allowed are 14 rows of 7 numbers from 0 to 1e[+]06"):
        attack.check_powers(((0.1,) * 5,) * 12)
    attack.check_powers(tuple(map(tuple, attack.widened(((0.1,) * 5,) * 12))))


def test_wires_stop_and_the_lower_bands_do_not():
    powers, t = np.full(attack.SHAPE, 0.01), np.array([0.0, 0.05, 0.1, 0.2])
    ratio = attack.envelopes(powers, t, 0.1)[:, 1:] / attack.envelopes(powers, t)[:, 1:]
    first = attack.FIRST_WIRES_BAND
    np.testing.assert_allclose(ratio[:first], 1)
    np.testing.assert_allclose(ratio[first:], np.tile(np.exp(-np.array([0.25, 1, 4])), (10, 1)))
    assert attack.edges_hz()[first] == pytest.approx(254, abs=1)
    forever = attack.envelopes(powers, t, attack.NEVER_S)
    np.testing.assert_array_equal(forever, attack.envelopes(powers, t))


@pytest.mark.parametrize("wires_s", [0.0, np.nan, -1.0, 11.0])
def test_wires_that_cannot_stop_then(wires_s):
    with pytest.raises(ValueError, match=r"the wires stop after .* s, allowed is 0[.]01 to 10 s"):
        attack.check_wires(wires_s)
