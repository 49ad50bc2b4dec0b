"""The native audio callbacks, PortAudio's in Numba, and the memory that they share with Python.

Nothing here waits for the interpreter. What Python wants comes in through a ring of COMMANDs, what
happened goes out through rings of EVENTs; each has one writer and one reader, and an index is
published behind a sequentially consistent fence.

Where input and output are one device, one callback does both. Where they are two, each has its own,
which touches its own part of STATE; only triggers cross (matcher.live.triggers).
"""

from functools import cache

import numpy as np

from matcher.compiled import c_function, carray, fence, native
from matcher.live import (
    capture,
    clock,
    detector,
    events,
    frame_clock,
    hit_notes,
    midi_notes,
    output,
    triggers,
    voices,
)
from matcher.live.clock import make_clock, make_thread_number, system_functions
from matcher.live.delay_locked_loop import LOOP, start
from matcher.live.denormals import BITS, control, set_control
from matcher.live.events import EVENTS, QUEUE, REFUSED, STRUCK, Event, tell

AUDITIONED = 2**20  # samples of a recording that is played, at most
LONGEST_BLOCK = voices.BLOCK  # frames
GROW_S = 0.0005  # s of the ramp to a velocity that has grown: no click, and no delay

STRIKE, PROGRAM, SILENCE, AUDITION = range(4)  # commands

COMMAND = np.dtype(
    [("time", np.int64), ("kind", np.int64), ("pad", np.int64), ("slot", np.int64),
     ("amount", np.float64), ("tag", np.int64)],
    align=True,
)  # fmt: skip
STATE = np.dtype(
    [
        ("pool", voices.POOL),
        ("capture", capture.CAPTURE),
        ("commands", COMMAND, QUEUE),
        ("commands_in", np.int64),
        ("commands_out", np.int64),
        *EVENTS,
        # settings
        ("two_clocks", np.int64),  # 1: the input has a stream of its own
        ("channels_out", np.int64),
        ("output_channel", np.int64),  # the left one of the two that are played to
        ("output_gain", np.float64),
        ("armed", np.int64),  # the pad that a hit plays, below 0 none
        ("auditions", np.float32, (2, AUDITIONED)),  # recordings to play: one while one is written
        ("audition_at", np.int64, 2),  # sample of each that comes next
        ("audition_end", np.int64, 2),  # and after which it ends
        ("midi", midi_notes.MIDI),
        # where it stands
        ("time", np.int64),  # frames since the stream started
        ("growing", np.int64),  # voice of a hit whose velocity is not known yet, below 0 none
        ("left", np.float32, LONGEST_BLOCK),
        ("right", np.float32, LONGEST_BLOCK),
        # where there are two clocks, in ns of the monotonic one
        ("called", np.int64),  # when the callback was called
        ("frames", LOOP),
        ("frames_before", np.int64),  # of the block before
        ("block_at", np.float64),  # when the next frame is due
        ("longest_block", np.float64),  # of the last blocks
        ("delay", np.float64),  # from the input of a hit to its sound, without the devices' own
        # counters
        *(
            (name, np.int64)
            for name in ("blocks", "underflows", "overflows", "bad_samples", "limited")
        ),
        ("busy_ns", np.int64),  # spent in the callback
        ("worst_ns", np.int64),  # in its longest call since Python last set it to 0
        ("clock", np.int64, 2),  # memory that the clock works in
        ("thread", np.int64),  # the system's number of the thread that calls it, 0: unknown
        ("output_peak", np.float64),  # since Python last set it to 0
    ],
    align=True,
)
INPUT_UNDERFLOW, INPUT_OVERFLOW, OUTPUT_UNDERFLOW, OUTPUT_OVERFLOW = 1, 2, 4, 8  # of PortAudio


def make_state(sample_rate: float, channels_in: int, channels_out: int, settings=None):
    """All that the callbacks need.

    Args:
        sample_rate: Hz.
        channels_in, channels_out: of the stream; 0 inputs for one that only plays.
        settings: detector.Settings; None: the default ones.

    Returns:
        (1,) STATE, in which nothing sounds. It is that of one stream: where the input gets one of
        its own, capture.prepare and `two_clocks` say so.
    """
    state = np.zeros(1, STATE)
    record = state[0]
    record["pool"] = voices.make_pool(sample_rate)[0]
    capture.prepare(record["capture"], sample_rate, channels_in, settings or detector.Settings())
    record["channels_out"] = channels_out
    record["armed"] = record["growing"] = -1
    midi_notes.prepare(record["midi"], sample_rate)
    record["output_gain"] = 1
    start(record["frames"], sample_rate)
    return state


