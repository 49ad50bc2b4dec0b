"""What the drums of a take are, as far as it can be told, and which pads they go on.

Told by the spectrum of a drum beside the others of its take: snare wires ring on above 2 kHz, a
kick is the lowest of the drums without wires, the others of these are toms by their height, and a
side stick has its loudest tone higher than a snare. The limits were chosen on the kits for
development (training/hits.py).
"""

from dataclasses import dataclass

import numpy as np

from matcher.kits.kit import FIRST_NOTE, N_PADS
from matcher.takes.signature import CQT, N_BANDS, POOLED, Cells

WIRES_DB = -25.0  # dB of the whole: power above WIRES_HZ after the stick's, of drums with wires
WIRES_HZ = 2000.0  # Hz
AFTER_STICK = slice(3, 6)  # frames, 27 to 140 ms
KICK_HZ = 165.0  # Hz: mean of a kick's spectrum at most
STICK_HZ = 400.0  # Hz: loudest tone of a side stick at least, where there is a snare beside it
STICK_ALONE_HZ = 700.0  # Hz: and where there is none
KICK, SNARE, STICK, TOM = "Kick", "Snare", "Side stick", "Tom"
NOTES = {KICK: 36, STICK: 37, SNARE: 38}  # General MIDI 1, percussion key map
SECOND_NOTES = {KICK: 35, SNARE: 40}  # acoustic bass drum, electric snare
TOM_NOTES = (50, 48, 47, 45, 43, 41)  # high to low
TOM_NOTES_OF = {  # by how many there are: a kit of three has no three high ones
    1: (47,), 2: (48, 43), 3: (50, 47, 43), 4: (50, 47, 45, 43), 5: (50, 48, 47, 45, 43),
}  # fmt: skip
TOM_NAMES = {
    50: "High tom", 48: "High mid tom", 47: "Mid tom", 45: "Low tom", 43: "High floor tom",
    41: "Low floor tom",
}  # fmt: skip
PAD_NOTES = range(FIRST_NOTE, FIRST_NOTE + N_PADS)  # of the pads of a new kit
_HZ = CQT.f_min * 2 ** ((np.arange(N_BANDS) * POOLED + (POOLED - 1) / 2) / 12)  # of the bands


@dataclass(frozen=True)
class Spectrum:
    """What tells the kind of a drum."""

    centre_hz: float  # mean over log frequency, weighted by power
    loudest_hz: float  # of the loudest band
    wires_db: float  # power above WIRES_HZ after the stick's, of the whole

    @classmethod
    def of(cls, hits: list[Cells]) -> "Spectrum":
        """The median of hits on one drum, each at its own level."""
        rows = np.array([_numbers(hit) for hit in hits])
        return cls(*np.median(rows, axis=0).tolist())


def _numbers(hit: Cells) -> tuple[float, float, float]:
    power = hit.bands.astype(float) ** 2 * np.diff(CQT.edges) * hit.observed
    bands = power.sum(axis=1)
    whole = max(float(bands.sum()), 1e-30)
    wires = float(power[_HZ > WIRES_HZ, AFTER_STICK].sum())
    centre = np.exp(bands @ np.log(_HZ) / whole) if whole > 1e-30 else _HZ[0]
    return float(centre), float(_HZ[bands.argmax()]), 10 * np.log10(max(wires, 1e-12) / whole)


def kinds(spectra: list[Spectrum], n_hits: list[int]) -> list[str]:
    """The kind of each drum of a take: KICK, SNARE, STICK or TOM.

    Args:
        spectra: of the drums.
        n_hits: how often each is struck: the drum with wires that is struck most is the snare.
    """
    found = [TOM] * len(spectra)
    wires = [i for i, s in enumerate(spectra) if s.wires_db > WIRES_DB]
    tonal = [i for i in range(len(spectra)) if i not in wires]
    for i in wires:
        least = STICK_HZ if len(wires) > 1 else STICK_ALONE_HZ
        found[i] = STICK if spectra[i].loudest_hz >= least else SNARE
    if wires and SNARE not in found and len(wires) > 1:
        found[min(wires, key=lambda i: spectra[i].centre_hz)] = SNARE
    lowest = min(tonal, key=lambda i: spectra[i].centre_hz, default=None)
    if lowest is not None and spectra[lowest].centre_hz <= KICK_HZ:
        found[lowest] = KICK
    return found


def notes_and_names(
    kinds_: list[str], pitches: list[float], n_hits: list[int], notes: tuple[int, ...] = ()
) -> list[tuple[int, str]]:
    """A MIDI note of a pad of its own for each drum, and its name.

    Args:
        kinds_: as `kinds` gives them, N_PADS at most.
        pitches: Hz, by which toms are ordered.
        n_hits: the drum of a kind that is struck most comes first.
        notes: on which the drums go, in the order kick, snare, side stick, toms from high to low;
            empty: those of General MIDI.

    Raises:
        ValueError: if there are fewer notes than drums.
    """
    check_notes(notes, len(kinds_))
    order = sorted(range(len(kinds_)), key=lambda i: _place(kinds_[i], pitches[i], n_hits[i]))
    toms = [i for i in order if kinds_[i] == TOM]
    of_toms = TOM_NOTES_OF.get(len(toms), TOM_NOTES)
    general = dict(zip(toms, of_toms))
    found, names = {}, {}
    for i in order:
        kind = kinds_[i]
        wanted = general.get(i, NOTES.get(kind))
        if wanted in found.values():
            wanted = SECOND_NOTES.get(kind)
        if wanted is None or wanted in found.values() or wanted not in PAD_NOTES:
            every = [n for n in PAD_NOTES if n not in found.values()]
            free = (n for n in every if n not in general.values())
            wanted = next(free, every[0])
        found[i] = wanted
        names[i] = _name(kind, wanted, kinds_, [k for k in order if kinds_[k] == kind].index(i))
    if notes:
        found = dict(zip(order, notes))
    return [(found[i], names[i]) for i in range(len(kinds_))]


def check_notes(notes: tuple[int, ...], n_drums: int) -> None:
    """Raise ValueError if notes are given, but fewer than there are drums."""
    if notes and len(notes) < n_drums:
        raise ValueError(f"{n_drums} drums were found for {len(notes)} pads; give more pads")


def _place(kind: str, pitch: float, n_hits: int) -> tuple:
    rank = (KICK, SNARE, STICK, TOM).index(kind)
    return (rank, -pitch) if kind == TOM else (rank, -n_hits)


def _name(kind: str, note: int, kinds_: list[str], number: int) -> str:
    if kind == TOM:
        return TOM_NAMES.get(note, f"Tom {number + 1}")
    return kind if number == 0 else f"{kind} {number + 1}"
