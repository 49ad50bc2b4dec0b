import numpy as np
import pytest
import torch

from training import losses
from training.losses import Damping


@pytest.fixture
def batch():
    rng = np.random.default_rng(60)
    J = torch.from_numpy(rng.standard_normal((4, 30, 5)))
    nu_hat, nu = torch.from_numpy(rng.uniform(-1, 1, (2, 4, 5)))
    return nu_hat.requires_grad_(), nu, J


def test_pnp_is_gauss_newtons_quadratic(batch):
    nu_hat, nu, J = batch
    M = J.transpose(1, 2) @ J
    expected = torch.einsum("bpi,bi->bp", J, nu_hat - nu).square().sum(1).mean() / 2
    torch.testing.assert_close(losses.pnp_loss(nu_hat, nu, M), expected)


def test_damping_adds_p_loss_or_marquardts_scaling(batch):
    nu_hat, nu, J = batch
    M = J.transpose(1, 2) @ J
    undamped = losses.pnp_loss(nu_hat, nu, M)
    identity = losses.pnp_loss(nu_hat, nu, M, 3.0) - undamped
    torch.testing.assert_close(identity, 3 * 5 / 2 * losses.p_loss(nu_hat, nu))
    diagonal = losses.pnp_loss(nu_hat, nu, M, 3.0, diagonal=True) - undamped
    scaled = torch.diag_embed(M.diagonal(dim1=1, dim2=2))
    torch.testing.assert_close(diagonal, 3 * losses.pnp_loss(nu_hat, nu, scaled))


def test_power_1_is_the_distance_itself(batch):
    nu_hat, nu, J = batch
    far = torch.einsum("bpi,bi->bp", J, nu_hat - nu).norm(dim=1)
    M = J.transpose(1, 2) @ J
    torch.testing.assert_close(losses.pnp_loss(nu_hat, nu, M, power=1), far.mean())
    torch.testing.assert_close(losses.p_loss(nu_hat, nu, 1), (nu_hat - nu).norm(dim=1).mean())
    a, b = torch.from_numpy(np.random.default_rng(61).standard_normal((2, 4, 30)))
    torch.testing.assert_close(losses.feature_loss(a, b, 1), (a - b).norm(dim=1).mean())
    a.requires_grad_()
    (slope,) = torch.autograd.grad(losses.feature_loss(a, a.detach(), 1), a)
    assert (slope == 0).all()  # where nothing is left to learn, not NaN


def test_a_step_against_the_gradient_lowers_every_loss(batch):
    nu_hat, nu, J = batch
    M = J.transpose(1, 2) @ J
    pnp = [lambda a, b, power=power: losses.pnp_loss(a, b, M, 0.1, power=power) for power in (1, 2)]
    for loss in (losses.p_loss, *pnp):
        value = loss(nu_hat, nu)
        (gradient,) = torch.autograd.grad(value, nu_hat)
        assert loss(nu_hat - 1e-3 * gradient, nu) < value


def test_clipping_leaves_small_eigenvalues_and_all_directions(batch):
    M = batch[2].transpose(1, 2) @ batch[2]
    before, after = torch.linalg.eigh(M), torch.linalg.eigvalsh(losses.clip_eigenvalues(M, 30.0))
    torch.testing.assert_close(after, before.eigenvalues.clamp(max=30))
    assert (after.max(1).values <= 30 * (1 + 1e-9)).all()
    assert before.eigenvalues.max() > 30


def test_multi_scale_stft():
    t = torch.arange(8192) / 22050
    x, y = (torch.sin(2 * np.pi * f * t)[None] for f in (440.0, 450.0))
    assert losses.multi_scale_stft_loss(x, x) < 1e-5
    near, far = (
        losses.multi_scale_stft_loss(x, z) for z in (y, torch.sin(2 * np.pi * 900 * t)[None])
    )
    assert 0.01 < near < far


def test_constant_damping_stays():
    damping = Damping("constant", 7.0)
    assert [damping.update(v) for v in (1.0, 2.0, 0.5)] == [True] * 3
    assert damping.value == 7.0


def test_scheduled_damping_falls_whatever_happens():
    damping = Damping("scheduled", 1.0)
    assert [damping.update(v) for v in (1.0, 2.0)] == [True] * 2
    assert damping.value == pytest.approx(Damping.FALL**2)


def test_scheduled_damping_falls_as_fast_as_it_is_told():
    damping = Damping("scheduled", 1e20, fall=1e20 ** (-1 / 25))
    for _ in range(25):
        damping.update(1.0)
    assert damping.value == pytest.approx(1)


def test_falling_damping_stays_where_nothing_improves():
    damping = Damping("falling", 1e20)
    assert [damping.update(v) for v in (2.0, 3.0, float("nan"), 1.0)] == [True] * 4
    assert damping.value == pytest.approx(1e20 * Damping.LOWER**2)
    assert damping.step == 1.0


@pytest.mark.parametrize("kind", Damping.KINDS)
def test_no_damping_stays_none(kind):
    damping = Damping(kind, 0.0)
    damping.update(1.0)
    damping.update(2.0)
    assert (damping.value, damping.step) == (0.0, 1.0)


def test_adaptive_damping_is_levenberg_marquardt():
    damping = Damping("adaptive", 1.0)
    assert damping.update(2.0)
    assert damping.value == pytest.approx(Damping.LOWER)
    assert not damping.update(3.0)
    assert damping.value == pytest.approx(Damping.LOWER * Damping.RAISE)
    assert damping.best == 2.0
    assert damping.step == 1.0
    assert not damping.update(4.0)
    assert damping.step == pytest.approx(1 / (Damping.LOWER * Damping.RAISE**2))
    assert not damping.update(float("nan"))
