"""The native audio callback: PortAudio's C callback in Numba, and the memory it shares with Python.

Nothing here waits for the interpreter. What Python wants goes in through one ring of COMMANDs, what
happened comes out through another of EVENTs; each has one writer and one reader, and an index is
published behind a fence. The heard signal is kept in a ring that Python copies clips from.
"""

import ctypes
import sys
from functools import cache
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, from_dtype, types
from numba.extending import intrinsic

from matcher.compiled import fence, native
from matcher.live import detector, jack_midi, voices

HEARD = 2**20  # samples that stay in the ring: 22 s at 48 kHz, 5.5 s at 192 kHz
QUEUE = 1024  # commands or events that can wait
AUDITIONED = 2**20  # samples of a recording that is played, at most
MARKS = 64  # hits and ends of hits in one block
LONGEST_BLOCK = voices.BLOCK
KNEE = 0.8  # above it the limiter bends
OWN_RELEASE_S = 0.1  # how long our own sound may take through the room
GROW_S = 0.0005  # ramps of a velocity that grows
LOUDEST_IN = 8.0  # what is above is no sound

STRIKE, PROGRAM, SILENCE, AUDITION, POSITION = range(5)  # commands
HIT, IGNORED, STRUCK, REFUSED = range(4)  # events

COMMAND = np.dtype(
    [("time", np.int64), ("kind", np.int64), ("pad", np.int64), ("slot", np.int64),
     ("amount", np.float64), ("tag", np.int64)],
    align=True,
)  # fmt: skip
EVENT = np.dtype(
    [("time", np.int64), ("kind", np.int64), ("pad", np.int64), ("reason", np.int64),
     ("level", np.float64), ("tag", np.int64)],
    align=True,
)  # fmt: skip
STATE = np.dtype(
    [
        ("pool", voices.POOL),
        ("detector", detector.DETECTOR),
        ("heard", np.float32, HEARD),
        ("commands", COMMAND, QUEUE),
        ("events", EVENT, QUEUE),
        *((name, np.int64) for name in ("commands_in", "commands_out", "events_in", "events_out")),
        # settings
        *((name, np.int64) for name in ("channels_in", "channels_out", "input_channel")),
        ("input_gain", np.float64),
        ("output_gain", np.float64),
        ("listening", np.int64),  # 1: hits are looked for
        ("armed", np.int64),  # the pad that a hit plays, below 0 none
        ("auditions", np.float32, (2, AUDITIONED)),  # recordings to play: one while one is written
        ("audition_at", np.int64, 2),  # where each stands,
        ("audition_end", np.int64, 2),  # and ends
        ("pad_of", np.int64, 128),  # of each MIDI note, below 0 none
        ("position_cc", np.int64),  # MIDI controller that says where a drum is struck, or below 0
        ("midi", np.int64),  # address of jack_midi.MESSAGES whose notes are played here, or 0
        ("cycle_of", np.int64),  # address of jack_last_frame_time
        # where it stands
        ("position", np.float64),  # where the next strike hits, 0 middle to 1 rim; below 0 unsaid
        ("time", np.int64),  # frames since the stream started
        ("midi_read", np.int64),  # messages
        ("cycle", np.int64),  # JACK's frame at which its cycle began, and frames played since
        ("cycle_played", np.int64),
        ("growing", np.int64),  # voice of a hit whose velocity is not known yet, below 0 none
        ("own", np.float64),  # power of what we play, as long as the room may hold it
        ("left", np.float32, LONGEST_BLOCK),
        ("right", np.float32, LONGEST_BLOCK),
        ("marks", np.int64, (MARKS, 2)),
        # counters
        *(
            (name, np.int64)
            for name in ("blocks", "underflows", "overflows", "dropped", "bad_samples", "limited")
        ),
        *((name, np.int64) for name in ("busy_ns", "worst_ns")),
        ("clock", np.int64, 2),
        ("input_peak", np.float64),  # since Python last set it to 0
        ("output_peak", np.float64),
    ],
    align=True,
)
INPUT_UNDERFLOW, INPUT_OVERFLOW, OUTPUT_UNDERFLOW, OUTPUT_OVERFLOW = 1, 2, 4, 8  # of PortAudio


class Event(NamedTuple):
    """What happened in the callback."""

    time: int  # frames since the stream started: of the hit's onset, of the strike
    kind: int  # HIT, IGNORED, STRUCK or REFUSED
    pad: int
    reason: int  # of IGNORED, index in detector.REASONS
    level: float  # peak of a hit, amount of a strike
    tag: int  # of the command