@native
def send(state, time, kind, pad, slot, amount, tag):
    """Have something done by the callback, called from Python; one thread at a time.

    Args:
        state: record of STATE.
        time: frame at which it is due; at once where that is past.
        kind: STRIKE, PROGRAM, SILENCE or AUDITION.
        pad, slot: pad; index in programs or in auditions.
        amount: velocity or number of samples, as the kind has it.
        tag: comes back with the event; 0 or more.

    Returns:
        False where the ring is full and the command was not taken.
    """
    if state.commands_in - state.commands_out >= QUEUE:
        return False
    command = state.commands[state.commands_in % QUEUE]
    command.time, command.kind, command.pad, command.slot = time, kind, pad, slot
    command.amount, command.tag = amount, tag
    fence()
    state.commands_in += 1
    return True


def receive(record) -> list[Event]:
    """From Python: what has happened since the last call at the input, then at the output.

    Frames of HIT and IGNORED are those of the input, frames of STRUCK and REFUSED of the output.
    """
    return events.receive(record["capture"]) + events.receive(record)


@native
def process(state, x, out):
    """One block of the output, of any length, and of the input where they are one stream.

    Args:
        state: record of STATE; where there are two clocks, `called` is set.
        x: (frames, channels) float32, the input; of no channels where it has another stream.
        out: (frames, channels_out) float32, which is written.
    """
    fence()  # the block before is counted before this one reads the rings: `detach` relies on it
    rings = midi_notes.begin_block(state.midi, out.shape[0])
    if state.two_clocks:
        triggers.begin_block(state, out.shape[0])
    begin = 0
    while begin < out.shape[0]:
        end = min(begin + LONGEST_BLOCK, out.shape[0])
        if x.shape[1] > 0:
            _stamp_input(state, rings)
            capture.take(state.capture, x[begin:end], float(state.time), 1.0)
        _play(state, rings, out[begin:end])
        begin = end
    fence()
    state.blocks += 1


@native
def _stamp_input(state, rings):
    """Say when the hits of the next frames of the input may leave, in one stream with the output.

    That is when these frames of the output are due: their input came in one block before.
    """
    sent, midi = state.capture.sent, state.midi
    sent.ns, sent.step = frame_clock.ns_of(midi.clock, state.time), 1e9 / midi.clock.sample_rate
    on_jack = rings[midi_notes.JACK] != 0 and midi.in_frames != 0
    sent.frame = midi.cycle + midi.cycle_played if on_jack else hit_notes.NO_FRAME


@native
def _play(state, rings, out):
    n = out.shape[0]
    left, right = state.left[:n], state.right[:n]
    for t in range(n):
        left[t] = right[t] = 0
    at = 0
    while True:
        due, offset = _next_command(state, n)
        ring, played = midi_notes.next_message(state.midi, rings, state.time, n)
        hit, triggered = triggers.next_trigger(state, n)
        until = max(at, min(hit, offset, played))
        if until > at:
            voices.render(state.pool, left[at:until], right[at:until])
            at = until
        if due and offset <= until:
            _obey(state, until)
        elif ring >= 0 and played <= until:
            _follow_midi(state, rings, ring, until)
        elif triggered:
            _follow_hit(state, until)
        else:
            break
    output.add_auditions(state, left, right)
    output.write_output(state, left, right, out)
    state.time += n
    state.block_at += n * state.frames.step
    state.midi.cycle_played += n


@native
def _follow_hit(state, offset):
    """Begin, raise, end or drop the strike that a hit triggers."""
    kind, peak = triggers.take(state.capture)
    gain = _hit_gain(state, peak)
    if kind == triggers.BEGAN:
        state.growing = -1
        if state.armed >= 0:
            state.pool.pads[state.armed].position = -1  # a hit says nothing of where it hit
            state.growing = voices.begin_strike(state.pool, state.armed, gain)
        if state.growing >= 0:
            tell(state, state.time + offset, STRUCK, state.armed, 0, gain, -1)
    elif state.growing >= 0 and kind == triggers.GREW:
        voices.grow_strike(state.pool, state.growing, gain, _ramp(state))
    elif state.growing >= 0 and kind == triggers.ENDED:
        voices.end_strike(state.pool, state.growing, gain, _ramp(state))
        state.growing = -1
    elif state.growing >= 0:
        voices.drop_strike(state.pool, state.growing, output.fade_samples(state))
        state.growing = -1


