import numpy as np

from matcher.takes import grouping


def distances_of(truth: np.ndarray, rng) -> np.ndarray:
    """Of hits whose drums are known, near to 0 and 1."""
    other = (truth[:, None] != truth).astype(float)
    d = np.clip(other + rng.normal(0, 0.08, other.shape), 0, 1)
    d = (d + d.T) / 2
    np.fill_diagonal(d, 0)
    return d


def test_drums_are_groups_whatever_the_order_of_their_hits():
    rng = np.random.default_rng(0)
    truth = rng.permutation(np.repeat([0, 1, 2], (20, 3, 9)))
    found = grouping.group(distances_of(truth, rng))
    assert len(np.unique(found)) == 3
    for group in range(3):
        assert len(np.unique(found[truth == group])) == 1


def test_one_hit_is_one_group():
    assert grouping.group(np.zeros((1, 1))).tolist() == [0]


def test_a_larger_distance_makes_no_more_groups():
    z = np.random.default_rng(1).standard_normal((40, 5))
    d = np.linalg.norm(z[:, None] - z, axis=2) / 6
    counts = [len(np.unique(grouping.group(d, apart=apart))) for apart in (0.1, 0.3, 0.5, 4.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 1


def test_a_stray_hit_belongs_to_the_larger_group_that_it_is_near_to():
    truth = np.repeat([0, 1, 2], (10, 10, 1))
    d = distances_of(truth, np.random.default_rng(2))
    d[-1, :10] = d[:10, -1] = grouping.JOINS - 0.1
    assert grouping.group(d)[-1] == grouping.group(d)[0]
    d[-1, :10] = d[:10, -1] = grouping.JOINS + 0.1
    assert np.sum(grouping.group(d) == grouping.group(d)[-1]) == 1


def test_a_hit_that_is_not_clear_makes_no_group_and_is_left_out_where_it_is_like_none():
    truth = np.repeat([0, 1, 2], (10, 10, 1))
    d = distances_of(truth, np.random.default_rng(3))
    clear = np.arange(21) < 20
    assert grouping.group(d, clear).tolist()[-1] == -1
    d[-1, 10:20] = d[10:20, -1] = grouping.LIKE - 0.1
    assert grouping.group(d, clear)[-1] == grouping.group(d, clear)[10]


def test_the_halves_are_the_two_drums_in_a_group():
    truth = np.repeat([0, 1], (4, 7))
    half = grouping.halves(distances_of(truth, np.random.default_rng(4)))
    assert half.tolist() == (1 - truth).tolist()
