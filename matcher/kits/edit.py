"""Fields of pads, read from text and shown as text, by the keys of kit files.

Numbers are in the units that people read: pitch is in Hz, where files have rad/s.
"""

from collections.abc import Callable
from dataclasses import replace

from matcher.checks import quoted
from matcher.kits.kit import N_PADS, Kit, Pad
from matcher.physics.parameters import BY_KEY, find

KIT = "kit"  # instead of a pad: the kit itself, which has a name


def set_value(kit: Kit, pad: str, key: str, text: str) -> Kit:
    """A copy of a kit with a field set.

    Args:
        kit: the kit.
        pad: number of the pad, from 1, or KIT.
        key: one of KEYS; "name" for KIT.
        text: the value, in the unit that people read.

    Raises:
        ValueError: if there is no such pad or key, or the value is not allowed.
    """
    if pad == KIT:
        if key != "name":
            raise ValueError(f"a kit has no {quoted(key)}, allowed is name")
        return replace(kit, name=text)
    index = _index(pad)
    if key in _FIELDS:
        return _FIELDS[key](kit, index, text)
    if key not in BY_KEY:
        raise ValueError(f"there is no {quoted(key)}, allowed is one of: {', '.join(KEYS)}")
    row = find(key)
    value = _number(key, text) / row.display_scale
    row.check(value)
    changed = kit.with_value(index, row.name, value)
    if changed.pads[index].value(row.name) is None:
        raise ValueError(f"pad {index + 1} has no drum, so it has no {key}; match one first")
    return changed


def shown(pad: Pad, key: str) -> str:
    """A field of a pad as text, with its unit."""
    if key in BY_KEY:
        value = pad.value(BY_KEY[key].name)
        return "-" if value is None else BY_KEY[key].format(value)
    value = getattr(pad, key)
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def changes(before: Kit, after: Kit) -> list[str]:
    """What differs between two kits, a line for each field."""
    lines = [f"kit: name {after.name}"] if before.name != after.name else []
    for i, (old, new) in enumerate(zip(before.pads, after.pads), 1):
        for key in KEYS:
            if shown(old, key) != shown(new, key):
                lines.append(f"pad {i}: {key} {shown(old, key)} -> {shown(new, key)}")
    return lines


def _index(pad: str) -> int:
    if pad.isdecimal() and 1 <= int(pad) <= N_PADS:
        return int(pad) - 1
    raise ValueError(f"pad is {quoted(pad)}, allowed is 1 to {N_PADS}, or {KIT}")


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{key} is {quoted(text)}, allowed is a number") from None


def _whole(key: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{key} is {quoted(text)}, allowed is a whole number") from None


def _set_note(kit: Kit, index: int, text: str) -> Kit:
    note = _whole("note", text)
    replace(kit.pads[index], note=note, more_notes=())  # checks it
    return kit.with_note(index, note)


def _set_more_notes(kit: Kit, index: int, text: str) -> Kit:
    words = text.replace(",", " ").split()
    return kit.with_more_notes(index, tuple(_whole("more_notes", word) for word in words))


_FIELDS: dict[str, Callable[[Kit, int, str], Kit]] = {  # of a pad that are no parameters
    "name": lambda kit, index, text: kit.with_pad(index, name=text),
    "note": _set_note,
    "more_notes": _set_more_notes,
    "choke": lambda kit, index, text: kit.with_pad(index, choke=_whole("choke", text)),
    "curve": lambda kit, index, text: kit.with_pad(index, curve=text),
}
KEYS = (*_FIELDS, *BY_KEY)
