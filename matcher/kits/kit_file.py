"""Kit files: readable TOML with the suffix .drumkit.

As much of a damaged file as possible is read. Each pad is parsed by itself, so that a broken line
loses one pad at most. What a file may be is bounded, so that none takes long to read: its size, its
lines, and how deep its values and keys are nested, as tomllib needs time by the square of that.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tomli_w

from matcher.checks import quoted
from matcher.kits.kit import (
    FIRST_NOTE,
    N_PADS,
    NOTES_IN_ORDER,
    PAD_PARAMETERS,
    Kit,
    Pad,
    check_more_notes,
    check_name,
    plain_name,
)
from matcher.physics import attack, partials
from matcher.physics.drum import DRUM_PARAMETERS, Drum
from matcher.physics.parameters import BY_KEY, PARAMETERS
from matcher.physics.partials import Partial
from matcher.physics.theta import LIVE, Theta
from matcher.recording import save_atomically

SCHEMA = 2  # version of the file format
READABLE = (1, SCHEMA)  # schema 1: no partials, and attack powers of attack.EARLIER_SHAPE
SUFFIX = ".drumkit"
END = "# end of kit"  # last line: if it is missing, the file was truncated
LARGEST_FILE = 2**16  # bytes: a kit takes up to 40,000, so a larger file is something else
LONGEST_LINE = 2048  # characters: all partials of a pad, written by hand on one line, take 1,200
DEEPEST = 4  # brackets in brackets, and parts of a dotted key: ours have 2 and 1
MOST_PROBLEMS = 20  # that are listed one by one
_STROKE = tuple(name for name in DRUM_PARAMETERS if name not in Theta._fields)  # beside theta
_PAD_KEYS = (
    "note", "more_notes", "name", "choke", "curve",
    *(PARAMETERS[name].key for name in PAD_PARAMETERS),
)  # fmt: skip
# on one line, up to its end where the string has none, so that no character is looked at twice
_STRING = re.compile(r'(?m)"(?:[^"\\\n]++|\\.)*+(?:"|\\?$)|\'[^\'\n]*+(?:\'|$)')
_COMMENT = re.compile(r"#[^\n]*")
# from the start of a word on, and without going back: a long word takes no longer than it is
_DEEP_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{DEEPEST}}}")
_NUMBERS = re.compile(r"\[\n((?: +[-+.\de]+,\n)+) *\]")  # a list with each number on its own line


def save_kit(kit: Kit, path: str | Path, comment: str = "") -> None:
    """Write a kit file atomically.

    Args:
        kit: the kit.
        path: path of the file, usually with SUFFIX.
        comment: comment for the first line of the file; empty: no comment.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if its folder does not exist.
    """
    pads = [_to_table(pad) for pad in kit.pads]
    text = tomli_w.dumps({"schema": SCHEMA, "name": kit.name, "pads": pads})
    text = _NUMBERS.sub(lambda row: f"[{', '.join(row[1].replace(',', ' ').split())}]", text)
    head = f"#{comment}\n" if comment else ""
    save_atomically(path, lambda file: file.write(f"{head}{text}{END}\n".encode()))


def load_kit(path: str | Path) -> tuple[Kit, list[str]]:
    """Read a kit file.

    Args:
        path: path of the file.

    Returns:
        The kit, and one sentence for each part of the file that could not be used.

    Raises:
        ValueError: if the file is not a kit, has a newer schema, or cannot be read.
    """
    path = Path(path)
    head, *sections = re.split(r"(?m)^\[\[pads\]\][^\n]*\n", text := _read(path))
    dropped = []
    name = _head_values(path, head, bool(sections), dropped)
    if text.rstrip().rpartition("\n")[2] != END:
        dropped.append(f"the last line is not {END!r}: the file may be cut off")
    if len(sections) > N_PADS:
        dropped.append(f"the file has {len(sections)} pads: those after {N_PADS} are left out")
    elif len(sections) < N_PADS:
        dropped.append(f"{N_PADS - len(sections)} of {N_PADS} pads are missing: left empty")
    rows = [_pad_values(text, i + 1, dropped) for i, text in enumerate(sections[:N_PADS])]
    pads = _on_free_notes(rows, dropped)
    if len(dropped) > MOST_PROBLEMS:
        dropped[MOST_PROBLEMS:] = [f"{len(dropped) - MOST_PROBLEMS} more problems"]
    return Kit(name, pads), dropped


def comment_of(path: str | Path) -> str:
    """The comment in the first line of a kit file, as save_kit takes it; empty if there is none."""
    first = _read(Path(path)).partition("\n")[0].rstrip("\r")
    return first[1:] if first.startswith("#") else ""


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # a pipe might never end
            raise ValueError(f"{path} is not a file; give a {SUFFIX} file")
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ValueError(f"{path} is not a kit: it is larger than {LARGEST_FILE} bytes")
        return content.decode(errors="replace")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}; give a {SUFFIX} file") from None


def _head_values(path: Path, head: str, has_pads: bool, dropped: list[str]) -> str:
    """Parse the part before the pads -> the kit's name; append what is wrong to `dropped`."""
    values = _parse(head) or {}
    schema = values.pop("schema", None)
    if schema is None and not has_pads:
        raise ValueError(f"{path} is not a kit; give a {SUFFIX} file of Drum matcher")
    if isinstance(schema, int) and schema > SCHEMA:
        raise ValueError(
            f"{path} has schema {quoted(schema)}, made by a newer Drum matcher; this one reads "
            f"{SCHEMA}"
        )
    if schema not in READABLE:
        dropped.append(f"schema is {quoted(schema)}: read as schema {SCHEMA}")
    name = values.pop("name", None)
    try:
        check_name(name)
    except ValueError as error:
        dropped.append(f"the kit: {error}")
        name = plain_name(path.stem).strip() or Kit.name
    dropped += [f"the kit: unknown key {quoted(key)}" for key in values]
    return name


