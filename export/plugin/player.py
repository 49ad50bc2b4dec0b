"""What a plugin plays: a kit's values -> the voices of matcher.live, with nothing of Python around.

What sounds are the instrument's own voices and programs. Here is what numpy does for them there:
the tables, and a pad's values as a program. A knob that is turned counts from the pad's next strike
on, whose program is then written in a fraction of a block: the attack, which no knob changes but in
its amount, was rendered when the kit was loaded. Where the noise may begin is looked for later, in
small steps.
"""

import math

import numpy as np
from numba import carray, from_dtype, types
from numba.extending import intrinsic

from export.plugin import noise
from matcher.compiled import native
from matcher.kits.kit import N_PADS
from matcher.live import midi_notes, midi_ring, programs, voices
from matcher.live.noise import (
    BLOCK,
    FORCES,
    N_BANDS,
    N_DECAYS,
    N_FIXED,
    NOISE,
    add_trial,
    n_candidates,
    rooms,
    trial_forces,
    try_start,
)
from matcher.physics import attack, body
from matcher.physics.parameters import PARAMETERS
from matcher.plugin.layout import KIT, KNOBS, N_KNOBS

HIGHEST_RATE = 192000  # Hz
FLOAT_BYTES = np.dtype(np.float32).itemsize
POSITION_CC = 16  # the controller that says where a drum is struck, as in the instrument
CHOKE_S = 0.03  # s, as programs.write_pad
STEP_S = 0.005  # s between two steps of the search for starts, each some 0.1 to 0.5 ms of work
ONSET = round(programs.PEAK_S * HIGHEST_RATE)  # samples in which a peak is looked for, at most

PLAYER = np.dtype(
    [
        ("pool", voices.POOL),
        ("midi", midi_notes.MIDI),
        ("message", midi_ring.MESSAGE),
        ("kit", KIT),
        ("changed", np.int64, N_PADS),  # 1: its program is to be written before the next strike
        ("unfinished", np.int64, N_PADS),  # 1: where its noise may begin is still to be found
        ("searched", np.int64),  # the pad whose starts are looked for, below 0 none
        ("serial", np.int64),  # of its drum
        ("step", np.int64),  # of the search that comes next
        ("elapsed", np.int64),  # samples since the last step
        ("scale", np.float32),  # as write_onset gave it
        ("found", programs.PROGRAM),  # what the search has found
        ("work", body.WORK),
        ("wanted", np.float64, (len(FORCES), 2)),
        ("bands", np.float32, N_BANDS * NOISE),
        ("fading", np.float32, N_DECAYS * ONSET),
        ("attacks", np.float32, N_PADS * 2 * ONSET),  # of the pads, fixed and free bands, in full
        ("has_attack", np.int64, N_PADS),
        ("own", np.uint64, (N_PADS, 2)),  # where the output of a pad goes next; 0: to the mix
        ("sounds", np.float32, 3 * ONSET),
        ("gains", np.float32, N_BANDS * ONSET),
        ("rests", np.float32, len(FORCES) * ONSET),
    ],
    align=True,
)
OMEGA, TAU, P, D, ALPHA, X1, X2, MALLET_HZ, TENSION, ATTACK_MIX, AS_RECORDED, TUNE, GAIN_DB, PAN = (
    range(N_KNOBS)
)
assert KNOBS == (
    "omega", "tau", "p", "D", "alpha", "x1", "x2", "mallet_hz", "tension",
    "attack_mix", "as_recorded", "tune", "gain_db", "pan",
)  # fmt: skip
LOWEST_OMEGA, HIGHEST_OMEGA = PARAMETERS["omega"].low, PARAMETERS["omega"].high

POINTER = types.CPointer(from_dtype(PLAYER))
# `write` and `search`, compiled once and called by name: they are half of all code
_write = types.ExternalFunction("player_write", types.void(POINTER, types.int64, types.int64))
_search = types.ExternalFunction("player_search", types.void(POINTER))
_rise = native(attack.rise)


@intrinsic
def _pointer(typing_context, record):
    """The address of a record of PLAYER."""

    def emit(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return POINTER(record), emit


def pointer_to(kind):
    """A function, in compiled code: an address -> a pointer to numbers of a kind."""

    @intrinsic
    def at(typing_context, address):
        def emit(context, builder, signature, arguments):
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.uintp), emit

    return at


floats_at = pointer_to(types.float32)


@native
def rows(x, n_rows, n):
    """The beginning of x (numbers,) as (n_rows, n)."""
    return carray(floats_at(x.ctypes.data), (n_rows, n))


