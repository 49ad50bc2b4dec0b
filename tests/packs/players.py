"""Packs played by other programs, beside the app: python -m tests.packs.players KIT

Prints, for SFZ in sfizz (pysfizz) and Hydrogen's kit in h2cli, how each strike compares with the
voices of the app, and how far a choked pad falls.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from matcher.kits.kit import CURVES, Kit, Pad, velocity_to_gain
from matcher.kits.kit_file import load_kit
from matcher.live import programs, voices
from matcher.live.noise import BLOCK
from matcher.packs.export import export
from matcher.packs.options import PackOptions
from matcher.packs.strikes import Strikes

RATE = 48000  # Hz
BAR = 192  # Hydrogen's ticks in a bar of 4/4
SFIZZ_BLOCK = 960  # frames; sfizz plays the last sample of the block in which a note begins twice
BAR_S = 6.0  # s between strikes that are compared
COMPARED_S = 3.0  # s of each
APART = 0.9  # correlation below which the pads are listed
STRIKE_S = 0.5  # of equal strikes: what comes later adds nothing to their energy
CHOKE_AT_S = 0.1875  # s after which another pad of the group is struck: a tick of Hydrogen's
CHOKED_S = (0.05, 0.2)  # s after that, between which what is left is measured


class Note(NamedTuple):
    """A note to play."""

    at_s: float
    pad: int
    velocity: int


def put_pad(r, place: int, pad: Pad) -> np.ndarray:
    """Put a pad with a drum on a place of the voices' pool -> its record of programs.PROGRAM."""
    drum, attack_mix, as_recorded = pad.sound
    programs.write_pad(r["pads"][place], pad, RATE)
    programs.write_program(r["programs"][place], drum, attack_mix, RATE, as_recorded)
    voices.set_program(r, place, place)
    return r["programs"][place]


def filled(kit: Kit) -> list[tuple[int, Pad]]:
    """The pads that have a drum, with their indices."""
    return [(i, pad) for i, pad in enumerate(kit.pads) if pad.drum is not None]


def app_strike(kit: Kit, pad: int, velocity: int, robin: int, seconds: float) -> np.ndarray:
    """What the voices play, (frames, 2); robin: which of the places of its noise."""
    r = voices.make_pool(RATE)[0]
    program = put_pad(r, 0, kit.pads[pad])
    if program["n_starts"]:
        program["starts"][0], program["n_starts"] = program["starts"][robin], 1
    voices.strike(r, 0, velocity_to_gain(CURVES[kit.pads[pad].curve], velocity / 127))
    out = np.zeros((2, round(seconds * RATE)), np.float32)
    for first in range(0, out.shape[1], BLOCK):
        voices.render(r, *out[:, first : first + BLOCK])
    return out.T


def n_places(kit: Kit, pad: int) -> int:
    """How many strikes of a pad differ."""
    program = np.zeros(1, programs.PROGRAM)[0]
    drum, attack_mix, as_recorded = kit.pads[pad].sound
    programs.write_program(program, drum, attack_mix, RATE, as_recorded)
    return max(1, int(program["n_starts"]))


def sfizz(path: Path, kit: Kit, notes: list[Note], seconds: float) -> np.ndarray:
    """An SFZ file played by sfizz, (frames, 2)."""
    from pysfizz import Synth

    loaded = path.with_stem("in-memory")
    loaded.write_text(_in_memory(path.read_text(), {kit.pads[note.pad].note for note in notes}))
    synth = Synth(RATE, SFIZZ_BLOCK)
    assert synth.load_sfz_file(loaded), loaded
    inner = synth._synth
    out, waiting = [], sorted(notes)
    for first in range(0, round(seconds * RATE), SFIZZ_BLOCK):
        while waiting and (frame := round(waiting[0].at_s * RATE)) < first + SFIZZ_BLOCK:
            note = waiting.pop(0)
            inner.note_on(frame - first, kit.pads[note.pad].note, note.velocity)
        out.append(np.stack(inner.render_block(), axis=1))
    return np.concatenate(out)


def _in_memory(text: str, keys: set[int]) -> str:
    """An SFZ file with these keys alone, and all of it in memory.

    Played faster than in real time, sfizz would not have read it in time.
    """
    head, *groups = text.replace("<control>", "<control>\nhint_ram_based=1").split("<group> ")
    played = [group for group in groups if int(group.split()[0].removeprefix("key=")) in keys]
    return "<group> ".join([head, *played])


def h2cli(path: Path, notes: list[Note], bar_s: float) -> np.ndarray:
    """An .h2drumkit played by Hydrogen in bars of bar_s seconds, (frames, 2)."""
    with tempfile.TemporaryDirectory() as home:
        run = lambda *arguments: subprocess.run(  # noqa: E731
            ["h2cli", "-d", "Fake", *map(str, arguments)], capture_output=True, check=True,
            env=os.environ | {"HOME": home, "JACK_NO_START_SERVER": "1"}, timeout=600,
        )  # fmt: skip
        run("-x", path, "-t", Path(home, "kit"))
        (xml,) = Path(home, "kit").rglob("drumkit.xml")
        song, wav = Path(home, "song.h2song"), Path(home, "out.wav")
        song.write_bytes(_song(xml, notes, bar_s))
        run("-s", song, "-o", wav, "-r", RATE, "-b", 24)
        return soundfile.read(wav, dtype="float32", always_2d=True)[0]