def _to_table(pad: Pad) -> dict:
    """A pad -> its TOML table."""
    table = {"note": pad.note}
    if pad.more_notes:
        table["more_notes"] = list(pad.more_notes)
    table["name"] = pad.name
    for name in ("gain_db", "pan", "tune"):
        table[name] = getattr(pad, name)
    table |= {"choke": pad.choke, "curve": pad.curve}
    for name in ("attack_mix", "as_recorded"):
        table[PARAMETERS[name].key] = getattr(pad, name)
    drum = pad.drum
    if drum is None:
        return table
    table |= {PARAMETERS[name].key: drum.value(name) for name in _STROKE}
    if drum.attack_powers is not None:
        table |= {"levels": drum.attack_powers, "wires_s": drum.wires_s}
    if drum.partials:
        table["partials"] = drum.partials
    table["glide_s"] = drum.glide_s
    return table | {"theta": {name: float(v) for name, v in drum.theta._asdict().items()}}


def _pad_values(text: str, number: int, dropped: list[str]) -> dict:
    """Parse a pad's section -> its allowed fields of Pad; append what is wrong to `dropped`."""
    parsed = _parse(f"[[pads]]\n{text}")
    if parsed is None:
        dropped.append(f"pad {number} cannot be read: left empty")
        return {}
    fields, drum_values = {}, {}
    for key, value in parsed["pads"][0].items():
        try:
            if key in _DRUM_KEYS:
                drum_values[key] = _drum_value(key, value)
            elif key in _PAD_KEYS:
                name = BY_KEY[key].name if key in BY_KEY else key
                value = tuple(value) if key == "more_notes" and isinstance(value, list) else value
                if name == "more_notes":
                    check_more_notes(None, value)
                else:
                    Pad(**{"note": FIRST_NOTE, name: value})
                fields[name] = value
            else:
                raise ValueError(f"unknown key {quoted(key)}")
        except (ValueError, OverflowError) as error:
            dropped.append(f"pad {number}: {error}")
    if "theta" in drum_values:
        fields["drum"] = _drum(drum_values)
    return fields


def _drum_value(key: str, value):
    """Check the value of one of _DRUM_KEYS and convert it."""
    if key in _FIELDS:
        return _FIELDS[key].parse(value)
    BY_KEY[key].check(value)
    return float(value)


def _drum(values: dict) -> Drum:
    drum = Drum(**{_FIELDS[key].name: values[key] for key in values.keys() & _FIELDS.keys()})
    for key in values.keys() - _FIELDS.keys():
        drum = drum.with_value(BY_KEY[key].name, values[key])
    return drum


