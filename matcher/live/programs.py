"""Programs: a drum in the form in which the voices play it, written outside the audio thread.

A strike of the same force is to have the same peak and energy every time, and those of the offline
rendering. The lowest bands of the attack's noise add to the body or cancel it, as their phase has
it, so they begin where the offline noise begins with every strike. The bands above begin at one of
a few places, chosen here by rendering the onset from each of them.
"""

from functools import lru_cache

import numpy as np

from matcher.compiled import native
from matcher.kits.kit import CURVES, Pad
from matcher.physics import attack, drum, ftm, modal
from matcher.physics.drum import Drum

N_MODES = ftm.N_MODES**2
N_POWERS = len(modal.POWERS)
SLOTS = 3  # programs for each pad: one sounds, one waits, one is written
BLOCK = 2048  # samples that the voices render at once, at most
OVER = 1e-5  # level below which a voice or its noise is over: -100 dB of full scale
SILENT = 1e-9  # amplitude below which a mode is over
PEAK_S = 0.25  # s after the strike within which a drum has its largest sample

N_BANDS, N_DECAYS = attack.SHAPE
N_FIXED = 4  # bands that begin at the same place with every strike: those up to 254 Hz
N_FREE = N_BANDS - N_FIXED
NOISE = 2**16  # samples of the noise until it repeats: 1.4 s at 48 kHz
LOOP = 2048  # samples in which its end fades into its beginning: a period of the lowest band
N_STARTS = 8  # places where a drum's free bands may begin, at most
N_CANDIDATES = 64  # places that are tried, fewer above FULL_RATE: 3 ms of work for each program
FULL_RATE = 48000  # Hz
FORCES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2, 0.1, 0.03)  # of trial strokes: it changes the body
TRIAL_S = 0.15  # s of a trial stroke: what comes later the noise changes little
TOLERANCE_DB = 0.4  # dB from the offline peak and energy: two starts differ by twice that at most
GOLDEN = (5**0.5 - 1) / 2  # step of a sequence that fills [0, 1) evenly (Roberts 2018, R1)

PROGRAM = np.dtype(
    [
        ("n_modes", np.int64),  # those that sound, longest first; behind them
        ("n_all", np.int64),  # come those that sound only when struck at another point
        ("impulse", np.float32, N_MODES),  # amplitudes that a strike of force 1 adds
        ("powers", np.float32, (N_POWERS, 2, N_MODES)),  # of the rotations, for modal.add_modes
        ("softness", np.float32, N_MODES),  # of the mallet: (omega / cutoff)^2 / 2 with force 1
        ("strike", np.float64, 2),  # (x1, x2), as a share of each side
        ("anywhere", np.float32, N_MODES),  # impulse without the factor of the strike point
        ("index", np.int64, (2, N_MODES)),  # of each mode, from 0
        ("tension", np.float32),
        ("pull", np.float32, (2, N_MODES)),  # for modal.add_gliding
        ("weight", np.float32, N_MODES),
        ("attack_powers", np.float32, attack.SHAPE),  # with a strike of force 1
        ("n_starts", np.int64),  # 0: there is no attack
        ("starts", np.int64, N_STARTS),  # where the noise of the free bands may begin, in samples
        ("last_start", np.int64),  # index of the one that was taken last; the callback writes it
    ],
    align=True,
)
PAD = np.dtype(
    [
        ("program", np.int64),  # index in programs; below 0: nothing on the pad
        ("serial", np.int64),  # of its drum: voices of an earlier one ring out by themselves
        ("left", np.float32),  # gain and pan that are wanted
        ("right", np.float32),
        ("left_now", np.float32),  # and those that sound
        ("right_now", np.float32),
        ("curve", np.float32),  # velocity curve, a value of CURVES
        ("position", np.float64),  # of strikes, 0 middle to 1 rim; below 0: the drum's own point
        ("choke", np.int64),  # group, 0: none
        ("choke_samples", np.int64),
    ],
    align=True,
)


def write_program(program: np.ndarray, drum_: Drum, attack_mix: float, sample_rate: float) -> None:
    """Fill a record of PROGRAM with a drum whose sound has a peak of 1 when struck with force 1.

    Args:
        program: a record of PROGRAM; no voice may start from it meanwhile.
        drum_: what is to sound.
        attack_mix: share of its attack, 0 to 1.
        sample_rate: Hz.
    """
    n_samples = round(PEAK_S * sample_rate)
    mixed, body_peak = drum.render_mixed(drum_, sample_rate, n_samples, attack_mix, 0.0)
    whole = float(np.abs(mixed).max())
    _write_modes(program, drum_, body_peak * whole or 1.0, sample_rate)  # 1: the body is silent
    program["attack_powers"] = program["n_starts"] = program["last_start"] = 0
    if drum_.attack_powers is None or attack_mix == 0 or whole == 0:
        return
    powers = np.array(drum_.attack_powers) * attack_mix**2
    program["attack_powers"] = powers / whole**2
    starts = _starts(drum_, powers, mixed, body_peak, sample_rate)
    program["n_starts"], program["starts"][: len(starts)] = len(starts), starts


