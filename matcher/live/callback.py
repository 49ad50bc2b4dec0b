"""The native audio callback: PortAudio's C callback in Numba, and the memory it shares with Python.

Nothing here waits for the interpreter. What Python wants comes in through a ring of COMMANDs, what
happened goes out through a ring of EVENTs; each has one writer and one reader, and an index is
published behind a sequentially consistent fence. The input is kept in a ring that Python copies
clips from.
"""

import ctypes
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import carray, cfunc, from_dtype, types

from matcher.compiled import fence, memory_fence, native
from matcher.live import detector, jack_notes, output, voices
from matcher.live.clock import make_clock

INPUT_RING = 2**20  # samples of input that are kept: 22 s at 48 kHz, 5.5 s at 192 kHz
QUEUE = 1024  # commands or events that can wait: more than a second of the densest MIDI
AUDITIONED = 2**20  # samples of a recording that is played, at most
MARKS = 64  # hits and ends of hits in one block: far more than a mask time lets through
LONGEST_BLOCK = voices.BLOCK  # frames
GROW_S = 0.0005  # s of the ramp to a velocity that has grown: no click, and no delay
LOUDEST_IN = 8.0  # of full scale, above which an input sample is taken as an error

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
        ("input", np.float32, INPUT_RING),
        ("commands", COMMAND, QUEUE),
        ("events", EVENT, QUEUE),
        *((name, np.int64) for name in ("commands_in", "commands_out", "events_in", "events_out")),
        # settings
        *((name, np.int64) for name in ("channels_in", "channels_out", "input_channel")),
        ("input_gain", np.float64),
        ("output_gain", np.float64),
        ("detecting", np.int64),  # 1: hits are looked for
        ("armed", np.int64),  # the pad that a hit plays, below 0 none
        ("auditions", np.float32, (2, AUDITIONED)),  # recordings to play: one while one is written
        ("audition_at", np.int64, 2),  # sample of each that comes next
        ("audition_end", np.int64, 2),  # and after which it ends
        ("pad_of", np.int64, 128),  # pad of each MIDI note, below 0 none
        ("position_cc", np.int64),  # MIDI controller that says where a drum is struck, or below 0
        ("midi", np.int64),  # address of the jack_midi.MESSAGES to play notes from, or 0
        ("cycle_of", np.int64),  # address of jack_last_frame_time
        # where it stands
        # where the next strike hits, 0 middle to 1 rim; below 0: where the pad's last one did
        ("position", np.float64),
        ("time", np.int64),  # frames since the stream started
        ("midi_read", np.int64),  # messages read
        ("cycle", np.int64),  # JACK's frame at which its cycle began, and frames played since
        ("cycle_played", np.int64),
        ("growing", np.int64),  # voice of a hit whose velocity is not known yet, below 0 none
        ("own", np.float64),  # power of what we play, for as long as the room may hold it
        ("left", np.float32, LONGEST_BLOCK),
        ("right", np.float32, LONGEST_BLOCK),
        ("marks", np.int64, (MARKS, 2)),
        ("mark_peaks", np.float64, MARKS),  # of the hit at each mark
        # counters
        *(
            (name, np.int64)
            for name in ("blocks", "underflows", "overflows", "dropped", "bad_samples", "limited")
        ),
        ("busy_ns", np.int64),  # spent in the callback
        ("worst_ns", np.int64),  # in its longest call since Python last set it to 0
        ("clock", np.int64, 2),  # memory that the clock works in
        ("input_peak", np.float64),  # since Python last set it to 0
        ("output_peak", np.float64),
    ],
    align=True,
)
INPUT_UNDERFLOW, INPUT_OVERFLOW, OUTPUT_UNDERFLOW, OUTPUT_OVERFLOW = 1, 2, 4, 8  # of PortAudio


class Event(NamedTuple):
    """What happened in the callback."""

    time: int  # frame of the hit's onset or of the strike, counted from the stream's start
    kind: int  # HIT, IGNORED, STRUCK or REFUSED
    pad: int
    # index in detector.REASONS, where it was IGNORED; of a HIT, that it is a drum's, %
    reason: int
    level: float  # peak of a hit, force of a strike
    tag: int  # that of the command