@native
def _hit_gain(state, peak):
    """A hit's peak -> force, by the velocity curve of the armed pad."""
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
def _follow_midi(state, rings, ring, offset):
    """Do what the message says that is due in a ring."""
    what, pad, number, value, source = midi_notes.take(state.midi, rings, ring)
    if what == midi_notes.NOTE:
        _strike(state, pad, value / 127, offset, note_tag(number, value), source)
    elif what == midi_notes.CHOKE:
        voices.choke(state.pool, pad)
    elif what == midi_notes.SILENCE:
        _silence(state)


@native
def note_tag(note, velocity):
    """The tag of what a note did that the callback played by itself: below -1."""
    return -2 - (note * 128 + velocity)


def note_of(tag: int) -> tuple[int, int]:
    """Note and velocity from a tag below -1."""
    return divmod(-2 - tag, 128)


@native
def _obey(state, offset):
    command = state.commands[state.commands_out % QUEUE]
    pad, pool = command.pad, state.pool
    if command.kind == STRIKE:
        _strike(state, pad, command.amount, offset, command.tag, -1)
    elif command.kind == PROGRAM:
        voices.set_program(pool, pad, command.slot)
    elif command.kind == SILENCE:
        _silence(state)
    elif command.kind == AUDITION:
        output.end_auditions(state)
        state.audition_at[command.slot] = 0
        state.audition_end[command.slot] = int(command.amount)
    fence()
    state.commands_out += 1


@native
def _silence(state):
    voices.silence(state.pool, output.fade_samples(state))
    output.end_auditions(state)


@native
def _strike(state, pad, velocity, offset, tag, source):
    """Strike a pad; source: of MIDI, which may have said where, below 0 for none."""
    position = midi_notes.aim(state.midi, pad, state.pool.pads[pad].position, source)
    struck, gain = voices.strike_at(state.pool, pad, velocity, position)
    tell(state, state.time + offset, STRUCK if struck else REFUSED, pad, 0, gain, tag)


@cache
def make_callback():
    """PortAudio's callback of a stream that plays, compiled once; user data is one STATE.

    Its `address` is the C function.
    """
    return c_function(_make_output, _signature, system_functions)


def _make_output():
    now_ns, thread_number = make_clock(), make_thread_number()

    def callback(inputs, outputs, n, time_info, flags, data):
        state = carray(data, 1)[0]
        began = now_ns(state.clock)
        before = control()
        set_control(before | BITS)
        if state.thread == 0:
            state.thread = thread_number()
        state.called = began
        jumped = (flags & (OUTPUT_UNDERFLOW | OUTPUT_OVERFLOW)) != 0
        frame_clock.follow(state.midi.clock, state.time, began, jumped)
        state.underflows += (flags & (INPUT_UNDERFLOW | OUTPUT_UNDERFLOW)) != 0
        state.overflows += (flags & (INPUT_OVERFLOW | OUTPUT_OVERFLOW)) != 0
        channels = 0 if state.two_clocks else state.capture.channels
        x = carray(inputs, (np.int64(n), channels))
        out = carray(outputs, (np.int64(n), state.channels_out))
        process(state, x, out)
        set_control(before)
        took = now_ns(state.clock) - began
        state.busy_ns += took
        state.worst_ns = max(state.worst_ns, took)
        return 0

    return callback


@cache
def make_input_callback():
    """PortAudio's callback of a stream that only records, as `make_callback`."""
    return c_function(_make_input, _signature, system_functions)


def _make_input():
    now_ns, thread_number = make_clock(), make_thread_number()

    def callback(inputs, outputs, n, time_info, flags, data):
        c = carray(data, 1)[0].capture
        began = now_ns(c.clock)
        before = control()
        set_control(before | BITS)
        if c.thread == 0:
            c.thread = thread_number()
        c.underflows += (flags & INPUT_UNDERFLOW) != 0
        c.overflows += (flags & INPUT_OVERFLOW) != 0
        capture.process(c, carray(inputs, (np.int64(n), c.channels)), began)
        set_control(before)
        took = now_ns(c.clock) - began
        c.busy_ns += took
        c.worst_ns = max(c.worst_ns, took)
        return 0

    return callback


def _signature():
    """Of PaStreamCallback; its frame count and flags are C unsigned long: 32 bits on Windows."""
    from numba import from_dtype, types

    c_long = types.uint32 if clock.SYSTEM == "win32" else types.uint64
    floats, data = types.CPointer(types.float32), types.CPointer(from_dtype(STATE))
    return types.int32(floats, floats, c_long, types.voidptr, c_long, data)
