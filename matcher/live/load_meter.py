"""How busy the audio callback was during the last second."""

from collections import deque
from typing import NamedTuple

WINDOW_S = 1.0  # s of history: short enough to show what a stroke costs, long enough to be read


class _Interval(NamedTuple):
    begin: int  # frame
    frames: int
    busy_ns: int
    worst_ns: int


class LoadMeter:
    """Load of the last second, from counters that are read now and then.

    Args:
        sample_rate: Hz, of the stream whose counters are read.
    """

    def __init__(self, sample_rate: float):
        self._sample_rate = sample_rate
        self._frames = self._busy_ns = 0  # at the last update
        self._intervals: deque[_Interval] = deque()

    def update(self, frames: int, busy_ns: int, worst_ns: int) -> tuple[float, float]:
        """Take in the counters of a stream.

        Args:
            frames: frames played since the stream began.
            busy_ns: ns spent in the callback since the stream began.
            worst_ns: ns of the longest call since the last update.

        Returns:
            Share of the time that the callback needs, and its longest call in us; both of the last
            second, or since the last update where that is longer ago.
        """
        new = _Interval(self._frames, frames - self._frames, busy_ns - self._busy_ns, worst_ns)
        self._frames, self._busy_ns = frames, busy_ns
        self._intervals.append(new)
        oldest = frames - WINDOW_S * self._sample_rate
        while len(self._intervals) > 1 and self._intervals[0].begin < oldest:
            self._intervals.popleft()
        seconds = sum(interval.frames for interval in self._intervals) / self._sample_rate
        busy_s = 1e-9 * sum(interval.busy_ns for interval in self._intervals)
        worst_us = 1e-3 * max(interval.worst_ns for interval in self._intervals)
        return busy_s / seconds if seconds > 0 else 0.0, worst_us
