"""The time of a stream's frames, for events and the trace."""

import time

CLOCK_S = 0.25  # s: tolerated drift between frames and time.monotonic


class FrameTimes:
    """time.monotonic of each frame of a stream.

    Args:
        sample_rate: Hz.
        frame: the newest one.
    """

    def __init__(self, sample_rate: float, frame: int):
        self._rate = sample_rate
        self._zero = time.monotonic() - frame / sample_rate

    def at(self, frame: int) -> float:
        """Time of a frame, s."""
        return self._zero + frame / self._rate

    def follow(self, frame: int) -> None:
        """Begin anew from the newest frame where drop-outs or another clock have led away."""
        zero = time.monotonic() - frame / self._rate
        if abs(zero - self._zero) > CLOCK_S:
            self._zero = zero
