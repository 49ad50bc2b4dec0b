"""The voices: a fixed pool, struck and rendered inside the audio callback.

One voice stands for a pad and its drum. The bank is linear, so a strike adds its impulse to what
still rings; a new drum gets a voice of its own and the old one rings out. All state is in one
record of POOL, made before the stream starts; what runs in the callback is Numba, allocates nothing
and never waits.
"""

import numpy as np

from matcher.compiled import native
from matcher.kits import kit
from matcher.kits.kit import N_PADS
from matcher.live import attack_noise, excitation
from matcher.live.noise import BLOCK, N_DECAYS, N_FIXED, N_FREE, NOISE, noise_table
from matcher.live.programs import MIX, N_POWERS, N_ROWS, OVER, PAD, PROGRAM, SILENT, SLOTS
from matcher.physics import attack, modal

N_VOICES = 256
N_SPARE = 16  # slots for voices that fade out because another took their place
STEAL_S = 0.005  # s in which a voice fades out that is stolen
SMOOTH_S = 0.005  # s in which a change of gain or pan is done

VOICE = np.dtype(
    [
        ("pad", np.int64),  # below 0: free
        ("serial", np.int64),
        ("n_modes", np.int64),  # those that still sound
        ("state", np.float32, (2, N_ROWS)),
        ("powers", np.float32, (N_POWERS, 2, N_ROWS)),
        ("softness", np.float32, N_ROWS),
        ("force", np.float64),  # of the strike that began it
        ("tension", np.float32),
        ("rotation", np.float32, (2, N_ROWS)),  # of each mode in a sample, at rest
        ("pull", np.float32, (2, N_ROWS)),
        ("weight", np.float32, N_ROWS),
        ("glide", np.int64),  # row that lets the tension decay; below 0: none
        ("attack", attack_noise.ATTACK),
        ("gain", np.float32),
        ("ramp_from", np.float32),  # gain, where its ramp began and where it ends
        ("ramp_to", np.float32),
        ("ramp_samples", np.int64),
        ("ramp", np.int64),  # samples left of it
        # 1: its velocity still grows; 2: after the ramp it joins its pad's voice; 3: it has joined
        # it, and only its noise is left here
        ("fresh", np.int64),
        ("fading", np.int64),  # 1: it ends with the ramp
        ("level", np.float32),  # no sample that is still to come is above it
    ],
    align=True,
)
POOL = np.dtype(
    [
        ("sample_rate", np.float64),
        ("programs", PROGRAM, N_PADS * SLOTS),
        ("pads", PAD, N_PADS),
        ("voices", VOICE, N_VOICES + N_SPARE),
        ("scratch", np.float32, BLOCK),
        ("noise_fixed", np.float32, (NOISE + BLOCK, N_FIXED)),  # as noise_table makes them
        ("noise_free", np.float32, (NOISE + BLOCK, N_FREE)),
        ("noise_step", np.int64),  # samples of attack.RISE_S
        ("noise_left", np.float32, (BLOCK, N_DECAYS)),  # of power after so many samples
        ("chance", np.uint64),  # decides where the next noise begins
        ("stolen", np.int64),  # voices that had to end early
    ],
    align=True,
)

velocity_to_gain = native(
    kit.velocity_to_gain
)  # (a value of CURVES, velocity) -> gain, both 0 to 1


def make_pool(sample_rate: float) -> np.ndarray:
    """A pool in which nothing sounds, (1,) POOL; sample_rate: Hz."""
    pool = np.zeros(1, POOL)
    pool["sample_rate"] = sample_rate
    pool["noise_fixed"], pool["noise_free"] = noise_table(sample_rate)
    pool["noise_step"] = max(1, round(attack.RISE_S * sample_rate))
    seconds = np.arange(BLOCK)[:, None] / sample_rate
    pool["noise_left"] = np.exp(-2 * seconds / np.array(attack.DECAYS_S))
    pool["pads"]["program"] = pool["pads"]["position"] = -1
    pool["voices"]["pad"] = -1
    return pool