@native
def start(player, sample_rate, room):
    """Make a record of PLAYER, all zeros, ready for its kit; room: of noise.ROOM, to work in."""
    pool = player.pool
    pool.sample_rate = sample_rate
    pool.noise_step = max(1, round(attack.RISE_S * sample_rate))
    for t in range(BLOCK):
        for decay in range(N_DECAYS):
            pool.noise_left[t, decay] = math.exp(-2 * (t / sample_rate) / attack.DECAYS_S[decay])
    for i in range(N_PADS):
        pool.pads[i].program, pool.pads[i].position = -1, -1
        player.midi.aimed_by[i] = -1
    for i in range(pool.voices.shape[0]):
        pool.voices[i].pad = -1
    player.midi.channel, player.midi.position_cc, player.searched = -1, POSITION_CC, -1
    for source in range(player.midi.aim.shape[0]):
        player.midi.aim[source] = player.midi.last_pad[source] = -1
    n = onset_samples(sample_rate)
    fading = rows(player.fading, N_DECAYS, n)
    for t in range(n):
        rise = _rise(t / sample_rate) ** 2
        for decay in range(N_DECAYS):
            fading[decay, t] = rise * math.exp(-2 * (t / sample_rate) / attack.DECAYS_S[decay])
    bands = rows(player.bands, N_BANDS, n_noise(sample_rate))
    noise.fill(bands, pool.noise_fixed, pool.noise_free, sample_rate, room)


@native
def onset_samples(sample_rate):
    """Samples in which a drum's peak is looked for."""
    return round(programs.PEAK_S * sample_rate)


@native
def n_noise(sample_rate):
    """Samples of the noise's period that a program is made with."""
    return min(NOISE, round(attack.PERIOD_S * sample_rate))


@native
def load(player):
    """Put the pads of player.kit on the voices."""
    for note in range(128):
        player.midi.pad_of[note] = player.kit.pad_of[note]
    for i in range(N_PADS):
        pad, kit = player.pool.pads[i], player.kit
        pad.curve, pad.choke = kit.curve[i], kit.choke[i]
        pad.choke_samples = max(1, round(CHOKE_S * player.pool.sample_rate))
        programs.set_pad_gains(pad, kit.knobs[i, GAIN_DB], kit.knobs[i, PAN])
        pad.left_now, pad.right_now = pad.left, pad.right
        if kit.filled[i] != 0:
            fixed, free = _attack_of(player, i)
            rate, n = player.pool.sample_rate, onset_samples(player.pool.sample_rate)
            player.has_attack[i] = programs.render_attack(
                kit.drums[i], 1.0, rate, rows(player.bands, N_BANDS, n_noise(rate)),
                rows(player.fading, N_DECAYS, n), fixed, free, rows(player.gains, N_BANDS, n),
            )  # fmt: skip
            _write(_pointer(player), i, 1)
            while player.searched >= 0:
                _search(_pointer(player))


@native
def _attack_of(player, i):
    """The rendered attack of a pad, fixed and free bands, each (samples,)."""
    both = rows(player.attacks[2 * i * ONSET :], 2, onset_samples(player.pool.sample_rate))
    return both[0], both[1]


@native
def turn(player, pad, knob, value):
    """Turn a knob of a pad to a value in natural units."""
    knobs = player.kit.knobs
    knobs[pad, knob] = value
    if knob in (GAIN_DB, PAN):
        programs.set_pad_gains(player.pool.pads[pad], knobs[pad, GAIN_DB], knobs[pad, PAN])
    else:
        player.changed[pad] = player.kit.filled[pad]


@native
def write(player, i, anew):
    """Begin to look for the starts of a pad's program; anew: write it first, as its knobs are."""
    pool, serial = player.pool, player.pool.pads[i].serial
    slot = i * programs.SLOTS + serial % programs.SLOTS
    program = player.found
    if anew != 0:
        program = pool.programs[slot]
        voices.set_program(pool, i, slot)
        player.changed[i] = 0
    player.scale = _write_onset(player, program, i)
    _begin_search(player, program, i)


@native
def _write_onset(player, program, i):
    """programs.write_onset of a pad as its knobs are, with the attack that is rendered already."""
    knobs, drum, rate = player.kit.knobs[i], player.kit.drums[i], player.pool.sample_rate
    omega = knobs[OMEGA] * 2 ** (knobs[TUNE] / 12)
    drum.omega = min(max(omega, LOWEST_OMEGA), HIGHEST_OMEGA)  # as Pad.tuned
    drum.tau, drum.p, drum.D, drum.alpha = knobs[TAU], knobs[P], knobs[D], knobs[ALPHA]
    drum.x1, drum.x2, drum.mallet_hz = knobs[X1], knobs[X2], knobs[MALLET_HZ]
    drum.tension, mix = knobs[TENSION], np.float32(knobs[ATTACK_MIX])
    sounds = rows(player.sounds, 3, onset_samples(rate))
    fixed, free = _attack_of(player, i)
    for t in range(sounds.shape[1]):
        sounds[1, t], sounds[2, t] = mix * fixed[t], mix * free[t]
    has_attack = player.has_attack[i] != 0 and mix > 0
    return programs.write_struck(
        program, drum, knobs[ATTACK_MIX], knobs[AS_RECORDED], rate, has_attack, player.work, sounds
    )


