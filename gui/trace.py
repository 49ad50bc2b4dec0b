"""The level of the input over the last seconds, and the hits in it."""

from collections import deque
from typing import NamedTuple

import numpy as np

WINDOW_S = 6.0  # s kept and shown: a few bars
STEP_S = 0.002  # s from peak to peak, until a trace gives its own
MOST_FLAGS = 200  # more than fit side by side


class Flag(NamedTuple):
    """A mark on the trace."""

    time_s: float
    hit: bool  # False: a rise that was ignored
    text: str


class TraceHistory:
    """Peaks of the input, one every step_s; end_s: when the last of them ends."""

    def __init__(self):
        self.peaks = np.zeros(0, np.float32)
        self.step_s, self.end_s = STEP_S, 0.0
        self.flags: deque[Flag] = deque(maxlen=MOST_FLAGS)

    def extend(self, trace: dict) -> bool:
        """Append a snapshot's part of the trace; False where it is empty."""
        peaks = trace["peaks"]
        if not len(peaks):
            return False
        self.step_s = trace["step_s"]
        length = round(WINDOW_S / self.step_s)
        gap = round((trace["time_s"] - self.end_s) / self.step_s)
        if not len(self.peaks):
            pass  # it begins
        elif 0 < gap < length:  # what was missed
            peaks = np.concatenate([np.zeros(gap, np.float32), peaks])
        elif gap >= length or gap < -length:
            self.peaks = self.peaks[:0]
        self.peaks = np.concatenate([self.peaks, peaks])[-length:]
        self.end_s = trace["time_s"] + len(trace["peaks"]) * self.step_s
        return True