def _write_modes(program: np.ndarray, drum_: Drum, peak: float, sample_rate: float) -> None:
    """Fill in the body; peak: its largest sample in the modes' own scale that is to become 1."""
    rows = drum.make_bank(drum_, sample_rate, 0.0)
    modes = drum.faded_modes(drum_, sample_rate)
    anywhere = rows["anywhere"][0, :N_MODES] / peak
    sounds, can_sound = (gain > SILENT for gain in (modes.gain / peak, anywhere))
    order = np.argsort(modes.sigma, kind="stable")
    order = np.concatenate([order[sounds[order]], order[(can_sound & ~sounds)[order]]])
    n, omega = len(order), modes.omega[order]
    rotation = (-modes.sigma[order] + 1j * omega) / sample_rate
    program["n_modes"], program["n_all"] = np.sum(sounds), n
    program["impulse"][:n] = modes.gain[order] / peak
    program["powers"][..., :n] = modal.powers(rotation)
    soft = drum_.mallet_hz < drum.HARD_HZ
    program["softness"][:n] = (omega / (2 * np.pi * drum_.mallet_hz)) ** 2 / 2 if soft else 0
    program["strike"], program["anywhere"][:n] = drum_.strike, anywhere[order]
    program["index"][:, :n] = np.divmod(order, ftm.N_MODES)
    pull, weight = drum.gliding(drum_, sample_rate)
    program["tension"] = drum_.tension
    program["pull"][:, :n], program["weight"][:n] = pull[:, order], weight[order] * peak**2


def write_pad(record: np.ndarray, pad: Pad, sample_rate: float, choke_s: float = 0.03) -> None:
    """Fill in everything of a record of PAD except its program. Pan keeps the power.

    Args:
        record: of PAD; what sounds on it follows smoothly.
        pad: gain, pan, velocity curve and choke group are taken from it.
        sample_rate: Hz.
        choke_s: s in which its voices fade out when another pad of its group is struck.
    """
    angle = (pad.pan + 1) * np.pi / 4
    gain = 10 ** (pad.gain_db / 20)
    record["left"], record["right"] = gain * np.cos(angle), gain * np.sin(angle)
    if record["serial"] == 0:  # it has never sounded
        record["left_now"], record["right_now"] = record["left"], record["right"]
    record["curve"] = CURVES[pad.curve]
    record["choke"] = pad.choke
    record["choke_samples"] = max(1, round(choke_s * sample_rate))


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


def _starts(drum_, powers, mixed, body_peak: float, sample_rate: float) -> list[int]:
    """Where the free bands may begin so that peak and energy are those of the offline rendering.

    powers: of the attack, SHAPE, over the body's peak squared. mixed: (samples,), the offline
    rendering with force 1 in that scale; its noise begins at 0, which always fits.
    """
    if not np.any(powers[N_FIXED:] > 0):
        return [0]
    n = min(round(TRIAL_S * sample_rate), NOISE - LOOP)
    noise = attack.noise(sample_rate)  # (N_BANDS, period), as in the table but for its end
    gains = attack.envelopes(powers, np.arange(n) / sample_rate).astype(np.float32)
    fixed, free = np.zeros((2, n), np.float32)
    _add_bands(noise[:N_FIXED], gains[:N_FIXED], fixed)
    _add_bands(noise[N_FIXED:], gains[N_FIXED:], free)
    changes = drum_.tension > 0 or drum_.mallet_hz < drum.HARD_HZ
    rests = [mixed[:n] - free]  # all but the free bands
    for force in FORCES[1:] if changes else ():
        body = drum.render_body(drum_, sample_rate, n, force, 0.0)
        rests.append(body / np.float32(body_peak or 1.0) + fixed)
    n_places = round(N_CANDIDATES * min(1, FULL_RATE / sample_rate))
    places = GOLDEN * np.arange(n_places) % 1 * (NOISE - LOOP - n)
    starts = np.zeros(N_STARTS, np.int64)
    found = _choose(np.array(rests), noise[N_FIXED:], gains[N_FIXED:], places.astype(int), starts)
    return starts[:found].tolist()


@native
def _choose(rests, noise, gains, places, starts):
    """Fill `starts` with those places from which it sounds as from the first -> how many.

    rests: (forces, samples), all but the noise. noise: (bands, samples). gains: of it, likewise.
    """
    wanted = np.empty((rests.shape[0], 2))
    sound = np.empty(rests.shape[1], np.float32)
    found = 0
    for place in places:
        sound[:] = 0
        _add_bands(noise[:, place:], gains, sound)
        if found == 0:
            for i in range(rests.shape[0]):
                wanted[i] = _measure(rests[i], sound)
        if found == 0 or _fits(rests, sound, wanted):
            starts[found] = place
            found += 1
        if found == starts.shape[0]:
            break
    return found


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
def _add_bands(noise, gains, out):
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