@native
def strike(pool, pad, amount):
    """Strike a pad; False where nothing is on it.

    pool: record of POOL. amount: force and amplitude, above 0 to 1.
    """
    if pool.pads[pad].program < 0:
        return False
    _choke(pool, pad)
    own = _own_voice(pool, pad)
    if own < 0:
        own = _start(pool, pad)
        pool.voices[own].gain = 1
    _excite(pool, pad, own, amount, amount)
    return True


@native
def strike_at(pool, pad, velocity, position):
    """Strike a pad by its velocity curve -> whether something is on it, and the strike's amount.

    velocity: 0 to 1. position: where it is struck, as PAD has it.
    """
    pool.pads[pad].position = position
    amount = velocity_to_gain(pool.pads[pad].curve, velocity)
    return amount > 0 and strike(pool, pad, amount), amount


@native
def begin_strike(pool, pad, amount):
    """Strike a pad with a force that may still grow -> index of the voice to grow, or -1.

    The strike has a voice of its own until `end_strike`. amount: as in `strike`.
    """
    if pool.pads[pad].program < 0:
        return -1
    _choke(pool, pad)
    index = _start(pool, pad)
    voice = pool.voices[index]
    _excite(pool, pad, index, amount, 1.0)
    voice.gain, voice.fresh, voice.force = amount, 1, amount
    return index


@native
def grow_strike(pool, index, amount, samples):
    """Let a strike that was begun reach `amount` in so many samples."""
    voice = pool.voices[index]
    if voice.fresh == 1:
        _ramp(voice, amount, samples)


@native
def end_strike(pool, index, amount, samples):
    """Let a strike that was begun reach `amount` in so many samples, then join its pad's voice."""
    voice = pool.voices[index]
    if voice.fresh == 1:
        _ramp(voice, amount, samples)
        voice.fresh = 2
        duller = excitation.dullness(amount) - excitation.dullness(voice.force)
        for i in range(voice.n_modes):  # what is brighter is struck now: it begins at zero
            now = np.hypot(voice.state[0, i], voice.state[1, i])
            voice.state[0, i] += now * np.float32(np.expm1(-voice.softness[i] * duller))


@native
def drop_strike(pool, index, samples):
    """Fade out a strike that was begun, within so many samples: it was no hit."""
    if pool.voices[index].fresh == 1:
        _fade(pool.voices[index], samples)


@native
def silence(pool, samples):
    """Fade out every voice."""
    for index in range(pool.voices.shape[0]):
        if pool.voices[index].pad >= 0:
            _fade(pool.voices[index], samples)


@native
def choke(pool, pad):
    """Fade out the voices of a pad, as a hand on it would."""
    for index in range(pool.voices.shape[0]):
        if pool.voices[index].pad == pad:
            _fade(pool.voices[index], pool.pads[pad].choke_samples)


@native
def set_program(pool, pad, program):
    """Put the drum of a program on a pad, struck at its own point; what sounds rings out.

    program: index in programs, below 0 for no drum.
    """
    pool.pads[pad].program = program
    pool.pads[pad].position = -1
    pool.pads[pad].serial += 1


@native
def render(pool, left, right):
    """Add the next samples of all voices to left and right (samples,), at most BLOCK of them."""
    add_output(pool, MIX, left, right)
    advance(pool, left.shape[0])


