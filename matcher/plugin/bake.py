"""A kit into a template: a record of BAKED is overwritten, no compiler is needed."""

import hashlib
import json
import uuid
from importlib import resources

import numpy as np

from matcher.kits.kit import CURVES, N_PADS, Kit, Pad
from matcher.physics import bank
from matcher.physics.drum import DRUM_PARAMETERS, Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import Theta
from matcher.plugin import macho
from matcher.plugin.layout import BAKED, KIT, KNOBS, MARK, VERSION
from matcher.plugin.places import PLATFORMS

TEMPLATES = resources.files("matcher.plugin") / "templates"
RECORD = "templates.json"  # what they were built with, and their checksums
# as knobs are shown: share of what is stored, and unit
PERCENT = ("attack_mix", "as_recorded")
UNITS = {"semitones": "st"}


def template(name: str) -> bytes:
    """A compiled template as it ships.

    Raises:
        ValueError: if it is missing or damaged, or was made for another layout.
    """
    try:
        expected = json.loads((TEMPLATES / RECORD).read_text())["files"][name]
        code = (TEMPLATES / name).read_bytes()
    except (OSError, KeyError, ValueError):
        raise ValueError(f"the plugin's template {name} is missing; install anew") from None
    if hashlib.sha256(code).hexdigest() != expected:
        raise ValueError(f"the plugin's template {name} is damaged; install anew")
    found = np.frombuffer(code, BAKED, 1, find(code))[0]
    if (found["version"], found["size"]) != (VERSION, BAKED.itemsize):
        raise ValueError(
            f"the plugin's template {name} is of layout {found['version']}, this is {VERSION}; "
            "run python -m export.plugin"
        )
    return code


def find(code: bytes) -> int:
    """Where BAKED is in a binary.

    Raises:
        ValueError: if it is no plugin of ours, or is cut off.
    """
    at = code.find(MARK)
    if at < 0 or len(code) - at < BAKED.itemsize:
        raise ValueError("it is no plugin of Drum matcher, or is cut off")
    return at


def identity_of(code: bytes) -> uuid.UUID:
    """The identity of an exported plugin, given its binary; raises what `find` does."""
    return uuid.UUID(bytes=np.frombuffer(code, BAKED, 1, find(code))[0]["uid"].tobytes())


def bake(kit: Kit, identity: uuid.UUID, platform: str) -> bytes:
    """The binary of a kit's plugin.

    Args:
        kit: the kit.
        identity: by which hosts know the plugin again.
        platform: one of PLATFORMS.

    Raises:
        ValueError: if a template is missing or damaged.
    """
    data = to_record(kit, identity).tobytes()
    parts = []
    for name in PLATFORMS[platform].templates:
        code = template(name)
        at = find(code)
        parts.append(code[:at] + data + code[at + len(data) :])
    return macho.universal([macho.signed(part) for part in parts]) if len(parts) > 1 else parts[0]


def uri(identity: uuid.UUID) -> str:
    """The identity as LV2 and CLAP have it."""
    return identity.urn


def to_record(kit: Kit, identity: uuid.UUID) -> np.ndarray:
    """A kit as a record of BAKED."""
    record = np.zeros(1, BAKED)[0]
    record["mark"], record["version"], record["size"] = MARK, VERSION, BAKED.itemsize
    record["uid"], record["uri"] = list(identity.bytes), uri(identity).encode()
    record["name"] = kit.name.encode()
    record["pads"] = [label(pad, i).encode() for i, pad in enumerate(kit.pads)]
    for row, name in zip(record["knobs"], KNOBS):
        parameter = PARAMETERS[name]
        row["name"] = parameter.label.encode()
        row["unit"], row["scale"] = shown(name)
        row["low"], row["high"] = parameter.low, parameter.high
        row["is_log"] = parameter.scale == "log"
    record["kit"] = kit_record(kit)
    return record


def shown(name: str) -> tuple[str, float]:
    """Unit in which a knob is shown, and how many of them make one natural unit."""
    parameter = PARAMETERS[name]
    if name in PERCENT:
        return "%", 100.0
    return UNITS.get(parameter.display_unit, parameter.display_unit), parameter.display_scale


def label(pad: Pad, index: int) -> str:
    """A pad's name in a host."""
    return pad.name or f"Pad {index + 1}"


def kit_record(kit: Kit) -> np.ndarray:
    """A kit as a record of KIT."""
    record = np.zeros(1, KIT)[0]
    record["pad_of"] = -1
    for i in range(N_PADS):
        pad = kit.pads[i]
        record["pad_of"][list(pad.notes)] = i
        record["curve"][i], record["choke"][i] = CURVES[pad.curve], pad.choke
        record["filled"][i] = pad.drum is not None
        values = {name: pad.value(name) for name in KNOBS if name not in DRUM_PARAMETERS}
        drum = pad.drum or Drum(Theta(*(PARAMETERS[name].high for name in Theta._fields)))
        values |= {name: drum.value(name) for name in DRUM_PARAMETERS}
        record["knobs"][i] = [values[name] for name in KNOBS]
        record["drums"][i] = bank.to_record(drum)
    return record
