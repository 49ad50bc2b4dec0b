"""The way from a take to a kit: hits -> drums -> a fit for each -> pads, notes and a twin."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from matcher.kits.kit import N_PADS, Kit, Pad, for_pad, plain_name
from matcher.kits.kit_file import SUFFIX, save_kit
from matcher.matching.encoder import SHIPPED
from matcher.midi_file import Note, save_midi
from matcher.physics.parameters import PARAMETERS
from matcher.recording import save_atomically, write_wav
from matcher.takes import drums, fits, hits, kept, kinds, twin
from matcher.takes.drums import FoundDrum, MeasuredHit
from matcher.takes.fits import Progress
from matcher.takes.fitting import Fitted
from matcher.takes.hits import Take

SHORTEST_S = 0.020  # s: shortest hit that a drum can be fitted to
TWIN, REPORT = "take-twin.wav", "take.json"  # names of files that are written


@dataclass(frozen=True)
class Options:
    """How a kit is made."""

    effort: str = "normal"  # one of effort.EFFORTS but "network"
    notes: tuple[int, ...] = ()  # that the drums go on; none: General MIDI's
    processes: int = 1
    model: Path = SHIPPED
    everything: bool = False  # whether what is probably no drum gets a pad as well


@dataclass(frozen=True, eq=False)
class PadOfTake:
    """A drum of a take on its pad."""

    found: FoundDrum
    fitted: Fitted
    note: int
    name: str
    velocities: tuple[int, ...]  # of its hits


@dataclass(frozen=True, eq=False)
class KitOfTake:
    """What was made of a take."""

    take: Take
    kit: Kit
    pads: tuple[PadOfTake, ...]  # in the order of their notes
    others: tuple[FoundDrum, ...]  # groups that are no drums, or have no pad

    @property
    def notes(self) -> list[Note]:
        """The notes of the take."""
        rate = self.take.sample_rate
        return sorted(
            Note(self.take.hits[i].onset / rate, pad.note, velocity)
            for pad in self.pads
            for i, velocity in zip(pad.found.hits, pad.velocities)
        )


def analyse(path: Path) -> tuple[Take, list[MeasuredHit], list[FoundDrum]]:
    """The first half: a take, its hits, and its drums.

    Raises:
        ValueError: in one sentence, if the file is no take that a kit can be made of.
    """
    take = hits.read(path)
    measured = drums.measure(take)
    return take, measured, drums.find(measured)


def can_be_fitted(take: Take, found: FoundDrum) -> bool:
    """Whether one of its hits is long enough for a drum to be fitted to it."""
    longest = max(take.hits[i].end - take.hits[i].onset for i in found.hits)
    return longest >= SHORTEST_S * take.sample_rate


def make(
    take: Take, measured: list[MeasuredHit], found: list[FoundDrum], name: str,
    options: Options = Options(), folder: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> KitOfTake:  # fmt: skip
    """The second half: fit the drums and put them on pads.

    Args:
        take: the take.
        measured: its hits.
        found: its drums, as drums.find gave them or as someone changed them since.
        name: of the kit.
        options: how.
        folder: where fits are kept; None: nowhere.
        progress, stopped: as fits.fit_all.

    Raises:
        ValueError: in one sentence, if no drum is left.
        fits.Stopped: `stopped` said so.
    """
    wanted = [d for d in found if d.is_drum or options.everything]
    wanted = [d for d in wanted if can_be_fitted(take, d)][:N_PADS]
    if not wanted:
        raise ValueError(
            "no hit of the take is probably a drum's; use --everything to make a kit all the same"
        )
    kinds.check_notes(options.notes, len(wanted))
    jobs = [drums.struck(take, measured, d) for d in wanted]
    fitted = fits.fit_all(
        jobs, folder, options.effort, options.model, options.processes, progress, stopped
    )
    counts = [len(d.hits) for d in wanted]
    pitches = [float(fit.drum.theta.pitch_hz) for fit in fitted]
    placed = kinds.notes_and_names(
        kinds.kinds([d.spectrum for d in wanted], counts), pitches, counts, options.notes
    )
    others = tuple(d for d in found if not any(d is w for w in wanted))
    return assemble(take, measured, list(zip(wanted, fitted, placed)), others, name)


def assemble(
    take: Take, measured: Sequence[MeasuredHit],
    rows: list[tuple[FoundDrum, Fitted, tuple[int, str]]], others: tuple[FoundDrum, ...], name: str,
) -> KitOfTake:  # fmt: skip
    """Put fitted drums together.

    Args:
        take: the take.
        measured: its hits.
        rows: of each drum: its hits, its fit, and the note and name of its pad; at least one.
        others: groups that get no pad.
        name: of the kit.
    """
    pads = [
        PadOfTake(found, fit, note, name_, tuple(drums.velocities(measured, found)))
        for found, fit, (note, name_) in rows
    ]
    pads.sort(key=lambda pad: pad.note)
    return KitOfTake(take, kit_of(take, pads, name), tuple(pads), others)


def kit_of(take: Take, pads: list[PadOfTake], name: str) -> Kit:
    """A kit with these pads, as loud beside each other as in the take."""
    kit = Kit(plain_name(name).strip() or Kit.name)
    peaks = [max(take.hits[i].peak for i in pad.found.hits) for pad in pads]
    loudest = max(peaks)
    for pad, peak in zip(pads, peaks):
        gain = PARAMETERS["gain_db"].clamp(20 * np.log10(max(peak, 1e-9) / loudest))
        index = kit.pad_of(pad.note)
        if index is None:  # a note beyond the pads' own: on the first pad that is free
            index = next(i for i, p in enumerate(kit.pads) if p.drum is None)
        kit = kit.with_pads(
            {index: Pad(pad.note, name=pad.name, drum=for_pad(pad.fitted.drum),
                        gain_db=round(float(gain), 2))}
        )  # fmt: skip
    return kit


def render_twin(made: KitOfTake) -> np.ndarray:
    """The take as the kit plays it, (samples,) at the take's rate and about as loud."""
    x = twin.render(made.kit, made.notes, made.take.sample_rate, made.take.seconds)
    loudest = max(made.take.hits[i].peak for pad in made.pads for i in pad.found.hits)
    peak = float(np.max(np.abs(x), initial=0))
    return x * np.float32(min(loudest, 0.99) / peak) if peak > 0 else x