def _theta(value) -> Theta:
    names = set(Theta._fields)
    numbers = isinstance(value, dict) and all(type(v) in (int, float) for v in value.values())
    if not numbers or set(value) != names:
        allowed = ", ".join(Theta._fields)
        raise ValueError(f"theta is {quoted(value)}, allowed is a number for each of {allowed}")
    theta = Theta(**{name: float(value[name]) for name in Theta._fields})
    LIVE.check(theta)
    return theta


def _powers(value) -> tuple[tuple[float, ...], ...]:
    powers = _rows(value) or []
    if tuple(map(len, powers)) == (attack.EARLIER_SHAPE[1],) * attack.EARLIER_SHAPE[0]:
        powers = attack.widened(powers).tolist()
    attack.check_powers(powers)
    return tuple(tuple(map(float, row)) for row in powers)


def _partials(value) -> tuple[Partial, ...]:
    rows = _rows(value)
    if rows is None:
        raise ValueError(f"partials are {quoted(value)}, allowed is a list of rows of numbers")
    partials.check(rows, partials.DEFAULT_GLIDE_S)
    return tuple(Partial(int(m), int(k), *map(float, rest)) for m, k, *rest in rows)


def _glide_s(value) -> float:
    partials.check((), value)
    return float(value)


def _wires_s(value) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"wires_s is {quoted(value)}, allowed is a number")
    attack.check_wires(value)
    return float(value)


def _rows(value) -> list[list[float]] | None:
    """The value if it is a list of lists of numbers, else None."""
    numbers = isinstance(value, list) and all(
        isinstance(row, list) and all(type(v) in (int, float) for v in row) for row in value
    )
    return value if numbers else None


class _Field(NamedTuple):
    """A field of Drum that is no parameter."""

    name: str
    parse: Callable


_FIELDS = {  # by key
    "theta": _Field("theta", _theta),
    "levels": _Field("attack_powers", _powers),
    "partials": _Field("partials", _partials),
    "glide_s": _Field("glide_s", _glide_s),
    "wires_s": _Field("wires_s", _wires_s),
}
_DRUM_KEYS = (*_FIELDS, *(PARAMETERS[name].key for name in _STROKE))


def _on_free_notes(rows: list[dict], dropped: list[str]) -> tuple[Pad, ...]:
    """Pads with these fields; one without a note, or with an earlier pad's, gets a free note."""
    rows = rows + [{} for _ in range(N_PADS - len(rows))]
    first = {}
    for i, row in enumerate(rows):
        if "note" in row and first.setdefault(row["note"], i) != i:
            dropped.append(
                f"pad {i + 1}: note {row['note']} already plays pad {first[row['note']] + 1}"
            )
    for i, row in enumerate(rows):
        more = row.pop("more_notes", ())
        kept = tuple(n for n in more if first.setdefault(n, i) == i and n != row.get("note"))
        row["more_notes"] = kept
        dropped += [
            f"pad {i + 1}: note {n} already plays pad {first[n] + 1}" for n in more if n not in kept
        ]
    pads = []
    for i, row in enumerate(rows):
        note = row.get("note")
        if first.get(note) != i:
            note = next(n for n in (FIRST_NOTE + i, *NOTES_IN_ORDER) if n not in first)
            first[note] = i
        pads.append(Pad(**{**row, "note": note}))
    return tuple(pads)


def _parse(text: str) -> dict | None:
    """Parse TOML; None if it is broken, not valid UTF-8, or of no form that a kit has."""
    try:
        return tomllib.loads(text) if _is_plain(text) else None
    except (ValueError, RecursionError):  # TOMLDecodeError is a ValueError
        return None


def _is_plain(text: str) -> bool:
    """Whether TOML is UTF-8 with lines and nesting as short and flat as those of kits."""
    if "\ufffd" in text or '"""' in text or "'''" in text:  # strings of many lines
        return False
    if any(len(line) > LONGEST_LINE for line in text.split("\n") if not line.startswith("#")):
        return False
    bare = _COMMENT.sub("", _STRING.sub("s", text))
    if _DEEP_KEY.search(bare):
        return False
    depth = 0
    for bracket in re.findall(r"[][{}]", bare):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            return False
    return True
