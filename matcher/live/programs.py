"""Programs: a drum in the form in which the voices play it, written outside the audio thread."""

from functools import lru_cache

import numpy as np

from matcher.compiled import native
from matcher.kits.kit import CURVES, Pad
from matcher.live import noise
from matcher.live.noise import N_BANDS, N_DECAYS, N_FIXED, N_STARTS
from matcher.physics import attack, bank, body, modal
from matcher.physics.bank import N_ROWS
from matcher.physics.drum import Drum

N_POWERS = len(modal.POWERS)
SLOTS = 3  # programs for each pad: one sounds, one waits, one is written
OVER = 1e-5  # level below which a voice or its noise is over: -100 dB of full scale
SILENT = 1e-9  # amplitude below which a mode is over
MIX = 0  # the output of all pads that have none of their own
PEAK_S = 0.25  # s after the strike within which a drum has its largest sample

PROGRAM = np.dtype(
    [
        ("n_modes", np.int64),  # rows that sound, longest first; behind them
        ("n_all", np.int64),  # come those that sound only when struck at another point
        ("impulse", np.float32, (2, N_ROWS)),  # what a strike of force 1 adds to the state
        ("powers", np.float32, (N_POWERS, 2, N_ROWS)),  # of the rotations, for modal.add_modes
        ("softness", np.float32, N_ROWS),  # of the mallet, as bank.BANK has it; likewise
        ("node", np.float32, N_ROWS),
        ("anywhere", np.float32, (2, N_ROWS)),
        ("index", np.int64, (2, N_ROWS)),
        ("strike", np.float64, 2),  # (x1, x2), as a share of each side
        ("tension", np.float32),
        ("pull", np.float32, (2, N_ROWS)),  # for modal.add_gliding
        ("weight", np.float32, N_ROWS),
        ("glide", np.int64),  # row that lets the tension decay, bank's last; below 0: none
        ("attack_powers", np.float32, attack.SHAPE),  # with a strike of force 1
        ("wires_s", np.float64),  # s: when the free bands stop, as Drum has it
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
        ("output", np.int64),  # where it is heard: MIX, or a number of its own
    ],
    align=True,
)


def write_program(
    program: np.ndarray, drum: Drum, attack_mix: float, sample_rate: float,
    as_recorded: float = 1.0,
) -> None:  # fmt: skip
    """Fill a record of PROGRAM with a drum whose sound has a peak of 1 when struck with force 1.

    Args:
        program: a record of PROGRAM; no voice may start from it meanwhile.
        drum: what is to sound.
        attack_mix: share of its attack, 0 to 1.
        sample_rate: Hz.
        as_recorded: 0 for the membrane alone, 1 for the drum's own partials.
    """
    rate = float(sample_rate)
    n_samples = round(PEAK_S * rate)
    write(
        program, bank.to_record(drum), float(attack_mix), float(as_recorded), rate,
        attack.noise(rate), _fading(rate, n_samples), np.empty(1, body.WORK)[0],
        np.empty((3, n_samples), np.float32), np.empty((N_BANDS, n_samples), np.float32),
        np.empty((len(noise.FORCES), n_samples), np.float32), np.empty((len(noise.FORCES), 2)),
    )  # fmt: skip


@lru_cache(2)
def _fading(sample_rate: float, n_samples: int) -> np.ndarray:
    return attack.fading(np.arange(n_samples) / sample_rate).astype(np.float32)


@native
def write(
    program, drum, attack_mix, as_recorded, sample_rate, bands, fading, work, sounds, gains, rests,
    wanted,
):  # fmt: skip
    """Fill a record of PROGRAM; the compiled core of write_program.

    drum: record of bank.DRUM. bands: (N_BANDS, period), attack.noise. fading: (N_DECAYS, samples),
    attack.fading of as many samples as the peak is looked for in. work: record of body.WORK, and
    sounds (3, samples), gains (N_BANDS, samples), rests (noise.FORCES, samples) float32, wanted
    (noise.FORCES, 2) float64: room to work in.
    """
    scale = write_onset(
        program, drum, attack_mix, as_recorded, sample_rate, bands, fading, work, sounds, gains
    )
    if varies(program, sounds):
        noise.set_starts(
            program, work, drum, sample_rate, bands, scale, sounds, gains, rests, wanted
        )


@native
def write_onset(
    program, drum, attack_mix, as_recorded, sample_rate, bands, fading, work, sounds, gains
):
    """Fill a record of PROGRAM whose noise begins at the same place with every strike.

    As `write`, in a fraction of its time. Returns the scale in which the body's peak is 1; work,
    sounds and gains are then as noise.set_starts takes them.
    """
    has_attack = render_attack(
        drum, attack_mix, sample_rate, bands, fading, sounds[1], sounds[2], gains
    )
    return write_struck(
        program, drum, attack_mix, as_recorded, sample_rate, has_attack, work, sounds
    )


@native
def render_attack(drum, attack_mix, sample_rate, bands, fading, fixed, free, gains):
    """Set fixed and free (samples,) to the attack's bands of each kind -> whether there is any.

    Its noise begins at 0. What it depends on are the drum's attack powers and wires alone. gains:
    set as noise.set_starts takes them.
    """
    fixed[:] = 0
    free[:] = 0
    has_attack = set_gains(drum.attack_powers, attack_mix, fading, gains)
    if has_attack:
        stop_wires(gains[N_FIXED:], drum.wires_s, sample_rate)
        noise.add_bands(bands[:N_FIXED], gains[:N_FIXED], fixed)
        noise.add_bands(bands[N_FIXED:], gains[N_FIXED:], free)
    return has_attack


