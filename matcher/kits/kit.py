"""Pads and kits, and the kit file: readable TOML, suffix .drumkit.

A kit is a value: an edit makes a new one. A file that is damaged opens as far as it can be trusted;
each pad of it stands for itself, so that one broken line costs one pad and no more.
"""

import math
import re
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import tomli_w

from matcher.physics import attack
from matcher.physics.drum import ATTACK_MIX, HARD_HZ, TENSION, Drum
from matcher.physics.ftm import STRIKE
from matcher.physics.theta import PRESETS, Theta
from matcher.recording import save_atomically

SCHEMA = 1
SUFFIX = ".drumkit"
END = "# end of kit"  # the last line: without it a file was cut off
N_PADS = 16
FIRST_NOTE = 36  # of pad 1, bottom left on a controller
N_CHOKE_GROUPS = 8
LONGEST_NAME = 64  # characters
LARGEST_FILE = 2**20  # bytes; a kit takes some 4,000
# How strongly each velocity curve bends: above 0 soft hits come out softer, below 0 louder.
CURVES = {
    "linear": 0.0,
    "exponential 1": 2.0,
    "exponential 2": 4.0,
    "logarithmic 1": -2.0,
    "logarithmic 2": -4.0,
    "fixed": float("-inf"),
}
RANGES = {
    "note": (0, 127),
    "gain_db": (-60.0, 12.0),
    "pan": (-1.0, 1.0),
    "tune": (-24.0, 24.0),
    "choke": (0, N_CHOKE_GROUPS),
    "x1": (0.001, 0.999),
    "x2": (0.001, 0.999),
    "mallet_hz": (50.0, HARD_HZ),
    "tension": TENSION,
    "attack": ATTACK_MIX,
}
RANGE = PRESETS["live"]  # of theta
# what a controller can turn
TURNED = (*Theta._fields, "gain_db", "pan", "tune", "x1", "x2", "mallet_hz", "tension", "attack")
DRUM = ("theta", "attack_powers", "x1", "x2", "mallet_hz", "tension")  # what a match sets of a pad


def bent(bend: float, velocity: float) -> float:
    """Velocity in [0, 1] -> gain in [0, 1] by a value of CURVES; nothing but 0 gives 0.

    The audio callback has it compiled.
    """
    if velocity <= 0:
        return 0.0
    if math.isinf(bend):
        return 1.0
    velocity = min(velocity, 1.0)
    return velocity if bend == 0 else math.expm1(bend * velocity) / math.expm1(bend)


@dataclass(frozen=True)
class Pad:
    """One pad. Raises ValueError, naming the value and what is allowed, where one is outside."""

    note: int  # MIDI note
    name: str = ""
    theta: Theta | None = None  # None: nothing on it yet
    gain_db: float = 0.0
    pan: float = 0.0  # -1 left to 1 right
    tune: float = 0.0  # semitones
    choke: int = 0  # a strike silences other pads of its group; 0: of no group
    curve: str = "linear"  # one of CURVES
    x1: float = STRIKE[0]  # strike point, as a share of each side
    x2: float = STRIKE[1]
    mallet_hz: float = HARD_HZ
    tension: float = 0.0
    attack: float = 1.0  # how much of the attack is heard, 0 to 1
    attack_powers: tuple[tuple[float, ...], ...] | None = None  # of the attack, as in Drum

    def __post_init__(self):
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            kinds = (int,) if isinstance(low, int) else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                whole = "a whole number from " if kinds == (int,) else ""
                raise ValueError(f"{name} is {value!r}, allowed is {whole}{low:g} to {high:g}")
        if not isinstance(self.curve, str) or self.curve not in CURVES:
            raise ValueError(f"curve is {self.curve!r}, allowed is one of: {', '.join(CURVES)}")
        _check_name(self.name)
        if self.theta is not None:
            RANGE.check(self.theta)
        if self.attack_powers is not None:
            _check_levels(self.attack_powers)

    @property
    def tuned(self) -> Theta | None:
        """Theta as it sounds: at its own pitch times `tune`, no further than the range goes."""
        if self.theta is None:
            return None
        row = RANGE["omega"]
        omega = self.theta.omega * 2 ** (self.tune / 12)
        return self.theta._replace(omega=min(max(omega, row.low), row.high))

    @property
    def drum(self) -> Drum | None:
        """The drum as it sounds, tuned; None where there is nothing on the pad."""
        return None if self.theta is None else drum_of(values_of(self) | {"theta": self.tuned})

    @property
    def sound(self) -> tuple[Drum | None, float]:
        """What its voices are made of: its drum, and how much of the attack is heard."""
        return self.drum, self.attack


