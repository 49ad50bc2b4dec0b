"""The dialog of devices, theme and text size."""

import sys
from dataclasses import replace

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
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

from gui.panels.hit_place import HitPlaceRow
from gui.panels.input import SYSTEM
from gui.preferences import Preferences
from gui.theme import CHOICES, TEXT_SCALES
from matcher.live.midi_names import OWN

WINDOWS = sys.platform == "win32"  # where WASAPI and ASIO are on offer
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
        self.input, self.output, self.output_channel, self.block, self.theme = (
            QComboBox() for _ in range(5)
        )
        self.output_channel.setToolTip("The two channels of the output that the pads play on")
        self.exclusive = self._switch(
            "exclusive", "Leave the devices to no other program",
            "Exclusive mode of WASAPI: sound comes sooner, and other programs are silent",
        )  # fmt: skip
        self.asio = self._switch(
            "asio", "Offer devices with ASIO drivers",
            "Turn it off where a driver disturbs the start; sound begins anew",
        )  # fmt: skip
        self.midi_channel, self.midi_out = QComboBox(), QComboBox()
        self.midi_out.setToolTip(
            "Each hit leaves as the note of its pad, so that the drum plays any instrument; from "
            f"our own port, {OWN}, where the system lets programs have ports"
        )
        self.midi_out.activated.connect(self._choose_midi_out)
        self.hit_place = HitPlaceRow()
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
        for name in ("input", "output", "output_channel", "block", "theme", "midi_channel"):
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
            ("Input", self.input), ("Output", self.output),
            ("Output channels", self.output_channel), ("Block", self.block),
            *((("WASAPI", self.exclusive), ("ASIO", self.asio)) if WINDOWS else ()),
            ("MIDI inputs", self.midi), ("MIDI channel", self.midi_channel),
            ("Hits as MIDI", self.midi_out), ("Place of a hit", self.hit_place), ("", again),
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

    def show_midi_out_ports(self, ports: list[str]) -> None:
        """Offer these names of ports to send hits to."""
        self.midi_out.clear()
        self.midi_out.addItem("not sent", (False, ""))
        self.midi_out.addItem("from our own port", (True, ""))
        chosen = self.preferences.midi_out_port
        for name in dict.fromkeys([*ports, *([chosen] if chosen else [])]):
            self.midi_out.addItem(f"to {name}", (True, name))
        wanted = (self.preferences.midi_out, chosen if self.preferences.midi_out else "")
        data = [self.midi_out.itemData(i) for i in range(self.midi_out.count())]
        self.midi_out.setCurrentIndex(data.index(wanted))

    def show_output_channels(self, n: int) -> None:
        """Offer the pairs of an output of n channels; 0: not known."""
        box, chosen = self.output_channel, self.preferences.output_channel
        box.clear()
        for first in range(0, max(n, chosen + 1, 1), 2):
            alone = first + 1 == n
            box.addItem(f"{first + 1}" if alone else f"{first + 1} and {first + 2}", first)
        box.setCurrentIndex(max(0, box.findData(chosen)))

    def keyPressEvent(self, event):
        """Let Esc end learning before it closes the dialog."""
        if event.key() == Qt.Key.Key_Escape and self.hit_place.learning:
            self.hit_place.end.emit()
        else:
            super().keyPressEvent(event)

    def _switch(self, name: str, text: str, tip: str) -> QCheckBox:
        box = QCheckBox(text)
        box.setToolTip(tip)
        box.setChecked(getattr(self.preferences, name))
        box.toggled.connect(lambda on: self._set(**{name: on}))
        return box

    def _choose_midi(self) -> None:
        items = [self.midi.item(i) for i in range(self.midi.count())]
        chosen = [i.text() for i in items if i.checkState() == Qt.CheckState.Checked]
        self._set(midi_in=tuple(chosen))

    def _choose_midi_out(self, index: int) -> None:
        on, port = self.midi_out.itemData(index)
        self._set(midi_out=on, midi_out_port=port)

    def _set(self, **changes) -> None:
        if "output" in changes:  # another device has other channels
            changes["output_channel"] = 0
        self.preferences = replace(self.preferences, **changes)
        self.changed.emit(self.preferences)
