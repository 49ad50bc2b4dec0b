"""A drum with its recorded partials: they are put on the modes of a membrane, and the attack beside.

The drum's pitch is that of the membrane's fundamental, so its partial belongs to mode (1, 1). The
others go to modes near to them; several may share one, since a real head splits its modes.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from matcher.matching import attack_fit
from matcher.matching.partials import FARTHEST_CENTS, Partials
from matcher.physics import attack, drum, ftm, modal, partials
from matcher.physics.drum import Drum
from matcher.physics.parameters import PARAMETERS

CHILDREN = 4  # partials of one mode, at most
CROWDED = 0.02  # octaves: what one more partial of a mode costs
LEVEL = 0.027  # octaves that a factor of 2 in level costs
DECAY = 0.05  # octaves that a factor of 2 in decay rate costs
QUIETEST = 1e-4  # of the loudest mode's gain: below, levels do not count


def membrane_of(drum_: Drum, found: Partials) -> Drum:
    """A drum whose pitch, decay and glide are those of the partials, as far as they have them."""
    clamp = {name: PARAMETERS[name].clamp for name in ("omega", "tau", "tension", "glide_s")}
    theta = drum_.theta
    if found.pitch_hz is not None:
        theta = theta._replace(omega=clamp["omega"](2 * np.pi * found.pitch_hz))
    if found.pitch_sigma is not None:
        theta = theta._replace(tau=clamp["tau"](1 / found.pitch_sigma))
    return drum_._replace(
        theta=theta,
        tension=clamp["tension"](found.glide.rise),
        glide_s=clamp["glide_s"](found.glide.seconds),
    )


def parents(drum_: Drum, found: Partials, amplitudes: np.ndarray) -> np.ndarray:
    """The mode of each partial: near in log frequency, then in level and decay.

    Args:
        drum_: its membrane.
        found: the partials.
        amplitudes: of one stroke, (partials,), on any scale.

    Returns:
        (partials, 2), m and k from 1.
    """
    modes = drum_.modes()
    levels = np.abs(amplitudes) / np.max(np.abs(amplitudes))
    own = np.maximum(modes.gain / np.max(modes.gain), QUIETEST)
    cost = np.abs(np.log2(found.hz[:, None] * 2 * np.pi / modes.omega))  # (partials, modes)
    cost += LEVEL * np.abs(np.log2(np.maximum(levels, QUIETEST)[:, None] / own))
    cost += DECAY * np.abs(np.log2(found.sigma[:, None] / modes.sigma))
    if found.pitch_hz and abs(1200 * np.log2(found.hz[0] / found.pitch_hz)) < FARTHEST_CENTS:
        cost[0, 1:] += cost.max() + 1  # its mode is (1, 1)
        cost[0, 0] = 0
    crowded = CROWDED * np.repeat(np.arange(CHILDREN), cost.shape[1])
    row, column = linear_sum_assignment(np.tile(cost, (1, CHILDREN)) + crowded)
    mode = np.empty(len(found.hz), int)
    mode[row] = column % cost.shape[1]
    return 1 + np.stack(np.divmod(mode, ftm.N_MODES), axis=1)
