"""The drum: theta, strike point, mallet, tension and attack, and how its sound is rendered.

The body is a linear membrane solved by the functional transformation method (physics.ftm), or one
whose tension rises with its energy (modal.add_gliding). The attack is added as noise.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from matcher.physics import attack, ftm, modal
from matcher.physics.parameters import HARD_HZ, PARAMETERS
from matcher.physics.theta import Theta

BRIGHTER = 0.2  # exponent of force in a mallet's cutoff: a Hertzian contact lasts force^-0.2
STRIKE = ("x1", "x2")  # names of the parameters of the strike point
DRUM_PARAMETERS = (*Theta._fields, *STRIKE, "mallet_hz", "tension")  # those that a Drum holds
AttackPowers = tuple[tuple[float, ...], ...]  # of shape attack.SHAPE


class Drum(NamedTuple):
    """All parameters of one stroke's sound; the defaults give the linear membrane of the paper."""

    theta: Theta
    # (x1, x2), strike and pick-up point, as a share of each side
    strike: tuple[float, float] = ftm.STRIKE
    mallet_hz: float = HARD_HZ  # Hz: cutoff, at which a strike of force 1 loses 4.3 dB
    tension: float = 0.0  # relative rise of the fundamental's squared frequency at force 1
    attack_powers: AttackPowers | None = None  # per band and decay, relative to the body's peak^2

    def value(self, name: str) -> float:
        """The value of the parameter `name`, one of DRUM_PARAMETERS."""
        if name in Theta._fields:
            return getattr(self.theta, name)
        if name in STRIKE:
            return self.strike[STRIKE.index(name)]
        return getattr(self, name)

    def with_value(self, name: str, value: float) -> "Drum":
        """A copy with the parameter `name`, one of DRUM_PARAMETERS, set to `value`."""
        if name in Theta._fields:
            return self._replace(theta=self.theta._replace(**{name: value}))
        if name in STRIKE:
            x1, x2 = self.strike
            return self._replace(strike=(value, x2) if name == "x1" else (x1, value))
        return self._replace(**{name: value})

    def check(self) -> None:
        """Raise ValueError, which names value and range, if a parameter is out of range."""
        for name in DRUM_PARAMETERS:
            PARAMETERS[name].check(self.value(name))
        if self.attack_powers is not None:
            attack.check_powers(self.attack_powers)

    def modes(self, force: float = 1.0) -> ftm.Modes:
        """Modes excited by a strike of this force, in (0, 1], apart from its loudness."""
        return self.dulled(ftm.modes(self.theta, self.strike), force)

    def dulled(self, modes: ftm.Modes, force: float = 1.0) -> ftm.Modes:
        """Apply this drum's mallet, at a force in (0, 1], to modes excited by a hard mallet."""
        if self.mallet_hz >= HARD_HZ:
            return modes
        cutoff = 2 * np.pi * self.mallet_hz * force**BRIGHTER
        return modes._replace(gain=modes.gain * np.exp(-0.5 * (modes.omega / cutoff) ** 2))


@lru_cache(8)
def faded_modes(drum: Drum, sample_rate: float, force: float) -> ftm.Modes:
    """Modes of a drum struck with this force, faded out towards the Nyquist frequency."""
    return modal.fade_out(drum.modes(force), sample_rate)


@lru_cache(8)
def gliding(drum: Drum, sample_rate: float):
    """Coefficients of modal.add_gliding for a drum.

    Args:
        drum: the drum.
        sample_rate: Hz.

    Returns:
        pull (2, modes) and weight (modes,), both float32. The weights are for amplitudes on the
        modes' own scale; the energy at the onset of a strike of force 1 is 1.
    """
    modes = faded_modes(drum, sample_rate, 1.0)
    ratio = 1 + ftm.excess(drum.theta.alpha)  # eigenvalue of the Laplacian over that of mode (1, 1)
    pull = np.stack([ratio * drum.theta.omega**2 / modes.omega**2, modes.omega / sample_rate])
    strain = ratio * modes.gain**2
    weight = ratio / max(strain.sum(), np.finfo(np.float32).tiny)
    return pull.astype(np.float32), weight.astype(np.float32)


