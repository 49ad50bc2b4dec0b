"""The attack of a voice: bands of noise that die away, rendered inside the audio callback.

The fixed bands begin at the same place of the noise with every strike, the free bands at one of the
places that the drum's program names. A strike while the noise of an earlier one still sounds begins
there as well: what is left of the earlier noise goes on at the new place, into which the old one
fades.
"""

import numpy as np

from matcher.compiled import native
from matcher.live.noise import N_BANDS, N_DECAYS, N_FIXED, NOISE, stopping
from matcher.live.programs import OVER
from matcher.physics import attack

CREST = 4.0  # no sample of a band's noise is farther above its RMS
RESTART_S = 0.01  # s for which the noise before a strike fades out: no step even at 50 Hz

ATTACK = np.dtype(
    [
        ("powers", np.float32, attack.SHAPE),  # of each band and decay, as they are now
        ("power", np.float32, N_BANDS),  # wanted of each band at the end of a step
        ("gain", np.float32, N_BANDS),  # amplitude of each band at the next sample
        ("slope", np.float32, N_BANDS),  # growth of it in a sample
        ("level", np.float32),  # no sample still to come is above it; 0: it is over
        ("rise", np.int64),  # samples until the last strike has its whole level
        ("wires_s", np.float64),  # s after the last strike when the free bands stop
        ("age_s", np.float64),  # s since then
        ("fixed_at", np.int64),  # sample of the noise that comes next, of the fixed bands
        ("free_at", np.int64),  # and of the free bands
        ("fade", np.int64),  # samples for which the noise before the last strike still sounds
        ("earlier", np.float32, N_BANDS),  # share of the power that is not of the last strike
        ("old_gain", np.float32, N_BANDS),  # gain, slope and places of the noise that fades out
        ("old_slope", np.float32, N_BANDS),
        ("old_fixed_at", np.int64),
        ("old_free_at", np.int64),
    ],
    align=True,
)


@native
def clear(a):
    """Make a record of ATTACK silent."""
    a.level, a.fade, a.rise = 0, 0, 0
    for band in range(N_BANDS):
        a.gain[band] = a.earlier[band] = 0
        for decay in range(N_DECAYS):
            a.powers[band, decay] = 0


@native
def strike(pool, a, program, scale, varies):
    """Add the attack of a program to a record of ATTACK.

    scale: amplitude, 1 for force 1. varies: whether it may begin at any of the program's starts,
    which are those that fit the drum's own strike point; else it begins at the first.
    """
    if program.n_starts == 0:
        return
    if a.fade == 0 and a.rise == 0:  # strikes in quick succession share a place
        _restart(pool, a, program, varies)
    for band in range(N_BANDS):
        before, added = np.float32(0), np.float32(0)
        for decay in range(N_DECAYS):
            add = np.float32(scale * scale) * program.attack_powers[band, decay]
            before += a.powers[band, decay]
            added += add
            a.powers[band, decay] += add
        if added > 0:
            a.earlier[band] *= before / (before + added)
    a.level = np.inf  # until rendered
    a.rise = pool.noise_step
    a.wires_s, a.age_s = program.wires_s, 0.0  # wires that were stopping rattle again


@native
def _restart(pool, a, program, varies):
    """Go to where a strike's noise begins; what sounds fades out at its old place."""
    sounds = a.level > 0
    a.old_fixed_at, a.old_free_at = a.fixed_at, a.free_at
    for band in range(N_BANDS):
        a.old_gain[band] = a.gain[band] if sounds else 0
        a.gain[band] = 0
        a.earlier[band] = 1 if sounds else 0
    a.fade = max(1, int(RESTART_S * pool.sample_rate)) if sounds else 0
    a.fixed_at, a.free_at = 0, program.starts[_draw(pool, program) if varies else 0]


@native
def _draw(pool, program):
    """The index of one of a program's starts, another one than the last where there are several."""
    # a linear congruential generator (Knuth's MMIX)
    pool.chance = pool.chance * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
    others = program.n_starts - 1
    if others > 0:
        steps = 1 + np.int64(pool.chance >> np.uint64(48)) % others
        program.last_start = (program.last_start + steps) % program.n_starts
    return program.last_start


@native
def scale(a, gain):
    """Multiply what sounds by a gain."""
    for band in range(N_BANDS):
        a.gain[band] *= gain
        a.old_gain[band] *= gain
        for decay in range(N_DECAYS):
            a.powers[band, decay] *= gain * gain


