from dataclasses import replace

import numpy as np
import pytest
import torch

from training.config import Config
from training.dataset import Recipe
from training.losses import feature_loss, p_loss, pnp_loss
from training.metric import load_table
from training.objective import Objective, one_by_one
from training.surrogate import COMPONENTS, MetricNetwork, PhiNetwork

CPU = torch.device("cpu")


@pytest.fixture
def batch():
    rng = np.random.default_rng(90)
    nu = torch.from_numpy(load_table("live").nu[:4]).float()
    nu_hat = (nu + 0.05 * torch.from_numpy(rng.standard_normal((4, 5))).float()).clamp(-1, 1)
    return nu_hat.requires_grad_(), nu, np.arange(4)


def gradient(objective, batch):
    (slope,) = torch.autograd.grad(objective(*batch), batch[0])
    return slope


def test_p(batch):
    torch.testing.assert_close(Objective(Config(), CPU)(*batch), p_loss(*batch[:2]))


def test_pnp_takes_each_sounds_own_metric(batch):
    objective = Objective(Config(loss="pnp"), CPU)
    R = load_table("live").R[:4]
    M = torch.from_numpy(np.swapaxes(R, 1, 2) @ R).float()
    expected = pnp_loss(batch[0], batch[1], M, objective.damping.value) / objective.highest
    torch.testing.assert_close(objective(*batch), expected, rtol=1e-3, atol=0)
    assert objective.n_shards == 4


def test_lambda_starts_at_the_largest_eigenvalue_and_then_pnp_is_nearly_p_loss():
    objective = Objective(Config(loss="pnp", clip=0.5), CPU)
    assert objective.damping.value == objective.highest
    largest = torch.linalg.eigvalsh(objective.table.double())[:, -1]
    assert largest.max() <= objective.highest * (1 + 1e-3)
    assert (largest > objective.highest * 0.99).double().mean() == pytest.approx(0.5, abs=0.02)


def test_lambda_may_be_nothing_at_all(batch):
    objective = Objective(Config(loss="pnp", damping="constant", damping_start=0.0), CPU)
    assert objective.damping.value == 0
    torch.testing.assert_close(objective(*batch), pnp_of(objective, batch))


def pnp_of(objective, batch):
    """PNP without damping, as the objective scales it."""
    nu_hat, nu, index = batch
    return pnp_loss(nu_hat, nu, objective.table[index]) / objective.highest


def test_gradients_need_not_shrink_with_lambda(batch):
    largest, damped = (
        [
            torch.linalg.norm(gradient(Objective(replace(config, damping_start=start), CPU), batch))
            for start in (1e20, 1e12)
        ]
        for config in (Config(loss="pnp"), Config(loss="pnp", pnp_unit="damped"))
    )
    assert largest[0] / largest[1] == pytest.approx(1e8, rel=1e-3)
    assert damped[0] / damped[1] == pytest.approx(1, rel=1e-3)
    whole = Objective(Config(loss="pnp", pnp_unit="none", damping_start=1e12), CPU)
    slope = torch.linalg.norm(gradient(whole, batch)) / whole.highest
    assert slope == pytest.approx(float(largest[1]), rel=1e-3)


@pytest.mark.parametrize("matrix", ["identity", "diagonal"])
def test_more_damping_is_another_gradient(batch, matrix):
    config = Config(loss="pnp", damping_matrix=matrix)
    slopes = [
        gradient(Objective(replace(config, damping_start=start), CPU), batch)
        for start in (1e6, 1e9)
    ]
    assert torch.linalg.norm(slopes[1]) > 10 * torch.linalg.norm(slopes[0])


def test_distances_have_a_slope_of_the_same_size_near_and_far(batch):
    objective = Objective(Config(loss="pnp", power=1, damping_start=1.0), CPU)
    nu_hat, nu, index = batch
    slope = gradient(objective, batch)
    near = (nu + 0.01 * (nu_hat - nu)).detach().requires_grad_()
    torch.testing.assert_close(gradient(objective, (near, nu, index)), slope, rtol=1e-3, atol=1e-6)


def test_pnp_by_a_network_takes_any_sound(batch, tmp_path):
    torch.manual_seed(0)
    MetricNetwork(15, "live").save(tmp_path / "m.pt")
    config = Config(loss="pnp", metric="network", network=str(tmp_path / "m.pt"))
    objective = Objective(config, CPU)
    assert objective.n_shards is None
    assert torch.isfinite(gradient(objective, (*batch[:2], np.arange(4) + 10**6))).all()


@pytest.mark.parametrize("power", [1, 2])
def test_proxy_is_the_distance_of_the_networks_outputs(batch, tmp_path, power):
    torch.manual_seed(0)
    network = PhiNetwork(COMPONENTS, "live")
    network.save(tmp_path / "phi.pt")
    config = Config(loss="proxy", network=str(tmp_path / "phi.pt"), power=power)
    objective = Objective(config, CPU)
    expected = feature_loss(network(batch[0]), network(batch[1]), power)
    torch.testing.assert_close(objective(*batch), expected)
    torch.testing.assert_close(objective.watch(*batch), expected)
    assert gradient(objective, batch).abs().max() > 0
    damped = Objective(replace(config, damping_start=1e9), CPU)
    torch.testing.assert_close(damped.watch(*batch), expected)
    far = (batch[0] - batch[1]).square().sum(1) * 1e9
    by_hand = far.mean() / 2 if power == 2 else far.sqrt().mean()
    torch.testing.assert_close(damped(*batch), by_hand, rtol=1e-3, atol=0)


@pytest.mark.parametrize("loss", ["mss", "jtfs"])
def test_spectral_losses_are_nothing_at_the_truth_and_fall_towards_it(batch, loss):
    objective = Objective(Config(loss=loss, recipe=Recipe("live")), CPU)
    _, nu, index = batch
    at_truth, near = objective(nu.clone().requires_grad_(), nu, index), objective(*batch)
    assert at_truth.item() < 1e-4 < near.item()
    assert torch.isfinite(gradient(objective, batch)).all()


def test_the_scattering_loss_has_the_width_that_it_is_told(monkeypatch):
    made = []
    monkeypatch.setattr("training.objective.Phi", lambda F: made.append(F) or torch.nn.Identity())
    Objective(Config(loss="jtfs", F=2), CPU)
    assert made == [2]


def test_a_table_of_another_width_is_refused():
    with pytest.raises(ValueError, match="the table is of preset live, seed 0, F 24; the run is of "
                                         "live, 0, 2"):  # fmt: skip
        Objective(Config(loss="pnp", F=2), CPU)


def test_one_by_one_is_the_whole_batch(batch):
    def loss(a, b):
        return (a.sin() - b).square().sum(1).mean()

    whole, each = loss(*batch[:2]), one_by_one(loss, *batch[:2])
    torch.testing.assert_close(each, whole)
    slopes = [torch.autograd.grad(value, batch[0])[0] for value in (whole, each)]
    torch.testing.assert_close(*slopes)


def test_a_sound_that_comes_again_is_not_analysed_again(batch):
    objective = Objective(Config(loss="jtfs", recipe=Recipe("live"), F=2), CPU)
    seen, phi = [], objective.phi
    objective.phi = lambda x: seen.append(len(x)) or phi(x)
    first = objective(*batch)
    assert sum(seen) == 8  # four sounds and four guesses
    again = objective(*batch)
    assert sum(seen) == 12
    assert again.item() == first.item()
    nu_hat, nu, index = batch
    other = objective(nu_hat, nu.flip(0), index[::-1].copy())
    torch.testing.assert_close(other, objective(nu_hat, nu.flip(0), index + 4))