@intrinsic
def _cycle_of(typing_context, function, client):
    """jack_last_frame_time, given by address, of a client: the frame at which this cycle began."""

    def emit(context, builder, signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [pointer]).as_pointer()
        function = builder.inttoptr(arguments[0], kind)
        return builder.call(function, [builder.inttoptr(arguments[1], pointer)])

    return types.uint32(types.int64, types.int64), emit


def make_state(sample_rate: float, channels_in: int, channels_out: int, settings=None):
    """All that the callback needs, (1,) STATE."""
    state = np.zeros(1, STATE)
    record = state[0]
    record["pool"] = voices.make_pool(sample_rate)[0]
    detector.configure(record["detector"], settings or detector.Settings(), sample_rate)
    record["channels_in"], record["channels_out"] = channels_in, channels_out
    record["input_channel"] = record["armed"] = record["growing"] = record["pad_of"] = -1
    record["position_cc"] = record["position"] = -1
    record["input_gain"] = record["output_gain"] = 1
    return state


@native
def send(state, time, kind, pad, slot, amount, tag):
    """From Python: have something done at a frame (at once where it is past); False if full."""
    if state.commands_in - state.commands_out >= QUEUE:
        return False
    command = state.commands[state.commands_in % QUEUE]
    command.time, command.kind, command.pad, command.slot = time, kind, pad, slot
    command.amount, command.tag = amount, tag
    fence()
    state.commands_in += 1
    return True


def receive(record) -> list[Event]:
    """From Python: what has happened since the last call."""
    first, last = int(record["events_out"]), int(record["events_in"])
    _fence()
    rows = record["events"][np.arange(first, last) % QUEUE]  # a copy
    _fence()
    record["events_out"] = last
    return [Event(*row) for row in rows.tolist()]


@native
def _fence():
    fence()


@native
def process(state, x, out):
    """One block: x (frames, channels_in), out (frames, channels_out), both interleaved float32."""
    if state.midi != 0:
        _follow_cycle(state)
    start = 0
    while start < out.shape[0]:
        stop = min(start + LONGEST_BLOCK, out.shape[0])
        _process(state, x[start:stop], out[start:stop])
        start = stop
    state.blocks += 1


@native
def _process(state, x, out):
    n = out.shape[0]
    left, right = state.left[:n], state.right[:n]
    for t in range(n):
        left[t] = right[t] = 0
    n_marks = _listen(state, x) if state.channels_in > 0 else 0
    at, mark = 0, 0
    while True:
        due, offset = _next_command(state, n)
        played, strikes = _next_note(state, n)
        hit = state.marks[mark, 0] if mark < n_marks else n
        until = min(hit, offset, played)
        if until > at:
            voices.render(state.pool, left[at:until], right[at:until])
            at = until
        if due and offset == until:
            _obey(state, offset)
        elif strikes and played == until:
            _play_note(state, played)
        elif mark < n_marks:
            _grow(state, state.marks[mark, 1], hit)
            mark += 1
        else:
            break
    if state.growing >= 0:
        voices.grow_strike(
            state.pool, state.growing, _hit_gain(state, state.detector.peak), _ramp(state)
        )
    _audition(state, left, right)
    _put_out(state, left, right, out)
    state.time += n
    state.cycle_played += n


@native
def _listen(state, x):
    """Keep what is heard and look for hits; marks (offset, kind of detector.feed)."""
    n_marks, channel, gain = 0, state.input_channel, state.input_gain
    d = state.detector
    d.time = state.time  # it does not count while nobody listens
    peak = state.input_peak
    for t in range(x.shape[0]):
        value = 0.0
        if channel >= 0:
            value = float(x[t, channel])
        else:
            for c in range(x.shape[1]):
                value += x[t, c]
            value /= x.shape[1]
        value *= gain
        if not (abs(value) <= LOUDEST_IN):  # NaN as well
            state.bad_samples += 1
            value = 0.0
        peak = max(peak, abs(value))
        state.heard[(state.time + t) % HEARD] = value
        if state.listening == 0:
            continue
        kind = detector.feed(d, value, state.own)
        if kind == detector.IGNORED:
            _tell(state, d.onset, IGNORED, -1, d.reason, d.peak, 0)
        elif kind != detector.NOTHING and n_marks < MARKS:
            state.marks[n_marks, 0], state.marks[n_marks, 1] = t, kind
            n_marks += 1
            if kind == detector.ENDED:
                _tell(state, d.onset, HIT, state.armed, 0, d.peak, 0)
    state.input_peak = peak
    return n_marks


