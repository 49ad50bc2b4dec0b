"""What a strike adds to the modes of a voice, inside the audio callback."""

import numpy as np

from matcher.compiled import native
from matcher.physics import bank

WEAKEST = 0.01  # force below which a mallet gets no softer
EDGE = 0.96  # of the way from the middle to the rim: the farthest strike, since the rim is silent


@native
def dullness(force):
    """bank.dullness of a force from 0 to 1."""
    return bank.dullness(max(force, WEAKEST))


@native
def excite(program, voice, force, scale):
    """Strike a voice at its drum's own point; scale: of the amplitude."""
    dull = dullness(force)
    for i in range(program.n_modes):
        gain = scale * np.exp(-dull * program.softness[i])
        add(voice, i, gain * program.impulse[0, i], gain * program.impulse[1, i])


@native
def add(voice, i, re, im):
    """Add to the state of a row; the glide's, which stands for energy, adds up by its square."""
    if i == voice.glide:
        voice.state[0, i] = np.hypot(voice.state[0, i], np.float32(re))
    else:
        voice.state[0, i] += np.float32(re)
        voice.state[1, i] += np.float32(im)


@native
def excite_at(program, voice, position, force, scale):
    """Strike a voice at a position, on the line from the middle through the drum's own point.

    All rows get as much energy as from a strike at that point. position: 0 middle to 1 rim.
    """
    x1, x2 = program.strike[0] - 0.5, program.strike[1] - 0.5
    away = 2 * max(abs(x1), abs(x2))
    if away < 1e-3:  # it is the middle: towards a corner
        x1, x2, away = -0.5, -0.5, 1.0
    share = EDGE * min(position, 1.0) / away
    x1, x2 = np.pi * (0.5 + share * x1), np.pi * (0.5 + share * x2)
    here = there = 0.0
    for i in range(program.n_all):
        if i != program.glide:
            here += _strength(program, i, x1, x2) ** 2 * _power(program.anywhere, i)
            there += _power(program.impulse, i)
    if here <= 0:
        return
    dull, moved = dullness(force), np.sqrt(there / here)
    for i in range(program.n_all):
        gain = scale * np.exp(-dull * program.softness[i]) * _strength(program, i, x1, x2)
        if i != program.glide:
            gain *= moved
        add(voice, i, gain * program.anywhere[0, i], gain * program.anywhere[1, i])


@native
def _strength(program, i, x1, x2):
    """How strongly a row sounds; x1, x2: pi times shares of the sides, of the strike point."""
    m, k = program.index[0, i], program.index[1, i]
    return (np.sin(m * x1) * np.sin(k * x2)) ** 2 + program.node[i]


@native
def _power(z, i):
    """Squared magnitude of z (2, rows), real and imaginary parts, in a row."""
    return z[0, i] * z[0, i] + z[1, i] * z[1, i]
