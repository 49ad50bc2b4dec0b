"""MIDI in the audio callback: which message is due in a block, and what it does.

Two rings are read: JACK's, and that of all other ports (live.midi_ring). A message acts one block
after it came in, at its own frame, so that neither the size of the blocks nor the moment at which
it was polled is audible. Everything else of a message is Python's (live.midi_control).
"""

import time

import numpy as np

from matcher.compiled import carray, fence, intrinsic, memory_fence, native
from matcher.kits.kit import N_PADS
from matcher.live import frame_clock, midi_ring
from matcher.live.midi_ring import CHANNEL_PRESSURE, CONTROL, KEY_PRESSURE, NOTE_ON, SIZE

JACK, PORTS = range(2)  # rings
N_RINGS = 2
DETACH_S = 0.05  # s, longer than any block takes: a stream that stands still counts no blocks
POLL_S = 0.0005  # s between two looks at the count of blocks
N_PORTS = 32  # ports that are told apart
N_SOURCES = N_RINGS * N_PORTS * 16  # a source is a channel of a port
CHOKE_PRESSURE = 64  # of 127, from which pressing a pad chokes it: a hand on a cymbal sends 127
ALL_SOUND_OFF, RESET, ALL_NOTES_OFF = 120, 121, 123  # controllers of MIDI 1.0, table 3a
NOTHING, NOTE, CHOKE, SILENCE, AIM, RESET_AIM = range(6)  # what a message does

MIDI = np.dtype(
    [
        # settings
        ("rings", np.int64, N_RINGS),  # addresses of midi_ring.MESSAGES, or 0
        ("in_frames", np.int64),  # 1: JACK's ring counts in the frames of this stream
        ("cycle_of", np.int64),  # address of jack_last_frame_time
        ("pad_of", np.int64, 128),  # pad of each note, below 0 none
        ("channel", np.int64),  # the only one that counts, 0 to 15; below 0: all
        ("position_cc", np.int64),  # controller that says where a drum is struck, or below 0
        # where it stands
        ("read", np.int64, N_RINGS),  # messages read
        ("block", np.int64),  # frames of the longest block so far
        ("clock", frame_clock.FRAME_CLOCK),
        ("cycle", np.int64),  # JACK's frame at which its cycle began, and frames played since
        ("cycle_played", np.int64),
        # by source: where its next strike hits, 0 middle to 1 rim, below 0 not said; its last pad
        ("aim", np.float64, N_SOURCES),
        ("last_pad", np.int64, N_SOURCES),
        ("aimed_by", np.int64, N_PADS),  # the source that set a pad's position
    ],
    align=True,
)


def prepare(record, sample_rate: float) -> None:
    """Set a record of MIDI to no ring, no pad and no block yet; sample_rate: of the stream, Hz."""
    frame_clock.start(record["clock"], sample_rate)
    record["block"] = 0
    for name in ("pad_of", "channel", "position_cc", "aim", "last_pad", "aimed_by"):
        record[name] = -1


def attach(record, index: int, ring: midi_ring.Ring, in_frames: bool = False) -> None:
    """Let the audio callback act on the messages of a ring from the next block on.

    It begins with those that Python has not polled yet.

    Args:
        record: of callback.STATE; what its `midi` has as settings is set already.
        index: JACK or PORTS.
        ring: has to stay open until `detach`.
        in_frames: the ring is JACK's and the stream runs on JACK: time is counted in its frames.
    """
    midi = record["midi"]
    if index == JACK:
        midi["in_frames"], midi["cycle_of"] = in_frames, ring.clock_address
    midi["read"][index] = ring.position
    memory_fence()  # all of it is visible before the callback is told to use it
    midi["rings"][index] = ring.state.ctypes.data


def detach(record, index: int) -> None:
    """Have the audio callback leave a ring alone; returns once it does, after DETACH_S at most."""
    if record["midi"]["rings"][index] == 0:
        return
    record["midi"]["rings"][index] = 0
    memory_fence()  # a block that is counted later either ends now or does not read it
    blocks, end = int(record["blocks"]), time.monotonic() + DETACH_S
    while record["blocks"] == blocks and time.monotonic() < end:
        time.sleep(POLL_S)


@intrinsic
def _cycle_of(typing_context, function, client):
    """jack_last_frame_time, given by address, of a client: the frame at which this cycle began."""
    from llvmlite import ir
    from numba import types

    def emit(context, builder, signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [pointer]).as_pointer()
        function = builder.inttoptr(arguments[0], kind)
        return builder.call(function, [builder.inttoptr(arguments[1], pointer)])

    return types.uint32(types.int64, types.int64), emit


