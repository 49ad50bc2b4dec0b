import numpy as np
import pytest
import torch

from matcher.physics.theta import PRESETS
from training import surrogate
from training.surrogate import MetricNetwork, PhiNetwork, learn_metric, learn_phi, log_metric


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    for name, value in {"STEPS": 600, "WIDTH": 64, "BATCH": 128}.items():
        monkeypatch.setattr(surrogate, name, value)


@pytest.fixture
def nu():
    return np.random.default_rng(80).uniform(-1, 1, (600, 5))


def smooth_factor(nu):
    """R (sounds, 5, 5) of a metric that changes smoothly with nu."""
    R = np.zeros((len(nu), 5, 5))
    R[:, range(5), range(5)] = 10 * np.exp(nu)
    R[:, 0, 3] = 5 * np.sin(2 * nu[:, 1])
    return R


def test_a_logarithm_gives_the_metric_back(nu):
    R = smooth_factor(nu)
    network = MetricNetwork(15, "live").requires_grad_(False)
    network.leave.weight.data.zero_()
    network.leave.bias.data.zero_()
    for i in range(3):
        network.mean = torch.from_numpy(log_metric(R[i : i + 1])[0]).float()
        M = network(torch.zeros(1, 5))[0].double().numpy()
        np.testing.assert_allclose(M, R[i].T @ R[i], rtol=1e-3, atol=1e-2)


def test_it_learns_a_smooth_metric(nu):
    R = smooth_factor(nu)
    network, report = learn_metric("live", nu, R)
    assert report.startswith("120 sounds held out")
    M = network(torch.from_numpy(nu).float()).double().numpy()
    truth = np.swapaxes(R, 1, 2) @ R
    error = np.linalg.norm(M - truth, axis=(1, 2)) / np.linalg.norm(truth, axis=(1, 2))
    assert np.median(error) < 0.15
    assert (np.linalg.eigvalsh(M) > 0).all()


def test_a_network_of_phi_keeps_distances(nu):
    mixing = np.random.default_rng(81).standard_normal((5, 90))
    phi = np.tanh(nu @ mixing)
    network, _ = learn_phi("paper", nu, phi)
    guess = network(torch.from_numpy(nu).float()).numpy()
    assert guess.shape == (600, surrogate.COMPONENTS)
    pairs = [np.linalg.norm(a[1:] - a[:-1], axis=1) for a in (guess, phi)]
    assert np.corrcoef(*pairs)[0, 1] > 0.95


def test_saved_and_loaded(nu, tmp_path):
    torch.manual_seed(0)
    network = MetricNetwork(15, "live").requires_grad_(False)
    network.mean = torch.from_numpy(log_metric(smooth_factor(nu)).mean(0)).float()
    network.save(tmp_path / "m.pt")
    x = torch.from_numpy(nu[:4]).float()
    again = MetricNetwork.load(tmp_path / "m.pt", PRESETS["live"])
    torch.testing.assert_close(again(x), network(x))
    with pytest.raises(ValueError, match="is a MetricNetwork of live, allowed is a PhiNetwork of"):
        PhiNetwork.load(tmp_path / "m.pt", PRESETS["live"])
    with pytest.raises(ValueError, match="allowed is a MetricNetwork of paper"):
        MetricNetwork.load(tmp_path / "m.pt", PRESETS["paper"])


def test_what_is_no_network(tmp_path):
    (tmp_path / "m.pt").write_bytes(b"no")
    with pytest.raises(ValueError, match="is not a network of training"):
        PhiNetwork.load(tmp_path / "m.pt", PRESETS["live"])


def test_wrong_arguments(tmp_path, capsys):
    arguments = ["metric", "--table", str(tmp_path / "none.npz"), "-o", str(tmp_path / "m.pt")]
    assert surrogate.main(arguments) == 2
    assert "is not a table of training.metric" in capsys.readouterr().err