@native
def _begin_search(player, program, i):
    """Begin to look for the starts of a program that was just written."""
    if player.searched >= 0 and player.searched != i:
        player.unfinished[player.searched] = 1
    player.searched, player.unfinished[i] = -1, 0
    sounds = rows(player.sounds, 3, onset_samples(player.pool.sample_rate))
    if programs.varies(program, sounds):
        player.searched, player.serial, player.step = i, player.pool.pads[i].serial, 0
        player.found.n_starts, player.elapsed = 0, 0


@native
def search(player):
    """One step of the search for starts: the free bands' gains, a trial stroke, or a place of the
    noise that is tried."""
    i, rate = player.searched, player.pool.sample_rate
    drum, n_all = player.kit.drums[i], onset_samples(rate)
    room, n = rooms(n_noise(rate), rate)
    n_forces, step, found = trial_forces(drum), player.step, player.found
    sounds, rests = rows(player.sounds, 3, n_all), rows(player.rests, len(FORCES), n_all)
    gains = rows(player.gains, N_BANDS, n_all)[N_FIXED:, :n]
    player.step += 1
    if step == 0:
        fading, mix = rows(player.fading, N_DECAYS, n_all)[:, :n], player.kit.knobs[i, ATTACK_MIX]
        programs.set_gains(drum.attack_powers[N_FIXED:], mix, fading, gains)
        programs.stop_wires(gains, drum.wires_s, rate)
        return
    if step <= n_forces:
        add_trial(step - 1, player.work, drum, rate, player.scale, sounds, rests[step - 1, :n])
        return
    free = rows(player.bands, N_BANDS, n_noise(rate))[N_FIXED:]
    place = step - 1 - n_forces
    try_start(
        found, place, rests[:n_forces, :n], free, gains, room - n, sounds[2, :n], player.wanted
    )
    if found.n_starts < found.starts.shape[0] and place + 1 < n_candidates(rate):
        return
    pad = player.pool.pads[i]
    if pad.serial == player.serial:
        program = player.pool.programs[pad.program]
        for k in range(found.n_starts):
            program.starts[k] = found.starts[k]
        program.n_starts = found.n_starts
    player.searched = -1


@native
def go_on(player, n):
    """After n samples: the steps of the search that are due."""
    samples = max(1, round(STEP_S * player.pool.sample_rate))
    player.elapsed = min(player.elapsed + n, BLOCK)
    while player.elapsed >= samples:
        player.elapsed -= samples
        if player.searched >= 0:
            _search(_pointer(player))
            continue
        for i in range(N_PADS):
            if player.unfinished[i] != 0 and player.changed[i] == 0:
                _write(_pointer(player), i, 0)
                break


@native
def strike(player, pad, velocity, source):
    """Strike a pad with a velocity, 0 to 1; source: of MIDI, as midi_notes has it."""
    if player.changed[pad] != 0:
        _write(_pointer(player), pad, 1)
    position = midi_notes.aim(player.midi, pad, player.pool.pads[pad].position, source)
    voices.strike_at(player.pool, pad, velocity, position)


@native
def follow(player):
    """Do what the MIDI message in player.message says."""
    what, pad, _, value, source = midi_notes.follow(player.midi, player.message, 0)
    if what == midi_notes.NOTE:
        strike(player, pad, value / 127, source)
    elif what == midi_notes.CHOKE:
        voices.choke(player.pool, pad)
    elif what == midi_notes.SILENCE:
        silence(player)


@native
def silence(player):
    """Fade everything out."""
    voices.silence(player.pool, max(1, int(voices.STEAL_S * player.pool.sample_rate)))


@native
def render(player, left, right):
    """Set left and right (samples,), at most BLOCK of them, to the mix of what sounds.

    Pads with an output of their own are added there, and it goes on by as many samples.
    """
    pool, own, n = player.pool, player.own, left.shape[0]
    left[:] = 0
    right[:] = 0
    for i in range(N_PADS):
        pool.pads[i].output = programs.MIX if own[i, 0] == 0 else 1 + i
    voices.add_output(pool, programs.MIX, left, right)
    for i in range(N_PADS):
        if own[i, 0] != 0:
            pad_left, pad_right = carray(floats_at(own[i, 0]), n), carray(floats_at(own[i, 1]), n)
            voices.add_output(pool, 1 + i, pad_left, pad_right)
            own[i, 0] += np.uint64(FLOAT_BYTES * n)
            own[i, 1] += np.uint64(FLOAT_BYTES * n)
    voices.advance(pool, n)
    go_on(player, n)