def make_state(sample_rate: float, channels_in: int, channels_out: int, settings=None):
    """All that the callback needs.

    Args:
        sample_rate: Hz.
        channels_in, channels_out: of the stream; 0 inputs for one that only plays.
        settings: detector.Settings; None: the default ones.

    Returns:
        (1,) STATE, in which nothing sounds.
    """
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
    """Have something done by the callback, called from Python; one thread at a time.

    Args:
        state: record of STATE.
        time: frame at which it is due; at once where that is past.
        kind: STRIKE, PROGRAM, SILENCE, AUDITION or POSITION.
        pad, slot: pad; index in programs or in auditions.
        amount: velocity, number of samples or position, each as the kind has it.
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
    """What has happened since the last call, called from Python; record: of STATE."""
    first, last = int(record["events_out"]), int(record["events_in"])
    memory_fence()
    rows = record["events"][np.arange(first, last) % QUEUE]  # a copy
    memory_fence()
    record["events_out"] = last
    return [Event(*row) for row in rows.tolist()]


def received(record, start: int, stop: int) -> np.ndarray:
    """From Python: a copy of the input from one frame to another, (frames,) after its gain."""
    return record["input"][np.arange(start, stop) % INPUT_RING]


@native
def process(state, x, out):
    """One block, of any length.

    Args:
        state: record of STATE.
        x: (frames, channels_in) float32, the input.
        out: (frames, channels_out) float32, which is written.
    """
    fence()  # the block before is counted before this one reads `midi`: detach_midi relies on it
    midi = state.midi  # once: Python may set it to 0 at any time
    if midi != 0:
        jack_notes.follow_cycle(state, midi)
    start = 0
    while start < out.shape[0]:
        stop = min(start + LONGEST_BLOCK, out.shape[0])
        _process(state, midi, x[start:stop], out[start:stop])
        start = stop
    fence()
    state.blocks += 1


@native
def _process(state, midi, x, out):
    n = out.shape[0]
    left, right = state.left[:n], state.right[:n]
    for t in range(n):
        left[t] = right[t] = 0
    n_marks = _take_input(state, x) if state.channels_in > 0 else 0
    at, mark = 0, 0
    while True:
        due, offset = _next_command(state, n)
        played, strikes = jack_notes.next_note(state, midi, n)
        hit = state.marks[mark, 0] if mark < n_marks else n
        until = min(hit, offset, played)
        if until > at:
            voices.render(state.pool, left[at:until], right[at:until])
            at = until
        if due and offset == until:
            _obey(state, offset)
        elif strikes and played == until:
            _play_note(state, midi, played)
        elif mark < n_marks:
            _grow(state, state.marks[mark, 1], state.mark_peaks[mark], hit)
            mark += 1
        else:
            break
    if state.growing >= 0:
        voices.grow_strike(
            state.pool, state.growing, _hit_gain(state, state.detector.peak), _ramp(state)
        )
    output.add_auditions(state, left, right)
    output.write_output(state, left, right, out)
    state.time += n
    state.cycle_played += n


@native
def _take_input(state, x):
    """Keep the input and look for hits; fills marks (offset, kind of detector.feed), returns n."""
    n_marks, channel, gain = 0, state.input_channel, state.input_gain
    d = state.detector
    d.time = state.time  # its own count stands still while no hits are looked for
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
        state.input[(state.time + t) % INPUT_RING] = value
        if state.detecting == 0:
            continue
        kind = detector.feed(d, value, state.own)
        if kind in (detector.IGNORED, detector.REJECTED):
            _tell(state, d.onset, IGNORED, -1, d.reason, d.peak, 0)
        if kind not in (detector.NOTHING, detector.IGNORED) and n_marks < MARKS:
            state.marks[n_marks, 0], state.marks[n_marks, 1] = t, kind
            state.mark_peaks[n_marks] = d.peak
            n_marks += 1
            if kind == detector.ENDED:
                _tell(state, d.onset, HIT, state.armed, round(100 * d.drum), d.peak, 0)
    state.input_peak = peak
    return n_marks


@native
def _grow(state, kind, peak, offset):
    """Begin, end or drop the strike that a hit of this peak triggers."""
    gain = _hit_gain(state, peak)
    if kind == detector.BEGAN and state.armed >= 0:
        state.growing = voices.begin_strike(state.pool, state.armed, gain)
        if state.growing >= 0:
            _tell(state, state.time + offset, STRUCK, state.armed, 0, gain, -1)
    elif kind == detector.ENDED and state.growing >= 0:
        voices.end_strike(state.pool, state.growing, gain, _ramp(state))
        state.growing = -1
    elif kind == detector.REJECTED and state.growing >= 0:
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
def _play_note(state, midi, offset):
    """Strike the pad of the note that is due."""
    note, velocity = jack_notes.take_note(state, midi)
    pad = state.pad_of[note]
    if pad >= 0:  # Python may have taken it from the note meanwhile
        _strike(state, pad, velocity / 127, offset, note_tag(note, velocity))


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
        _strike(state, pad, command.amount, offset, command.tag)
    elif command.kind == POSITION:
        state.position = command.amount
    elif command.kind == PROGRAM:
        voices.set_program(pool, pad, command.slot)
    elif command.kind == SILENCE:
        voices.silence(pool, output.fade_samples(state))
        output.end_auditions(state)
    elif command.kind == AUDITION:
        output.end_auditions(state)
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
def _tell(state, time, kind, pad, reason, level, tag):
    if state.events_in - state.events_out >= QUEUE:
        state.dropped += 1
        return
    event = state.events[state.events_in % QUEUE]
    event.time, event.kind, event.pad, event.reason = time, kind, pad, reason
    event.level, event.tag = level, tag
    fence()
    state.events_in += 1


@cache
def make_callback():
    """PortAudio's callback, compiled once: `address` is the C function, user data one STATE."""
    now_ns = make_clock()
    c_long = types.uint64 if ctypes.sizeof(ctypes.c_ulong) == 8 else types.uint32
    floats = types.CPointer(types.float32)
    state_type = types.CPointer(from_dtype(STATE))

    @cfunc(types.int32(floats, floats, c_long, types.voidptr, c_long, state_type))
    def callback(inputs, outputs, n, time_info, flags, data):
        state = carray(data, 1)[0]
        began = now_ns(state.clock)
        state.underflows += (flags & (INPUT_UNDERFLOW | OUTPUT_UNDERFLOW)) != 0
        state.overflows += (flags & (INPUT_OVERFLOW | OUTPUT_OVERFLOW)) != 0
        x = carray(inputs, (np.int64(n), state.channels_in))
        out = carray(outputs, (np.int64(n), state.channels_out))
        process(state, x, out)
        took = now_ns(state.clock) - began
        state.busy_ns += took
        state.worst_ns = max(state.worst_ns, took)
        return 0

    return callback