def _song(xml: Path, notes: list[Note], bar_s: float) -> bytes:
    """A song of Hydrogen, a pattern for each bar; sounds by their whole path."""
    text = xml.read_text().replace(' xmlns="http://www.hydrogen-music.org/drumkit"', "")
    kit, song = ET.fromstring(text), ET.Element("song")
    for layer in kit.iter("filename"):
        layer.text = str(xml.parent / layer.text)
    _fill(song, {"version": "1.2.0", "bpm": 240 / bar_s, "volume": 1, "name": "n",
                 "loopEnabled": "false", "mode": "song", "humanize_time": 0,
                 "humanize_velocity": 0, "swing_factor": 0})  # fmt: skip
    song.extend([kit.find("componentList"), kit.find("instrumentList")])
    patterns, sequence = ET.SubElement(song, "patternList"), ET.Element("patternSequence")
    for bar in range(1 + int(max(note.at_s for note in notes) / bar_s)):
        pattern = ET.SubElement(patterns, "pattern")
        _fill(pattern, {"name": f"bar {bar}", "size": BAR, "denominator": 4})
        in_bar = ET.SubElement(pattern, "noteList")
        for note in (note for note in notes if int(note.at_s / bar_s) == bar):
            _fill(ET.SubElement(in_bar, "note"), {
                "position": round((note.at_s / bar_s - bar) * BAR), "leadlag": 0,
                "velocity": note.velocity / 127, "pan": 0, "pitch": 0, "probability": 1,
                "key": "C0", "length": -1, "instrument": note.pad, "note_off": "false",
            })  # fmt: skip
        _fill(ET.SubElement(sequence, "group"), {"patternID": f"bar {bar}"})
    song.append(sequence)
    return ET.tostring(song)


def _fill(element: ET.Element, texts: dict) -> None:
    for tag, text in texts.items():
        ET.SubElement(element, tag).text = str(text)


