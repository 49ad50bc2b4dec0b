"""Trying something again, ever more slowly."""

import time

LONGEST_S = 10.0  # s between two attempts, at most: a musician who plugs in waits no longer
GROWTH = 2.0  # of the time between them


class Retry:
    """When to try again.

    Args:
        first_s: s from the first attempt that fails to the next one.
        longest_s: s between two attempts, at most.
    """

    def __init__(self, first_s: float, longest_s: float = LONGEST_S):
        self._first_s, self._longest_s = first_s, longest_s
        self.reset()

    def is_due(self) -> bool:
        """Whether it is time for an attempt."""
        return time.monotonic() >= self._next

    @property
    def is_first(self) -> bool:
        """Whether none has failed yet, or none since `reset`."""
        return self._wait_s == self._first_s

    def failed(self) -> None:
        """The attempt did not succeed: wait, longer than the last time."""
        self._next = time.monotonic() + self._wait_s
        self._wait_s = min(GROWTH * self._wait_s, self._longest_s)

    def reset(self) -> None:
        """Try at once, and then soon again."""
        self._wait_s, self._next = self._first_s, 0.0
