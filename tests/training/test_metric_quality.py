import numpy as np
import pytest
import torch

from training.dataset import nu_of
from training.metric import load_table
from training.studies import metric_quality
from training.surrogate import COMPONENTS, MetricNetwork, PhiNetwork


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return MetricNetwork(15, "live").eval(), PhiNetwork(COMPONENTS, "live").eval()


def test_tangents_hold_near_nu_and_no_further(networks, monkeypatch):
    monkeypatch.setattr(metric_quality, "STEPS", (1e-5, 0.1))
    ratios = metric_quality.reach("live", load_table("live").R, *networks, count=6)
    assert set(ratios) == set(metric_quality.METRICS)
    near, far = ratios["M"]
    assert near[0] <= near[1] <= near[2]
    assert near[3] < 0.03
    assert far[3] > 0.3
    assert ratios["M of secants"] == ratios["M"]  # they were given the same
    assert [row["|d|"] for row in metric_quality.reach_rows(ratios)] == [1e-5, 0.1]


def test_m_predicts_the_distance_of_small_errors_and_p_does_not(networks):
    nu = np.array([nu_of(0, "validation", i) for i in range(12)])
    d = np.random.default_rng(1).standard_normal(nu.shape)
    nu_hat = nu + 1e-4 * d / np.linalg.norm(d, axis=1, keepdims=True)
    rows = {
        r["metric"]: r for r in metric_quality.agreement("live", nu_hat, nu, *networks, workers=1)
    }
    assert rows["M"]["Spearman"] > 0.9
    assert rows["M"]["predicted / true, median"] == pytest.approx(1, abs=0.1)
    assert abs(rows["P"]["predicted / true, median"]) < 0.1
    assert rows["M, clipped at its 10th percentile"]["predicted / true, median"] < 0.9
