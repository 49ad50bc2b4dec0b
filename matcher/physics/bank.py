"""The bank of a drum: decay, frequency and start of everything that rings, modes and partials.

It is filled by compiled code from a plain record of the drum, for the offline rendering and the
live voices alike. With A the share "as recorded", amplitudes are those of the membrane times 1 - A
and those of the recorded drum times A, each on the scale on which its peak is 1. So what begins at
rest at both ends does so in between, and partials that cancel each other there stay together. The
loudest partial of a mode takes the place of its parent, the membrane's mode: their amplitudes add
up. The logarithms of frequency and decay rate go from the parent's to the partial's own.
"""

import numpy as np

from matcher.compiled import native
from matcher.physics import attack, ftm, modal, partials
from matcher.physics.partials import MOST_PARTIALS, NODE

N_MODES = ftm.N_MODES**2
N_ROWS = N_MODES + MOST_PARTIALS + 1  # the last one is the glide's
BRIGHTER = 0.2  # exponent of force in a mallet's cutoff: a Hertzian contact lasts force^-0.2
N_EARLY = 64  # samples of the first 26 ms, whose largest counts as the peak
EARLY_STEP_S = 0.0004  # s between them
QUIETEST = 1e-4  # of the partials' peak: that of a membrane which hardly sounds counts as no less
LEAST_GAIN = 1e-300  # amplitude, at least, that is divided by
LEAST_STRAIN = 1e-38  # counts as the energy of a drum where no mode sounds
GLIDE_AMPLITUDE = 1e-6  # amplitude of the glide's silent row: nothing among those that sound

DRUM = np.dtype(
    [
        *((name, np.float64) for name in ("omega", "tau", "p", "D", "alpha")),
        ("x1", np.float64),  # strike point, share of each side
        ("x2", np.float64),
        ("mallet_hz", np.float64),
        ("tension", np.float64),
        ("glide_s", np.float64),
        ("wires_s", np.float64),
        ("n_partials", np.int64),
        ("partials", np.float64, (MOST_PARTIALS, len(partials.LIMITS))),  # fields of Partial
        ("attack_powers", np.float64, attack.SHAPE),
    ],
    align=True,
)
_rows = [(name, np.float64, N_ROWS) for name in ("sigma", "omega", "re", "im", "softness")]
_rows += [(name, np.float64, N_ROWS) for name in ("pull", "weight", "node")]
BANK = np.dtype(
    [
        ("n", np.int64),  # number of rows
        # sigma 1/s, omega rad/s; re and im: start of a strike's state; softness: of the mallet, as
        # partials.softness; pull and weight: as modal.add_gliding; node: share of the gain that is
        # left where the parent has a node
        *_rows,
        ("anywhere", np.float64, (2, N_ROWS)),  # re and im over (shape at the strike point + node)
        ("index", np.int64, (2, N_ROWS)),  # m and k, of the mode or the parent; 0: the glide
        ("early", np.float64, N_EARLY),  # room for the beginning of a sound
    ],
    align=True,
)

_closed_form, _excess, _shape = map(native, (ftm.closed_form, ftm.mode_excess, ftm.shape))
_fade, _softness = native(modal.fade), native(partials.softness)
_capped, _partial_gain = native(partials.capped), native(partials.gain)


def to_record(drum) -> np.ndarray:
    """A drum (physics.drum.Drum) as a record of DRUM."""
    record = np.zeros(1, DRUM)[0]
    record["omega"], record["tau"], record["p"], record["D"], record["alpha"] = drum.theta
    record["x1"], record["x2"] = drum.strike
    record["mallet_hz"], record["tension"] = drum.mallet_hz, drum.tension
    record["glide_s"], record["wires_s"] = drum.glide_s, drum.wires_s
    record["n_partials"] = len(drum.partials)
    if drum.partials:
        record["partials"][: len(drum.partials)] = drum.partials
    if drum.attack_powers is not None:
        record["attack_powers"] = drum.attack_powers
    return record