@native
def write_struck(program, drum, attack_mix, as_recorded, sample_rate, has_attack, work, sounds):
    """Fill a record of PROGRAM given its attack, sounds[1:] as render_attack sets them.

    Returns the scale in which the body's peak is 1; sounds[0] becomes the whole in that scale.
    """
    sounds[0, :] = 0
    bank.fill(work.bank, drum, as_recorded, sample_rate)
    body.add(work, drum.tension, sample_rate, sounds[0])
    body_peak = _largest(sounds[0])
    scale = np.float32(1 / body_peak if body_peak > 0 else 1)
    for t in range(sounds.shape[1]):
        sounds[0, t] = scale * sounds[0, t] + sounds[1, t] + sounds[2, t]
    whole = _largest(sounds[0])
    peak = body_peak * whole
    _write_rows(program, work, drum, peak if peak > 0 else 1.0, sample_rate)  # 1: it is silent
    program.last_start, program.starts[0] = 0, 0
    program.n_starts = 1 if has_attack and whole > 0 else 0
    program.wires_s = drum.wires_s
    for band in range(N_BANDS):
        for decay in range(N_DECAYS):
            power = drum.attack_powers[band, decay] * attack_mix**2
            program.attack_powers[band, decay] = power / whole**2 if whole > 0 else 0.0
    return scale


@native
def varies(program, sounds):
    """Whether there are free bands, whose starts are to be looked for; after write_onset."""
    return program.n_starts > 0 and _largest(sounds[2]) > 0


@native
def stop_wires(gains, wires_s, sample_rate):
    """Let gains (bands, samples) end with the wires."""
    if wires_s < attack.NEVER_S:
        for t in range(gains.shape[1]):
            left = np.float32(noise.stopping(t / sample_rate, wires_s))
            for band in range(gains.shape[0]):
                gains[band, t] *= left


@native
def _largest(x):
    """The largest magnitude of x (samples,)."""
    largest = np.float32(0)
    for t in range(x.shape[0]):
        largest = max(largest, abs(x[t]))
    return np.float64(largest)


@native
def set_gains(powers, attack_mix, fading, gains):
    """Set the amplitude of each band, as attack.envelopes has it -> whether any is above 0."""
    gains[:] = 0
    has_attack = False
    for band in range(N_BANDS):
        for decay in range(N_DECAYS):
            power = np.float32(powers[band, decay] * attack_mix**2)
            if power > 0:
                has_attack = True
                for t in range(gains.shape[1]):
                    gains[band, t] += power * fading[decay, t]
        for t in range(gains.shape[1]):
            gains[band, t] = np.sqrt(gains[band, t])
    return has_attack


@native
def _write_rows(program, work, drum, peak, sample_rate):
    """Fill in the body; peak: its largest sample in the modes' own scale that is to become 1."""
    rows, order = work.bank, work.order
    program.n_modes = _find(rows, order, 0, True, peak)
    n = program.n_all = _find(rows, order, program.n_modes, False, peak)
    body.write_rows(rows, order[:n], sample_rate, program.powers, program.pull, program.weight)
    program.glide = -1
    for j in range(n):
        i = order[j]
        scale = _scale(rows, i, peak)
        program.impulse[0, j], program.impulse[1, j] = scale * rows.re[i], scale * rows.im[i]
        for part in range(2):
            program.anywhere[part, j] = scale * rows.anywhere[part, i]
            program.index[part, j] = rows.index[part, i]
        program.softness[j], program.node[j] = rows.softness[i], rows.node[i]
        program.weight[j] = rows.weight[i] / scale**2
        if rows.index[0, i] == 0:
            program.glide = j
    program.strike[0], program.strike[1], program.tension = drum.x1, drum.x2, drum.tension


@native
def _find(rows, order, first, sounding, peak):
    """Put rows that sound, or those that sound only elsewhere, into order[first:] -> its end."""
    n = first
    for i in range(rows.n):
        scale = _scale(rows, i, peak)
        sounds = np.hypot(rows.re[i], rows.im[i]) * scale > SILENT
        can_sound = np.hypot(rows.anywhere[0, i], rows.anywhere[1, i]) * scale > SILENT
        if sounds if sounding else can_sound and not sounds:
            order[n] = i
            n += 1
    body.sort(rows, order[first:n])
    return n


@native
def _scale(rows, i, peak):
    """Scale of a row in a program; the silent row of the glide keeps its own."""
    return 1 / peak if rows.index[0, i] > 0 else 1.0


def write_pad(record: np.ndarray, pad: Pad, sample_rate: float, choke_s: float = 0.03) -> None:
    """Fill in everything of a record of PAD except its program. Pan keeps the power.

    Args:
        record: of PAD; what sounds on it follows smoothly.
        pad: gain, pan, velocity curve and choke group are taken from it.
        sample_rate: Hz.
        choke_s: s in which its voices fade out when another pad of its group is struck.
    """
    set_pad_gains(record, float(pad.gain_db), float(pad.pan))
    if record["serial"] == 0:  # it has never sounded
        record["left_now"], record["right_now"] = record["left"], record["right"]
    record["curve"] = CURVES[pad.curve]
    record["choke"] = pad.choke
    record["choke_samples"] = max(1, round(choke_s * sample_rate))


@native
def set_pad_gains(pad, gain_db, pan):
    """Set the gains that a record of PAD is to reach: dB, and -1 (left) to 1 (right)."""
    angle, gain = (pan + 1) * np.pi / 4, 10 ** (gain_db / 20)
    pad.left, pad.right = gain * np.cos(angle), gain * np.sin(angle)
