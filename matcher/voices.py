"""The voices: a fixed pool, struck and rendered inside the audio callback.

One voice stands for a pad and its theta. The bank is linear, so a strike adds its impulse to what
still rings; a new theta gets a voice of its own and the old one rings out. All state is in one
record of POOL, made before the stream starts; what runs in the callback is Numba, allocates nothing
and never waits.
"""

import numpy as np

from matcher import ftm, modal
from matcher.compiled import native
from matcher.kit import CURVES, N_PADS, Pad, bent
from matcher.theta import Theta

N_VOICES = 256
N_SPARE = 16  # slots for voices that fade out because another took their place
N_MODES = ftm.N_MODES**2
N_POWERS = len(modal.POWERS)
SLOTS = 3  # of programs for each pad: one sounds, one waits, one is written
BLOCK = 2048  # samples that render takes at most
OVER = 1e-5  # a voice that can sum to no more is over (-100 dB of full scale)
SILENT = 1e-9  # a mode below it is over
STEAL_S, SMOOTH_S = 0.005, 0.005  # fade of a voice that is stolen; of a change of gain or pan
PEAK_S = 0.25  # a drum's largest sample comes within this time

PROGRAM = np.dtype(
    [
        ("n_modes", np.int64),
        ("impulse", np.float32, N_MODES),  # amplitudes that a strike of 1 adds, longest first
        ("powers", np.float32, (N_POWERS, 2, N_MODES)),
    ],
    align=True,
)
PAD = np.dtype(
    [
        ("program", np.int64),  # index in programs; below 0: nothing on the pad
        ("serial", np.int64),  # of its theta: voices of an older one ring out by themselves
        ("left", np.float32),  # gain and pan as they shall be
        ("right", np.float32),
        ("left_now", np.float32),  # and as they sound
        ("right_now", np.float32),
        ("bend", np.float32),  # of the velocity curve
        ("choke", np.int64),
        ("choke_samples", np.int64),
    ],
    align=True,
)
VOICE = np.dtype(
    [
        ("pad", np.int64),  # below 0: free
        ("serial", np.int64),
        ("n_modes", np.int64),  # those that still sound
        ("state", np.float32, (2, N_MODES)),
        ("powers", np.float32, (N_POWERS, 2, N_MODES)),
        ("gain", np.float32),
        ("ramp_from", np.float32),  # gain, where its ramp began and where it ends
        ("ramp_to", np.float32),
        ("ramp_samples", np.int64),
        ("ramp", np.int64),  # samples of it that are left
        ("fresh", np.int64),  # 1: its velocity still grows; 2: after the ramp it joins its pad's
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
        ("stolen", np.int64),  # voices that had to end early
    ],
    align=True,
)

curve_gain = native(bent)


def make_pool(sample_rate: float) -> np.ndarray:
    """A pool in which nothing sounds, (1,) POOL."""
    pool = np.zeros(1, POOL)
    pool["sample_rate"] = sample_rate
    pool["pads"]["program"] = -1
    pool["voices"]["pad"] = -1
    return pool


def write_program(program: np.ndarray, theta: Theta, sample_rate: float, strike=ftm.STRIKE) -> None:
    """Fill a record of PROGRAM with a drum whose sound, struck with 1, has a peak of 1."""
    modes = modal.fade_out(ftm.modes(theta, strike), sample_rate)
    peak = np.abs(modal.render_modes(modes, sample_rate, round(PEAK_S * sample_rate))).max()
    order = np.argsort(modes.sigma, kind="stable")
    order = order[modes.gain[order] > SILENT * peak]  # none where the strike point is silent
    rotation = (-modes.sigma + 1j * modes.omega)[order] / sample_rate
    program["n_modes"] = len(order)
    program["impulse"][: len(order)] = modes.gain[order] / peak if peak > 0 else 0
    program["powers"][..., : len(order)] = modal.powers(rotation)


def write_pad(record: np.ndarray, pad: Pad, sample_rate: float, choke_s: float = 0.03) -> None:
    """Fill what a record of PAD holds beside its program. Pan keeps the power."""
    angle = (pad.pan + 1) * np.pi / 4
    gain = 10 ** (pad.gain_db / 20)
    record["left"], record["right"] = gain * np.cos(angle), gain * np.sin(angle)
    if record["serial"] == 0:  # it has never sounded
        record["left_now"], record["right_now"] = record["left"], record["right"]
    record["bend"] = CURVES[pad.curve]
    record["choke"] = pad.choke
    record["choke_samples"] = max(1, round(choke_s * sample_rate))


@native
def strike(pool, pad, amount):
    """Strike a pad, whose peak becomes `amount`; False where nothing is on it."""
    if pool.pads[pad].program < 0:
        return False
    _choke(pool, pad)
    own = _own_voice(pool, pad)
    if own < 0:
        own = _start(pool, pad)
        pool.voices[own].gain = 1
    program, voice = pool.programs[pool.pads[pad].program], pool.voices[own]
    voice.n_modes = program.n_modes
    for i in range(program.n_modes):
        voice.state[0, i] += np.float32(amount) * program.impulse[i]
    voice.level = np.inf  # until it is rendered
    return True