@native
def add(pool, a, out):
    """Add the next samples to out (samples,) and let the noise die away."""
    if a.level == 0:
        return
    start = 0
    while start < out.shape[0]:
        n = min(pool.noise_step, out.shape[0] - start)
        part = out[start : start + n]
        if a.fade > 0:
            _add_old(pool, a, part)
        _step_gains(pool, a, n)
        fixed = pool.noise_fixed[a.fixed_at : a.fixed_at + n]
        free = pool.noise_free[a.free_at : a.free_at + n]
        _add_bands(part, fixed, free, a.gain, a.slope)
        a.fixed_at, a.free_at = (a.fixed_at + n) % NOISE, (a.free_at + n) % NOISE
        start += n
    level = _level(a)
    a.level = level if level > OVER else 0


@native
def _step_gains(pool, a, n):
    """Let the gains go on by n samples, to those of powers that die away."""
    share = np.float32(min(1.0, n / max(a.rise, 1)))
    a.rise = max(0, a.rise - n)
    _stop_wires(pool, a, n)
    _fade_powers(a.powers, pool.noise_left[n], a.power)
    gone = np.float32(0)  # share of the earlier power that still sounds at its old place
    if a.fade > 0:
        gone = _fading(pool, a.fade) ** 2
    for band in range(N_BANDS):
        wanted = np.sqrt(a.power[band] * (np.float32(1) - gone * a.earlier[band]))
        slope = (wanted - a.gain[band]) * share / np.float32(n)
        a.slope[band] = slope
        a.gain[band] += slope * np.float32(n)


@native
def _add_old(pool, a, out):
    """Add the noise before the last strike, which fades out."""
    n = out.shape[0]
    left = max(0, a.fade - n)
    share = _fading(pool, left) / _fading(pool, a.fade)
    for band in range(N_BANDS):
        gain = a.old_gain[band] * share
        a.old_slope[band] = (gain - a.old_gain[band]) / np.float32(n)
        a.old_gain[band] = gain
    fixed = pool.noise_fixed[a.old_fixed_at : a.old_fixed_at + n]
    free = pool.noise_free[a.old_free_at : a.old_free_at + n]
    _add_bands(out, fixed, free, a.old_gain, a.old_slope)
    a.old_fixed_at, a.old_free_at = (a.old_fixed_at + n) % NOISE, (a.old_free_at + n) % NOISE
    a.fade = left


@native
def _fading(pool, left):
    """Amplitude of noise that fades out in so many samples, 1 to 0, flat at both ends."""
    u = np.float32(left / max(1, int(RESTART_S * pool.sample_rate)))
    return np.sin(np.float32(np.pi / 2) * u * u * (np.float32(3) - np.float32(2) * u))


@native
def _stop_wires(pool, a, n):
    """Let n samples pass until the wires stop."""
    if a.wires_s < attack.NEVER_S:
        before = stopping(a.age_s, a.wires_s)
        a.age_s += n / pool.sample_rate
        after = stopping(a.age_s, a.wires_s)
        left = np.float32((after / before) ** 2 if before > 0 else 0.0)
        for band in range(N_FIXED, N_BANDS):
            for decay in range(N_DECAYS):
                a.powers[band, decay] *= left


@native(fastmath=True)
def _fade_powers(powers, left, power):
    """Multiply powers (bands, decays) by left (decays,); power: (bands,), of each band then."""
    for band in range(N_BANDS):
        x = np.float32(0)
        for decay in range(N_DECAYS):
            powers[band, decay] *= left[decay]
            x += powers[band, decay]
        power[band] = x


@native(fastmath=True)
def _add_bands(out, fixed, free, gain, slope):
    """Add noise (samples, bands) to out (samples,), each kind of band from its own place.

    gain: (bands,), behind the last sample. slope: (bands,), growth in a sample.
    """
    n = out.shape[0]
    for t in range(n):
        before = np.float32(n - t)
        x = np.float32(0)
        for band in range(N_FIXED):
            x += (gain[band] - before * slope[band]) * fixed[t, band]
        for band in range(N_FIXED, N_BANDS):
            x += (gain[band] - before * slope[band]) * free[t, band - N_FIXED]
        out[t] += x


@native
def _level(a):
    """No sample that is still to come is above it."""
    level = np.float32(0)
    for band in range(N_BANDS):
        level += max(np.sqrt(a.power[band]), a.gain[band])
        if a.fade > 0:
            level += a.old_gain[band]
    return np.float32(CREST) * level
