import numpy as np
import pytest

from matcher.physics import drum
from matcher.physics.drum import Drum
from tests.conftest import TOM
from training.auditory_image import (
    BARK_HZ,
    HOP_S,
    LAG,
    PEAK_DB,
    auditory_image,
    distance,
    ear_db,
    sones,
    spread_db,
)

RATE = 44100


def image(d: Drum, rate: int = RATE) -> np.ndarray:
    return auditory_image(drum.render(d, rate, 1.0), rate)


def sine(hz: float, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(rate // 2) / rate)


def test_the_ear_is_keenest_between_3_and_4_kilohertz():
    hz = np.arange(20.0, 16000)
    assert 3000 < hz[np.argmax(ear_db(hz))] < 4000
    assert ear_db(1000) == pytest.approx(-3.64 + 6.5 * np.exp(-0.6 * 2.3**2) - 0.001)
    assert ear_db(50) < -39


def test_a_band_excites_itself_alike_and_its_neighbours_by_slopes_of_25_and_10_decibels():
    assert spread_db(0) == pytest.approx(0, abs=0.01)
    assert spread_db(np.array([20, 21])) @ [-1, 1] == pytest.approx(-10, abs=0.05)
    assert spread_db(np.array([-21, -20])) @ [-1, 1] == pytest.approx(25, abs=0.05)


def test_ten_phons_double_the_loudness_from_one_sone_on():
    np.testing.assert_allclose(sones(np.array([0, 40, 50, 70])), [0, 1, 2, 8])
    assert sones(39.999) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_a_sine_is_loudest_in_its_critical_band(rate):
    edges = np.array((0, *BARK_HZ))
    for band in range(3, len(BARK_HZ)):  # below, a band has two lines of the FFT
        x = auditory_image(sine(edges[band : band + 2].mean(), rate), rate)
        assert np.argmax(x[:, x.shape[1] // 2]) == band


def test_the_loudness_of_a_sine_of_one_kilohertz():
    x = auditory_image(sine(1000), RATE)
    spread = 10 * np.log10(1.5)  # of the lines of a Hann window's sine, added up
    phons = PEAK_DB + ear_db(1000) + spread
    assert x[8, x.shape[1] // 2] == pytest.approx(sones(phons), rel=0.05)


def test_equal_sounds_of_any_level_have_no_distance_and_silence_has_one():
    a = image(Drum(TOM))
    assert distance(a, a) == 0
    quiet = auditory_image(0.01 * drum.render(Drum(TOM), RATE, 1.0), RATE)
    assert distance(a, quiet) < 1e-4
    assert distance(a, np.zeros_like(a)) == pytest.approx(1)
    with pytest.raises(ValueError, match="the reference is silent"):
        distance(np.zeros_like(a), a)


def test_the_distance_grows_with_each_deviation():
    a = image(Drum(TOM))
    for name, values in {
        "omega": TOM.omega * 2 ** np.array([0.2, 0.5, 1]),
        "tau": TOM.tau * np.array([0.8, 0.5, 0.25]),
        "mallet_hz": [3000, 1000, 300],
    }.items():
        gaps = [distance(a, image(Drum(TOM).with_value(name, value))) for value in values]
        assert 0 < gaps[0] < gaps[1] < gaps[2], name


def test_a_lag_up_to_the_allowed_one_costs_nothing():
    x = drum.render(Drum(TOM), RATE, 1.0)
    hop = round(HOP_S * RATE)
    a, near, far = (
        auditory_image(np.concatenate([np.zeros(n * hop), x]), RATE) for n in (0, LAG, 3 * LAG)
    )
    assert distance(a, near) < 1e-4 and distance(a, far) > 0.2


def test_the_image_does_not_depend_on_the_rate():
    assert distance(image(Drum(TOM), 44100), image(Drum(TOM), 48000)) < 0.03
