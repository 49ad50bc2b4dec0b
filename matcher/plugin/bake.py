"""A kit into a template: a record of BAKED is overwritten, no compiler is needed."""

import hashlib
import json
import lzma
import uuid
from importlib import resources

import numpy as np

from matcher.kits.kit import CURVES, N_PADS, Kit, pad_name
from matcher.matching import strokes
from matcher.physics import bank
from matcher.physics.drum import DRUM_PARAMETERS, Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import Theta
from matcher.plugin import macho
from matcher.plugin.layout import BAKED, IDENTIFIED, KIT, KNOBS, MARK, SETTINGS, VERSION
from matcher.plugin.places import PLATFORMS

TEMPLATES = resources.files("matcher.plugin") / "templates"
RECORD = "templates.json"  # what they were built with, and their checksums
EFFECT_SUFFIX = " (replacer)"  # of its name
EFFECT = "effect"  # its identities are made with this word; hosts know it by them
PACKED = ".xz"  # suffix of a template as it ships
NONE_OF_OURS = "it is no plugin of Drum matcher, or is cut off"
# as knobs are shown: share of what is stored, and unit
PERCENT = ("attack_mix", "as_recorded")
UNITS = {"semitones": "st"}


def template(name: str) -> bytes:
    """A compiled template, unpacked.

    Raises:
        ValueError: if it is missing or damaged, or was made for another layout.
    """
    try:
        expected = json.loads((TEMPLATES / RECORD).read_text())["files"][name]
        packed = (TEMPLATES / f"{name}{PACKED}").read_bytes()
    except (OSError, KeyError, ValueError):
        raise ValueError(f"the plugin's template {name} is missing; install anew") from None
    try:
        code = lzma.decompress(packed)
    except lzma.LZMAError:
        code = b""
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
        raise ValueError(NONE_OF_OURS)
    return at


def identity_of(code: bytes) -> uuid.UUID:
    """The identity of an exported plugin, of this layout or an older one, given its binary.

    Raises:
        ValueError: if it is no plugin of ours, or is cut off.
    """
    at = code.find(MARK)
    if at >= 0 and len(code) - at >= IDENTIFIED.itemsize:
        begin = np.frombuffer(code, IDENTIFIED, 1, at)[0]
        if len(code) - at >= begin["size"]:
            return uuid.UUID(bytes=begin["uid"].tobytes())
    raise ValueError(NONE_OF_OURS)


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


def effect_uri(identity: uuid.UUID) -> str:
    """That of the effect in the same file, given the instrument's; it comes after it in order."""
    return f"{identity.urn}#{EFFECT}"


def effect_identity(identity: uuid.UUID) -> uuid.UUID:
    """The identity of the effect as VST3 has it, given the instrument's."""
    return uuid.uuid5(identity, EFFECT)


def to_record(kit: Kit, identity: uuid.UUID) -> np.ndarray:
    """A kit as a record of BAKED."""
    record = np.zeros(1, BAKED)[0]
    record["mark"], record["version"], record["size"] = MARK, VERSION, BAKED.itemsize
    record["uid"], record["uri"] = list(identity.bytes), uri(identity).encode()
    record["effect_uid"] = list(effect_identity(identity).bytes)
    record["effect_uri"] = effect_uri(identity).encode()
    record["name"] = kit.name.encode()
    record["pads"] = [pad_name(kit, i).encode() for i in range(N_PADS)]
    for row, name in zip(record["knobs"], KNOBS):
        parameter = PARAMETERS[name]
        row["name"] = parameter.label.encode()
        row["unit"], row["scale"] = shown(name)
        row["low"], row["high"] = parameter.low, parameter.high
        row["is_log"], row["of_effect"] = parameter.scale == "log", True
    for row, setting in zip(record["settings"], SETTINGS):
        row["name"], row["unit"] = setting.label.encode(), setting.unit.encode()
        for key in ("low", "high", "scale", "steps", "of_replacer", "of_effect"):
            row[key] = getattr(setting, key)
    record["initial"] = list(initial_settings(kit).values())
    record["kit"] = kit_record(kit)
    weights = strokes.shipped_weights()
    record["strokes"] = np.concatenate([weights[name].ravel() for name in strokes.WEIGHTS])
    return record


def initial_settings(kit: Kit) -> dict[str, float]:
    """The settings as a kit is exported: the replacer off, with the first drum on its pad, and one
    output."""
    values = {setting.name: setting.default for setting in SETTINGS}
    drums = [i for i in range(N_PADS) if kit.pads[i].drum is not None]
    return values | ({"pad": drums[0] + 1.0} if drums else {})


def shown(name: str) -> tuple[str, float]:
    """Unit in which a knob is shown, and how many of them make one natural unit."""
    parameter = PARAMETERS[name]
    if name in PERCENT:
        return "%", 100.0
    return UNITS.get(parameter.display_unit, parameter.display_unit), parameter.display_scale


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