@native
def add_output(pool, output, left, right):
    """Add the next samples of the voices of one output to left and right, as `render` does.

    output: as PAD has it. `advance` is due once all outputs are done.
    """
    n = left.shape[0]
    share = _pan_share(pool, n)
    scratch = pool.scratch[:n]
    for index in range(pool.voices.shape[0]):
        voice = pool.voices[index]
        if voice.pad < 0 or pool.pads[voice.pad].output != output:
            continue
        for t in range(n):
            scratch[t] = 0
        if voice.tension > 0:
            rise = voice.tension * voice.gain * voice.gain
            modal.add_gliding(
                voice.state, voice.rotation, voice.pull, voice.weight, rise, voice.n_modes,
                voice.powers, scratch,
            )  # fmt: skip
        else:
            modal.add_modes(voice.state, voice.powers, voice.n_modes, scratch)
        attack_noise.add(pool, voice.attack, scratch)
        _apply_gain(voice, scratch)
        pad = pool.pads[voice.pad]
        l, r = pad.left_now, pad.right_now
        l_step = np.float32((pad.left - l) * share / n)
        r_step = np.float32((pad.right - r) * share / n)
        for t in range(n):
            left[t] += scratch[t] * (l + l_step * np.float32(t))
            right[t] += scratch[t] * (r + r_step * np.float32(t))


@native
def advance(pool, n):
    """After n samples of all outputs: age the voices, move gain and pan of the pads."""
    for index in range(pool.voices.shape[0]):
        if pool.voices[index].pad >= 0:
            _age(pool, index)
    share = _pan_share(pool, n)
    for i in range(pool.pads.shape[0]):
        pad = pool.pads[i]
        pad.left_now += np.float32((pad.left - pad.left_now) * share)
        pad.right_now += np.float32((pad.right - pad.right_now) * share)


@native
def _pan_share(pool, n):
    """Share of the way to a wanted gain that n samples go."""
    return min(1.0, n / (SMOOTH_S * pool.sample_rate))


@native
def n_sounding(pool):
    """Voices that are not free."""
    count = 0
    for index in range(pool.voices.shape[0]):
        count += pool.voices[index].pad >= 0
    return count


@native
def _own_voice(pool, pad):
    """The voice that strikes of a pad join, or -1."""
    for index in range(pool.voices.shape[0]):
        voice = pool.voices[index]
        mine = voice.pad == pad and voice.serial == pool.pads[pad].serial
        if mine and voice.fresh == 0 and voice.fading == 0:
            return index
    return -1


@native
def _free_slot(pool):
    """Index of a voice that is free; where N_VOICES play, the quietest of them is faded out."""
    free, playing, quietest, gone = -1, 0, -1, -1
    for index in range(pool.voices.shape[0]):
        voice = pool.voices[index]
        if voice.pad < 0:
            free = index
        elif voice.fading == 0:
            playing += 1
            if quietest < 0 or voice.level < pool.voices[quietest].level:
                quietest = index
        elif gone < 0 or voice.level < pool.voices[gone].level:
            gone = index
    if playing >= N_VOICES:
        _fade(pool.voices[quietest], max(1, round(STEAL_S * pool.sample_rate)))
        pool.stolen += 1
    if free >= 0:
        return free
    return gone if gone >= 0 else quietest


@native
def _start(pool, pad):
    """Index of a voice that got a pad's program, its modes and its noise still at rest."""
    index = _free_slot(pool)
    voice, program = pool.voices[index], pool.programs[pool.pads[pad].program]
    voice.pad, voice.serial, voice.n_modes = pad, pool.pads[pad].serial, program.n_modes
    voice.ramp, voice.fresh, voice.fading, voice.level = 0, 0, 0, np.inf
    voice.tension, voice.glide = program.tension, program.glide
    for i in range(program.n_all):
        voice.state[0, i] = voice.state[1, i] = 0
        voice.softness[i], voice.weight[i] = program.softness[i], program.weight[i]
        for part in range(2):
            voice.pull[part, i] = program.pull[part, i]
            voice.rotation[part, i] = program.powers[0, part, i]
        for k in range(N_POWERS):
            voice.powers[k, 0, i] = program.powers[k, 0, i]
            voice.powers[k, 1, i] = program.powers[k, 1, i]
    attack_noise.clear(voice.attack)
    return index


