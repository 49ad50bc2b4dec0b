"""Which hits of a take are on the same drum: their signatures, grouped by average linkage."""

import numpy as np
import scipy.cluster.hierarchy as hierarchy

APART = 0.5  # squared distance of two groups above which they are two drums


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


def group(signatures: np.ndarray, apart: float = APART) -> np.ndarray:
    """The group of each hit, (hits,) from 0.

    Args:
        signatures: (hits, numbers), as signature.signatures.
        apart: squared distance of two groups above which they are two drums.
    """
    return cut(tree(signatures), apart, len(signatures))
