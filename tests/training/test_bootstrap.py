import numpy as np
import pytest

from training.bootstrap import DRAWS, SEED, mean_interval, median_interval

RNG = np.random.default_rng(3)


def by_hand(values, clusters, statistic):
    """The same draws, value by value."""
    names = np.unique(clusters)
    rng = np.random.default_rng(SEED)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    drawn = [
        statistic(np.concatenate([np.repeat(values[clusters == name], n)
                                  for name, n in zip(names, draw)]))
        for draw in draws
    ]  # fmt: skip
    return np.quantile(drawn, (0.025, 0.975))


def test_whole_clusters_are_drawn():
    clusters = RNG.integers(0, 6, 31)
    values = RNG.standard_normal(31) + clusters
    np.testing.assert_allclose(
        median_interval(values, clusters), by_hand(values, clusters, np.median)
    )
    np.testing.assert_allclose(mean_interval(values, clusters), by_hand(values, clusters, np.mean))


def test_recordings_of_one_drum_say_no_more_than_one():
    once = RNG.standard_normal(40)
    narrow = median_interval(once, range(40))
    often = median_interval(np.repeat(once, 10), np.repeat(range(40), 10))
    alone = median_interval(np.repeat(once, 10), range(400))
    assert narrow[0] < np.median(once) < narrow[1]
    assert np.ptp(often) > 2 * np.ptp(alone)
    assert np.ptp(often) == pytest.approx(np.ptp(narrow), rel=0.2)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    held = 0
    for _ in range(100):
        low, high = mean_interval(RNG.standard_normal(60), range(60))
        held += low < 0 < high
    assert 87 <= held <= 100


def test_unknown_values_are_left_out_and_one_cluster_has_no_interval():
    values, clusters = np.array([1, np.nan, 2, 3.0]), ["a", "b", "a", "c"]
    known = [0, 2, 3]
    assert median_interval(values, clusters) == median_interval(values[known], ["a", "a", "c"])
    assert np.isnan(median_interval(values[:3], clusters[:3])).all()
    assert np.isnan(mean_interval([np.nan], ["a"])).all()
