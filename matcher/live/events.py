"""What happened in an audio callback: a ring that the callback writes and Python reads."""

from typing import NamedTuple

import numpy as np

from matcher.compiled import fence, memory_fence, native

QUEUE = 1024  # events or commands that can wait: more than a second of the densest MIDI

HIT, IGNORED, STRUCK, REFUSED = range(4)

EVENT = np.dtype(
    [("time", np.int64), ("kind", np.int64), ("pad", np.int64), ("reason", np.int64),
     ("level", np.float64), ("tag", np.int64)],
    align=True,
)  # fmt: skip
EVENTS = (  # fields of a record that has such a ring
    ("events", EVENT, QUEUE),
    ("events_in", np.int64),
    ("events_out", np.int64),
    ("dropped", np.int64),  # events lost because the ring was full
)


class Event(NamedTuple):
    """What happened in the callback."""

    time: int  # frame of the hit's onset or of the strike, counted from its stream's start
    kind: int  # HIT, IGNORED, STRUCK or REFUSED
    pad: int
    # index in detector.REASONS, where it was IGNORED; of a HIT, that it is a drum's, %
    reason: int
    level: float  # peak of a hit, force of a strike
    tag: int  # that of the command; of a HIT its place, as hit_place.estimate gives it


@native
def tell(record, time, kind, pad, reason, level, tag):
    """Append an event to the ring of a record, called from its callback."""
    if record.events_in - record.events_out >= QUEUE:
        record.dropped += 1
        return
    event = record.events[record.events_in % QUEUE]
    event.time, event.kind, event.pad, event.reason = time, kind, pad, reason
    event.level, event.tag = level, tag
    fence()
    record.events_in += 1


def receive(record) -> list[Event]:
    """What has happened since the last call, called from Python; record: with the EVENTS fields."""
    first, last = int(record["events_out"]), int(record["events_in"])
    memory_fence()
    rows = record["events"][np.arange(first, last) % QUEUE]  # a copy
    memory_fence()
    record["events_out"] = last
    return [Event(*row) for row in rows.tolist()]
