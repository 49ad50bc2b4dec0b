"""What a strike adds to the modes of a voice, inside the audio callback."""

import numpy as np

from matcher.compiled import native
from matcher.physics import bank

WEAKEST = 0.01  # force below which a mallet gets no softer
EDGE = 0.96  # of the way from the middle to the rim: the farthest strike, since the rim is silent


@native
def dullness(force):
    """Factor of a mallet's softness for a force other than 1, less that for 1: 0 with 1."""
    return max(force, WEAKEST) ** (-2 * bank.BRIGHTER) - 1


@native
def excite(program, voice, force, scale):
    """Strike a voice at its drum's own point; scale: of the amplitude."""
    dull = dullness(force)
    for i in range(program.n_modes):
        add = scale * np.exp(-dull * program.softness[i]) * program.impulse[i]
        voice.state[0, i] += np.float32(add)


@native
def excite_at(program, voice, position, force, scale):
    """Strike a voice at a position, on the line from the middle through the drum's own point.

    The modes get as much energy as from a strike at that point. position: 0 middle to 1 rim.
    """
    x1, x2 = program.strike[0] - 0.5, program.strike[1] - 0.5
    away = 2 * max(abs(x1), abs(x2))
    if away < 1e-3:  # it is the middle: towards a corner
        x1, x2, away = -0.5, -0.5, 1.0
    share = EDGE * min(position, 1.0) / away
    x1, x2 = np.pi * (0.5 + share * x1), np.pi * (0.5 + share * x2)
    here = there = 0.0
    for i in range(program.n_all):
        here += _gain_at(program, i, x1, x2) ** 2
        there += program.impulse[i] * program.impulse[i]
    if here <= 0:
        return
    dull, scale = dullness(force), scale * np.sqrt(there / here)
    for i in range(program.n_all):
        add = scale * np.exp(-dull * program.softness[i]) * _gain_at(program, i, x1, x2)
        voice.state[0, i] += np.float32(add)


@native
def _gain_at(program, i, x1, x2):
    """Amplitude that a strike of force 1 adds to a mode; x1, x2: pi times shares of the sides."""
    first, second = program.index[0, i] + 1, program.index[1, i] + 1
    return program.anywhere[i] * (np.sin(first * x1) * np.sin(second * x2)) ** 2
