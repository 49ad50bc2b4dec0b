"""A drum with its recorded partials: put on the modes of a membrane, with the attack beside them.

The drum's pitch is that of the membrane's fundamental, so its partial belongs to mode (1, 1). The
others go to modes near to them; several may share one, since a real head splits its modes.
"""

from collections.abc import Iterator

import numpy as np

from matcher.matching import attack_fit
from matcher.matching.attack_fit import WholeBand
from matcher.matching.partials import Partials
from matcher.physics import attack, drum, ftm
from matcher.physics.drum import Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.partials import GLIDE_S, of_poles
from matcher.physics.theta import Theta

CHILDREN = 4  # partials of one mode, at most
CROWDED = 0.02  # octaves: what one more partial of a mode costs
LEVEL = 0.027  # octaves that a factor of 2 in level costs
DECAY = 0.05  # octaves that a factor of 2 in decay rate costs
QUIETEST = 1e-4  # of the loudest mode's gain: below, levels do not count


SMALLEST = 1e-12  # peak, at least, that a sound is divided by
# dB, tried in turn: twins are compared with a peak of 1, and how body and attack add up to one is
# chance
LEVELS_DB = (0.0, 2.0, -2.0)
SOFTEST = 1e-6  # of the loudest partial: none is softer


def of_drum(
    drum_: Drum, membrane: Drum, found: Partials, stroke: int, whole: WholeBand
) -> Iterator[Drum]:
    """A drum with the partials of a recording in the place of its modes, and a new attack.

    Args:
        drum_: as matched without them; it gives the level.
        membrane: that they belong to.
        found: the partials.
        stroke: index of the stroke in found.amplitudes.
        whole: that stroke.

    Yields:
        The drum with the partials at each of LEVELS_DB; none where there are no partials.
    """
    amplitudes = found.amplitudes[stroke]
    if len(amplitudes) == 0 or not np.any(amplitudes):
        return
    scale = _scale(drum_, whole.n_samples)
    softest = SOFTEST * np.max(np.abs(amplitudes))
    amplitudes = np.where(np.abs(amplitudes) < softest, softest, amplitudes) / scale
    modes = parents(membrane, found, amplitudes)
    wires_s = None
    for level in LEVELS_DB:
        louder = amplitudes * 10 ** (level / 20)
        partials = of_poles(membrane, modes, found.hz, found.sigma, louder)
        body_alone = membrane._replace(partials=partials, attack_powers=None)
        body = drum.render_body(body_alone, attack_fit.RATE, whole.n_samples) * scale
        peak = float(np.max(np.abs(body)))
        if peak > 0:
            found_attack = whole.attack(body, wires_s)
            wires_s = found_attack.wires_s
            powers = np.minimum(found_attack.powers / peak**2, attack.LOUDEST).tolist()
            yield body_alone._replace(attack_powers=tuple(map(tuple, powers)), wires_s=wires_s)


def membrane_of(drum_: Drum, found: Partials, body: Theta | None) -> Drum:
    """A drum whose pitch, decay and glide are those of the partials, as far as they have them.

    body: of a drum that is known, which it then has.
    """
    clamp = {name: PARAMETERS[name].clamp for name in ("omega", "tau", "tension")}
    theta = body or drum_.theta
    if found.pitch_hz is not None and body is None:
        theta = theta._replace(omega=clamp["omega"](2 * np.pi * found.pitch_hz))
    if found.pitch_sigma is not None and body is None:
        theta = theta._replace(tau=clamp["tau"](1 / found.pitch_sigma))
    return drum_._replace(
        theta=theta,
        tension=clamp["tension"](found.glide.rise),
        glide_s=float(np.clip(found.glide.seconds, *GLIDE_S)),
    )


def _scale(drum_: Drum, n_samples: int) -> np.float32:
    """What the membrane's own scale is multiplied by to be in the units of a recording."""
    mixed, body_peak = drum.render_mixed(drum_, attack_fit.RATE, n_samples)
    return np.float32(1 / max(body_peak * float(np.max(np.abs(mixed), initial=0)), SMALLEST))


def parents(drum_: Drum, found: Partials, amplitudes: np.ndarray) -> np.ndarray:
    """The mode of each partial: near in log frequency, then in level and decay.

    Args:
        drum_: its membrane.
        found: the partials.
        amplitudes: of one stroke, (partials,), on any scale.

    Returns:
        (partials, 2), m and k from 1.
    """
    from scipy.optimize import linear_sum_assignment  # takes long to load

    modes = drum_.modes()
    levels = np.abs(amplitudes) / np.max(np.abs(amplitudes))
    own = np.maximum(modes.gain / np.max(modes.gain), QUIETEST)
    cost = np.abs(np.log2(found.hz[:, None] * 2 * np.pi / modes.omega))  # (partials, modes)
    cost += LEVEL * np.abs(np.log2(np.maximum(levels, QUIETEST)[:, None] / own))
    cost += DECAY * np.abs(np.log2(found.sigma[:, None] / modes.sigma))
    if np.any(found.at_pitch):
        pitch = int(np.argmax(found.at_pitch))
        cost[pitch, 1:] += cost.max() + 1  # its mode is (1, 1)
        cost[pitch, 0] = 0
    crowded = CROWDED * np.repeat(np.arange(CHILDREN), cost.shape[1])
    row, column = linear_sum_assignment(np.tile(cost, (1, CHILDREN)) + crowded)
    mode = np.empty(len(found.hz), int)
    mode[row] = column % cost.shape[1]
    return 1 + np.stack(np.divmod(mode, ftm.N_MODES), axis=1)