def drum_values(drum: Drum) -> dict:
    """A matched drum -> the fields DRUM of the pad that it is put on, each within its range."""
    rows = zip(RANGE.parameters, drum.theta)
    theta = Theta(*(min(max(float(value), row.low), row.high) for row, value in rows))
    values = {"x1": drum.strike[0], "x2": drum.strike[1]}
    values |= {"mallet_hz": drum.mallet_hz, "tension": drum.tension}
    for name, value in values.items():
        low, high = RANGES[name]
        values[name] = min(max(float(value), low), high)
    attack_powers = drum.attack_powers and tuple(
        tuple(float(f"{v:.4g}") for v in row) for row in drum.attack_powers
    )
    return {"theta": theta, "attack_powers": attack_powers, **values}


def drum_of(values: dict) -> Drum:
    """drum_values the other way."""
    strike = values["x1"], values["x2"]
    return Drum(
        values["theta"], strike, values["mallet_hz"], values["tension"], values["attack_powers"]
    )


def values_of(pad: Pad) -> dict:
    """What of a pad a match sets, as drum_values."""
    return {name: getattr(pad, name) for name in DRUM}


def value_at(name: str, share: float) -> float:
    """One of TURNED at a share, 0 to 1, of its range."""
    if name in Theta._fields:
        return float(RANGE[name].from_nu(2 * share - 1))
    low, high = RANGES[name]
    if name == "mallet_hz":
        return low * (high / low) ** share
    return low + share * (high - low)


def share_at(name: str, value: float) -> float:
    """Where one of TURNED is in its range, 0 to 1: value_at the other way."""
    if name in Theta._fields:
        return float((RANGE[name].to_nu(value) + 1) / 2)
    low, high = RANGES[name]
    if name == "mallet_hz":
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _empty_pads() -> tuple[Pad, ...]:
    return tuple(Pad(FIRST_NOTE + i) for i in range(N_PADS))


@dataclass(frozen=True)
class Kit:
    """A name and N_PADS pads, each on a note of its own; ValueError where two share one."""

    name: str = "New kit"
    pads: tuple[Pad, ...] = field(default_factory=_empty_pads)

    def __post_init__(self):
        _check_name(self.name)
        notes = [pad.note for pad in self.pads]
        if len(notes) != N_PADS:
            raise ValueError(f"a kit has {len(notes)} pads, allowed is {N_PADS}")
        if twice := sorted({note for note in notes if notes.count(note) > 1}):
            raise ValueError(f"note {twice[0]} is on two pads, allowed is one pad for each note")

    def with_pad(self, index: int, **changes) -> "Kit":
        """The kit with pad `index` (0 to N_PADS - 1) changed."""
        pads = list(self.pads)
        pads[index] = replace(pads[index], **changes)
        return replace(self, pads=tuple(pads))

    def with_value(self, index: int, name: str, value: float) -> "Kit":
        """The kit with one of TURNED at another value; as it is where the pad has no theta."""
        pad = self.pads[index]
        if name not in Theta._fields:
            return self.with_pad(index, **{name: value})
        return self.with_pad(index, theta=pad.theta and pad.theta._replace(**{name: value}))

    def with_note(self, index: int, note: int) -> "Kit":
        """The kit with a note on a pad; a pad that had it gets this one's."""
        pads, other = list(self.pads), self.pad_of(note)
        if other is not None:
            pads[other] = replace(pads[other], note=pads[index].note)
        pads[index] = replace(pads[index], note=note)
        return replace(self, pads=tuple(pads))

    def pad_of(self, note: int) -> int | None:
        """The pad that a note plays, 0 to N_PADS - 1, or None."""
        return next((i for i, pad in enumerate(self.pads) if pad.note == note), None)


_ROW = re.compile(r"\[\n((?: +[-+.\de]+,\n)+) *\]")  # of numbers, each on a line


def save_kit(kit: Kit, path: str | Path, comment: str = "") -> None:
    """Write a kit file, whole or not at all; comment: its first line."""
    pads = []
    for pad in kit.pads:
        row = asdict(pad) | {
            "theta": pad.theta and _plain(pad.theta),
            "attack_powers": pad.attack_powers,
        }
        pads.append({name: value for name, value in row.items() if value is not None})
    text = tomli_w.dumps({"schema": SCHEMA, "name": kit.name, "pads": pads})
    text = _ROW.sub(lambda row: f"[{', '.join(row[1].replace(',', ' ').split())}]", text)
    head = f"#{comment}\n" if comment else ""
    save_atomically(path, lambda file: file.write(f"{head}{text}{END}\n".encode()))