@native
def fill(bank, drum, as_recorded, sample_rate):
    """Fill a record of BANK with a drum that is struck at its own point with force 1.

    drum: of DRUM. as_recorded: A, 0 to 1. sample_rate: Hz; infinite: nothing fades out.
    """
    bank.n = N_MODES
    _fill_modes(bank, drum, sample_rate)
    if as_recorded > 0 and drum.n_partials > 0:
        _add_partials(bank, drum)
        _blend(bank, drum, as_recorded)
        if drum.tension > 0:
            _add_glide(bank, drum, as_recorded)
    for i in range(bank.n):
        gain = _fade(bank.omega[i], sample_rate)
        bank.anywhere[0, i] *= gain
        bank.anywhere[1, i] *= gain
        strike = _shape(bank.index[0, i], bank.index[1, i], drum.x1, drum.x2) + bank.node[i]
        bank.re[i], bank.im[i] = strike * bank.anywhere[0, i], strike * bank.anywhere[1, i]


@native
def soften(bank, force, than):
    """Let the mallet of a bank that is struck with force `than` strike with `force`, in (0, 1]."""
    duller = dullness(force) - dullness(than)
    for i in range(bank.n):
        gain = np.exp(-duller * bank.softness[i])
        bank.re[i] *= gain
        bank.im[i] *= gain


@native
def dullness(force):
    """Factor of a mallet's softness for a force other than 1, less that for 1: 0 with 1."""
    return force ** (-2 * BRIGHTER) - 1


@native
def _fill_modes(bank, drum, sample_rate):
    """The membrane's modes, in the order of ftm.modes; re: their gains before they fade out."""
    strain = 0.0
    for i in range(N_MODES):
        m, k = 1 + i // ftm.N_MODES, 1 + i % ftm.N_MODES
        q, sigma, _, omega = _mode(drum, m, k)
        soft = _softness(omega, drum.mallet_hz)
        strength = np.exp(-soft) / (omega * drum.alpha)
        gain = _shape(m, k, drum.x1, drum.x2) * strength
        bank.index[0, i], bank.index[1, i] = m, k
        bank.sigma[i], bank.omega[i], bank.softness[i] = sigma, omega, soft
        bank.anywhere[0, i], bank.anywhere[1, i], bank.node[i] = strength, 0, 0
        bank.re[i], bank.im[i] = gain, 0
        bank.pull[i], bank.weight[i] = (1 + q) * (drum.omega / omega) ** 2, 1 + q
        strain += (1 + q) * (gain * _fade(omega, sample_rate)) ** 2
    for i in range(N_MODES):
        bank.weight[i] /= max(strain, LEAST_STRAIN)


@native
def _mode(drum, m, k):
    """q, sigma, squared frequency without damping, and frequency of mode (m, k)."""
    q = _excess(drum.alpha, float(m), float(k))
    return (q, *_closed_form(drum.omega, drum.tau, drum.p, drum.D, drum.alpha, q))


@native
def _add_partials(bank, drum):
    """Rows of the partials as recorded; re, im: their starts before they fade out."""
    for c in range(drum.n_partials):
        m, k, cents, decay_ratio, gain_db, phase = drum.partials[c]
        i, parent = bank.n, _parent(drum, c)
        _, _, undamped, _ = _mode(drum, m, k)
        omega = np.sqrt(undamped) * 2 ** (cents / 1200)
        soft, shape = _capped(_softness(omega, drum.mallet_hz)), _shape(m, k, drum.x1, drum.x2)
        unit = _partial_gain(shape, drum.omega, drum.alpha) * np.exp(-soft)
        gain = 10 ** (gain_db / 20) * unit
        bank.index[0, i], bank.index[1, i], bank.node[i] = int(m), int(k), NODE
        bank.sigma[i], bank.omega[i] = bank.sigma[parent] * decay_ratio, omega
        bank.softness[i] = soft
        bank.re[i], bank.im[i] = gain * np.cos(phase), gain * np.sin(phase)
        bank.anywhere[0, i] = bank.re[i] / (shape + NODE)
        bank.anywhere[1, i] = bank.im[i] / (shape + NODE)
        bank.pull[i], bank.weight[i] = 1, 0
        bank.n += 1


@native
def _parent(drum, c):
    """Row of the parent of a partial."""
    return int((drum.partials[c, 0] - 1) * ftm.N_MODES + drum.partials[c, 1] - 1)


