import numpy as np
import pytest
import torch

from matcher.takes import pairs, signature
from training import take_grouping, take_pairs


@pytest.fixture
def rows():
    """Rows of two takes, as take_grouping.make_rows, of hits that say nothing."""
    rng = np.random.default_rng(0)
    n = signature.CQT.n_frames
    x = np.hstack([rng.random((14, signature.CQT.n_bins * n)), np.ones((14, n))])
    takes, labels = np.repeat([3, 8], 7), np.array([0, 0, 1, 1, 1, -1, -1] * 2)
    return x.astype(np.float16), labels, takes, np.ones(14, bool)


def test_both_cases_weigh_the_same_in_each_take(rows):
    x, same, weight = take_pairs.drawn_pairs(take_pairs.takes_of(*rows, 2))
    assert x.shape == (4 * 21, pairs.N_FEATURES)  # two takes, two copies of each
    for own in np.split(np.arange(len(x)), 4):
        assert weight[own][same[own]].sum() == pytest.approx(0.5)
        assert weight[own][~same[own]].sum() == pytest.approx(0.5)


def test_what_tells_pairs_apart_is_learned():
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4000, pairs.N_FEATURES)).astype(np.float32)
    same = x[:, 4] > x[:, 9]
    values = take_pairs.train(x, same, np.ones(len(x)), 40)
    assert {name: value.shape for name, value in values.items()} == pairs.WEIGHTS
    new = rng.standard_normal((500, pairs.N_FEATURES))
    hidden = (new - values["mean"]) / values["deviation"] @ values["hidden"]
    logit = np.maximum(hidden + values["bias_hidden"], 0) @ values["out"] + values["bias_out"]
    assert np.mean((logit[:, 0] > 0) == (new[:, 4] > new[:, 9])) > 0.9


def test_takes_that_are_kept_are_not_composed_anew(rows, tmp_path, monkeypatch):
    made = []

    def make_rows(pool, numbers, *_):
        made.append(numbers)
        return rows

    monkeypatch.setattr(take_grouping, "make_rows", make_rows)
    monkeypatch.setattr(take_grouping.take_scenes, "load", lambda *_: {})
    for count in (50, 100):
        found = take_grouping.rows_of(tmp_path, tmp_path / "rows", "learned", count)
        assert len(found[0]) == len(rows[0]) * count // 50
    assert made == [range(50), range(50, 100)]
