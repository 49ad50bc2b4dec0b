"""Which hits of a take are on the same drum: their signatures, grouped by average linkage."""

import numpy as np
import scipy.cluster.hierarchy as hierarchy

APART = 0.55  # squared distance of two groups above which they are two drums
FEW = 3  # hits: a smaller group may be strokes that were played or caught unlike the others
JOINS = 0.9  # squared distance of a small group from a larger one, below which it belongs to it
LIKE = 1.2  # squared distance of a hit that is not clear from the group that it belongs to
LEAST_CLEAR = 0.3  # share of the hits that have to be clear; else all of them count as clear


def tree(signatures: np.ndarray) -> np.ndarray | None:
    """The tree of hits by average linkage; None for less than two. signatures: (hits, numbers)."""
    if len(signatures) < 2:
        return None
    return hierarchy.linkage(signatures, "average", metric="sqeuclidean")


def cut(tree_: np.ndarray | None, apart: float, n_hits: int) -> np.ndarray:
    """The group of each hit, (hits,) from 0, where groups nearer than `apart` are one."""
    if tree_ is None:
        return np.zeros(n_hits, int)
    return hierarchy.fcluster(tree_, apart, "distance") - 1


def group(
    signatures: np.ndarray, clear: np.ndarray | None = None, apart: float = APART
) -> np.ndarray:
    """The group of each hit, (hits,) from 0; -1 for hits that are like none.

    Groups are made of clear hits. A group of one or two hits that is near to a larger one belongs
    to it, as a hit does in which something else sounds.

    Args:
        signatures: (hits, numbers), as signature.signatures.
        clear: (hits,), whether hardly anything else sounds in a hit; None: all are clear.
        apart: squared distance of two groups above which they are two drums.
    """
    n = len(signatures)
    clear = np.ones(n, bool) if clear is None else np.asarray(clear, bool)
    core = np.flatnonzero(clear) if clear.sum() >= LEAST_CLEAR * n else np.arange(n)
    labels = np.full(n, -1)
    labels[core] = cut(tree(signatures[core]), apart, len(core))
    counts = np.bincount(labels[core])
    large = np.flatnonzero(counts >= FEW)
    for label in np.flatnonzero(counts < FEW):
        own = labels == label
        nearest, distance = _nearest(signatures, signatures[own], labels, large)
        if distance < JOINS:
            labels[own] = nearest
    groups = np.unique(labels[labels >= 0])
    known = labels.copy()
    for i in np.flatnonzero(labels < 0):
        nearest, distance = _nearest(signatures, signatures[i : i + 1], labels, groups)
        if distance < LIKE:
            known[i] = nearest
    return known


def halves(signatures: np.ndarray, clear: np.ndarray | None = None) -> np.ndarray:
    """The half of each hit, (hits,) 0 or 1, 0 the larger: the last two that `group` would join.

    Args:
        signatures: (hits, numbers), at least two hits.
        clear: (hits,), as group; the others go to the half that they are nearer to.
    """
    n = len(signatures)
    core = np.arange(n) if clear is None else np.flatnonzero(clear)
    if len(core) < max(2, LEAST_CLEAR * n):
        core = np.arange(n)
    labels = np.full(n, -1)
    labels[core] = hierarchy.cut_tree(tree(signatures[core]), n_clusters=2)[:, 0]
    for i in np.flatnonzero(labels < 0):
        labels[i] = _nearest(signatures, signatures[i : i + 1], labels, (0, 1))[0]
    return labels if 2 * labels.sum() <= n else 1 - labels


def _nearest(signatures, own, labels, groups) -> tuple[int, float]:
    """The nearest of some groups and its mean squared distance from hits; -1 and inf of none."""
    means = [
        float(np.mean(np.sum((own[:, None] - signatures[labels == g]) ** 2, axis=2)))
        for g in groups
    ]
    if not means:
        return -1, np.inf
    return int(groups[np.argmin(means)]), min(means)
