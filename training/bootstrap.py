"""Bootstrap intervals of medians and means, by resampling clusters: drums, not recordings.

Recordings of one drum resemble each other, so that resampling them alone would give intervals that
are too narrow (Davison and Hinkley 1997, section 3.8).
"""

import numpy as np

DRAWS = 2000
SEED = 0
CONFIDENCE = 0.95


def median_interval(values, clusters) -> tuple[float, float]:
    """Interval of the median of values.

    Args:
        values: (n,); NaN are left out.
        clusters: (n,), the cluster of each value.

    Returns:
        Its ends; NaN where fewer than two clusters have values.
    """
    values, counts = _draws(values, clusters)
    if counts is None:
        return np.nan, np.nan
    order = np.argsort(values)
    values, up_to = values[order], np.cumsum(counts[:, order], axis=1)  # (draws, values)
    total = up_to[:, -1:]
    low, high = ((up_to <= at).sum(axis=1) for at in ((total - 1) // 2, total // 2))
    return _ends((values[low] + values[high]) / 2)


def mean_interval(values, clusters) -> tuple[float, float]:
    """Interval of the mean of values, such as a share; as median_interval."""
    values, counts = _draws(values, clusters)
    if counts is None:
        return np.nan, np.nan
    return _ends(counts @ values / counts.sum(axis=1))


def _draws(values, clusters):
    """Values without NaN, and how often each is in each draw: (draws, values)."""
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    names, members = np.unique(np.asarray(clusters)[known], return_inverse=True)
    if len(names) < 2:
        return values, None
    drawn = np.random.default_rng(SEED).multinomial(
        len(names), np.full(len(names), 1 / len(names)), DRAWS
    )
    return values[known], drawn[:, members]


def _ends(statistics: np.ndarray) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(statistics, (tail, 1 - tail))
    return float(low), float(high)
