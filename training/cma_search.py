"""CMA-ES on the parameters of the body: what a patient search reaches on a recording.

Source: Hansen and Ostermeier, "Completely Derandomized Self-Adaptation in Evolution Strategies",
Evolutionary Computation 9 (2001); the package is cma.
"""

import numpy as np

from matcher.matching import search_space
from matcher.matching.features import DISTANCE, N_SAMPLES, SAMPLE_RATE, distance_from, normalise
from matcher.matching.target import last_audible, window_for
from matcher.physics import drum

STEP = 0.3  # of each parameter's range, which is 2; the search begins at a good guess
MARKS = (1000, 10000)  # evaluations after which the smallest distance is noted


def search(clip: np.ndarray, start: np.ndarray, evaluations: int) -> dict[str, float]:
    """The smallest log-CQT distance that CMA-ES reaches with the parameters of the body.

    The search minimises the distance in the shortest window that holds the clip, as refining does;
    what is noted is the distance over the whole window.

    Args:
        clip: (samples,) at SAMPLE_RATE from the onset.
        start: Parameters to begin with, in the order of search_space.NAMES.
        evaluations: At most so many drums are rendered.

    Returns:
        {"CMA-ES N": distance} for each N of MARKS up to `evaluations`.
    """
    import cma  # of development only

    low, high = search_space.LOW, search_space.HIGH
    middle, half = (high + low) / 2, (high - low) / 2
    nearest = _Nearest(clip)

    def cost(u):
        return nearest.distance(np.clip(middle + half * u, low, high))

    options = {"bounds": [-1, 1], "maxfevals": evaluations, "seed": 1, "verbose": -9}
    first = np.clip((start - middle) / half, -0.999, 0.999)
    strategy, noted = cma.CMAEvolutionStrategy(first, STEP, options), {}
    while not strategy.stop():
        tried = strategy.ask()
        strategy.tell(tried, [cost(u) for u in tried])
        for mark in MARKS:
            if strategy.result.evaluations <= mark <= evaluations:
                noted[f"CMA-ES {mark}"] = nearest.whole
    return noted


class _Nearest:
    """Distances of drums from a clip, and the smallest one over the whole window so far."""

    def __init__(self, clip: np.ndarray):
        self.cqt = window_for(last_audible(normalise(clip)))
        self.target, self.whole_target = self.cqt(clip), DISTANCE(clip)
        self.short, self.whole = np.inf, np.inf

    def distance(self, parameters: np.ndarray) -> float:
        """The distance in the short window; where it is a new best, the whole one as well."""
        found = search_space.to_drum(parameters)
        body = drum.render_body(found, SAMPLE_RATE, self.cqt.n_samples)
        short = float(np.linalg.norm(self.target - self.cqt(body)))
        if short < self.short:
            self.short = short
            twin = drum.render(found, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
            self.whole = min(self.whole, distance_from(self.whole_target, twin))
        return short