@native
def _loudest(drum, c):
    """The partial with the largest gain of those that have the parent of a partial."""
    loudest = c
    for sibling in range(drum.n_partials):
        if _parent(drum, sibling) == _parent(drum, c):
            louder = drum.partials[sibling, 4] - drum.partials[loudest, 4]
            if louder > 0 or (louder == 0 and sibling < loudest):
                loudest = sibling
    return loudest


@native
def _blend(bank, drum, A):
    """Lead the rows of the modes and of the partials to what sounds at A."""
    ratio = max(_peak(bank, 0, N_MODES) / _peak(bank, N_MODES, bank.n), QUIETEST)
    of_modes, of_partials = (1 - A) * ratio**-A, A * ratio ** (1 - A)
    energy = (1 - A) * ratio ** (2 * A)  # share of a mode's, over the square of its amplitude's
    for c in range(drum.n_partials):
        _blend_partial(bank, drum, c, A, of_modes, of_partials, energy)
    for i in range(N_MODES):
        bank.anywhere[0, i] *= of_modes
        bank.weight[i] *= energy
    for c in range(drum.n_partials):  # they have taken the place of their parents
        parent = _parent(drum, c)
        bank.anywhere[0, parent] = bank.weight[parent] = 0


@native
def _blend_partial(bank, drum, c, A, of_modes, of_partials, energy):
    """Let a partial take the place of its parent, or sound beside the one that does.

    Node and softness are means, weighted by the amplitudes of both.
    """
    i, parent = N_MODES + c, _parent(drum, c)
    takes_place = 1.0 if c == _loudest(drum, c) else 0.0
    shape = _shape(bank.index[0, i], bank.index[1, i], drum.x1, drum.x2)
    mode = takes_place * of_modes * bank.anywhere[0, parent]
    re, im = of_partials * bank.anywhere[0, i], of_partials * bank.anywhere[1, i]
    own = np.hypot(re, im)
    node = NODE * own / max(mode + own, LEAST_GAIN)
    at_point = max(shape + node, LEAST_GAIN)
    bank.anywhere[0, i] = (mode * shape + re * (shape + NODE)) / at_point
    bank.anywhere[1, i] = im * (shape + NODE) / at_point
    bank.node[i] = node
    mode, own = mode * shape, own * (shape + NODE)
    soft = mode * bank.softness[parent] + own * bank.softness[i]
    bank.softness[i] = soft / max(mode + own, LEAST_GAIN)
    bank.sigma[i] = bank.sigma[parent] ** (1 - A) * bank.sigma[i] ** A
    bank.omega[i] = bank.omega[parent] ** (1 - A) * bank.omega[i] ** A
    bank.pull[i] = bank.pull[parent] ** (1 - A)
    bank.weight[i] = takes_place * energy * bank.weight[parent]


@native
def _peak(bank, first, end):
    """About the peak of the sound of some rows, whose starts are in re and im."""
    bank.early[:] = 0
    for i in range(first, end):
        decay, turn = np.exp(-bank.sigma[i] * EARLY_STEP_S), bank.omega[i] * EARLY_STEP_S
        cos, sin = decay * np.cos(turn), decay * np.sin(turn)
        re, im = bank.re[i], bank.im[i]
        for t in range(N_EARLY):
            re, im = re * cos - im * sin, re * sin + im * cos
            bank.early[t] += im
    peak = LEAST_GAIN
    for t in range(N_EARLY):
        peak = max(peak, abs(bank.early[t]))
    return peak


@native
def _add_glide(bank, drum, A):
    """A silent row that lets the tension decay: partials may cancel, and be no measure of it."""
    i = bank.n
    bank.index[0, i] = bank.index[1, i] = 0
    bank.sigma[i], bank.omega[i], bank.softness[i] = 1 / drum.glide_s, 0, 0
    bank.anywhere[0, i], bank.anywhere[1, i], bank.node[i] = GLIDE_AMPLITUDE, 0, 1
    bank.pull[i], bank.weight[i] = 0, A / GLIDE_AMPLITUDE**2
    bank.n += 1
