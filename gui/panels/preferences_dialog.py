"""The dialog of devices, theme and text size."""

from dataclasses import replace

from PyQt6.QtCore import Qt, pyqtSignal
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

from gui.panels.input import SYSTEM
from gui.preferences import Preferences
from gui.theme import CHOICES, TEXT_SCALES

N_CHANNELS = 16  # of MIDI
BLOCKS = (0, 16, 32, 64, 128, 256, 512, 1024, 2048)  # frames on offer; 0: the driver's own


class PreferencesDialog(QDialog):
    """Devices, theme and text size.

    Signals:
        changed: the Preferences as they are now, at each change.
        rescan: the user wants devices to be looked for.
    """

    changed = pyqtSignal(object)
    rescan = pyqtSignal()

    def __init__(self, preferences: Preferences, parent=None):
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.preferences = preferences
        self.input, self.output, self.block, self.theme = (QComboBox() for _ in range(4))
        self.midi_channel = QComboBox()
        self.text_scale = QSpinBox()
        self.text_scale.setRange(*TEXT_SCALES)
        self.text_scale.setSingleStep(25)
        self.text_scale.setSuffix(" %")
        self.text_scale.setValue(preferences.text_scale)
        self.text_scale.editingFinished.connect(
            lambda: self._set(text_scale=self.text_scale.value())
        )
        for block in BLOCKS:
            text = f"{block} frames" if block else "the driver's own"
            self.block.addItem(text, block)
        for choice, text in zip(CHOICES, ("like the system", "dark", "light")):
            self.theme.addItem(text, choice)
        for channel in range(N_CHANNELS + 1):
            self.midi_channel.addItem(f"only {channel}" if channel else "all", channel)
        self.midi_channel.setCurrentIndex(preferences.midi_channel)
        self.block.setCurrentIndex(max(0, self.block.findData(preferences.block)))
        self.theme.setCurrentIndex(self.theme.findData(preferences.theme))
        for name in ("input", "output", "block", "theme", "midi_channel"):
            box = getattr(self, name)
            box.activated.connect(lambda i, n=name, b=box: self._set(**{n: b.itemData(i)}))
        self.midi = QListWidget()
        self.midi.setAccessibleName("MIDI inputs")
        self.midi.setToolTip(
            "Notes and controllers are taken from those ticked; from all of them where none is, on "
            "Windows from none, as no other program can use a port meanwhile"
        )
        self.midi.itemChanged.connect(self._choose_midi)
        again = QPushButton("Look for devices again")
        again.setAutoDefault(False)  # Enter in a field is not for it
        again.clicked.connect(self.rescan)
        form = QFormLayout()
        for text, widget in (
            ("Input", self.input), ("Output", self.output), ("Block", self.block),
            ("MIDI inputs", self.midi), ("MIDI channel", self.midi_channel), ("", again),
            ("Theme", self.theme), ("Text size", self.text_scale),
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
        """Offer these names of devices and MIDI ports."""
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
