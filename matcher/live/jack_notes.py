"""JACK's notes in the audio callback: attaching it to a ring of messages, and which note is due.

Each message is played once, by the callback or by Python: on attaching, the callback goes on at the
message up to which Python has polled; on detaching, Python goes on with the notes that the callback
has not played.
"""

import time

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from matcher.compiled import fence, memory_fence, native
from matcher.live import jack_midi

DETACH_S = 0.05  # s, longer than any block takes: a stream that stands still counts no blocks
POLL_S = 0.0005  # s between two looks at the count of blocks


def attach_midi(record, source: jack_midi.Inbox) -> None:
    """Let the audio callback play the notes of a source from the next block on.

    What Python has polled until now it has to play itself; of what it polls later, the notes that
    have a pad are the callback's.

    Args:
        record: of callback.STATE; its pad_of is set already.
        source: a jack_midi.Source, which has to stay open until `detach_midi`.
    """
    record["cycle_of"] = source.clock_address
    record["midi_read"] = source.position
    memory_fence()  # all of it is visible before the callback is told to use it
    record["midi"] = source.state.ctypes.data


def detach_midi(record, source: jack_midi.Inbox | None = None) -> None:
    """Have the audio callback leave the messages alone; returns once it does.

    Waits for the end of the block that may be reading them, at most DETACH_S. Notes that were
    received but not played yet come with the next poll of the source.

    Args:
        record: of callback.STATE.
        source: to poll from now on; None: it is about to be closed.
    """
    if record["midi"] == 0:
        return
    record["midi"] = 0
    memory_fence()  # a block that is counted later either ends now or does not read them
    blocks, end = int(record["blocks"]), time.monotonic() + DETACH_S
    while record["blocks"] == blocks and time.monotonic() < end:
        time.sleep(POLL_S)
    if source is not None:
        source.take_notes_from(int(record["midi_read"]))


@intrinsic
def _cycle_of(typing_context, function, client):
    """jack_last_frame_time, given by address, of a client: the frame at which this cycle began."""

    def emit(context, builder, signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [pointer]).as_pointer()
        function = builder.inttoptr(arguments[0], kind)
        return builder.call(function, [builder.inttoptr(arguments[1], pointer)])

    return types.uint32(types.int64, types.int64), emit


@native
def follow_cycle(state, midi):
    """Count the frames since JACK's cycle began; PortAudio may call several times in one.

    midi: address of jack_midi.MESSAGES, here and below.
    """
    messages = carray(jack_midi.messages_at(midi), 1)[0]
    cycle = np.int64(_cycle_of(state.cycle_of, messages.client))
    if cycle != state.cycle:
        state.cycle, state.cycle_played = cycle, 0


@native
def next_note(state, midi, n):
    """The offset in a block of n frames at which the next note is due, and whether one is."""
    if midi == 0:
        return n, False
    messages = carray(jack_midi.messages_at(midi), 1)[0]
    state.midi_read = max(state.midi_read, messages.count - jack_midi.SIZE)
    while state.midi_read != messages.count:
        fence()
        row = messages.rows[state.midi_read % jack_midi.SIZE]
        pad = np.int64(-1)
        if row.length == 3 and row.data[0] & 0xF0 == 0x90 and row.data[2] > 0:
            pad = state.pad_of[row.data[1] & 0x7F]
        if pad >= 0:
            offset = _frames_until(state, row.frame, max(messages.period, n))
            return min(max(0, offset), n), offset < n
        if row.length == 3 and row.data[0] & 0xF0 == 0xB0 and row.data[1] == state.position_cc:
            state.position = row.data[2] / 127
        state.midi_read += 1
    return n, False


@native
def _frames_until(state, frame, period):
    """Frames from here until a message that was sent at a frame of JACK's is due: a period later.

    So it makes no difference whether JACK called our MIDI before our audio.
    """
    since = (frame - (state.cycle + state.cycle_played)) & 0xFFFFFFFF  # JACK counts in 32 bits
    since -= (since >> 31) << 32
    return since + period


@native
def take_note(state, midi):
    """Note and velocity of the message that is due, which counts as played now."""
    messages = carray(jack_midi.messages_at(midi), 1)[0]
    row = messages.rows[state.midi_read % jack_midi.SIZE]
    state.midi_read += 1
    return np.int64(row.data[1] & 0x7F), np.int64(row.data[2] & 0x7F)
