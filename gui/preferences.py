"""What the window remembers from one start to the next."""

import contextlib
import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from PyQt6.QtCore import QLockFile, QStandardPaths

from gui.theme import CHOICES, TEXT_SCALES
from matcher.live.detector import Settings
from matcher.live.devices import check_block, check_channel
from matcher.live.protocol import MODES, Setup
from matcher.physics.parameters import find
from matcher.recording import save_atomically

N_RECENT = 8  # kits in the menu
COPIES = 9  # processes that may run at once, each with its own recovery file


@dataclass(frozen=True)
class Preferences:
    """All that is remembered. Devices are keys (devices.Device.key); "" is the system's own."""

    theme: str = "system"
    text_scale: int = 100  # percent
    input: str = ""
    output: str = ""
    midi_in: tuple[str, ...] = ()  # names or parts of them; every port where there is none
    midi_channel: int = 0  # 1 to 16; 0: all
    midi_out: bool = False  # as of Setup, as is the next one
    midi_out_port: str = ""
    block: int = 0
    input_channel: int = 0  # from 0
    output_channel: int = 0  # the left one of two, from 0
    exclusive: bool = False  # as of Setup, as is the next one
    asio: bool = True
    mode: str = "match"
    master_db: float = -6.0
    input_gain_db: float = 0.0
    detection: dict = field(default_factory=dict)  # of Settings
    controllers: dict = field(default_factory=dict)  # MIDI controller: key of a parameter
    kit: str = ""  # the file that was open last
    recent: tuple[str, ...] = ()

    def setup(self, **more) -> Setup:
        """The engine's Setup; values that are not allowed are left at their defaults."""
        setup = Setup(**more)
        detection = {}
        for name, value in self.detection.items():
            with contextlib.suppress(ValueError, TypeError):
                detection[name] = getattr(Settings(**{name: value}), name)
        changes = {
            "input": self.input or None, "output": self.output or None, "block": self.block,
            "input_channel": self.input_channel, "output_channel": self.output_channel,
            "exclusive": self.exclusive, "asio": self.asio,
            "midi_in": tuple(self.midi_in), "midi_channel": self.midi_channel,
            "midi_out": self.midi_out, "midi_out_port": self.midi_out_port,
            "mode": self.mode, "output_gain_db": self.master_db,
            "input_gain_db": self.input_gain_db, "settings": Settings(**detection),
            "controllers": _controllers(self.controllers),
        }  # fmt: skip
        for name, value in changes.items():
            if name not in more:
                with contextlib.suppress(ValueError):
                    setup = replace(setup, **{name: value})
        return setup


def _controllers(keys: dict) -> dict[int, str]:
    """Keys of parameters by MIDI controller -> their names; unknown keys are dropped."""
    names = {}
    for cc, key in keys.items():
        with contextlib.suppress(ValueError, TypeError):
            names[int(cc)] = find(key).name
    return names


def load() -> Preferences:
    """What was remembered; what cannot be read is at its default."""
    try:
        values = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        values = {}
    kept, default = {}, Preferences()
    for row in fields(Preferences) if isinstance(values, dict) else ():
        value, usual = values.get(row.name), getattr(default, row.name)
        value = tuple(value) if isinstance(usual, tuple) and isinstance(value, list) else value
        whole = isinstance(usual, float) and type(value) is int
        if (type(value) is type(usual) or whole) and _allowed(row.name, value):
            kept[row.name] = value
    return replace(default, **kept)


def save(preferences: Preferences) -> None:
    """Write them; a file that cannot be written is no error."""
    text = json.dumps(asdict(preferences), indent=2)
    with contextlib.suppress(OSError, ValueError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        save_atomically(_file(), lambda file: file.write(text.encode()))


def recovery_file() -> tuple[Path | None, QLockFile | None]:
    """The recovery file of this process, and the lock that keeps others off it; or None, None."""
    folder = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None, None
    for number in range(1, COPIES + 1):
        lock = QLockFile(str(folder / f"recovery-{number}.lock"))
        lock.setStaleLockTime(0)  # that of a program that died is taken over, no other
        if lock.tryLock(0):
            return folder / f"recovery-{number}.drumkit", lock
    return None, None


def _file() -> Path:
    place = QStandardPaths.StandardLocation.AppConfigLocation
    return Path(QStandardPaths.writableLocation(place)) / "preferences.json"


def _allowed(name: str, value) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if name == "theme":
        return value in CHOICES
    if name == "midi_channel":
        return 0 <= value <= 16
    if name == "mode":
        return value in MODES
    if name == "text_scale":
        return TEXT_SCALES[0] <= value <= TEXT_SCALES[1]
    if name in ("block", "input_channel", "output_channel"):
        with contextlib.suppress(ValueError):
            check_block(value) if name == "block" else check_channel(name, value)
            return True
        return False
    if name in ("midi_in", "recent"):
        return all(isinstance(part, str) for part in value)
    if name == "controllers":
        return all(isinstance(cc, str) and cc.isdecimal() for cc in value)
    return True
