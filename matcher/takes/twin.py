"""A take as a kit plays it: its notes, by the voices that play live."""

import numpy as np

from matcher.kits.kit import Kit
from matcher.live import programs, voices
from matcher.live.noise import BLOCK
from matcher.midi_file import Note

RING_S = 2.0  # s after the last note
LOUDEST = 0.99  # peak of a twin at most


def render(kit: Kit, notes: list[Note], sample_rate: int, seconds: float = 0.0) -> np.ndarray:
    """Play notes on a kit.

    Args:
        kit: the kit; notes that no pad has are silent.
        notes: in any order.
        sample_rate: Hz.
        seconds: length of the result; it is longer where the last note rings on.

    Returns:
        (samples,) float32, mono, turned down where it would exceed LOUDEST.
    """
    pool = voices.make_pool(sample_rate)[0]
    for i, pad in enumerate(kit.pads):
        programs.write_pad(pool["pads"][i], pad, sample_rate)
        if pad.drum is not None:
            program, sound = pool["programs"][i * programs.SLOTS], pad.sound
            programs.write_program(
                program, sound.drum, sound.attack_mix, sample_rate, sound.as_recorded
            )
            voices.set_program(pool, i, i * programs.SLOTS)
    last = max((note.at_s for note in notes), default=-RING_S)
    out = np.zeros((2, round(max(seconds, last + RING_S) * sample_rate)), np.float32)
    now = 0
    for note in sorted(notes):
        pad = kit.pad_of(note.note)
        if pad is None:
            continue
        at = min(round(note.at_s * sample_rate), out.shape[1])
        now = _play(pool, out, now, at)
        curve = float(pool["pads"][pad]["curve"])
        voices.strike(pool, pad, voices.velocity_to_gain(curve, note.velocity / 127))
    _play(pool, out, now, out.shape[1])
    mono = out.sum(axis=0) * np.float32(np.sqrt(0.5))
    peak = float(np.max(np.abs(mono), initial=0))
    return mono * np.float32(LOUDEST / peak) if peak > LOUDEST else mono


def _play(pool, out: np.ndarray, now: int, until: int) -> int:
    """Render (2, samples) from one sample to another -> that one."""
    while now < until:
        end = min(until, now + BLOCK)
        voices.render(pool, out[0, now:end], out[1, now:end])
        now = end
    return now
