"""The top of the window: the input, which of it counts as a hit, and how that is decided."""

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.controls import label, panel_in
from gui.knob import Knob, linear
from gui.meter import Meter
from gui.panels.trace import LOWEST_DB, Trace
from gui.session import Session
from matcher.live.detector import Settings
from matcher.live.protocol import (
    Calibrate,
    Calibrated,
    DeviceChanged,
    Failed,
    HitDetected,
    HitIgnored,
    Ready,
)

GAIN_DB = (-20.0, 40.0)  # dB, least and most: from line level to a quiet microphone
SYSTEM = "The system's own"
LISTEN = "Listen: set up for me"
LEVELS_S = 0.2  # s between two levels of each channel: slow enough to be read
# name of Settings: word, unit, what it is
KNOBS = {
    "threshold_db": ("Threshold", "dB", "The level of the quietest hit that counts."),
    "sensitivity": ("Sensitivity", "%", "How little a sound has to stand out to be a hit."),
    "mask_ms": ("Mask time", "ms", "After a hit, how long nothing else is one."),
    "cancel": ("Retrigger", "%", "How much more a hit must stand out while a drum still rings."),
}


def _channel_text(index: int, peak: float) -> str:
    level = f"{20 * np.log10(peak):.0f} dB" if peak > 1e-6 else "silent"
    return f"Input {index + 1}: {level}"


