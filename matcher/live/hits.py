"""Hits in match mode: each is followed while it rings and submitted in ever longer parts."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from matcher.live import capture
from matcher.live.worker import Job
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.hear import Clip
from matcher.matching.match import SHORTEST
from matcher.physics.drum import Drum

# s: lengths of a hit's parts, each of which is matched anew; the last is the analysed window
PARTS_S = (0.1, 0.35, 1.0, N_SAMPLES / SAMPLE_RATE)
SPARE_S = 0.002  # s: received after a part, for the filter of the resampler


@dataclass
class PendingHit:
    """A hit that is not yet received as a whole."""

    number: int
    pad: int
    revision: int  # of the state when the hit began
    onset: int  # frame
    on_pad: Drum | None  # what was on the pad when it began
    part: int = 0  # index in PARTS_S of the next part
    end: int | None = None  # frame of the next onset, where the hit ends


class Hits:
    """The hits that are being received.

    Args:
        submit: called with a Job for each part of a hit, once it is received.
        first: number of the first hit.
    """

    def __init__(self, submit: Callable[[Job], None], first: int = 1):
        self._submit, self._next = submit, first
        self._pending: list[PendingHit] = []

    def begin(self, pad: int, onset: int, revision: int, on_pad: Drum | None = None) -> None:
        """Start a hit at its onset, a frame, on a pad with this drum; hits that ring end there."""
        self.end(onset)
        self._pending.append(PendingHit(self._next, pad, revision, onset, on_pad))
        self._next += 1

    def end(self, frame: int) -> None:
        """End the hits that still ring at a frame."""
        for hit in self._pending:
            hit.end = hit.end or frame

    def clear(self) -> None:
        """Forget all hits: the stream was replaced."""
        self._pending.clear()

    def hand_over(self, record, sample_rate: float) -> None:
        """Submit each hit whose next part was received.

        Args:
            record: the input's CAPTURE.
            sample_rate: of its stream, Hz.
        """
        now = int(record["time"])
        for hit in list(self._pending):
            last = hit.onset + round(PARTS_S[hit.part] * sample_rate)
            spare = last + round(SPARE_S * sample_rate)
            stop = spare if hit.end is None else min(spare, hit.end)
            if now < stop:
                continue
            ended = hit.end is not None and hit.end <= last  # by another hit
            final = ended or hit.part == len(PARTS_S) - 1
            if stop - hit.onset >= SHORTEST * sample_rate:
                samples = capture.received(record, hit.onset, stop)
                observed_s = (min(stop, last) - hit.onset) / sample_rate
                received_at = time.monotonic() - (now - min(stop, last)) / sample_rate
                part = "full" if final else f"{round(1e3 * PARTS_S[hit.part])} ms"
                clip = Clip(samples, sample_rate, observed_s, ended or not final)
                job = Job(hit.number, hit.pad, hit.revision, part, clip, received_at, hit.on_pad)
                self._submit(job)
            hit.part += 1
            if final:
                self._pending.remove(hit)