def save(made: KitOfTake, folder: Path, stem: str) -> list[Path]:
    """Write kit, MIDI file, twin and report, each whole or not at all.

    Returns:
        The files, in this order.

    Raises:
        OSError: if one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = file_paths(folder, stem)
    save_kit(made.kit, paths[0])
    save_midi(paths[1], made.notes, made.kit.name)
    write_wav(paths[2], render_twin(made), made.take.sample_rate)
    text = json.dumps(report(made), indent=1)
    save_atomically(paths[3], lambda file: file.write(text.encode()))
    return paths


def file_paths(folder: Path, stem: str) -> list[Path]:
    """The files that `save` writes: kit, MIDI file, twin and report."""
    return [folder / f"{stem}{SUFFIX}", folder / f"{stem}.mid", folder / TWIN, folder / REPORT]


def report(made: KitOfTake) -> dict:
    """What take.json says: drums, other sounds, and the hits of each."""
    rate = made.take.sample_rate
    rows = []
    for pad in made.pads:
        fitted = {pad.found.hits[i]: d for i, d in zip(pad.fitted.fitted, pad.fitted.distances)}
        rows.append(
            {
                "name": pad.name, "note": pad.note, "probability": round(pad.found.drum, 3),
                "pitch_hz": round(float(pad.fitted.drum.theta.pitch_hz), 2),
                "hits": [
                    {
                        "number": i + 1, "onset_s": round(made.take.hits[i].onset / rate, 6),
                        "velocity": velocity,
                    }
                    | ({"fitted": round(fitted[i], 4)} if i in fitted else {})
                    for i, velocity in zip(pad.found.hits, pad.velocities)
                ],
            }
        )  # fmt: skip
    others = [
        {
            "probability": round(other.drum, 3),
            "onsets_s": [round(made.take.hits[i].onset / rate, 6) for i in other.hits],
        }
        for other in made.others
    ]
    return {"kit": made.kit.name, "seconds": round(made.take.seconds, 3), "drums": rows,
            "no_drums": others}  # fmt: skip


def fits_folder(folder: Path) -> Path:
    """Where the fits of an output folder are kept."""
    return folder / kept.FOLDER


def with_processes(options: Options, processes: int | None) -> Options:
    """Options with so many processes; None: as many as can compute at once."""
    return replace(options, processes=processes or fits.processors())