@native
def begin_strike(pool, pad, amount):
    """Strike a pad with a velocity that may still grow; the voice to grow, or -1.

    It has a voice of its own until `end_strike`.
    """
    if pool.pads[pad].program < 0:
        return -1
    _choke(pool, pad)
    index = _start(pool, pad)
    program, voice = pool.programs[pool.pads[pad].program], pool.voices[index]
    for i in range(program.n_modes):
        voice.state[0, i] = program.impulse[i]
    voice.gain, voice.fresh = amount, 1
    return index


@native
def grow_strike(pool, index, amount, samples):
    """Let a begun strike reach `amount` in so many samples."""
    voice = pool.voices[index]
    if voice.fresh == 1:
        _ramp(voice, amount, samples)


@native
def end_strike(pool, index, amount, samples):
    """Let a begun strike reach `amount` in so many samples and join its pad's voice then."""
    voice = pool.voices[index]
    if voice.fresh == 1:
        _ramp(voice, amount, samples)
        voice.fresh = 2


@native
def silence(pool, samples):
    """Fade out every voice."""
    for index in range(pool.voices.shape[0]):
        if pool.voices[index].pad >= 0:
            _fade(pool.voices[index], samples)


@native
def set_program(pool, pad, program):
    """Put another theta on a pad, or none (below 0); what sounds rings out."""
    pool.pads[pad].program = program
    pool.pads[pad].serial += 1


@native
def render(pool, left, right):
    """Add the next samples of all voices to left and right (samples,), at most BLOCK of them."""
    n = left.shape[0]
    share = min(1.0, n / (SMOOTH_S * pool.sample_rate))
    scratch = pool.scratch[:n]
    for index in range(pool.voices.shape[0]):
        voice = pool.voices[index]
        if voice.pad < 0:
            continue
        for t in range(n):
            scratch[t] = 0
        modal.add_modes(voice.state, voice.powers, voice.n_modes, scratch)
        _apply_gain(voice, scratch)
        pad = pool.pads[voice.pad]
        l, r = pad.left_now, pad.right_now
        l_step = np.float32((pad.left - l) * share / n)
        r_step = np.float32((pad.right - r) * share / n)
        for t in range(n):
            left[t] += scratch[t] * (l + l_step * np.float32(t))
            right[t] += scratch[t] * (r + r_step * np.float32(t))
    for index in range(pool.voices.shape[0]):
        if pool.voices[index].pad >= 0:
            _age(pool, index)
    for i in range(pool.pads.shape[0]):
        pad = pool.pads[i]
        pad.left_now += np.float32((pad.left - pad.left_now) * share)
        pad.right_now += np.float32((pad.right - pad.right_now) * share)


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
def _start(pool, pad):
    """A voice of a pad's program, its state still empty; where all are taken, of the quietest."""
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
    if free < 0:
        free = gone if gone >= 0 else quietest
    voice, program = pool.voices[free], pool.programs[pool.pads[pad].program]
    voice.pad, voice.serial, voice.n_modes = pad, pool.pads[pad].serial, program.n_modes
    voice.ramp, voice.fresh, voice.fading, voice.level = 0, 0, 0, np.inf
    for i in range(program.n_modes):
        voice.state[0, i] = voice.state[1, i] = 0
        for k in range(N_POWERS):
            voice.powers[k, 0, i] = program.powers[k, 0, i]
            voice.powers[k, 1, i] = program.powers[k, 1, i]
    return free


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
    """After some samples: drop what has died away, join what has grown up."""
    voice = pool.voices[index]
    state, n, energy = voice.state, voice.n_modes, np.float32(0)
    while n > 0 and abs(state[0, n - 1]) + abs(state[1, n - 1]) < SILENT:
        n -= 1
        state[0, n] = state[1, n] = 0
    for i in range(n):
        energy += state[0, i] * state[0, i] + state[1, i] * state[1, i]
    voice.n_modes = n
    voice.level = voice.gain * np.sqrt(n * energy)  # Cauchy and Schwarz
    faded, over = voice.ramp == 0 and voice.fading == 1, voice.level < OVER
    if faded or (over and voice.fresh == 0):
        voice.pad = -1
    elif voice.ramp == 0 and voice.fresh == 2:
        _join(pool, index)


@native
def _join(pool, index):
    """Move a strike's state to its pad's voice; it becomes that voice where there is none."""
    voice = pool.voices[index]
    own = -1
    if voice.serial == pool.pads[voice.pad].serial:
        own = _own_voice(pool, voice.pad)
    gain = voice.gain
    if own < 0:
        for i in range(voice.n_modes):
            voice.state[0, i] *= gain
            voice.state[1, i] *= gain
        voice.gain, voice.fresh = 1, 0
        return
    to = pool.voices[own]
    to.n_modes = max(to.n_modes, voice.n_modes)
    for i in range(voice.n_modes):
        to.state[0, i] += gain * voice.state[0, i]
        to.state[1, i] += gain * voice.state[1, i]
    voice.pad = -1
