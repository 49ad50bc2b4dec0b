"""The voices: a fixed pool, struck and rendered inside the audio callback.

One voice stands for a pad and its theta. The bank is linear, so a strike adds its impulse to what
still rings; a new theta gets a voice of its own and the old one rings out. All state is in one
record of POOL, made before the stream starts; what runs in the callback is Numba, allocates nothing
and never waits.
"""

import numpy as np

from matcher.compiled import native
from matcher.kits.kit import CURVES, N_PADS, Pad, velocity_to_gain
from matcher.physics import attack, drum, ftm, modal
from matcher.physics.drum import Drum

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
NOISE = 2**16  # samples of a period of the attack's noise
CREST = 4.0  # no sample of a band's noise is farther above its RMS
WEAKEST = 0.01  # force: a mallet is no softer with less
EDGE = 0.96  # of the way from the middle to the rim: the farthest strike, since the rim is silent
N_BANDS, N_DECAYS = attack.SHAPE

PROGRAM = np.dtype(
    [
        ("n_modes", np.int64),  # those that sound, longest first; behind them
        ("n_all", np.int64),  # come those that sound where it is struck at other points alone
        ("impulse", np.float32, N_MODES),  # amplitudes that a strike of 1 adds
        ("powers", np.float32, (N_POWERS, 2, N_MODES)),
        ("softness", np.float32, N_MODES),  # of the mallet: (omega / cutoff)^2 / 2 with force 1
        ("strike", np.float64, 2),  # (x1, x2)
        ("anywhere", np.float32, N_MODES),  # impulse but for what the strike point does
        ("index", np.int64, (2, N_MODES)),  # of each mode, from 0
        ("tension", np.float32),
        ("pull", np.float32, (2, N_MODES)),  # of modal.add_gliding
        ("weight", np.float32, N_MODES),
        ("attack_powers", np.float32, attack.SHAPE),  # powers of the attack with a strike of 1
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
        ("position", np.float64),  # of strikes, 0 middle to 1 rim; below 0: the drum's own point
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
        ("softness", np.float32, N_MODES),
        ("force", np.float64),  # of the strike that began it
        ("tension", np.float32),
        ("rotation", np.float32, (2, N_MODES)),  # a sample of each mode at rest
        ("pull", np.float32, (2, N_MODES)),
        ("weight", np.float32, N_MODES),
        ("noise", np.float32, attack.SHAPE),  # power of each band and decay, as it is now
        ("noise_power", np.float32, N_BANDS),
        ("noise_gain", np.float32, N_BANDS),  # amplitude of each band as it sounds
        ("noise_step", np.float32, N_BANDS),  # and how it grows a sample
        ("noise_level", np.float32),  # no sample of it still to come is above it; 0: it is over
        ("noise_rise", np.int64),  # samples until it has its whole level
        ("noise_at", np.int64),  # in its period
        ("gain", np.float32),
        ("ramp_from", np.float32),  # gain, where its ramp began and where it ends
        ("ramp_to", np.float32),
        ("ramp_samples", np.int64),
        ("ramp", np.int64),  # samples of it that are left
        # 1: its velocity still grows; 2: after the ramp it joins its pad's; 3: it has, and what is
        # left of it is noise
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
        ("noise", np.float32, (NOISE + BLOCK, N_BANDS)),  # a period and its beginning again
        ("noise_step", np.int64),  # samples of attack.RISE_S
        ("noise_left", np.float32, (BLOCK, N_DECAYS)),  # of power after so many samples
        ("chance", np.uint64),  # where the next noise begins
        ("stolen", np.int64),  # voices that had to end early
    ],
    align=True,
)

curve_gain = native(velocity_to_gain)


def make_pool(sample_rate: float) -> np.ndarray:
    """A pool in which nothing sounds, (1,) POOL."""
    pool = np.zeros(1, POOL)
    pool["sample_rate"] = sample_rate
    noise = attack.noise(sample_rate, NOISE)
    pool["noise"] = np.concatenate([noise, noise[:, :BLOCK]], axis=1).T
    pool["noise_step"] = max(1, round(attack.RISE_S * sample_rate))
    seconds = np.arange(BLOCK)[:, None] / sample_rate
    pool["noise_left"] = np.exp(-2 * seconds / np.array(attack.DECAYS_S))
    pool["pads"]["program"] = pool["pads"]["position"] = -1
    pool["voices"]["pad"] = -1
    return pool


