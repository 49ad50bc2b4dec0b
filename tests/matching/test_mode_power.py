import numpy as np
import pytest

from matcher.matching.features import DISTANCE, SAMPLE_RATE
from matcher.matching.mode_power import mode_power
from matcher.physics import drum, ftm
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

N_FRAMES = 32
SPARSE = Theta(omega=2 * np.pi * 330, tau=0.8, p=0.01, D=0.01, alpha=0.3)


def both(drum_: Drum):
    """Power of a drum, estimated from its modes and of its rendered sound, (bins, frames) each."""
    n = round(DISTANCE.edges[N_FRAMES])
    x = drum.render_body(drum_, SAMPLE_RATE, n)
    rendered = DISTANCE.magnitude(x)[:, :N_FRAMES].astype(float) ** 2
    return mode_power(drum_, DISTANCE, N_FRAMES), rendered


@pytest.mark.parametrize(
    "more", [{}, {"mallet_hz": 600.0}, {"strike": (0.1, 0.3)}, {"tension": 0.5}], ids=str
)
def test_where_modes_are_loud_it_is_the_power_of_the_sound(more):
    estimated, rendered = both(Drum(SPARSE, **more))
    loud = rendered > 1e-2 * rendered.max()
    loud[:, 0] = False  # the onset is spread over the bins
    difference = 10 * np.log10(estimated[loud] / rendered[loud])
    assert np.median(np.abs(difference)) < 0.7
    assert np.mean(np.abs(difference) < 3) > 0.9


def test_a_mode_alone_is_exact_in_its_bin():
    theta = SPARSE._replace(p=1.0)  # all but the fundamental die at once
    estimated, rendered = both(Drum(theta))
    hz = float(theta.pitch_hz)
    nearest = np.argmin(np.abs(np.log(DISTANCE.frequencies / hz)))
    np.testing.assert_allclose(estimated[nearest, 2:20], rendered[nearest, 2:20], rtol=0.03)


def test_a_mode_that_glides_starts_in_other_bins():
    at = mode_power(Drum(SPARSE, tension=1.0), DISTANCE, N_FRAMES).argmax(axis=0)
    rest = mode_power(Drum(SPARSE), DISTANCE, N_FRAMES).argmax(axis=0)
    assert at[0] > rest[0] + 2
    assert abs(at[-1] - rest[-1]) <= 1


def test_modes_below_and_above_all_bins_are_left_out():
    low = Theta(omega=2 * np.pi * 25, tau=0.3, p=0.01, D=0.01, alpha=0.9)
    estimated = mode_power(Drum(low), DISTANCE, N_FRAMES)
    assert np.isfinite(estimated).all() and estimated.shape == (DISTANCE.n_bins, N_FRAMES)
    high = Theta(omega=2 * np.pi * 1500, tau=0.3, p=0.01, D=1.0, alpha=0.9)
    assert ftm.modes(high).omega.max() > np.pi * SAMPLE_RATE
    assert np.isfinite(mode_power(Drum(high), DISTANCE, N_FRAMES)).all()
