"""Which frame of a stream is due at which time, from the times at which its blocks were asked for.

A driver asks for a block late, never early, and may ask for several at once. So the earliest of
the last blocks says where the stream's frames lie in time: what comes late moves nothing. That
places MIDI, whose stamps are exact; delay_locked_loop gives the mean, between two uneven streams.
"""

import numpy as np

from matcher.compiled import native

WINDOW_NS = 250_000_000  # ns: two windows are looked back; 100 ppm of drift are 0.05 ms then

FRAME_CLOCK = np.dtype(
    [
        ("sample_rate", np.float64),  # Hz
        ("ends", np.int64),  # ns at which the present window ends; 0: no block has come yet
        ("present", np.int64),  # ns of the stream's frame 0, the earliest of the present window
        ("past", np.int64),  # and of the window before
    ],
    align=True,
)


def start(clock, sample_rate: float) -> None:
    """Begin to follow a stream; clock: record of FRAME_CLOCK; sample_rate: Hz."""
    clock["sample_rate"] = sample_rate
    clock["ends"] = 0


@native
def follow(clock, frame, ns, jumped):
    """Take note that a block was asked for.

    Args:
        clock: record of FRAME_CLOCK.
        frame: the block's first one, since the stream began.
        ns: when it was asked for, by live.clock.
        jumped: whether frames were lost, after which those that follow are later than before.
    """
    zero = ns - np.int64(frame * (1e9 / clock.sample_rate))
    if jumped or clock.ends == 0:
        clock.past = clock.present = zero
        clock.ends = ns + WINDOW_NS
    elif ns >= clock.ends:
        clock.past, clock.present = clock.present, zero
        clock.ends = ns + WINDOW_NS
    else:
        clock.present = min(clock.present, zero)


@native
def frame_at(clock, ns):
    """The frame that is due at a time, ns of live.clock."""
    return np.int64(np.round((ns - min(clock.past, clock.present)) * 1e-9 * clock.sample_rate))


@native
def ns_of(clock, frame):
    """The time at which a frame is due, ns of live.clock."""
    return min(clock.past, clock.present) + np.int64(frame * (1e9 / clock.sample_rate))