@native
def _grow(state, kind, offset):
    """Begin or end the strike that a hit triggers."""
    gain = _hit_gain(state, state.detector.peak)
    if kind == detector.BEGAN and state.armed >= 0:
        state.growing = voices.begin_strike(state.pool, state.armed, gain)
        if state.growing >= 0:
            _tell(state, state.time + offset, STRUCK, state.armed, 0, gain, -1)
    elif kind == detector.ENDED and state.growing >= 0:
        voices.end_strike(state.pool, state.growing, gain, _ramp(state))
        state.growing = -1


@native
def _hit_gain(state, peak):
    """A hit's peak -> amount, by the velocity curve of the armed pad."""
    if state.armed < 0:
        return 0.0
    return voices.velocity_to_gain(state.pool.pads[state.armed].curve, peak)


@native
def _ramp(state):
    return max(1, int(GROW_S * state.pool.sample_rate))


@native
def _next_command(state, n):
    """Whether a command is due in this block, and at which offset."""
    if state.commands_out == state.commands_in:
        return False, n
    fence()
    offset = state.commands[state.commands_out % QUEUE].time - state.time
    return offset < n, min(max(0, offset), n)


@native
def _follow_cycle(state):
    """Count the frames since JACK's cycle began; PortAudio may call several times in one."""
    messages = carray(jack_midi.messages_at(state.midi), 1)[0]
    cycle = np.int64(_cycle_of(state.cycle_of, messages.client))
    if cycle != state.cycle:
        state.cycle, state.cycle_played = cycle, 0


@native
def _next_note(state, n):
    """The offset at which the next note is due, n where none is in this block; whether one is."""
    if state.midi == 0:
        return n, False
    messages = carray(jack_midi.messages_at(state.midi), 1)[0]
    state.midi_read = max(state.midi_read, messages.count - jack_midi.SIZE)
    while state.midi_read != messages.count:
        fence()
        row = messages.rows[state.midi_read % jack_midi.SIZE]
        pad = np.int64(-1)
        if row.length == 3 and row.data[0] & 0xF0 == 0x90 and row.data[2] > 0:
            pad = state.pad_of[row.data[1] & 0x7F]
        if pad >= 0:
            now = state.cycle + state.cycle_played
            since = (row.frame - now) & 0xFFFFFFFF  # JACK counts in 32 bits
            since -= (since >> 31) << 32
            # a period later: whether JACK called our MIDI before our audio makes no difference
            offset = since + max(messages.period, n)
            return min(max(0, offset), n), offset < n
        if row.length == 3 and row.data[0] & 0xF0 == 0xB0 and row.data[1] == state.position_cc:
            state.position = row.data[2] / 127
        state.midi_read += 1
    return n, False


@native
def _play_note(state, offset):
    """Strike the pad of the note that is due."""
    messages = carray(jack_midi.messages_at(state.midi), 1)[0]
    row = messages.rows[state.midi_read % jack_midi.SIZE]
    note, velocity = np.int64(row.data[1]), np.int64(row.data[2] & 0x7F)
    _strike(state, state.pad_of[note & 0x7F], velocity / 127, offset, note_tag(note, velocity))
    state.midi_read += 1


@native
def note_tag(note, velocity):
    """The tag of what a note did that the callback played by itself: below -1."""
    return -2 - (note * 128 + velocity)


def note_of(tag: int) -> tuple[int, int]:
    """Note and velocity of a tag below -1."""
    return divmod(-2 - tag, 128)


@native
def _obey(state, offset):
    command = state.commands[state.commands_out % QUEUE]
    pad, pool = command.pad, state.pool
    if command.kind == STRIKE:
        _strike(state, pad, command.amount, offset, command.tag)
    elif command.kind == POSITION:
        state.position = command.amount
    elif command.kind == PROGRAM:
        voices.set_program(pool, pad, command.slot)
    elif command.kind == SILENCE:
        voices.silence(pool, _fade_samples(state))
        _end_auditions(state)
    elif command.kind == AUDITION:
        _end_auditions(state)
        state.audition_at[command.slot] = 0
        state.audition_end[command.slot] = int(command.amount)
    fence()
    state.commands_out += 1


