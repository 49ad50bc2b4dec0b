"""Hits on their way from the input to the pads: a ring of stamped triggers, and when each is due.

The input's callback writes the ring, the output's reads it. Where both are one stream, a trigger is
stamped with its frame and sounds at that frame. Where they are two streams, whose clocks and rates
differ, it is stamped with the time at which its frame came in, by the monotonic clock, and sounds
a fixed time later: as long as the newest input may take to reach the output, so that neither drift
nor the size of the blocks makes one hit later than another.
"""

import numpy as np

from matcher.compiled import fence, native
from matcher.live.delay_locked_loop import follow

SIZE = 1024  # triggers that can wait: far more than a mask time lets through
# a hit began; it is louder than told so far; its velocity is known; it is none after all
BEGAN, GREW, ENDED, REJECTED = range(4)
FORGETS = 1 / 4096  # share of a block's length by which the longest block is forgotten each block
RISES, FALLS = 0.05, 1 / 4096  # share of the distance by which the delay follows what it should be
MOST_RISE = 0.015  # s a s, after the start: a machine that is late once changes next to nothing
SETTLED_NS = 5e9  # ns after which the start is over
IDLE_NS = 200_000_000.0  # ns: an input that is further behind has stopped

TRIGGER = np.dtype(
    [("time", np.int64), ("kind", np.int64), ("peak", np.float64)], align=True
)  # time: frame of the stream, or ns of the monotonic clock
TRIGGERS = (  # fields of the input's record
    ("triggers", TRIGGER, SIZE),
    ("triggers_in", np.int64),
    ("triggers_out", np.int64),
    ("until", np.float64),  # ns up to which the input was searched, where there are two streams
    ("longest_block", np.float64),  # ns, of the last blocks
)


@native
def put(capture, offset, kind, time, peak):
    """Write a trigger behind those that `publish` has not yet shown; offset: how many there are.

    Returns:
        False where the ring is full.
    """
    number = capture.triggers_in + offset
    if number - capture.triggers_out >= SIZE:
        return False
    row = capture.triggers[number % SIZE]
    row.time, row.kind, row.peak = time, kind, peak
    return True


@native
def publish(capture, n):
    """Show the output's callback n triggers that were put."""
    fence()
    capture.triggers_in += n


@native
def longest(before, frames, step):
    """The longest of the last blocks, ns; before: until this block of frames of `step` ns."""
    return max(frames * step, before * (1 - FORGETS))


@native
def begin_block(state, frames):
    """Where there are two streams: when a block of the output is due, and how late triggers sound.

    Args:
        state: record of callback.STATE, whose `called` is set.
        frames: of the block.
    """
    clock, capture = state.frames, state.capture
    state.block_at = follow(clock, state.frames_before, state.called)
    state.frames_before = frames
    state.longest_block = longest(state.longest_block, frames, clock.step)
    fence()  # `until` is read anew
    # what comes in from now on can sound in the next block at the earliest
    wanted = state.block_at + frames * clock.step - capture.until
    if wanted < IDLE_NS:
        rise = (RISES if wanted > state.delay else FALLS) * (wanted - state.delay)
        if clock.age > SETTLED_NS:
            rise = min(rise, MOST_RISE * frames * clock.step)
        state.delay += rise
    state.delay = max(state.delay, capture.longest_block + state.longest_block)


@native
def next_trigger(state, n):
    """The offset in a block of n frames at which the next trigger is due, and whether one is."""
    capture = state.capture
    if capture.triggers_out == capture.triggers_in:
        return n, False
    fence()
    time = capture.triggers[capture.triggers_out % SIZE].time
    offset = time - state.time
    if state.two_clocks:
        frames = (time + state.delay - state.block_at) / state.frames.step
        offset = np.int64(min(max(0.0, frames), float(n)) + 0.5)
    return min(max(0, offset), n), offset < n


@native
def take(capture):
    """Kind and peak of the trigger that is due, which is gone then."""
    row = capture.triggers[capture.triggers_out % SIZE]
    kind, peak = row.kind, row.peak
    fence()
    capture.triggers_out += 1
    return kind, peak
