import numpy as np

from matcher.takes import grouping


def cloud(rng, middle: int, count: int) -> np.ndarray:
    z = 0.05 * rng.standard_normal((count, 8))
    z[:, middle] += 1
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def test_clouds_are_groups_whatever_their_order():
    rng = np.random.default_rng(0)
    z = np.concatenate([cloud(rng, i, n) for i, n in enumerate((20, 3, 9))])
    truth = np.repeat([0, 1, 2], (20, 3, 9))
    order = rng.permutation(len(z))
    found = grouping.group(z[order])
    assert len(np.unique(found)) == 3
    for group in range(3):
        assert len(np.unique(found[truth[order] == group])) == 1


def test_one_hit_is_one_group():
    assert grouping.group(np.ones((1, 4))).tolist() == [0]


def test_a_larger_distance_makes_no_more_groups():
    z = np.random.default_rng(1).standard_normal((40, 5))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    counts = [len(np.unique(grouping.group(z, apart=apart))) for apart in (0.1, 0.4, 0.8, 4.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 1