@native
def _strike(state, pad, velocity, offset, tag):
    if state.position >= 0:
        state.pool.pads[pad].position, state.position = state.position, -1.0
    gain = voices.velocity_to_gain(state.pool.pads[pad].curve, velocity)
    struck = gain > 0 and voices.strike(state.pool, pad, gain)
    _tell(state, state.time + offset, STRUCK if struck else REFUSED, pad, 0, gain, tag)


@native
def _fade_samples(state):
    return max(1, int(voices.STEAL_S * state.pool.sample_rate))


@native
def _end_auditions(state):
    for slot in range(2):
        soon = state.audition_at[slot] + _fade_samples(state)
        state.audition_end[slot] = min(state.audition_end[slot], soon)


@native
def _audition(state, left, right):
    """Add the recordings that are played; each fades out as it ends."""
    fade = _fade_samples(state)
    for slot in range(2):
        at, end = state.audition_at[slot], state.audition_end[slot]
        n = min(left.shape[0], end - at)
        for t in range(n):
            share = min(1.0, (end - at - t) / fade) * np.sqrt(0.5)
            x = np.float32(share) * state.auditions[slot, at + t]
            left[t] += x
            right[t] += x
        state.audition_at[slot] = at + max(0, n)


@native
def _tell(state, time, kind, pad, reason, level, tag):
    if state.events_in - state.events_out >= QUEUE:
        state.dropped += 1
        return
    event = state.events[state.events_in % QUEUE]
    event.time, event.kind, event.pad, event.reason = time, kind, pad, reason
    event.level, event.tag = level, tag
    fence()
    state.events_in += 1


@native
def _put_out(state, left, right, out):
    """Limit and write what is played; the mono sum of a pad in the middle has its full level."""
    gain, peak = state.output_gain, 0.0
    for t in range(left.shape[0]):
        if out.shape[1] == 1:
            out[t, 0] = _limit(gain * (left[t] + right[t]) * np.sqrt(0.5), state)
            peak = max(peak, abs(out[t, 0]))
            continue
        out[t, 0], out[t, 1] = _limit(gain * left[t], state), _limit(gain * right[t], state)
        peak = max(peak, abs(out[t, 0]), abs(out[t, 1]))
        for c in range(2, out.shape[1]):
            out[t, c] = 0
    state.output_peak = max(state.output_peak, peak)
    n = left.shape[0]
    release = np.exp(-2 * n / (OWN_RELEASE_S * state.pool.sample_rate))
    state.own = max(state.own * release, peak * peak / 2)


@native
def _limit(x, state):
    """As it is up to KNEE, then bent to stay below 1; what is no number is silence."""
    size = abs(x)
    if size <= KNEE:
        return x
    if not (size < np.inf):
        state.bad_samples += 1
        return 0.0
    state.limited += 1
    bent = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    return bent if x > 0 else -bent


@cache
def make_callback():
    """PortAudio's callback, compiled once: `address` is the C function, user data one STATE."""
    clock = _clock()
    c_long = types.uint64 if ctypes.sizeof(ctypes.c_ulong) == 8 else types.uint32
    floats = types.CPointer(types.float32)
    state_type = types.CPointer(from_dtype(STATE))

    @cfunc(types.int32(floats, floats, c_long, types.voidptr, c_long, state_type))
    def callback(inputs, outputs, n, time_info, flags, data):
        state = carray(data, 1)[0]
        clock(state.clock.ctypes, 1)
        began = state.clock[0] * 1_000_000_000 + state.clock[1]
        state.underflows += (flags & (INPUT_UNDERFLOW | OUTPUT_UNDERFLOW)) != 0
        state.overflows += (flags & (INPUT_OVERFLOW | OUTPUT_OVERFLOW)) != 0
        x = carray(inputs, (np.int64(n), state.channels_in))
        out = carray(outputs, (np.int64(n), state.channels_out))
        process(state, x, out)
        clock(state.clock.ctypes, 1)
        took = state.clock[0] * 1_000_000_000 + state.clock[1] - began
        state.busy_ns += took
        state.worst_ns = max(state.worst_ns, took)
        return 0

    return callback


def _clock():
    """C11's timespec_get(pointer to seconds and nanoseconds, 1)."""
    windows = sys.platform == "win32"
    function = (
        ctypes.CDLL("ucrtbase")._timespec64_get if windows else ctypes.CDLL(None).timespec_get
    )
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_int], ctypes.c_int
    return function
