"""A kit -> one HTML file that plays it in a browser, and needs nothing beside it."""

import base64
import dataclasses
import gzip
import html
import json
from pathlib import Path
from string import Template

import matcher
from matcher.kits.kit import N_PADS, Kit, filled_pads, kit_name, pad_name
from matcher.packs.options import PackOptions
from matcher.packs.place import Progress, Written, check_free, n_bytes
from matcher.page.player import FILES, packed_player
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import midi_note_name
from matcher.plugin import bake
from matcher.plugin.export import LICENCE
from matcher.plugin.layout import KIT, KNOBS
from matcher.recording import save_atomically

SCRIPTS = ("values", "state", "sound", "knob", "pads", "midi", "page")  # as they use each other
# what a knob needs of the drum, beside a drum
NEEDS = {"attack_mix": "attack_powers", "as_recorded": "partials"}


def save(kit: Kit, path: Path, options: PackOptions, progress: Progress) -> Written:
    """Write an .html file; as all of formats.FORMATS.

    Raises:
        ValueError: beside those of all formats, if options of recordings are given, or the player
            is missing.
    """
    if dataclasses.replace(options, replace=False) != PackOptions():
        raise ValueError("a web page takes -o and --replace alone: it has no recordings")
    filled_pads(kit)
    check_free(path, options.replace)
    text = page_of(kit).encode()
    save_atomically(path, lambda file: file.write(text))
    return Written(path, 0, n_bytes(path), LICENCE)


def page_of(kit: Kit) -> str:
    """The page of a kit; the same kit gives the same page.

    Raises:
        ValueError: if the player is missing or damaged.
    """
    scripts = (_file(f"{name}.js") for name in SCRIPTS)
    return Template(_file("page.html")).substitute(
        name=html.escape(kit_name(kit)), version=matcher.__version__, style=_file("page.css"),
        licence=f"This page {LICENCE}", worklet=_file("worklet.js"), script="".join(scripts),
        player=_base64(packed_player()), data=_data(kit),
        kit=_base64(gzip.compress(bake.kit_record(kit).tobytes(), mtime=0)),
    )  # fmt: skip


def _file(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _data(kit: Kit) -> str:
    """What the page shows of a kit, as JSON that no tag in it can end."""
    data = {
        "knobs": [_knob(name) for name in KNOBS],
        "knobs_at": KIT.fields["knobs"][1],  # where their values are in the kit's bytes
        "pads": [_pad(kit, i) for i in range(N_PADS)],
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _knob(name: str) -> dict:
    row = PARAMETERS[name]
    unit, scale = bake.shown(name)
    return {
        "name": name, "key": row.key, "label": row.label, "help": row.help, "symbol": row.symbol,
        "unit": unit, "scale": scale,  # as it is shown
        "kept_scale": row.display_scale,  # of the address, in the units of `kit set`
        "low": row.low, "high": row.high, "log": row.scale == "log", "step": row.step,
    }  # fmt: skip


def _pad(kit: Kit, i: int) -> dict:
    pad = kit.pads[i]
    drum = pad.drum
    return {
        "label": pad_name(kit, i), "note": pad.note, "note_name": midi_note_name(pad.note),
        "notes": list(pad.notes), "filled": drum is not None,
        "without": [knob for knob, what in NEEDS.items() if drum and not getattr(drum, what)],
    }  # fmt: skip
