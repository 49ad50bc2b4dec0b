import numpy as np
import pytest

from matcher.physics import ftm
from matcher.physics.theta import Theta
from tests.conftest import draw


def chain(theta):
    """The paper's chain: theta (n,) -> PDE coefficients -> sigma and omega, (n, 100)."""
    pde = ftm.pde(theta)
    m, k = (index.ravel() for index in np.mgrid[1:11, 1:11])
    gamma = m**2 + k**2 / theta.alpha[:, None] ** 2  # eigenvalues of the Laplacian, sides pi, pi a
    sigma = (pde.d1[:, None] - pde.d3[:, None] * gamma) / 2
    omega = np.sqrt(pde.S4[:, None] * gamma**2 + pde.c2[:, None] * gamma - sigma**2)
    return sigma, omega


@pytest.mark.parametrize("preset", ["paper", "live"])
def test_the_closed_form_equals_the_chain_of_the_paper(preset):
    theta = draw(preset, 10_000, seed=1)
    modes = ftm.modes(theta)
    sigma, omega = chain(theta)
    assert all(np.isfinite(values).all() for values in (*modes, sigma, omega))
    errors = np.abs(modes.sigma / sigma - 1).max(), np.abs(modes.omega / omega - 1).max()
    print(f"{preset}: largest relative error of sigma {errors[0]:.1e}, of omega {errors[1]:.1e}")
    assert max(errors) <= 1e-9


def test_the_first_mode_has_omega_and_tau():
    theta = draw("live", 1000, seed=2)
    modes = ftm.modes(theta)
    assert np.allclose(modes.omega[:, 0], theta.omega, rtol=1e-14)
    assert np.allclose(modes.sigma[:, 0], 1 / theta.tau, rtol=1e-14)


def test_no_mode_is_lower_or_decays_more_slowly_than_the_first():
    modes = ftm.modes(draw("live", 1000, seed=3))
    assert (modes.omega >= modes.omega[:, :1] * (1 - 1e-12)).all()
    assert (modes.sigma >= modes.sigma[:, :1] * (1 - 1e-12)).all()


def test_64_of_100_modes_sound_at_the_strike_point_of_the_paper():
    gain = ftm.modes(Theta(500.0, 0.5, 0.01, 0.01, 0.7)).gain
    assert (gain > 1e-12 * gain.max()).sum() == 64


def test_an_ideal_square_membrane():
    modes = ftm.modes(Theta(1.0, 1.0, 0.0, 0.0, 1.0))
    m, k = (index.ravel() for index in np.mgrid[1:11, 1:11])
    undamped = modes.omega**2 + modes.sigma**2  # 2 for the first mode, (1, 1)
    assert np.allclose(undamped, m**2 + k**2, rtol=1e-14)
