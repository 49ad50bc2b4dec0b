"""The attack's noise, attack.noise and noise.noise_table, in loops that need no library.

The instrument makes it with numpy and scipy. Only as much of its period is computed as the voices
play, by Bluestein's chirp transform (1970), so that it takes as long at every sample rate.
"""

import math

import numpy as np

from matcher.compiled import native
from matcher.live.noise import BLOCK, LOOP, N_BANDS, N_FIXED, NOISE
from matcher.physics import attack

SIZE = 2**17  # points of the transform: at least those computed and the lines of a band together
POINTS = LOOP + NOISE  # points that are computed, from LOOP before the beginning of the noise
N_LINES = int(attack.HIGHEST_HZ * attack.PERIOD_S)

ROOM = np.dtype(  # to work in
    [
        ("re", np.float64, SIZE),
        ("im", np.float64, SIZE),
        ("kernel_re", np.float64, SIZE),
        ("kernel_im", np.float64, SIZE),
        ("cos", np.float64, SIZE // 2),
        ("sin", np.float64, SIZE // 2),
    ],
    align=True,
)
# numpy's default_rng(attack.SEED): PCG64's state after seeding and its constants, in 64-bit halves
_pcg = np.random.default_rng(attack.SEED).bit_generator.state["state"]
STATE_HIGH, STATE_LOW = map(np.uint64, divmod(_pcg["state"], 2**64))
STEP_HIGH, STEP_LOW = map(np.uint64, divmod(_pcg["inc"], 2**64))
FACTOR_HIGH, FACTOR_LOW = map(np.uint64, divmod(0x2360ED051FC65DA44385DF649FCCF645, 2**64))
LOW = np.uint64(0xFFFFFFFF)
HALF, ROTATION, MANTISSA, WORD = np.uint64(32), np.uint64(58), np.uint64(11), np.uint64(63)
UNIT = 2.0**-53  # of a random double


@native
def fill(bands, fixed, free, sample_rate, room):
    """Fill the noise as the voices and their programs play it.

    bands: (N_BANDS, up to NOISE) float32, the beginning of attack.noise. fixed, free: (NOISE +
    BLOCK, N_FIXED) and (NOISE + BLOCK, N_FREE) float32, as noise.noise_table. sample_rate: Hz.
    room: record of ROOM.
    """
    period = round(attack.PERIOD_S * sample_rate)
    for i in range(SIZE // 2):
        room.cos[i], room.sin[i] = (
            math.cos(2 * math.pi * i / SIZE),
            math.sin(2 * math.pi * i / SIZE),
        )
    _make_kernel(room, period)
    for band in range(N_BANDS):
        first = _set_lines(room, band, period)
        _transform(room, first, period)
        for t in range(bands.shape[1]):
            bands[band, t] = room.re[LOOP + t]
        if band < N_FIXED:
            _set_table(fixed, band, room)
        else:
            _set_table(free, band - N_FIXED, room)


@native
def _set_table(table, column, room):
    """Set a column of a table to the points in `room`, as noise.noise_table has them."""
    for t in range(NOISE):
        table[t, column] = np.float32(room.re[LOOP + t])
    for i in range(LOOP):
        angle = np.float32(np.pi / 2 * (i + 1) / LOOP)
        t = NOISE - LOOP + i
        before = np.float32(room.re[i])
        table[t, column] = np.cos(angle) * table[t, column] + np.sin(angle) * before
    for t in range(BLOCK):
        table[NOISE + t, column] = table[t, column]


@native
def place_of(line):
    """Where a line of the noise is among the bands, as attack.noise has it; line: from 1."""
    hz = line / attack.PERIOD_S
    return math.log2(hz / attack.LOWEST_HZ) / attack.OCTAVES * N_BANDS - 0.5


@native
def line_at(place):
    """The line next below a place among the bands, 0 to N_LINES."""
    octaves = (place + 0.5) / N_BANDS * attack.OCTAVES
    return min(int(attack.LOWEST_HZ * 2**octaves * attack.PERIOD_S), N_LINES)


@native
def _set_lines(room, band, period):
    """Set the lines of a band -> the first of them. They are turned to the first point."""
    room.re[:] = 0
    room.im[:] = 0
    first, last = line_at(band - 1.0) + 1, line_at(band + 1.0)
    power = 0.0
    for line in range(first, last + 1):
        power += math.cos(math.pi / 2 * abs(place_of(line) - band)) ** 2
    scale = math.sqrt(2 / power)
    high, low = STATE_HIGH, STATE_LOW
    for line in range(1, min(last, (period - 1) // 2) + 1):  # those below the Nyquist frequency
        high, low, share = random(high, low)
        if line >= first:
            gain = scale * math.cos(math.pi / 2 * abs(place_of(line) - band))
            turns = share - (LOOP * (line - first)) % period / period
            re, im = gain * math.cos(2 * math.pi * turns), gain * math.sin(2 * math.pi * turns)
            _multiply(room, line - first, re, im, *chirp(line - first, period))
    return first


@native
def _multiply(room, i, re, im, cos, sin):
    room.re[i], room.im[i] = re * cos - im * sin, re * sin + im * cos


@native
def chirp(i, period):
    """Cosine and sine of pi i^2 / period."""
    angle = math.pi * (i * i % (2 * period)) / period
    return math.cos(angle), math.sin(angle)


@native
def _make_kernel(room, period):
    """The transform of the chirp's conjugate, over as many lines and points as there may be."""
    for i in range(SIZE):
        cos, sin = chirp(i if i < POINTS else SIZE - i, period)
        room.kernel_re[i], room.kernel_im[i] = cos, -sin
    _forward(room.kernel_re, room.kernel_im, room.cos, room.sin)


@native
def _transform(room, first, period):
    """The lines in `room` -> their sum at POINTS points, in room.re."""
    _forward(room.re, room.im, room.cos, room.sin)
    for i in range(SIZE):
        _multiply(room, i, room.re[i], room.im[i], room.kernel_re[i], room.kernel_im[i])
    _backward(room.re, room.im, room.cos, room.sin)
    for s in range(POINTS):
        cos, sin = chirp(s, period)
        re, im = room.re[s] * cos - room.im[s] * sin, room.re[s] * sin + room.im[s] * cos
        angle = 2 * math.pi * (first * (s - LOOP) % period) / period
        room.re[s] = (re * math.cos(angle) - im * math.sin(angle)) / SIZE


@native
def _forward(re, im, cos, sin):
    """Fourier transform by decimation in frequency; the result is in bit-reversed order."""
    half = SIZE // 2
    while half > 0:
        step = SIZE // 2 // half
        for start in range(0, SIZE, 2 * half):
            for k in range(half):
                a, b, c, s = start + k, start + k + half, cos[k * step], sin[k * step]
                x, y = re[a] - re[b], im[a] - im[b]
                re[a] += re[b]
                im[a] += im[b]
                re[b], im[b] = x * c + y * s, y * c - x * s
        half //= 2


@native
def _backward(re, im, cos, sin):
    """The inverse of _forward times SIZE, by decimation in time, from its order."""
    half = 1
    while half < SIZE:
        step = SIZE // 2 // half
        for start in range(0, SIZE, 2 * half):
            for k in range(half):
                a, b, c, s = start + k, start + k + half, cos[k * step], sin[k * step]
                x, y = re[b] * c - im[b] * s, im[b] * c + re[b] * s
                re[b], im[b] = re[a] - x, im[a] - y
                re[a] += x
                im[a] += y
        half *= 2


@native
def random(high, low):
    """PCG64 (O'Neill 2014), XSL-RR, as numpy's: the next state and a number in [0, 1)."""
    product = low * FACTOR_LOW
    carried = _high_half(low, FACTOR_LOW) + high * FACTOR_LOW + low * FACTOR_HIGH
    low = product + STEP_LOW
    high = carried + STEP_HIGH + np.uint64(low < product)
    mixed, turn = high ^ low, high >> ROTATION
    mixed = (mixed >> turn) | (mixed << ((np.uint64(64) - turn) & WORD))
    return high, low, float(mixed >> MANTISSA) * UNIT


@native
def _high_half(a, b):
    """The upper half of a product of 64 bits each."""
    a_low, a_high, b_low, b_high = a & LOW, a >> HALF, b & LOW, b >> HALF
    middle = (a_low * b_low >> HALF) + (a_high * b_low & LOW) + (a_low * b_high & LOW)
    return a_high * b_high + (a_high * b_low >> HALF) + (a_low * b_high >> HALF) + (middle >> HALF)
