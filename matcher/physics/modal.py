"""Modal filter bank in Numba: a sum of exponentially damped sines at any sample rate.

Each mode is a complex number that is multiplied by a complex rotation once per sample; its
imaginary part is the output. The kernel writes eight samples per pass with a few stored powers of
the rotation (fetching more of them would cost more than multiplying), then advances the state.
"""

import numpy as np

from matcher.compiled import native
from matcher.physics import ftm

POWERS = (1, 2, 4, 8)  # exponents of the stored powers of each rotation
PASS = POWERS[-1]  # samples: written in one pass of the kernel
N_POWERS = len(POWERS)
GLIDE = 64  # samples: interval at which the tension is updated
HIGHEST_RISE = 3.0  # relative rise of omega^2: raises the fundamental by an octave
LEAST_RISE = 1e-5  # relative rise of omega^2: 0.01 cents, below which the modes are at rest
HIGHEST_TURN = 0.97 * np.pi  # rad per sample: keeps gliding modes below the Nyquist frequency
BLOCK = 4096  # samples: between exact restarts of an offline rendering
FADE = 0.9  # share of the Nyquist frequency: modes fade out from here to silence at 1
SILENCE = 1e-9  # share of the sum of all gains (-180 dB): quieter modes are dropped


# Inlined by force: sums in any order (fastmath) are rounded as each copy of the code was optimised,
# and which copy runs would depend on whether its caller was compiled in this process or before.
@native(fastmath=True, forceinline=True)
def add_modes(state, powers, n_modes, out):
    """Add the next samples of the first n_modes modes to `out` and advance `state`, both in place.

    Args:
        state: (2, modes) float32, real and imaginary part, amplitude included.
        powers: (N_POWERS, 2, modes) float32, from `powers`.
        n_modes: number of modes to add.
        out: (samples,) float32.
    """
    whole = out.shape[0] // PASS * PASS
    for start in range(0, whole, PASS):
        x0 = x1 = x2 = x3 = x4 = x5 = x6 = x7 = np.float32(0)
        for i in range(n_modes):
            re, im = state[0, i], state[1, i]
            a, b = powers[0, 0, i], powers[0, 1, i]
            a2, b2 = powers[1, 0, i], powers[1, 1, i]
            a4, b4 = powers[2, 0, i], powers[2, 1, i]
            re2, im2 = re * a2 - im * b2, re * b2 + im * a2
            re4, im4 = re * a4 - im * b4, re * b4 + im * a4
            re6, im6 = re4 * a2 - im4 * b2, re4 * b2 + im4 * a2
            x0 += im
            x1 += re * b + im * a
            x2 += im2
            x3 += re2 * b + im2 * a
            x4 += im4
            x5 += re4 * b + im4 * a
            x6 += im6
            x7 += re6 * b + im6 * a
            state[0, i] = re * powers[3, 0, i] - im * powers[3, 1, i]
            state[1, i] = re * powers[3, 1, i] + im * powers[3, 0, i]
        out[start] += x0
        out[start + 1] += x1
        out[start + 2] += x2
        out[start + 3] += x3
        out[start + 4] += x4
        out[start + 5] += x5
        out[start + 6] += x6
        out[start + 7] += x7
    for t in range(whole, out.shape[0]):
        x = np.float32(0)
        for i in range(n_modes):
            re, im = state[0, i], state[1, i]
            x += im
            state[0, i] = re * powers[0, 0, i] - im * powers[0, 1, i]
            state[1, i] = re * powers[0, 1, i] + im * powers[0, 0, i]
        out[t] += x


@native(fastmath=True, forceinline=True)
def add_gliding(state, rotation, pull, weight, rise, n_modes, powers_now, out):
    """Like add_modes, for a membrane whose tension rises with the energy of its modes.

    The tension is quasi-static, after Petrausch and Rabenstein (EUSIPCO 2005) and Marogna, Avanzini
    and Bank (DAFx 2010): the squared frequency of each mode rises by the share
    pull[0] * rise * sum(weight |state|^2), updated every GLIDE samples.

    Args:
        state: (2, modes) float32, as in add_modes.
        rotation: (2, modes) float32, one sample's rotation of each mode at rest.
        pull: (2, modes) float32: how strongly the tension raises the squared frequency of each
            mode, and its frequency at rest in rad per sample.
        weight: (modes,) float32, weight of each mode in the energy.
        rise: relative rise of the fundamental's squared frequency at an energy of 1.
        n_modes: number of modes to add.
        powers_now: (N_POWERS, 2, modes) float32, from `powers` for the modes at rest at first;
            later as the last call left it.
        out: (samples,) float32.
    """
    for start in range(0, out.shape[0], GLIDE):
        energy = np.float32(0)
        for i in range(n_modes):
            energy += weight[i] * (state[0, i] * state[0, i] + state[1, i] * state[1, i])
        rises = np.float32(min(rise * energy, HIGHEST_RISE))
        if rises < LEAST_RISE:
            rises = np.float32(0)
        at_rest = powers_now[0, 0, 0] == rotation[0, 0] and powers_now[0, 1, 0] == rotation[1, 0]
        for i in range(0 if rises == 0 and at_rest else n_modes):
            turn = pull[1, i] * (np.sqrt(np.float32(1) + rises * pull[0, i]) - np.float32(1))
            turn = min(turn, max(np.float32(HIGHEST_TURN) - pull[1, i], np.float32(0)))
            re, im = np.cos(turn), np.sin(turn)
            a = rotation[0, i] * re - rotation[1, i] * im
            b = rotation[0, i] * im + rotation[1, i] * re
            for k in range(N_POWERS):
                powers_now[k, 0, i], powers_now[k, 1, i] = a, b
                a, b = a * a - b * b, np.float32(2) * a * b
        add_modes(state, powers_now, n_modes, out[start : start + GLIDE])


