"""How much is done to refine a hit: work that is counted, so that a recording has one twin.

Time would depend on the machine and on whatever else it does; it is only a limit, and whoever asked
is told when it was met. A unit of work is a sound that is rendered and transformed in the shortest
window, 0.7 ms on one core of an AMD EPYC. What else takes time counts as so many sounds, measured
on the same core.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SKETCH = 0.16  # units: a drum as a sketch, in any window
ESTIMATE = 0.3  # units: a derivative by mode_power, in any window
DERIVATIVE = 0.6  # sounds: a derivative by a rendered sound, several of which are made at once
ATTACK_DERIVATIVES = 2.8  # sounds: derivatives by all attack powers, and their normal equations
ATTACK_ROUND = 1.7  # sounds: one linearisation of the attack, solved and tried
ANALYSIS = 100.0  # units: the partials of a clip
TOGETHER = 20.0  # units: each stroke that it is fitted together with
RECORDED = 50.0  # units: a drum with them at one level, and its attack on the whole band


@dataclass(frozen=True)
class Effort:
    """How much to do for one drum."""

    name: str
    body: float  # units, the analysis of the recording's partials included
    attack: float  # units, beside those that the body has left
    partials: float  # units: what the last stage takes
    limit_s: float  # s of wall time for all of it; each stage has its share, as of the units

    @property
    def units(self) -> float:
        """Of all stages."""
        return self.body + self.attack + self.partials


EFFORTS = {
    effort.name: effort
    for effort in (
        Effort("network", 0.0, 0.0, 0.0, 0.0),  # no refining
        Effort("live", 260.0, 150.0, 150.0, 1.0),  # for a player who waits for the answer
        Effort("normal", 340.0, 200.0, 150.0, 20.0),
        Effort("patient", 4000.0, 4000.0, 150.0, 120.0),  # more than was ever needed
    )
}


def effort_named(name: str) -> Effort:
    """One of EFFORTS.

    Raises:
        ValueError: There is none of that name; names those that there are.
    """
    if name not in EFFORTS:
        *others, last = EFFORTS
        raise ValueError(f"effort is {name!r:.80}, allowed is {', '.join(others)} or {last}")
    return EFFORTS[name]


class Work:
    """What one search has cost so far, and whether it has to end.

    Attributes:
        units: Done.
        limited: Whether a time limit has cut it short.

    Args:
        stopped: Asked first, each time; True ends the search.
    """

    def __init__(self, stopped: Callable[[], bool] = lambda: False):
        self.units, self.limited = 0.0, False
        self._stopped, self._began = stopped, time.perf_counter()
        self.allow(np.inf, np.inf)

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self._began

    def allow(self, units: float, limit_s: float) -> None:
        """End once so many units are done or seconds are over, both from the beginning on."""
        self._units, self._limit_s = units, limit_s

    def add(self, units: float) -> None:
        """Count what is being done."""
        self.units += units

    def stopped(self) -> bool:
        """Whether somebody ended it."""
        return self._stopped()

    def over(self) -> bool:
        """Whether somebody ended it, what is allowed is done, or its time is over."""
        if self.stopped() or self.units >= self._units:
            return True
        late = self.elapsed_s > self._limit_s
        self.limited = self.limited or late
        return late
