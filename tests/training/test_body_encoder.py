import numpy as np
import pytest
import torch

from matcher.matching.inferred import N_INFERRED
from training.bodies import Bodies
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


def sounds(nu, M):
    """A shard of bodies (sounds, 9) whose metric is M (9, 9) at each."""
    R = np.linalg.cholesky(M).T[UPPER].astype(np.float32)
    count = len(nu)
    return Bodies(
        nu.astype(np.float32), np.zeros((count, 1, 1)), np.zeros((count, 1)),
        np.tile(R, (count, 1)), np.ones(count, np.float32),
    )  # fmt: skip


def test_pnp_is_the_distance_in_the_metric_without_the_pitch():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(9, 9))
    M = A @ A.T / 9
    nu, d = rng.uniform(-0.5, 0.5, (4, 9)), rng.normal(size=(4, 9)) / 10
    shard, batch = sounds(nu, M), np.arange(4)
    objective = BodyObjective("pnp", GRID)
    there = torch.from_numpy(nu).float()
    found = objective.body_pnp(there + torch.from_numpy(d).float(), there, shard, batch)
    e = d[:, 1:]
    expected = np.einsum("bi,ij,bj->b", e, M[1:, 1:], e) + DAMPING * (e**2).sum(1)
    np.testing.assert_allclose(found, np.sqrt(expected), rtol=1e-3)


@pytest.mark.parametrize("loss", ["p", "pnp"])
def test_a_sound_without_weight_counts_for_nothing(loss):
    torch.manual_seed(0)
    nu = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 9))
    shard = sounds(nu, np.eye(9))
    shard.weight[3] = 0
    logits, guess = torch.zeros(4, N_PITCHES), torch.rand(4, 9)
    objective = BodyObjective(loss, GRID)
    three = objective(logits[:3], guess[:3], shard, np.arange(3))
    torch.testing.assert_close(objective(logits, guess, shard, np.arange(4)), three)


def test_the_pitch_is_learned_by_its_cross_entropy():
    nu = np.zeros((1, 9))
    shard, there = sounds(nu, np.eye(9)), torch.zeros(1, 9)
    right = blurred(torch.zeros(1), GRID)
    objective = BodyObjective("p", GRID)
    entropy = -(right * right.log()).nansum()
    found = objective(right.log().clamp_min(-100), there, shard, np.arange(1))
    torch.testing.assert_close(found, PITCH_WEIGHT * entropy, rtol=1e-3, atol=0)
