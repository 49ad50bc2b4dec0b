"""A kit in words and as JSON."""

from matcher.kits.edit import shown
from matcher.kits.kit import PAD_PARAMETERS, Kit, Pad
from matcher.physics.drum import DRUM_PARAMETERS, describe_strike
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import Theta, describe

HEADINGS = ("Pad", "Name", "Notes", "Pitch", "Decay", "Gain", "Pan", "Tune", "Choke", "Curve")
KEYS = ("omega", "tau", "gain_db", "pan", "tune", "choke", "curve")  # of the table's last columns


def kit_lines(kit: Kit) -> list[str]:
    """A kit in words: a table of its pads, then each drum's parameters."""
    rows = [HEADINGS, *(_row(i, pad) for i, pad in enumerate(kit.pads, 1))]
    widths = [max(map(len, column)) for column in zip(*rows)]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    drums = [line for i, pad in enumerate(kit.pads, 1) for line in _drum_lines(i, pad)]
    return [kit.name, "", *table, *drums]


def kit_to_json(kit: Kit) -> dict:
    """A kit as JSON has it; values in the units of kit files, the pitch in Hz beside omega."""
    return {"name": kit.name, "pads": [_pad_to_json(i, pad) for i, pad in enumerate(kit.pads, 1)]}


def _row(number: int, pad: Pad) -> tuple[str, ...]:
    values = [shown(pad, key) for key in KEYS]
    name = pad.name or ("-" if pad.drum is None else "no name")
    return (str(number), name, " ".join(map(str, pad.notes)), *values)


def _drum_lines(number: int, pad: Pad) -> list[str]:
    """What a pad's drum is: the layers of its sound, each with its key, value and meaning."""
    if pad.drum is None:
        return []
    keys = {row.label: row.key for row in PARAMETERS.values()} | {"Strike": "x1, x2"}
    rows = [*describe(pad.drum.theta),
            *describe_strike(pad.drum, pad.attack_mix, pad.as_recorded)]  # fmt: skip
    lines = [
        f"  {keys.get(label, ''):<10}{label:<11}{value:<11} {meaning}"
        for label, value, meaning in rows
    ]
    return ["", f"Pad {number}: {pad.name or 'no name'}", *lines]


def _pad_to_json(number: int, pad: Pad) -> dict:
    row = {"pad": number, "name": pad.name, "notes": list(pad.notes), "choke": pad.choke,
           "curve": pad.curve}  # fmt: skip
    row |= {PARAMETERS[name].key: pad.value(name) for name in PAD_PARAMETERS}
    if pad.drum is None:
        return row | {"drum": None}
    drum = pad.drum
    theta = {name: float(drum.value(name)) for name in Theta._fields}
    stroke = {n: float(drum.value(n)) for n in DRUM_PARAMETERS if n not in Theta._fields}
    return row | {"drum": {
        "theta": theta, "pitch_hz": drum.theta.pitch_hz, **stroke, "glide_s": drum.glide_s,
        "partials": len(drum.partials), "noise": drum.attack_powers is not None,
    }}  # fmt: skip
