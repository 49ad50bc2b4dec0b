"""What the window remembers from one start to the next, and the dialog in which it is set."""

import contextlib
import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from PyQt6.QtCore import QLockFile, QStandardPaths, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
)

from gui.panels.listen import SYSTEM
from gui.theme import CHOICES, TEXT_SCALES
from matcher.live.detector import Settings
from matcher.live.devices import check_block
from matcher.live.live import MODES, Setup
from matcher.recording import save_atomically

BLOCKS = (0, 16, 32, 64, 128, 256, 512, 1024, 2048)
N_RECENT = 8
COPIES = 9  # of the program that may run at once, each with a recovery file of its own


@dataclass(frozen=True)
class Preferences:
    """All that is remembered. Names of devices; "" is the system's own."""

    theme: str = "system"
    text_scale: int = 100  # percent
    input: str = ""
    output: str = ""
    midi_in: tuple[str, ...] = ()  # parts of names; every port where there is none
    block: int = 0
    mode: str = "match"
    master_db: float = -6.0
    input_gain_db: float = 0.0
    detection: dict = field(default_factory=dict)  # of Settings
    controllers: dict = field(default_factory=dict)  # MIDI controller: what it turns
    kit: str = ""  # the file that was open last
    recent: tuple[str, ...] = ()

    def setup(self, **more) -> Setup:
        """What the engine is to do; what is not allowed in here is left at its default."""
        setup = Setup(**more)
        detection = {}
        for name, value in self.detection.items():
            with contextlib.suppress(ValueError, TypeError):
                detection[name] = getattr(Settings(**{name: value}), name)
        changes = {
            "input": self.input or None, "output": self.output or None, "block": self.block,
            "midi_in": tuple(self.midi_in), "mode": self.mode, "output_gain_db": self.master_db,
            "input_gain_db": self.input_gain_db, "settings": Settings(**detection),
            "controllers": {int(cc): name for cc, name in self.controllers.items()},
        }  # fmt: skip
        for name, value in changes.items():
            if name not in more:
                with contextlib.suppress(ValueError):
                    setup = replace(setup, **{name: value})
        return setup


def load() -> Preferences:
    """What was remembered; what cannot be read of it is at its default."""
    try:
        values = json.loads(_file().read_text())
    except (OSError, ValueError):
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
    """Remember; where that cannot be written, not."""
    text = json.dumps(asdict(preferences), indent=2)
    with contextlib.suppress(OSError, ValueError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        save_atomically(_file(), lambda file: file.write(text.encode()))


def recovery_file() -> tuple[Path | None, QLockFile | None]:
    """A file for the kit that is being edited, and the lock that keeps it ours while we run."""
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
    if name == "mode":
        return value in MODES
    if name == "text_scale":
        return TEXT_SCALES[0] <= value <= TEXT_SCALES[1]
    if name == "block":
        with contextlib.suppress(ValueError):
            check_block(value)
            return True
        return False
    if name in ("midi_in", "recent"):
        return all(isinstance(part, str) for part in value)
    if name == "controllers":
        return all(isinstance(cc, str) and cc.isdecimal() for cc in value)
    return True


class PreferencesDialog(QDialog):
    """Devices, theme and size of text. changed: emitted at once with each change."""

    changed = pyqtSignal(object)
    rescan = pyqtSignal()

    def __init__(self, preferences: Preferences, parent=None):
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.preferences = preferences
        self.input, self.output, self.block, self.theme = (QComboBox() for _ in range(4))
        self.text_scale = QSpinBox()
        self.text_scale.setRange(*TEXT_SCALES)
        self.text_scale.setSingleStep(25)
        self.text_scale.setSuffix(" %")
        self.text_scale.setValue(preferences.text_scale)
        self.text_scale.editingFinished.connect(
            lambda: self._set(text_scale=self.text_scale.value())
        )
        for block in BLOCKS:
            text = f"{block} frames" if block else "as the driver likes"
            self.block.addItem(text, block)
        for choice, text in zip(CHOICES, ("as the system has it", "dark", "light")):
            self.theme.addItem(text, choice)
        self.block.setCurrentIndex(max(0, self.block.findData(preferences.block)))
        self.theme.setCurrentIndex(self.theme.findData(preferences.theme))
        for name in ("input", "output", "block", "theme"):
            box = getattr(self, name)
            box.activated.connect(lambda i, n=name, b=box: self._set(**{n: b.itemData(i)}))
        self.midi = QListWidget()
        self.midi.setAccessibleName("MIDI inputs")
        self.midi.setToolTip("Those with a tick are heard; without any tick all of them")
        self.midi.itemChanged.connect(self._choose_midi)
        again = QPushButton("Look for devices again")
        again.setAutoDefault(False)  # Enter in a field is not for it
        again.clicked.connect(self.rescan)
        form = QFormLayout()
        for text, widget in (
            ("Input", self.input), ("Output", self.output), ("Block", self.block),
            ("MIDI inputs", self.midi), ("", again), ("Theme", self.theme),
            ("Size of text", self.text_scale),
        ):  # fmt: skip
            form.addRow(text, widget)
            if text:
                widget.setAccessibleName(text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)

    def show_devices(self, inputs: list[str], outputs: list[str], ports: list[str]) -> None:
        """Offer these."""
        for box, names, chosen in (
            (self.input, inputs, self.preferences.input),
            (self.output, outputs, self.preferences.output),
        ):
            box.clear()
            box.addItem(SYSTEM, "")
            for name in dict.fromkeys([*names, *([chosen] if chosen else [])]):
                box.addItem(name, name)
            box.setCurrentIndex(max(0, box.findData(chosen)))
        self.midi.blockSignals(True)
        self.midi.clear()
        for name in dict.fromkeys([*ports, *self.preferences.midi_in]):
            item = QListWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            chosen = name in self.preferences.midi_in
            item.setCheckState(Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)
            self.midi.addItem(item)
        self.midi.blockSignals(False)

    def _choose_midi(self) -> None:
        items = [self.midi.item(i) for i in range(self.midi.count())]
        chosen = [i.text() for i in items if i.checkState() == Qt.CheckState.Checked]
        self._set(midi_in=tuple(chosen))

    def _set(self, **changes) -> None:
        self.preferences = replace(self.preferences, **changes)
        self.changed.emit(self.preferences)
