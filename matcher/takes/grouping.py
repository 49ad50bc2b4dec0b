"""Which hits of a take are on the same drum: hits grouped by average linkage (pairs.distances)."""

import numpy as np
import scipy.cluster.hierarchy as hierarchy

APART = 0.3  # mean distance of two groups above which they are two drums
FEW = 3  # hits: a smaller group may be strokes that were played or caught unlike the others
JOINS = 0.65  # mean distance of a small group from a larger one, below which it belongs to it
LIKE = 0.7  # mean distance of a hit that is not clear from the group that it belongs to
LEAST_CLEAR = 0.3  # share of the hits that have to be clear; else all of them count as clear


def tree(distances: np.ndarray) -> np.ndarray | None:
    """The tree of hits by average linkage; None for less than two. distances: (hits, hits)."""
    n = len(distances)
    return hierarchy.linkage(distances[np.triu_indices(n, 1)], "average") if n > 1 else None


def cut(tree_: np.ndarray | None, apart: float, n_hits: int) -> np.ndarray:
    """The group of each hit, (hits,) from 0, where groups nearer than `apart` are one."""
    if tree_ is None:
        return np.zeros(n_hits, int)
    return hierarchy.fcluster(tree_, apart, "distance") - 1


def group(
    distances: np.ndarray, clear: np.ndarray | None = None, apart: float = APART
) -> np.ndarray:
    """The group of each hit, (hits,) from 0; -1 for hits that are like none.

    Groups are made of clear hits. A group of one or two hits that is near to a larger one belongs
    to it, as a hit does in which something else sounds.

    Args:
        distances: of each hit from each, (hits, hits), as pairs.distances.
        clear: (hits,), whether hardly anything else sounds in a hit; None: all are clear.
        apart: mean distance of two groups above which they are two drums.
    """
    n = len(distances)
    clear = np.ones(n, bool) if clear is None else np.asarray(clear, bool)
    core = np.flatnonzero(clear) if clear.sum() >= LEAST_CLEAR * n else np.arange(n)
    labels = np.full(n, -1)
    labels[core] = cut(tree(distances[np.ix_(core, core)]), apart, len(core))
    counts = np.bincount(labels[core])
    large = np.flatnonzero(counts >= FEW)
    for label in np.flatnonzero(counts < FEW):
        own = labels == label
        nearest, distance = _nearest(distances[own], labels, large)
        if distance < JOINS:
            labels[own] = nearest
    groups = np.unique(labels[labels >= 0])
    known = labels.copy()
    for i in np.flatnonzero(labels < 0):
        nearest, distance = _nearest(distances[i : i + 1], labels, groups)
        if distance < LIKE:
            known[i] = nearest
    return known


def halves(distances: np.ndarray, clear: np.ndarray | None = None) -> np.ndarray:
    """The half of each hit, (hits,) 0 or 1, 0 the larger: the last two that `group` would join.

    Args:
        distances: as group, of at least two hits.
        clear: (hits,), as group; the others go to the half that they are nearer to.
    """
    n = len(distances)
    core = np.arange(n) if clear is None else np.flatnonzero(clear)
    if len(core) < max(2, LEAST_CLEAR * n):
        core = np.arange(n)
    labels = np.full(n, -1)
    labels[core] = hierarchy.cut_tree(tree(distances[np.ix_(core, core)]), n_clusters=2)[:, 0]
    for i in np.flatnonzero(labels < 0):
        labels[i] = _nearest(distances[i : i + 1], labels, (0, 1))[0]
    return labels if 2 * labels.sum() <= n else 1 - labels


def _nearest(own: np.ndarray, labels: np.ndarray, groups) -> tuple[int, float]:
    """The nearest of some groups and its mean distance from hits, -1 and inf of none.

    Args:
        own: distances of these hits from all, (these, hits).
        labels: the group of each hit, (hits,).
        groups: that are asked.
    """
    means = [float(np.mean(own[:, labels == g])) for g in groups]
    if not means:
        return -1, np.inf
    return int(groups[np.argmin(means)]), min(means)