@native
def _excite(pool, pad, index, force, scale):
    """Add a strike of a force to a voice, where its pad is struck; scale: of the amplitude."""
    program, voice = pool.programs[pool.pads[pad].program], pool.voices[index]
    voice.n_modes, voice.level = max(voice.n_modes, program.n_modes), np.inf  # until rendered
    position = pool.pads[pad].position
    if position < 0:
        excitation.excite(program, voice, force, scale)
    else:
        voice.n_modes = program.n_all
        excitation.excite_at(program, voice, position, force, scale)
    attack_noise.strike(pool, voice.attack, program, scale, position < 0)


@native
def _choke(pool, pad):
    """Fade out the voices of other pads of the same choke group."""
    group = pool.pads[pad].choke
    if group == 0:
        return
    for index in range(pool.voices.shape[0]):
        voice = pool.voices[index]
        if voice.pad >= 0 and voice.pad != pad and pool.pads[voice.pad].choke == group:
            _fade(voice, pool.pads[voice.pad].choke_samples)


@native
def _ramp(voice, gain, samples):
    voice.ramp = voice.ramp_samples = samples
    voice.ramp_from, voice.ramp_to = voice.gain, gain


@native
def _fade(voice, samples):
    """End a voice within so many samples; one that ends sooner already stays as it is."""
    if voice.fading == 0 or voice.ramp > samples:
        _ramp(voice, 0.0, samples)
        voice.fading = 1


@native
def _apply_gain(voice, x):
    """Multiply x (samples,) by the voice's gain, along its ramp: a smooth step, 3 u^2 - 2 u^3."""
    ramp = min(voice.ramp, x.shape[0])
    done = voice.ramp_samples - voice.ramp
    for t in range(ramp):
        u = np.float32(done + t + 1) / np.float32(voice.ramp_samples)
        share = u * u * (np.float32(3) - np.float32(2) * u)
        voice.gain = voice.ramp_from + (voice.ramp_to - voice.ramp_from) * share
        x[t] *= voice.gain
    for t in range(ramp, x.shape[0]):
        x[t] *= voice.gain
    voice.ramp -= ramp


@native
def _age(pool, index):
    """After some samples: drop what has died away, join a strike that is fully grown."""
    voice = pool.voices[index]
    state, n, energy = voice.state, voice.n_modes, np.float32(0)
    while n > 0 and abs(state[0, n - 1]) + abs(state[1, n - 1]) < SILENT:
        n -= 1
        state[0, n] = state[1, n] = 0
    for i in range(n):
        energy += state[0, i] * state[0, i] + state[1, i] * state[1, i]
    voice.n_modes = n
    voice.level = voice.gain * (np.sqrt(n * energy) + voice.attack.level)  # Cauchy and Schwarz
    faded, over = voice.ramp == 0 and voice.fading == 1, voice.level < OVER
    if faded or (over and voice.fresh in (0, 3)):
        voice.pad = -1
    elif voice.ramp == 0 and voice.fresh == 2:
        _join(pool, index)


@native
def _join(pool, index):
    """Move a strike's modes to its pad's voice; it becomes that voice where there is none."""
    voice = pool.voices[index]
    own = -1
    if voice.serial == pool.pads[voice.pad].serial:
        own = _own_voice(pool, voice.pad)
    gain = voice.gain
    if own < 0:
        for i in range(voice.n_modes):
            voice.state[0, i] *= gain
            voice.state[1, i] *= gain
        attack_noise.scale(voice.attack, gain)
        voice.gain, voice.fresh = 1, 0
        return
    to = pool.voices[own]
    to.n_modes = max(to.n_modes, voice.n_modes)
    for i in range(voice.n_modes):
        excitation.add(to, i, gain * voice.state[0, i], gain * voice.state[1, i])
    if voice.attack.level > 0:  # that voice's noise is at another place, so this goes on here
        voice.n_modes, voice.fresh = 0, 3
    else:
        voice.pad = -1