def load_kit(path: str | Path) -> tuple[Kit, list[str]]:
    """A kit file -> the kit, and a sentence on everything in it that could not be trusted.

    Raises ValueError where the file is none of ours, of a newer schema, or cannot be read.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"{path} is not a kit: it has more than {LARGEST_FILE} bytes")
        text = path.read_bytes().decode(errors="replace")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}; give a {SUFFIX} file") from None
    head, *sections = re.split(r"(?m)^\[\[pads\]\][^\n]*\n", text)
    dropped = []
    kit_values = _parse(head) or {}
    schema = kit_values.pop("schema", None)
    if schema is None and not sections:
        raise ValueError(f"{path} is not a kit; give a {SUFFIX} file of Drum matcher")
    if isinstance(schema, int) and schema > SCHEMA:
        raise ValueError(
            f"{path} is of schema {schema}, made by a newer Drum matcher; this one reads {SCHEMA}"
        )
    if schema != SCHEMA:
        dropped.append(f"schema is {schema!r}: read as {SCHEMA}")
    name = kit_values.pop("name", None)
    try:
        _check_name(name)
    except ValueError as error:
        dropped.append(f"the kit: {error}")
        name = path.stem[:LONGEST_NAME].strip() or Kit.name
    dropped += [f"the kit: unknown key {key!r}" for key in kit_values]
    if text.rstrip().rpartition("\n")[2] != END:
        dropped.append(f"the last line is not {END!r}: the file may be cut off")
    if len(sections) > N_PADS:
        dropped.append(f"{len(sections) - N_PADS} pads more than {N_PADS}")
    elif len(sections) < N_PADS:
        dropped.append(f"{N_PADS - len(sections)} of {N_PADS} pads are missing: left empty")
    rows = [_pad_values(text, i + 1, dropped) for i, text in enumerate(sections[:N_PADS])]
    return Kit(name, _on_free_notes(rows, dropped)), dropped


def _pad_values(text: str, number: int, dropped: list[str]) -> dict:
    """A pad's section -> those of its values that are allowed; says what is not."""
    parsed = _parse(f"[[pads]]\n{text}")
    if parsed is None:
        dropped.append(f"pad {number} cannot be read: left empty")
        return {}
    kept = {}
    for key, value in parsed["pads"][0].items():
        try:
            if key not in {f.name for f in fields(Pad)}:
                raise ValueError(f"unknown key {key!r}")
            value = _READ.get(key, lambda value: value)(value)
            Pad(**{"note": FIRST_NOTE, key: value})
            kept[key] = value
        except (ValueError, OverflowError) as error:
            dropped.append(f"pad {number}: {error}")
    return kept


def _on_free_notes(rows: list[dict], dropped: list[str]) -> tuple[Pad, ...]:
    """Pads of these values; one without a note, or with another's, gets one that is free."""
    rows = rows + [{}] * (N_PADS - len(rows))
    first = {}
    for i, row in enumerate(rows):
        if "note" in row and first.setdefault(row["note"], i) != i:
            dropped.append(
                f"pad {i + 1}: note {row['note']} is that of pad {first[row['note']] + 1}"
            )
    pads = []
    for i, row in enumerate(rows):
        note = row.get("note")
        if first.get(note) != i:
            wanted = [FIRST_NOTE + i, *range(FIRST_NOTE, 128), *range(FIRST_NOTE)]
            note = next(n for n in wanted if n not in first)
            first[note] = i
        pads.append(Pad(**{**row, "note": note}))
    return tuple(pads)


def _theta(value) -> Theta:
    names = set(Theta._fields)
    numbers = isinstance(value, dict) and all(type(v) in (int, float) for v in value.values())
    if not numbers or set(value) != names:
        raise ValueError(f"theta is {value!r}, allowed is a number for each of {Theta._fields}")
    theta = Theta(**{name: float(value[name]) for name in Theta._fields})
    RANGE.check(theta)
    return theta


def _levels(value) -> tuple[tuple[float, ...], ...]:
    rows = value if isinstance(value, list) else []
    numbers = all(isinstance(row, list) and all(type(v) in (int, float) for v in row)
                  for row in rows)  # fmt: skip
    attack_powers = tuple(tuple(map(float, row)) for row in rows) if numbers else ()
    _check_levels(attack_powers)
    return attack_powers


_READ = {"theta": _theta, "attack_powers": _levels}  # what a file has in another form


def _check_levels(attack_powers) -> None:
    shape = tuple(len(row) for row in attack_powers) == (attack.N_DECAYS,) * attack.N_BANDS
    if not shape or not all(0 <= value <= attack.LOUDEST for row in attack_powers for value in row):
        raise ValueError(
            f"levels are wrong; allowed are {attack.N_BANDS} rows of {attack.N_DECAYS} "
            f"numbers from 0 to {attack.LOUDEST:g}"
        )


def _plain(theta: Theta) -> dict[str, float]:
    return {name: float(value) for name, value in theta._asdict().items()}


def _parse(text: str) -> dict | None:
    """TOML -> its values; None where it is broken or held bytes that are no text."""
    try:
        return None if "\ufffd" in text else tomllib.loads(text)
    except (ValueError, RecursionError):  # TOMLDecodeError is a ValueError
        return None


def _check_name(name) -> None:
    plain = isinstance(name, str) and len(name) <= LONGEST_NAME and name.isprintable()
    if not plain:
        raise ValueError(f"name is {name!r}, allowed are {LONGEST_NAME} characters on one line")
