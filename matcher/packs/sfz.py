"""A kit as an SFZ instrument: a text that maps notes to sounds, which many samplers read.

Opcodes as in the SFZ specification, versions 1 and 2 (https://sfzformat.com). The velocity curve is
given as amp_velcurve, so that each velocity is as loud as in the app, not only that of a layer.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from matcher.kits.kit import CURVES, Kit, kit_name, pad_name, velocity_to_gain
from matcher.packs.options import PackOptions
from matcher.packs.place import (
    MADE_BY,
    README,
    Progress,
    Written,
    n_bytes,
    sound_name,
    whole_folder,
)
from matcher.packs.readme import readme
from matcher.packs.strikes import Strike, Strikes
from matcher.recording import encode

SOUNDS = "samples"  # folder of the sounds
CURVE_STEP = 8  # velocities between points of a curve: straight lines between are 0.1 dB off
CHOKE_S = 0.03  # s in which a choked drum fades, as live (programs.py:write_pad)
ABOUT = [
    "Open the .sfz file in a sampler (sfizz, sforzando and others); it finds the sounds itself.",
    "Pads of one choke group silence one another.",
]


def save(kit: Kit, path: Path, options: PackOptions, progress: Progress) -> Written:
    """Write a folder with an .sfz file and its sounds; as all of formats.FORMATS."""
    suffix = "flac" if options.flac else "wav"
    with whole_folder(path, options.replace) as temporary:
        strikes, regions = Strikes(kit, options), {}
        (temporary / SOUNDS).mkdir()
        for i, strike in enumerate(strikes, 1):
            sound = sound_name(kit, strike, suffix)
            data = encode(strike.x, options.sample_rate, options.bits, options.flac)
            (temporary / SOUNDS / sound).write_bytes(data)
            regions.setdefault(strike.pad, []).append(_region(strike, sound))
            progress(i, len(strikes))
        lines = [*_head(kit, strikes), *_groups(kit, regions), *_chokes(kit, regions)]
        text = "\n".join(lines) + "\n"
        (temporary / f"{path.name.removesuffix('-sfz')}.sfz").write_text(text, encoding="utf-8")
        (temporary / README).write_bytes(readme(kit, strikes, options, ABOUT))
    return Written(path, len(strikes), n_bytes(path))


def _head(kit: Kit, strikes: Strikes) -> list[str]:
    """Names of the keys, and what holds for all sounds."""
    labels = [
        f"label_key{note}={_label(pad_name(kit, i)) or f'Pad {i + 1}'}"
        for i in strikes.pads for note in kit.pads[i].notes
    ]  # fmt: skip
    return [
        f"// {MADE_BY}: {_label(kit_name(kit))}",
        "<control>", f"default_path={SOUNDS}/", *labels,
        "<global>", f"loop_mode=one_shot pitch_keytrack=0 amp_veltrack=100 ampeg_release={CHOKE_S}",
    ]  # fmt: skip


def _groups(kit: Kit, regions: dict[int, list[str]]) -> Iterator[str]:
    """A group for each note of each pad, with the regions of the pad."""
    for i, lines in regions.items():
        pad = kit.pads[i]
        choke = f" off_by={i + 1} off_mode=normal" if pad.choke else ""
        for note in pad.notes:
            yield f"<group> key={note}{choke} {_curve(pad.curve)}"
            yield from lines


def _chokes(kit: Kit, regions: dict[int, list[str]]) -> Iterator[str]:
    """Regions without sound by which a note silences the other pads of its choke group.

    Group N is what silences pad N. Were the pads themselves in one group, a pad would silence its
    own earlier strikes as well, which it does not in the app.
    """
    for i, lines in regions.items():
        pad = kit.pads[i]
        others = [j for j in regions if j != i and kit.pads[j].choke == pad.choke]
        if not pad.choke or not others:
            continue
        sample = lines[0].rpartition(" ")[2]
        for note in pad.notes:
            yield f"<group> key={note} end=-1 {sample}"
            yield from (f"<region> group={j + 1}" for j in others)


def _region(strike: Strike, sound: str) -> str:
    turn = f" seq_length={strike.n_robins} seq_position={strike.robin + 1}"
    turns = turn if strike.n_robins > 1 else ""
    return f"<region> lovel={strike.low} hivel={strike.high}{turns} sample={sound}"


def _curve(name: str) -> str:
    """Points of a velocity curve, one of CURVES."""
    points = (1, *range(CURVE_STEP, 127, CURVE_STEP), 127)
    curve = CURVES[name]
    return " ".join(f"amp_velcurve_{v}={velocity_to_gain(curve, v / 127):.5f}" for v in points)


def _label(text: str) -> str:
    """Text that no reader of SFZ takes for an opcode, a header, a macro or a comment."""
    return " ".join(re.sub(r"[=<>$#/]+", " ", text).split())
