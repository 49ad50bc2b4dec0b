import numpy as np
import pytest
import torch

from matcher.matching.inferred import N_INFERRED
from training.body_encoder import ANSWERS, N_PITCHES, BodyEncoder, blurred, peaks
from training.body_objective import DAMPING, PITCH_WEIGHT, BodyObjective
from training.encoder import TRUNKS
from training.log_cqt_metric import UPPER

GRID = torch.linspace(-1, 1, N_PITCHES)


def test_a_pitch_between_two_of_the_grid_comes_back():
    pitch = torch.tensor([-0.93, 0.1234, 0.7])
    found, share = peaks(blurred(pitch, GRID), GRID)
    torch.testing.assert_close(found[:, 0], pitch, atol=2e-3, rtol=0)
    assert torch.all(share[:, 0] > 0.95)


def test_two_pitches_have_their_probabilities():
    both = 0.3 * blurred(torch.tensor([0.5]), GRID) + 0.7 * blurred(torch.tensor([-0.2]), GRID)
    found, share = peaks(both, GRID)
    torch.testing.assert_close(found[0, :2], torch.tensor([-0.2, 0.5]), atol=2e-3, rtol=0)
    torch.testing.assert_close(share[0, :2], torch.tensor([0.7, 0.3]), atol=0.02, rtol=0)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_answers_are_bodies_at_their_pitches(trunk):
    torch.manual_seed(0)
    encoder = BodyEncoder(32, trunk).eval()
    x = torch.randn(3, 2, 32, 16)
    with torch.no_grad():
        nu, probability = encoder.answers(x)
        logits, there = encoder(x, nu[:, 1, 0])
    assert nu.shape == (3, ANSWERS, N_INFERRED) and logits.shape == (3, N_PITCHES)
    assert torch.all(probability[:, :-1] >= probability[:, 1:])
    torch.testing.assert_close(nu[:, 1], there, atol=1e-5, rtol=0)
    assert float(nu.abs().max()) <= 1


def factors(M, count):
    """R of a metric M (9, 9), for each of so many sounds."""
    R = np.linalg.cholesky(M).T[UPPER]
    return torch.from_numpy(np.tile(R, (count, 1))).float()


def test_pnp_is_the_distance_in_the_metric_without_the_pitch():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(9, 9))
    M = A @ A.T / 9
    nu, d = rng.uniform(-0.5, 0.5, (4, 9)), rng.normal(size=(4, 9)) / 10
    nu_hat, nu = (torch.from_numpy(x).float() for x in (nu + d, nu))
    found = BodyObjective("pnp", GRID).body_pnp(nu_hat, nu, factors(M, 4))
    e = d[:, 1:]
    expected = np.einsum("bi,ij,bj->b", e, M[1:, 1:], e) + DAMPING * (e**2).sum(1)
    np.testing.assert_allclose(found, np.sqrt(expected), rtol=1e-3)


@pytest.mark.parametrize("loss", ["p", "pnp"])
def test_a_sound_without_weight_counts_for_nothing(loss):
    torch.manual_seed(0)
    logits, guess, nu = torch.zeros(4, N_PITCHES), torch.rand(4, 9), torch.rand(4, 9) - 0.5
    R, weight = factors(np.eye(9), 4), torch.tensor([1.0, 1.0, 1.0, 0.0])
    objective = BodyObjective(loss, GRID)
    three = objective(logits[:3], guess[:3], nu[:3], R[:3], weight[:3])
    torch.testing.assert_close(objective(logits, guess, nu, R, weight), three)


def test_the_pitch_is_learned_by_its_cross_entropy():
    nu = torch.zeros(1, 9)
    right = blurred(nu[:, 0], GRID)
    logits = right.log().clamp_min(-100)
    entropy = -(right * logits).sum()
    found = BodyObjective("p", GRID)(logits, nu, nu, factors(np.eye(9), 1), torch.ones(1))
    torch.testing.assert_close(found, PITCH_WEIGHT * entropy, rtol=1e-3, atol=0)