def write_program(program: np.ndarray, drum_: Drum, attack_mix: float, sample_rate: float) -> None:
    """Fill a record of PROGRAM with a drum whose sound, struck with 1, has a peak of 1.

    attack_mix: of the attack, 0 to 1.
    """
    modes = modal.fade_out(drum_.modes(), sample_rate)
    mixed, peak = drum.render_mixed(drum_, sample_rate, round(PEAK_S * sample_rate), attack_mix)
    whole = float(np.abs(mixed).max())
    peak = peak * whole or 1.0  # 1: where the strike point is silent
    anywhere = drum_.dulled(modes._replace(gain=1 / (modes.omega * drum_.theta.alpha)))
    anywhere = modal.fade_out(anywhere, sample_rate).gain / peak
    sounds, can_sound = (gain > SILENT for gain in (modes.gain / peak, anywhere))
    order = np.argsort(modes.sigma, kind="stable")
    order = np.concatenate([order[sounds[order]], order[(can_sound & ~sounds)[order]]])
    n, omega = len(order), modes.omega[order]
    rotation = (-modes.sigma[order] + 1j * omega) / sample_rate
    program["n_modes"], program["n_all"] = np.sum(sounds), n
    program["impulse"][:n] = modes.gain[order] / peak
    program["powers"][..., :n] = modal.powers(rotation)
    soft = drum_.mallet_hz < drum.HARD_HZ
    program["softness"][:n] = (omega / (2 * np.pi * drum_.mallet_hz)) ** 2 / 2 if soft else 0
    program["strike"], program["anywhere"][:n] = drum_.strike, anywhere[order]
    program["index"][:, :n] = np.divmod(order, ftm.N_MODES)
    pull, weight = drum.gliding(drum_, sample_rate)
    program["tension"] = drum_.tension
    program["pull"][:, :n], program["weight"][:n] = pull[:, order], weight[order] * peak**2
    program["attack_powers"] = 0
    if drum_.attack_powers is not None and whole > 0:
        program["attack_powers"] = np.array(drum_.attack_powers) * (attack_mix / whole) ** 2


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
    """Strike a pad with a force in (0, 1], its level as well; False where nothing is on it."""
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
def begin_strike(pool, pad, amount):
    """Strike a pad with a force that may still grow; the voice to grow, or -1.

    It has a voice of its own until `end_strike`.
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
        duller = _dullness(amount) - _dullness(voice.force)
        for i in range(voice.n_modes):  # what is brighter is struck now: it begins at zero
            now = np.hypot(voice.state[0, i], voice.state[1, i])
            voice.state[0, i] += now * np.float32(np.expm1(-voice.softness[i] * duller))


@native
def silence(pool, samples):
    """Fade out every voice."""
    for index in range(pool.voices.shape[0]):
        if pool.voices[index].pad >= 0:
            _fade(pool.voices[index], samples)


@native
def set_program(pool, pad, program):
    """Put another drum on a pad, or none (below 0), struck at its own point; others ring out."""
    pool.pads[pad].program = program
    pool.pads[pad].position = -1
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
        if voice.tension > 0:
            rise = voice.tension * voice.gain * voice.gain
            modal.add_gliding(
                voice.state, voice.rotation, voice.pull, voice.weight, rise, voice.n_modes,
                voice.powers, scratch,
            )  # fmt: skip
        else:
            modal.add_modes(voice.state, voice.powers, voice.n_modes, scratch)
        _add_noise(pool, voice, scratch)
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
    voice.tension = program.tension
    for i in range(program.n_all):
        voice.state[0, i] = voice.state[1, i] = 0
        voice.softness[i], voice.weight[i] = program.softness[i], program.weight[i]
        for part in range(2):
            voice.pull[part, i] = program.pull[part, i]
            voice.rotation[part, i] = program.powers[0, part, i]
        for k in range(N_POWERS):
            voice.powers[k, 0, i] = program.powers[k, 0, i]
            voice.powers[k, 1, i] = program.powers[k, 1, i]
    voice.noise_level = 0
    for band in range(N_BANDS):
        voice.noise_gain[band] = 0
        for decay in range(N_DECAYS):
            voice.noise[band, decay] = 0
    # a linear congruential generator (Knuth's MMIX): each strike's noise begins elsewhere
    pool.chance = pool.chance * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
    voice.noise_at = np.int64(pool.chance >> np.uint64(48)) % NOISE
    return free


@native
def _dullness(force):
    """What a mallet's softness is multiplied by for a force other than 1: 0 with 1."""
    return max(force, WEAKEST) ** (-2 * drum.BRIGHTER) - 1


@native
def _excite(pool, pad, index, force, scale):
    """Add a strike of a force to a voice; scale: of its level."""
    program, voice = pool.programs[pool.pads[pad].program], pool.voices[index]
    voice.n_modes, voice.level = max(voice.n_modes, program.n_modes), np.inf  # until rendered
    dull, position = _dullness(force), pool.pads[pad].position
    if position < 0:
        for i in range(program.n_modes):
            add = scale * np.exp(-dull * program.softness[i]) * program.impulse[i]
            voice.state[0, i] += np.float32(add)
    else:
        voice.n_modes = program.n_all
        _excite_at(program, voice, position, dull, scale)
    for band in range(N_BANDS):
        for decay in range(N_DECAYS):
            add = np.float32(scale * scale) * program.attack_powers[band, decay]
            voice.noise[band, decay] += add
            if add > 0:
                voice.noise_level = np.inf  # until rendered
    voice.noise_rise = pool.noise_step