def render_body(drum: Drum, sample_rate: float, n_samples: int, force: float = 1.0) -> np.ndarray:
    """Render the membrane alone, (n_samples,) float32 on the modes' own scale."""
    if drum.tension == 0:
        return modal.render_modes(drum.modes(force), sample_rate, n_samples)
    modes = faded_modes(drum, sample_rate, force)
    return _render_gliding(drum, modes, sample_rate, n_samples, force)


def _render_gliding(drum, modes, sample_rate, n_samples, force) -> np.ndarray:
    pull, weight = gliding(drum, sample_rate)
    order = np.argsort(modes.sigma, kind="stable")
    order = order[modes.gain[order] > modal.SILENCE * modes.gain.sum()]
    rotation = (-modes.sigma + 1j * modes.omega)[order] / sample_rate
    state = modal.split(modes.gain[order].astype(complex))
    pull, weight = pull[:, order], weight[order]
    one, now = modal.split(np.exp(rotation)), modal.powers(rotation)
    out = np.zeros(n_samples, np.float32)
    rise, n = np.float32(drum.tension * force**2), len(order)
    floor = modal.SILENCE * modes.gain.sum()
    for start in range(0, n_samples, modal.BLOCK):
        while n > 0 and abs(state[0, n - 1]) + abs(state[1, n - 1]) < floor:
            n -= 1
        if n == 0:
            break
        modal.add_gliding(state, one, pull, weight, rise, n, now, out[start : start + modal.BLOCK])
    return out


def render(
    drum: Drum | Theta, sample_rate: int, seconds: float, peak: float = 1.0, attack_mix: float = 1.0
) -> np.ndarray:
    """Render the sound of one stroke.

    Args:
        drum: a Drum, or the Theta of a membrane struck at its default point by a hard mallet.
        sample_rate: Hz.
        seconds: duration, s.
        peak: largest magnitude of the result.
        attack_mix: gain of the attack, 0 to 1.

    Returns:
        (round(seconds * sample_rate),) float32; zeros if body and attack are silent.
    """
    drum = drum if isinstance(drum, Drum) else Drum(drum)
    x, _ = render_mixed(drum, sample_rate, round(seconds * sample_rate), attack_mix)
    largest = np.max(np.abs(x), initial=0)
    return x * np.float32(peak / largest) if largest > 0 else x


def render_mixed(drum: Drum, sample_rate: float, n_samples: int, attack_mix: float = 1.0):
    """Render the body, normalised to a peak of 1, with the attack added to it.

    Args:
        drum: the drum.
        sample_rate: Hz.
        n_samples: length of the result.
        attack_mix: gain of the attack, 0 to 1.

    Returns:
        The sound (n_samples,) float32, and the body's peak before it was normalised.
    """
    x = render_body(drum, sample_rate, n_samples)
    largest = float(np.max(np.abs(x), initial=0))
    if largest > 0:
        x = x / np.float32(largest)
    if drum.attack_powers is not None and attack_mix > 0:
        x = x + np.float32(attack_mix) * attack.render(
            np.array(drum.attack_powers), sample_rate, n_samples
        )
    return x, largest


def describe_strike(drum: Drum, attack_mix: float = 1.0) -> list[tuple[str, str, str]]:
    """Describe strike, mallet, tension and attack in words, in rows like those of theta.describe.

    Args:
        drum: the drum.
        attack_mix: gain of the attack, 0 to 1.

    Returns:
        Rows of (label, value, meaning).
    """
    x1, x2 = drum.strike
    rows = [("Strike", f"{x1:.2f}, {x2:.2f}", "strike point: 0.5, 0.5 is the middle")]
    mallet, tension = PARAMETERS["mallet_hz"], PARAMETERS["tension"]
    if drum.mallet_hz < HARD_HZ:
        text = mallet.format(drum.mallet_hz)
        rows.append((mallet.label, text, "the mallet damps the tones above"))
    if drum.tension > 0:
        cents = 600 * np.log2(1 + drum.tension)
        meaning = f"a hard hit starts {cents:.0f} cents above the drum's pitch"
        rows.append((tension.label, f"{drum.tension:.2f}", meaning))
    if drum.attack_powers is not None and attack_mix > 0:
        level = 10 * np.log10(max(np.sum(drum.attack_powers) * attack_mix**2, 1e-12))
        rows.append(
            ("Attack", f"{level:+.0f} dB", "noise at the onset, relative to the body's peak")
        )
    return rows
