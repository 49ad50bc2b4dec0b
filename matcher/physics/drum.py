"""The drum: theta, strike point, mallet, tension and attack, and how its sound is rendered.

The body is a linear membrane solved by the functional transformation method (physics.ftm), or one
whose tension rises with its energy (modal.add_gliding), or a recorded drum's own partials in the
place of modes (physics.partials). The attack is added as noise.
"""

from typing import NamedTuple

import numpy as np

from matcher.physics import attack, bank, body, ftm, partials
from matcher.physics.parameters import HARD_HZ, PARAMETERS
from matcher.physics.partials import DEFAULT_GLIDE_S, Partial
from matcher.physics.theta import Theta

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
    partials: tuple[Partial, ...] = ()  # of the recorded drum, at most partials.MOST_PARTIALS
    glide_s: float = DEFAULT_GLIDE_S  # s: decay of the tension, where there are partials
    wires_s: float = attack.NEVER_S  # s: when the upper bands of the attack's noise stop

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
        attack.check_wires(self.wires_s)
        partials.check(self.partials, self.glide_s)

    def modes(self, force: float = 1.0) -> ftm.Modes:
        """Modes of the membrane excited by a strike of this force, in (0, 1]."""
        return faded_modes(self, np.inf, force)


def faded_modes(drum: Drum, sample_rate: float, force: float = 1.0) -> ftm.Modes:
    """Modes of a drum's membrane struck with this force, faded out towards the Nyquist frequency.

    Returns:
        Modes with fields (modes,), in the order of ftm.modes.
    """
    rows = make_bank(drum, sample_rate, 0.0)
    bank.soften(rows, float(force), 1.0)
    return ftm.Modes(*(rows[name][: bank.N_MODES] for name in ("sigma", "omega", "re")))


def gliding(drum: Drum, sample_rate: float):
    """Coefficients of modal.add_gliding for a drum's membrane.

    Args:
        drum: the drum.
        sample_rate: Hz.

    Returns:
        pull (2, modes) and weight (modes,), both float32. The weights are for amplitudes on the
        modes' own scale; the energy at the onset of a strike of force 1 is 1.
    """
    rows = make_bank(drum, sample_rate, 0.0)
    pull = np.stack([rows["pull"], rows["omega"] / sample_rate])[:, : bank.N_MODES]
    return pull.astype(np.float32), rows["weight"][: bank.N_MODES].astype(np.float32)


def make_bank(drum: Drum, sample_rate: float, as_recorded: float = 1.0) -> np.ndarray:
    """The rows of a drum struck with force 1, a record of bank.BANK."""
    return _make_work(drum, sample_rate, as_recorded)["bank"]


def _make_work(drum: Drum, sample_rate: float, as_recorded: float) -> np.ndarray:
    work = np.empty(1, body.WORK)[0]
    bank.fill(work["bank"], bank.to_record(drum), float(as_recorded), float(sample_rate))
    return work


def render_body(
    drum: Drum, sample_rate: float, n_samples: int, force: float = 1.0, as_recorded: float = 1.0
) -> np.ndarray:
    """Render the drum without its attack, (n_samples,) float32 on the modes' own scale.

    Args:
        drum: the drum.
        sample_rate: Hz.
        n_samples: length of the result.
        force: of the strike, in (0, 1]; it does not scale the result.
        as_recorded: 0 for the membrane alone, 1 for the drum's own partials.
    """
    work, out = _make_work(drum, sample_rate, as_recorded), np.zeros(n_samples, np.float32)
    if force != 1:
        bank.soften(work["bank"], float(force), 1.0)
    body.add(work, float(drum.tension * force**2), float(sample_rate), out)
    return out


def render(
    drum: Drum | Theta, sample_rate: int, seconds: float, peak: float = 1.0,
    attack_mix: float = 1.0, as_recorded: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """Render the sound of one stroke.

    Args:
        drum: a Drum, or the Theta of a membrane struck at its default point by a hard mallet.
        sample_rate: Hz.
        seconds: duration, s.
        peak: largest magnitude of the result.
        attack_mix: gain of the attack, 0 to 1.
        as_recorded: 0 for the membrane alone, 1 for the drum's own partials.

    Returns:
        (round(seconds * sample_rate),) float32; zeros if body and attack are silent.
    """
    drum = drum if isinstance(drum, Drum) else Drum(drum)
    n_samples = round(seconds * sample_rate)
    x, _ = render_mixed(drum, sample_rate, n_samples, attack_mix, as_recorded)
    largest = np.max(np.abs(x), initial=0)
    return x * np.float32(peak / largest) if largest > 0 else x


def render_mixed(
    drum: Drum, sample_rate: float, n_samples: int, attack_mix: float = 1.0,
    as_recorded: float = 1.0,
):  # fmt: skip
    """Render the body, normalised to a peak of 1, with the attack added to it.

    Args:
        drum: the drum.
        sample_rate: Hz.
        n_samples: length of the result.
        attack_mix: gain of the attack, 0 to 1.
        as_recorded: 0 for the membrane alone, 1 for the drum's own partials.

    Returns:
        The sound (n_samples,) float32, and the body's peak before it was normalised.
    """
    x = render_body(drum, sample_rate, n_samples, 1.0, as_recorded)
    largest = float(np.max(np.abs(x), initial=0))
    if largest > 0:
        x = x / np.float32(largest)
    if drum.attack_powers is not None and attack_mix > 0:
        x = x + np.float32(attack_mix) * attack.render(
            np.array(drum.attack_powers), sample_rate, n_samples, drum.wires_s
        )
    return x, largest


def describe_strike(
    drum: Drum, attack_mix: float = 1.0, as_recorded: float = 1.0
) -> list[tuple[str, str, str]]:
    """Describe strike, mallet, tension, partials and attack, in rows like those of theta.describe.

    Args:
        drum: the drum.
        attack_mix: gain of the attack, 0 to 1.
        as_recorded: 0 for the membrane alone, 1 for the drum's own partials.

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
    if drum.partials and as_recorded > 0:
        apart = np.median([abs(partial.cents) for partial in drum.partials])
        meaning = f"its own, {apart:.0f} cents from the membrane's at the median"
        if as_recorded < 1:
            meaning += f", {PARAMETERS['as_recorded'].format(as_recorded)} as recorded"
        rows.append(("Partials", str(len(drum.partials)), meaning))
    if drum.attack_powers is not None and attack_mix > 0:
        level = 10 * np.log10(max(np.sum(drum.attack_powers) * attack_mix**2, 1e-12))
        rows.append(
            ("Attack", f"{level:+.0f} dB", "noise at the onset, relative to the body's peak")
        )
    return rows