@native
def _excite_at(program, voice, position, dull, scale):
    """A strike at a position, on the line from the middle through the drum's own strike point.

    As much energy comes out of the drum as where it is struck at that point.
    """
    x1, x2 = program.strike[0] - 0.5, program.strike[1] - 0.5
    away = 2 * max(abs(x1), abs(x2))
    if away < 1e-3:  # it is the middle: towards a corner
        x1, x2, away = -0.5, -0.5, 1.0
    share = EDGE * min(position, 1.0) / away
    x1, x2 = np.pi * (0.5 + share * x1), np.pi * (0.5 + share * x2)
    here = there = 0.0
    for i in range(program.n_all):
        first, second = program.index[0, i] + 1, program.index[1, i] + 1
        gain = program.anywhere[i] * (np.sin(first * x1) * np.sin(second * x2)) ** 2
        here += gain * gain
        there += program.impulse[i] * program.impulse[i]
    if here <= 0:
        return
    scale *= np.sqrt(there / here)
    for i in range(program.n_all):
        first, second = program.index[0, i] + 1, program.index[1, i] + 1
        gain = program.anywhere[i] * (np.sin(first * x1) * np.sin(second * x2)) ** 2
        voice.state[0, i] += np.float32(scale * np.exp(-dull * program.softness[i]) * gain)


@native
def _add_noise(pool, voice, out):
    """Add the attack's noise to out (samples,), and let it die away."""
    if voice.noise_level == 0:
        return
    start = 0
    while start < out.shape[0]:
        n = min(pool.noise_step, out.shape[0] - start)
        share = np.float32(min(1.0, n / max(voice.noise_rise, 1)))
        voice.noise_rise = max(0, voice.noise_rise - n)
        _fade_noise(voice.noise, pool.noise_left[n], voice.noise_power)
        for band in range(N_BANDS):
            gain = voice.noise_gain[band]
            step = (np.sqrt(voice.noise_power[band]) - gain) * share / np.float32(n)
            voice.noise_step[band], voice.noise_gain[band] = step, gain + step * np.float32(n)
        noise = pool.noise[voice.noise_at : voice.noise_at + n]
        _add_bands(out[start : start + n], noise, voice.noise_gain, voice.noise_step)
        voice.noise_at = (voice.noise_at + n) % NOISE
        start += n
    level = _noise_level(voice)
    voice.noise_level = level if level > OVER else 0


@native(fastmath=True)
def _fade_noise(noise, left, power):
    """Multiply powers (bands, decays) by left (decays,); power: (bands,), of each band before."""
    for band in range(N_BANDS):
        x = np.float32(0)
        for decay in range(N_DECAYS):
            x += noise[band, decay]
            noise[band, decay] *= left[decay]
        power[band] = x


@native(fastmath=True)
def _add_bands(out, noise, gain, step):
    """Add noise (samples, bands); gain: (bands,), of the last sample; step: (bands,), a sample."""
    n = out.shape[0]
    for t in range(n):
        before = np.float32(n - 1 - t)
        x = np.float32(0)
        for band in range(N_BANDS):
            x += (gain[band] - before * step[band]) * noise[t, band]
        out[t] += x


@native
def _noise_level(voice):
    """No sample of its noise that is still to come is above it."""
    level = np.float32(0)
    for band in range(N_BANDS):
        power = np.float32(0)
        for decay in range(N_DECAYS):
            power += voice.noise[band, decay]
        level += max(np.sqrt(power), voice.noise_gain[band])
    return np.float32(CREST) * level


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
    voice.level = voice.gain * (np.sqrt(n * energy) + voice.noise_level)  # Cauchy and Schwarz
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
        for band in range(N_BANDS):
            voice.noise_gain[band] *= gain
            for decay in range(N_DECAYS):
                voice.noise[band, decay] *= gain * gain
        voice.gain, voice.fresh = 1, 0
        return
    to = pool.voices[own]
    to.n_modes = max(to.n_modes, voice.n_modes)
    for i in range(voice.n_modes):
        to.state[0, i] += gain * voice.state[0, i]
        to.state[1, i] += gain * voice.state[1, i]
    if voice.noise_level > 0:  # another stretch of it sounds there, so it goes on here
        voice.n_modes, voice.fresh = 0, 3
    else:
        voice.pad = -1
