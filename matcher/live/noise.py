"""The attack's noise as the voices play it: its table, and where it may begin.

A strike of the same force is to have the same peak and energy every time, and those of the offline
rendering. The lowest bands of the attack's noise add to the body or cancel it, as their phase has
it, so they begin where the offline noise begins with every strike. The bands above begin at one of
a few places, chosen here by rendering the onset from each of them.
"""

from functools import lru_cache

import numpy as np

from matcher.compiled import native
from matcher.physics import attack, bank, body
from matcher.physics.parameters import HARD_HZ

N_BANDS, N_DECAYS = attack.SHAPE
N_FIXED = attack.FIRST_WIRES_BAND  # bands that begin at the same place with every strike
N_FREE = N_BANDS - N_FIXED
NOISE = 2**16  # samples of the noise until it repeats: 1.4 s at 48 kHz
LOOP = 2048  # samples in which its end fades into its beginning: a period of the lowest band
BLOCK = 2048  # samples that the voices render at once, at most
N_STARTS = 8  # places where a drum's free bands may begin, at most
N_CANDIDATES = 64  # places that are tried, fewer above FULL_RATE: 3 ms of work for each program
FULL_RATE = 48000  # Hz
FORCES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2, 0.1, 0.03)  # of trial strokes: it changes the body
TRIAL_S = 0.15  # s of a trial stroke: what comes later the noise changes little
TOLERANCE_DB = 0.4  # dB from the offline peak and energy: two starts differ by twice that at most
GOLDEN = (5**0.5 - 1) / 2  # step of a sequence that fills [0, 1) evenly (Roberts 2018, R1)


stopping = native(attack.stopping)


@lru_cache(2)
def noise_table(sample_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """The attack's noise as the voices play it, of any length without a step.

    Args:
        sample_rate: Hz.

    Returns:
        The fixed bands, (NOISE + BLOCK, N_FIXED) float32, and the free bands, (NOISE + BLOCK,
        N_FREE). They begin as attack.noise does, their end fades into what comes before that
        beginning there, and then the beginning follows again.
    """
    bands = attack.noise(sample_rate)  # (N_BANDS, period)
    table = bands[:, np.arange(NOISE) % bands.shape[1]]
    angle = np.pi / 2 * np.arange(1, LOOP + 1, dtype=np.float32) / LOOP
    table[:, -LOOP:] = np.cos(angle) * table[:, -LOOP:] + np.sin(angle) * bands[:, -LOOP:]
    table = np.concatenate([table, table[:, :BLOCK]], axis=1).T  # (NOISE + BLOCK, N_BANDS)
    return np.ascontiguousarray(table[:, :N_FIXED]), np.ascontiguousarray(table[:, N_FIXED:])


@native
def set_starts(program, work, drum, sample_rate, noise, scale, sounds, gains, rests, wanted):
    """Set where a program's free bands may begin so that it sounds as loud as offline.

    program: record of programs.PROGRAM. work: record of body.WORK, its bank struck with force 1; it
    is changed. drum: record of bank.DRUM. noise: (N_BANDS, period), attack.noise. scale: of the
    body, so that its peak is 1. sounds: (3, samples), the offline rendering in that scale, whose
    noise begins at 0, which always fits, then its fixed and its free bands. gains: (N_BANDS,
    samples) of the bands. rests: (forces, samples), wanted: (forces, 2), room to work in.
    """
    room, n = rooms(noise.shape[1], sample_rate)
    n_forces = trial_forces(drum)
    for f in range(n_forces):
        add_trial(f, work, drum, sample_rate, scale, sounds, rests[f, :n])
    program.n_starts = 0
    for i in range(n_candidates(sample_rate)):
        try_start(
            program, i, rests[:n_forces, :n], noise[N_FIXED:], gains[N_FIXED:, :n], room - n,
            sounds[2, :n], wanted,
        )  # fmt: skip
        if program.n_starts == program.starts.shape[0]:
            break


@native
def rooms(period, sample_rate):
    """Samples of a period of noise within which it may sound, and of a trial stroke."""
    room = min(NOISE - LOOP, period)
    return room, min(round(TRIAL_S * sample_rate), room)


@native
def trial_forces(drum):
    """How many of FORCES change the body of a record of bank.DRUM."""
    changes = drum.tension > 0 or drum.mallet_hz < HARD_HZ
    return len(FORCES) if changes else 1


@native
def n_candidates(sample_rate):
    """How many places are tried; sample_rate: Hz."""
    return round(N_CANDIDATES * min(1.0, FULL_RATE / sample_rate))


@native
def add_trial(f, work, drum, sample_rate, scale, sounds, rest):
    """Set rest (samples,) to all but the free bands of a stroke of FORCES[f].

    Called for one force after the other, as each bank is made of the one before; work to sounds as
    in set_starts.
    """
    if f == 0:
        for t in range(rest.shape[0]):
            rest[t] = sounds[0, t] - sounds[2, t]
        return
    bank.soften(work.bank, FORCES[f], FORCES[f - 1])
    rest[:] = 0
    body.add(work, drum.tension * FORCES[f] ** 2, sample_rate, rest)
    for t in range(rest.shape[0]):
        rest[t] = scale * rest[t] + sounds[1, t]


@native
def try_start(program, i, rests, noise, gains, room, sound, wanted):
    """Add candidate i to a program's starts if it sounds from there as from the first.

    rests: (forces, samples), all but the noise. noise: (bands, samples). gains: of it, likewise.
    room: the last place there is. sound: (samples,), wanted: (forces, 2), room to work in, the
    latter kept from one candidate to the next.
    """
    place = int(GOLDEN * i % 1 * room)
    sound[:] = 0
    add_bands(noise[:, place:], gains, sound)
    if i == 0:
        for f in range(rests.shape[0]):
            wanted[f] = _measure(rests[f], sound)
    if i == 0 or _fits(rests, sound, wanted):
        program.starts[program.n_starts] = place
        program.n_starts += 1


@native
def _fits(rests, noise, wanted):
    """Whether peak and energy of each of rests with the noise are near enough to `wanted`."""
    for i in range(rests.shape[0]):
        peak, energy = _measure(rests[i], noise)
        apart = max(abs(np.log10(peak / wanted[i, 0])), abs(np.log10(energy / wanted[i, 1])))
        if not 10 * apart <= TOLERANCE_DB:
            return False
    return True


@native(fastmath=True)
def add_bands(noise, gains, out):
    """Add noise (bands, samples) times gains (bands, samples) to out (samples,)."""
    for band in range(gains.shape[0]):
        for t in range(out.shape[0]):
            out[t] += gains[band, t] * noise[band, t]


@native(fastmath=True)
def _measure(rest, noise):
    """Squared peak and energy of rest + noise, both (samples,)."""
    peak, energy = np.float32(0), np.float32(0)
    for t in range(rest.shape[0]):
        power = (rest[t] + noise[t]) ** 2
        peak = max(peak, power)
        energy += power
    return peak, energy