def fade(omega, sample_rate):
    """Gain, 1 to 0, that fades modes out before the Nyquist frequency, so that none aliases.

    omega: rad/s, a float or an array; it is compiled for the bank as well.
    """
    share = (omega / (np.pi * sample_rate) - FADE) / (1 - FADE)
    inside = np.minimum(np.maximum(share, 0.0), 1.0)
    return np.cos(np.pi / 2 * inside) ** 2 * (share < 1)


def fade_out(modes: ftm.Modes, sample_rate: float) -> ftm.Modes:
    """Fade out the gains of modes near the Nyquist frequency and above, so that none aliases."""
    return modes._replace(gain=modes.gain * fade(modes.omega, sample_rate))


def render_modes(modes: ftm.Modes, sample_rate: float, n_samples: int) -> np.ndarray:
    """Sum the damped sines of modes.

    Args:
        modes: of one sound, each field (modes,).
        sample_rate: Hz.
        n_samples: length of the result.

    Returns:
        (n_samples,) float32, on the modes' own scale.
    """
    sigma, omega, gain = fade_out(modes, sample_rate)
    out = np.zeros(n_samples, np.float32)
    state, now = (np.empty((*shape, 2, len(gain)), np.float32) for shape in ((), (N_POWERS,)))
    im, n = np.zeros(len(gain)), len(gain)
    add_exactly(sigma, omega, gain, im, n, float(sample_rate), state, now, out)
    return out


@native
def add_exactly(sigma, omega, re, im, n_modes, sample_rate, state, powers_now, out):
    """Add a sum of damped sines to `out`, in place.

    The state is computed anew every BLOCK samples, so that float32 rounding errors do not
    accumulate; modes that have decayed are dropped there.

    Args:
        sigma, omega: (modes,) decay rate, 1/s, and angular frequency, rad/s.
        re, im: (modes,) amplitude, its phase included; the imaginary part sounds.
        n_modes: number of modes to add.
        sample_rate: Hz.
        state, powers_now: (2, modes) and (N_POWERS, 2, modes) float32, room to work in.
        out: (samples,) float32.
    """
    floor = 0.0
    for i in range(n_modes):
        floor += SILENCE * np.hypot(re[i], im[i])
    for start in range(0, out.shape[0], BLOCK):
        n, seconds = 0, start / sample_rate
        for i in range(n_modes):
            decay = np.exp(-sigma[i] * seconds)
            if decay * np.hypot(re[i], im[i]) > floor:
                cos, sin = decay * np.cos(omega[i] * seconds), decay * np.sin(omega[i] * seconds)
                state[0, n] = re[i] * cos - im[i] * sin
                state[1, n] = re[i] * sin + im[i] * cos
                set_powers(powers_now, n, sigma[i] / sample_rate, omega[i] / sample_rate)
                n += 1
        if n == 0:
            break
        add_modes(state, powers_now, n, out[start : start + BLOCK])


@native
def set_powers(powers, i, sigma, omega):
    """Set the powers of one mode's rotation, as add_modes takes them.

    powers: (N_POWERS, 2, modes) float32. sigma, omega: decay and rad per sample.
    """
    decay = np.exp(-sigma)
    re, im = decay * np.cos(omega), decay * np.sin(omega)
    for k in range(N_POWERS):  # each is the square of the one before, as POWERS has it
        powers[k, 0, i], powers[k, 1, i] = re, im
        re, im = re * re - im * im, 2 * re * im


def powers(rotation: np.ndarray) -> np.ndarray:
    """Powers of the modes' rotations, as add_modes takes them.

    Args:
        rotation: (modes,) complex, logarithm of one sample's rotation: -sigma + i omega over the
            sample rate.

    Returns:
        (N_POWERS, 2, modes) float32.
    """
    out = np.empty((N_POWERS, 2, len(rotation)), np.float32)
    for i, z in enumerate(rotation):
        set_powers(out, i, -z.real, z.imag)
    return out


def split(z: np.ndarray) -> np.ndarray:
    """(..., modes) complex -> (..., 2, modes) float32."""
    return np.stack([z.real, z.imag], axis=-2).astype(np.float32)
