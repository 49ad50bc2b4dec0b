"""Strokes that are shown at the input, in the middle and then at the rim, to learn places from."""

import datetime

from matcher.live import capture, hit_place, place_learning
from matcher.live.detector import Settings
from matcher.live.place_learning import CUT_S, FEWEST, Shown


class ShownPlaces:
    """The next hits: FEWEST in the middle, then FEWEST at the rim.

    Args:
        sample_rate: of the input, Hz.
        input_name: its name and channel.
    """

    def __init__(self, sample_rate: float, input_name: str):
        self._sample_rate, self._input_name = sample_rate, input_name
        self._pending: list[int] = []  # onsets of hits whose sound is not yet received
        self._strokes: list[bytes] = []

    @property
    def middle(self) -> int:
        """How many strokes in the middle have come."""
        return min(len(self._strokes), FEWEST)

    @property
    def rim(self) -> int:
        """How many strokes at the rim have come."""
        return len(self._strokes) - self.middle

    @property
    def is_complete(self) -> bool:
        """Whether all have come."""
        return self.rim == FEWEST

    def hit(self, onset: int) -> None:
        """A hit began at a frame of the input; those after the last one needed are left out."""
        if len(self._strokes) + len(self._pending) < 2 * FEWEST:
            self._pending.append(onset)

    def receive(self, record) -> bool:
        """Take the strokes whose sound was received; record: the input's CAPTURE.

        Returns:
            Whether there was one.
        """
        before, after = (round(s * self._sample_rate) for s in CUT_S)
        n = len(self._strokes)
        while self._pending and self._pending[0] + after <= record["time"]:
            onset = self._pending.pop(0)
            x = capture.received(record, onset - before, onset + after)
            self._strokes.append(place_learning.cut(x, before, self._sample_rate))
        return len(self._strokes) > n

    def learn(self, settings: Settings) -> tuple[Shown, float]:
        """The strokes, once all have come, and the share of their pairs that are told apart.

        settings: of the detector. Raises ValueError where they are too much alike.
        """
        strokes = tuple(self._strokes)
        today = datetime.date.today().isoformat()
        shown = Shown(
            self._sample_rate, strokes[:FEWEST], strokes[FEWEST:], self._input_name, today
        )
        readout = hit_place.prepare(self._sample_rate, settings)
        levels = place_learning.shown_levels(readout, shown, self._sample_rate)
        return shown, place_learning.learn(readout, *levels)
