"""A drum and how it is struck: theta, strike point, mallet, tension, attack; and its sound."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from matcher.physics import attack, ftm, modal
from matcher.physics.theta import Theta

HARD_HZ = 20000.0  # mallet that dulls nothing that is heard
TENSION = (0.0, 2.0)
ATTACK_MIX = (0.0, 1.0)  # of the attack
BRIGHTER = 0.2  # a mallet's cutoff goes with this power of the force: contact after Hertz


class Drum(NamedTuple):
    """All that its sound is made of. With the defaults it is the linear membrane of the paper."""

    theta: Theta
    strike: tuple[float, float] = ftm.STRIKE  # (x1, x2), struck and heard, as a share of each side
    mallet_hz: float = HARD_HZ  # where a mallet takes 4.3 dB off a mode, struck with force 1
    tension: float = 0.0  # rise of the fundamental's squared frequency at a strike of force 1
    attack_powers: tuple[tuple[float, ...], ...] | None = (
        None  # of attack, over the modes' peak squared
    )

    def modes(self, force: float = 1.0) -> ftm.Modes:
        """Modes as a strike of this force, in (0, 1], excites them, but for its loudness."""
        return self.dulled(ftm.modes(self.theta, self.strike), force)

    def dulled(self, modes: ftm.Modes, force: float = 1.0) -> ftm.Modes:
        """Modes that a hard strike excites -> as its mallet does, with this force."""
        if self.mallet_hz >= HARD_HZ:
            return modes
        cutoff = 2 * np.pi * self.mallet_hz * force**BRIGHTER
        return modes._replace(gain=modes.gain * np.exp(-0.5 * (modes.omega / cutoff) ** 2))


@lru_cache(8)
def faded_modes(drum: Drum, sample_rate: float, force: float) -> ftm.Modes:
    """Its modes as they are played at a sample rate, none of them aliased."""
    return modal.fade_out(drum.modes(force), sample_rate)


@lru_cache(8)
def gliding(drum: Drum, sample_rate: float):
    """What modal.add_gliding takes of a drum: pull (2, modes), weight (modes,), both float32.

    The weights are of modes in their own scale; their energy is 1 at a strike of force 1.
    """
    modes = faded_modes(drum, sample_rate, 1.0)
    ratio = 1 + ftm.excess(drum.theta.alpha)  # eigenvalue of the Laplacian over the fundamental's
    pull = np.stack([ratio * drum.theta.omega**2 / modes.omega**2, modes.omega / sample_rate])
    strain = ratio * modes.gain**2
    weight = ratio / max(strain.sum(), np.finfo(np.float32).tiny)
    return pull.astype(np.float32), weight.astype(np.float32)


def render_body(drum: Drum, sample_rate: float, n_samples: int, force: float = 1.0) -> np.ndarray:
    """The membrane alone, (n_samples,) float32 in the modes' own scale."""
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
    drum: Drum, sample_rate: int, seconds: float, peak: float = 1.0, attack_mix: float = 1.0
) -> np.ndarray:
    """The sound of a drum, (round(seconds * sample_rate),) float32; its largest value is `peak`.

    attack_mix: of the attack, 0 to 1. Where body and attack are silent it is silence.
    """
    x, _ = render_mixed(drum, sample_rate, round(seconds * sample_rate), attack_mix)
    largest = np.max(np.abs(x), initial=0)
    return x * np.float32(peak / largest) if largest > 0 else x


def render_mixed(drum: Drum, sample_rate: float, n_samples: int, attack_mix: float = 1.0):
    """Body, of peak 1, with the attack, (n_samples,) float32; and the body's peak before that."""
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
    """What is beside theta, in words: rows of (label, value, what it means), as theta.describe.

    attack_mix: of the attack that is heard.
    """
    x1, x2 = drum.strike
    rows = [("Strike", f"{x1:.2f}, {x2:.2f}", "where it is struck: 0.5, 0.5 is the middle")]
    if drum.mallet_hz < HARD_HZ:
        rows.append(("Mallet", f"{drum.mallet_hz:.0f} Hz", "the mallet dulls what is above"))
    if drum.tension > 0:
        cents = 600 * np.log2(1 + drum.tension)
        rows.append(("Tension", f"{drum.tension:.2f}", f"hit hard, it begins {cents:.0f} cents up"))
    if drum.attack_powers is not None and attack_mix > 0:
        level = 10 * np.log10(max(np.sum(drum.attack_powers) * attack_mix**2, 1e-12))
        rows.append(("Attack", f"{level:+.0f} dB", "noise at the onset, against the body's peak"))
    return rows