def compare(x: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Correlation of two sounds (frames, 2), and how much louder the first is, dB."""
    n = min(len(x), len(reference))
    x, reference = x[:n].astype(float), reference[:n].astype(float)
    a, b = np.linalg.norm(x), np.linalg.norm(reference)
    return float(np.sum(x * reference) / (a * b)), float(20 * np.log10(a / b))


class Compared(NamedTuple):
    """A strike of a player beside that of the app."""

    pad: int
    velocity: int
    robin: int  # the one of the app that it correlates with most
    correlation: float
    level_db: float


def compare_strikes(
    play, kit: Kit, velocities, options: PackOptions, repeats: int = 0
) -> list[Compared]:
    """Play each pad at each velocity, as often as it has round robins.

    play: takes notes and seconds, and returns the sound (frames, 2). repeats: the sample of each
    note that the player plays twice, 0 for none; it is left out.
    """
    rows = []
    for pad, _ in filled(kit):
        n_robins = min(options.round_robins, n_places(kit, pad))
        which = [v for v in velocities for _ in range(n_robins)]
        notes = [Note(BAR_S * i, pad, v) for i, v in enumerate(which)]
        x, n = play(notes, BAR_S * len(notes)), round(COMPARED_S * RATE)
        for velocity in velocities:
            references = [app_strike(kit, pad, velocity, i, COMPARED_S) for i in range(n_robins)]
            for note in (note for note in notes if note.velocity == velocity):
                at = round(note.at_s * RATE)
                sound = np.delete(x[at : at + n], repeats, axis=0) if repeats else x[at : at + n]
                found = [compare(sound, reference) for reference in references]
                robin = max(range(n_robins), key=lambda i: found[i][0])
                rows.append(Compared(pad, velocity, robin, *found[robin]))
    return rows


def choke_db(play, pads: tuple[int, int], velocity: int = 100) -> float:
    """How far the first pad falls when the second one is struck, dB; play: as compare_strikes."""
    first, second = Note(0.0, pads[0], velocity), Note(CHOKE_AT_S, pads[1], velocity)
    both, alone, other = (play(notes, BAR_S) for notes in ([first, second], [first], [second]))
    a, b = (round((CHOKE_AT_S + s) * RATE) for s in CHOKED_S)
    left = both[a:b] - other[a:b]
    ratio = np.linalg.norm(left) / np.linalg.norm(alone[a:b])
    return float(20 * np.log10(max(ratio, 1e-6)))  # -120 dB: nothing is left


def app(kit: Kit, notes: list[Note], seconds: float) -> np.ndarray:
    """Notes played by the voices, (frames, 2), each pad's noise at its first place."""
    r = voices.make_pool(RATE)[0]
    for i, pad in filled(kit):
        program = put_pad(r, i, pad)
        program["n_starts"] = min(1, program["n_starts"])
    out = np.zeros((2, round(seconds * RATE)), np.float32)
    at = sorted((round(note.at_s * RATE), note) for note in notes)
    edges = [*(frame for frame, _ in at), out.shape[1]]
    for (start, note), stop in zip(at, edges[1:]):
        curve = CURVES[kit.pads[note.pad].curve]
        voices.strike(r, note.pad, velocity_to_gain(curve, note.velocity / 127))
        for first in range(start, stop, BLOCK):
            voices.render(r, *out[:, first : min(stop, first + BLOCK)])
    return out.T


def spread_db(sounds: list[np.ndarray]) -> tuple[float, float]:
    """How far apart sounds are, loudest to softest, dB: their peaks, and their energies."""
    peaks = [np.abs(x).max() for x in sounds]
    norms = [np.linalg.norm(x) for x in sounds]
    return tuple(float(20 * np.log10(max(v) / min(v))) for v in (peaks, norms))


def equal_strikes(kit: Kit, velocity: int = 100, n: int = 10) -> dict[int, tuple[float, float]]:
    """How far apart n equal strikes on each pad are, dB, each from silence, as live."""
    r, out = voices.make_pool(RATE)[0], {}
    gain = velocity / 127
    for i, pad in filled(kit):
        put_pad(r, i, pad)
        sounds = []
        for _ in range(n):
            r["voices"]["pad"] = -1
            voices.strike(r, i, gain)
            sounds.append(np.zeros((2, round(STRIKE_S * RATE)), np.float32))
            for first in range(0, sounds[-1].shape[1], BLOCK):
                voices.render(r, *sounds[-1][:, first : first + BLOCK])
        out[i] = spread_db(sounds)
    return out


def measure(kit: Kit) -> None:
    """Print the tables."""
    for pad, (peak_db, energy_db) in equal_strikes(kit).items():
        print(f"app, ten equal strikes on {kit.pads[pad].name}: peaks within {peak_db:.2f} dB, "
              f"energies within {energy_db:.2f} dB, {n_places(kit, pad)} places")  # fmt: skip
    robins = {}
    for strike in Strikes(kit, PackOptions(layers=1, round_robins=8)):
        robins.setdefault(strike.pad, []).append(strike.x[: round(STRIKE_S * RATE)])
    widest = {pad: spread_db(sounds) for pad, sounds in robins.items()}
    peak_db, energy_db = (max(values) for values in zip(*widest.values()))
    print(f"packs, eight round robins: peaks within {peak_db:.2f} dB, energies within "
          f"{energy_db:.2f} dB on every pad")  # fmt: skip
    options = PackOptions()
    tops = [high for _, high in options.layer_velocities]
    between = [(low + high) // 2 for low, high in options.layer_velocities]
    groups = {}
    for i, pad in filled(kit):
        if pad.choke:
            groups.setdefault(pad.choke, []).append(i)
    pairs = [tuple(pads[:2]) for pads in groups.values() if len(pads) > 1]
    with tempfile.TemporaryDirectory() as folder:
        sfz = next(export(kit, "sfz", Path(folder)).path.glob("*.sfz"))
        h2 = export(kit, "hydrogen", Path(folder)).path
        players = {
            "sfizz": lambda notes, seconds: sfizz(sfz, kit, notes, seconds),
            "h2cli": lambda notes, seconds: lasting(h2cli(h2, notes, BAR_S), seconds),
        }
        for name, play in players.items():
            repeats = SFIZZ_BLOCK if name == "sfizz" else 0
            for what, velocities in (("top of a layer", tops), ("middle of a layer", between)):
                rows = compare_strikes(play, kit, velocities, options, repeats)
                _print(f"{name}, {what}", rows)
        players["app"] = lambda notes, seconds: app(kit, notes, seconds)
        for pads in pairs:
            for name, play in players.items():
                print(f"{name}: pad {pads[1] + 1} chokes pad {pads[0] + 1}: "
                      f"{choke_db(play, pads):.1f} dB")  # fmt: skip


def lasting(x: np.ndarray, seconds: float) -> np.ndarray:
    """x (frames, 2), silent behind its end up to so many seconds."""
    n = round(seconds * RATE)
    return np.concatenate([x, np.zeros((max(0, n - len(x)), 2), x.dtype)])[:n]


def _print(what: str, rows: list[Compared]) -> None:
    levels = np.array([row.level_db for row in rows])
    correlations = np.array([row.correlation for row in rows])
    common = np.median(levels)
    worst = rows[int(np.argmin(correlations))]
    apart = sorted({row.pad + 1 for row in rows if row.correlation < APART})
    print(
        f"{what}: {len(rows)} strikes, correlation median {np.median(correlations):.4f}, lowest "
        f"{worst.correlation:.4f} (pad {worst.pad + 1}, velocity {worst.velocity}); level "
        f"{common:+.2f} dB, from it by at most {np.abs(levels - common).max():.2f} dB; "
        f"{len({row[:3] for row in rows})} of them different; below {APART:g}: pads {apart}"
    )


if __name__ == "__main__":
    measure(load_kit(sys.argv[1])[0])