@native
def begin_block(midi, n):
    """Before a block of n frames: the addresses of the rings to read in it.

    midi: record of MIDI, here and below. Python may set an address to 0 at any time, so they are
    read once.
    """
    rings = (midi.rings[JACK], midi.rings[PORTS])
    midi.block = max(midi.block, n)
    if rings[JACK] != 0 and midi.in_frames != 0:  # PortAudio may call several times in one cycle
        messages = carray(midi_ring.messages_at(rings[JACK]), 1)[0]
        cycle = np.int64(_cycle_of(midi.cycle_of, messages.client))
        if cycle != midi.cycle:
            midi.cycle, midi.cycle_played = cycle, 0
    return rings


@native
def next_message(midi, rings, frame, n):
    """The ring whose next message is due first in n frames, and its offset; ring -1 where none is.

    frame: of the stream, the first of the n. Messages that do nothing are passed over.
    """
    first, ring = n, -1
    for index in range(N_RINGS):
        if rings[index] != 0:
            offset = _next_of(midi, rings[index], index, frame, n)
            if offset < first:
                first, ring = offset, index
    return ring, first


@native
def _next_of(midi, address, index, frame, n):
    """The offset at which the next message of one ring is due, n where none is."""
    messages = carray(midi_ring.messages_at(address), 1)[0]
    midi.read[index] = max(midi.read[index], messages.count - SIZE)
    while midi.read[index] != messages.count:
        fence()
        row = messages.rows[midi.read[index] % SIZE]
        if effect(midi, row, index)[0] != NOTHING:
            if index == JACK and midi.in_frames != 0:
                offset = _frames_until(midi, row.frame, max(messages.period, n))
            else:
                due = frame_clock.frame_at(midi.clock, row.ns + messages.slack_ns) + midi.block
                offset = due - frame
            return min(max(0, offset), n)
        midi.read[index] += 1
    return n


@native
def _frames_until(midi, frame, period):
    """Frames from here until a message that was sent at a frame of JACK's is due: a period later.

    So it makes no difference whether JACK called our MIDI before our audio.
    """
    since = (frame - (midi.cycle + midi.cycle_played)) & 0xFFFFFFFF  # JACK counts in 32 bits
    since -= (since >> 31) << 32
    return since + period


@native
def effect(midi, row, index):
    """What a message does, to which pad, and its source.

    row: record of midi_ring.MESSAGE. index: of its ring.
    """
    status, number, value = row.data[0], row.data[1] & 0x7F, row.data[2] & 0x7F
    kind, channel = status & 0xF0, np.int64(status & 0x0F)
    source = (index * N_PORTS + row.port % N_PORTS) * 16 + channel
    what, pad = NOTHING, np.int64(-1)
    if midi.channel >= 0 and channel != midi.channel:
        return what, pad, source
    if kind == CHANNEL_PRESSURE and row.length == 2:
        pad = midi.last_pad[source]
        what = CHOKE if pad >= 0 and number >= CHOKE_PRESSURE else NOTHING
    elif row.length != 3:
        return what, pad, source
    elif kind == NOTE_ON and value > 0:
        pad = midi.pad_of[number]
        what = NOTE if pad >= 0 else NOTHING
    elif kind == KEY_PRESSURE and value >= CHOKE_PRESSURE:
        pad = midi.pad_of[number]
        what = CHOKE if pad >= 0 else NOTHING
    elif kind == CONTROL and number == midi.position_cc:
        what = AIM
    elif kind == CONTROL and number in (ALL_SOUND_OFF, ALL_NOTES_OFF):
        what = SILENCE
    elif kind == CONTROL and number == RESET:
        what = RESET_AIM
    return what, pad, source


@native
def take(midi, rings, index):
    """Take the message that is due in a ring: what it does, its pad, number, value and source."""
    messages = carray(midi_ring.messages_at(rings[index]), 1)[0]
    row = messages.rows[midi.read[index] % SIZE]
    midi.read[index] += 1
    return follow(midi, row, index)


@native
def follow(midi, row, index):
    """Note what a message says of later strikes; returns what `take` does.

    row: record of midi_ring.MESSAGE. index: of its ring.
    """
    what, pad, source = effect(midi, row, index)  # anew: Python may have mapped notes meanwhile
    number, value = np.int64(row.data[1] & 0x7F), np.int64(row.data[2] & 0x7F)
    if what == AIM:
        midi.aim[source] = value / 127
    elif what == RESET_AIM:
        midi.aim[source] = -1
        for i in range(N_PADS):
            if midi.aimed_by[i] == source:
                midi.aimed_by[i] = -1
    elif what == NOTE:
        midi.last_pad[source] = pad
    return what, pad, number, value, source


@native
def aim(midi, pad, position, source):
    """Where a strike from a source hits a pad, 0 middle to 1 rim; below 0: the drum's own point.

    A position goes to the next strike of its source and stays with that pad, for strikes of that
    source alone. position: of the pad so far. source: below 0 for none.
    """
    if source >= 0 and midi.aim[source] >= 0:
        position, midi.aim[source], midi.aimed_by[pad] = midi.aim[source], -1.0, source
        return position
    return position if source >= 0 and midi.aimed_by[pad] == source else -1.0
