"""Modal bank: damped sines as complex rotations, in Numba, at any sample rate.

Each mode is a complex number turned and shrunk once per sample; its imaginary part sounds. The
kernel writes eight samples per pass by a few stored powers of the rotation (more of them would cost
more to fetch than to multiply), then advances the state.
"""

import numpy as np

from matcher.compiled import native
from matcher.physics import ftm
from matcher.physics.theta import Theta

POWERS = (1, 2, 4, 8)  # of each rotation that are stored; the last is a pass of the kernel
PASS = POWERS[-1]  # samples
N_POWERS = len(POWERS)
GLIDE = 64  # samples for which a tension holds
HIGHEST_RISE = 3.0  # of tension: the fundamental an octave up
LEAST_RISE = 1e-5  # of tension, which is 0.01 cents
HIGHEST_TURN = (
    0.97 * np.pi
)  # radians a sample: a mode that glides stays below the Nyquist frequency
BLOCK = 4096  # samples between exact restarts of an offline rendering
FADE = 0.9  # modes fade out from here, as a share of the Nyquist frequency, to silence at 1
SILENCE = 1e-9  # a mode below this share of all modes together is over (-180 dB)


@native(fastmath=True)
def add_modes(state, powers, n_modes, out):
    """Add the next samples of the first n_modes modes to `out` and advance `state`, both in place.

    state: (2, modes) float32, real and imaginary part, amplitude included.
    powers: (len(POWERS), 2, modes) float32, as `powers` makes them.
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


@native(fastmath=True)
def add_gliding(state, rotation, pull, weight, rise, n_modes, powers_now, out):
    """add_modes of a membrane whose tension rises with the energy of its modes, quasi-statically.

    After Petrausch and Rabenstein (EUSIPCO 2005) and Marogna, Avanzini and Bank (DAFx 2010): the
    squared frequency of each mode rises by rise * sum(weight |state|^2) times pull[0].

    rotation: (2, modes) float32, one sample of each mode at rest. pull: (2, modes) float32, and
    pull[1] is the mode's frequency in radians a sample. weight: (modes,) float32. powers_now: as
    `powers` makes them of the modes at rest, and then as they were left here.
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


def fade_out(modes: ftm.Modes, sample_rate: float) -> ftm.Modes:
    """Fade the gains of modes that near the Nyquist frequency, so that none aliases."""
    nyquist = np.pi * sample_rate  # rad/s
    share = np.clip((modes.omega / nyquist - FADE) / (1 - FADE), 0, 1)
    fade = np.where(share < 1, np.cos(np.pi / 2 * share) ** 2, 0)
    return modes._replace(gain=modes.gain * fade)


def render_modes(modes: ftm.Modes, sample_rate: float, n_samples: int) -> np.ndarray:
    """Sum of the modes' damped sines, (n_samples,) float32, in the modes' own scale.

    modes: of one sound, each array (modes,). Restarts exactly every BLOCK samples, so that the
    rounding of float32 does not add up; modes that have died away are dropped there.
    """
    modes = fade_out(modes, sample_rate)
    rotation = (-modes.sigma + 1j * modes.omega) / sample_rate  # (modes,) per sample
    floor = SILENCE * modes.gain.sum()
    out = np.zeros(n_samples, np.float32)
    for start in range(0, n_samples, BLOCK):
        amplitude = modes.gain * np.exp(rotation.real * start)
        on = amplitude > floor
        if not on.any():
            break
        phase = amplitude[on] * np.exp(1j * (rotation.imag[on] * start))
        add_modes(split(phase), powers(rotation[on]), on.sum(), out[start : start + BLOCK])
    return out


def powers(rotation: np.ndarray) -> np.ndarray:
    """Logarithms of rotations a sample (modes,) complex -> what add_modes takes of them."""
    return split(np.exp(np.array(POWERS)[:, None] * rotation))


def split(z: np.ndarray) -> np.ndarray:
    """(..., modes) complex -> (..., 2, modes) float32."""
    return np.stack([z.real, z.imag], axis=-2).astype(np.float32)


def render(
    theta: Theta, sample_rate: float, seconds: float, strike=ftm.STRIKE, peak: float = 1.0
) -> np.ndarray:
    """The sound of one drum, (round(seconds * sample_rate),) float32; its largest value is `peak`.

    strike: (x1, x2) in (0, 1), where the membrane is struck and heard. A point where every mode
    below the Nyquist frequency is silent gives silence.
    """
    x = render_modes(ftm.modes(theta, strike), sample_rate, round(seconds * sample_rate))
    largest = np.max(np.abs(x), initial=0)
    return x * np.float32(peak / largest) if largest > 0 else x