class InputPanel(QWidget):
    """Input, level, trace, and the knobs of detection.

    Signals:
        input_chosen: key of a device, "" for the system's own.
        channel_chosen: the one of its channels that is recorded, from 0.
    """

    input_chosen = pyqtSignal(str)
    channel_chosen = pyqtSignal(int)

    def __init__(self, session: Session):
        super().__init__()
        self.session = session
        self.source = QComboBox()
        self.source.setAccessibleName("Input")
        self.source.setToolTip("The microphone or trigger on the drum")
        self.source.setMinimumContentsLength(14)
        self.source.activated.connect(self._choose)
        self.channel = QComboBox()
        self.channel.setAccessibleName("Input channel")
        self.channel.setToolTip("Hit the drum: the channel whose level jumps is the one")
        self.channel.activated.connect(self.channel_chosen)
        self.channel.hide()
        self._levels: list[float] = []  # peak of each channel since they were shown
        self._next_levels_s = 0.0  # time of a snapshot
        self.meter = Meter("Input level")
        self.set_up = QPushButton(LISTEN)
        self.set_up.setToolTip("Hit the drum four times: gain, threshold, sensitivity and mask "
                               "time are set by these hits")  # fmt: skip
        self.set_up.clicked.connect(self._calibrate)
        self.trace = Trace()
        self.trace.moved.connect(lambda level: self._set(threshold_db=float(level)))
        self.gain = Knob(
            "Gain", linear(*GAIN_DB, 0.5), lambda value: f"{value:+.1f} dB", 0.0,
            "How much louder the input is made.", "recorded", zero=1 / 3,
        )  # fmt: skip
        self.gain.turned.connect(session.set_input_gain)
        self.gain.dial.setAccessibleName("Gain of the input")
        self.knobs = {name: self._knob(name) for name in KNOBS}
        self.drums_only = QCheckBox("Drums only")
        self.drums_only.setToolTip("Ignore claps, voices and cymbals: what is probably no drum")
        self.drums_only.toggled.connect(lambda on: self._set(drums_only=on))
        self._put_together()
        self.show_settings()

    def show_inputs(self, names: list[str], chosen: str) -> None:
        """Offer these inputs, one of them chosen, "" for the system's own."""
        if chosen and chosen not in names:
            names = [*names, chosen]
        self.source.clear()
        self.source.addItem(SYSTEM, "")
        for name in names:
            self.source.addItem(name, name)
        self.source.setCurrentIndex(max(0, self.source.findData(chosen)))

    def show_settings(self) -> None:
        """Show gain and detection as they are set."""
        setup = self.session.editor.setup
        self.gain.set_value(setup.input_gain_db)
        for name, knob in self.knobs.items():
            knob.set_value(getattr(setup.settings, name))
        self.drums_only.blockSignals(True)
        self.drums_only.setChecked(setup.settings.drums_only)
        self.drums_only.blockSignals(False)
        self.trace.set_threshold(setup.settings.threshold_db)

    def take_snapshots(self, snapshots: list[dict]) -> None:
        """Show level and trace since the last time."""
        peak = max((s["input_peak"] for s in snapshots if s["running"]), default=0.0)
        self.meter.show_level(20 * np.log10(max(float(peak), 1e-6)))
        for snapshot in snapshots:
            if snapshot["running"]:
                self.trace.extend(snapshot["trace"])
                self._take_levels(snapshot)

    def _take_levels(self, snapshot: dict) -> None:
        """Show the level of each channel, where there are several, some times a second."""
        peaks = snapshot["channel_peaks"]
        if len(peaks) != len(self._levels):
            self._levels = [0.0] * len(peaks)
            self.channel.clear()
            self.channel.addItems(map(_channel_text, range(len(peaks)), peaks))
            self.channel.setCurrentIndex(self.session.editor.setup.input_channel)
            self.channel.setVisible(len(peaks) > 1)
        self._levels = list(map(max, self._levels, peaks))
        if snapshot["time_s"] < self._next_levels_s or len(peaks) < 2:
            return
        self._next_levels_s = snapshot["time_s"] + LEVELS_S
        for i, peak in enumerate(self._levels):
            self.channel.setItemText(i, _channel_text(i, peak))
        self._levels = [0.0] * len(peaks)

    def take(self, event) -> None:
        """Show what an event of the engine says about hits."""
        match event:
            case HitDetected():
                self.trace.flag(event.time_s, True, str(event.velocity))
            case HitIgnored():
                self.trace.flag(event.time_s, False, event.reason)
            case (
                Calibrated() | Failed() | Ready() | DeviceChanged()
            ):  # a lost device ends calibration, too
                self.set_up.setText(LISTEN)
                self.set_up.setEnabled(True)

    def _knob(self, name: str) -> Knob:
        word, unit, help = KNOBS[name]
        low, high = Settings.RANGES[name]
        scale = 100 if unit == "%" else 1
        low = max(low, LOWEST_DB) if name == "threshold_db" else low
        knob = Knob(
            word, linear(low, high, 0.01 if unit == "%" else 1.0),
            lambda value: f"{scale * value:.0f} {unit}", getattr(Settings(), name), help,
            "recorded",
        )  # fmt: skip
        knob.turned.connect(lambda value: self._set(**{name: value}))
        return knob

    def _set(self, **changes) -> None:
        self.session.set_detection(**changes)
        self.show_settings()

    def _choose(self, index: int) -> None:
        self.input_chosen.emit(self.source.itemData(index))

    def _calibrate(self) -> None:
        if self.session.link.running:
            self.set_up.setText("Hit the drum four times…")
            self.set_up.setEnabled(False)
            self.session.link.send(Calibrate())

    def _put_together(self) -> None:
        layout, gap = panel_in(self, QGridLayout)
        layout.setSpacing(gap)
        row = QHBoxLayout()
        source = label("IN", of="recorded")
        source.setBuddy(self.source)
        for widget, stretch in (
            (source, 0),
            (self.source, 2),
            (self.channel, 1),
            (self.meter, 3),
            (self.set_up, 0),
        ):
            row.addWidget(widget, stretch)
        layout.addLayout(row, 0, 0)
        layout.addWidget(self.trace, 1, 0)
        knobs = QHBoxLayout()
        for knob in (self.gain, *self.knobs.values()):
            knobs.addWidget(knob)
        detection = QVBoxLayout()
        detection.addLayout(knobs)
        detection.addWidget(self.drums_only, 0, Qt.AlignmentFlag.AlignRight)
        layout.addLayout(detection, 0, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.setColumnStretch(0, 1)
