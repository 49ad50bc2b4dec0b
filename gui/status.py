"""The foot of the window: how sound and MIDI stand, and a sentence where something is missing."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from gui.controls import em, label, panel
from gui.pads import note_name
from gui.theme import now


class Notice(QWidget):
    """One sentence with a sign, and the button that mends it."""

    closed = pyqtSignal()

    def __init__(self):
        super().__init__()
        self.sign, self.text = label(), label()
        self.text.setWordWrap(True)
        self.button, self.close_button = QPushButton(), QPushButton("Dismiss")
        self.close_button.setAccessibleName("Dismiss this message")
        self.close_button.clicked.connect(self.clear)
        self._do = None
        self.button.clicked.connect(self._mend)
        frame = panel()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        row = QHBoxLayout(frame)
        gap = round(em(self) / 3)
        row.setContentsMargins(2 * gap, gap, gap, gap)
        for widget, stretch in ((self.sign, 0), (self.text, 1), (self.button, 0)):
            row.addWidget(widget, stretch)
        row.addWidget(self.close_button)
        self.kind = ""
        self.hide()

    def tell(self, kind: str, sentence: str, mend: str = "", do=None) -> None:
        """kind: "error", "missing" or "note"; mend: the words of a button that calls do."""
        words = {"error": ("bad", "⚠ Error:"), "missing": ("recorded", "△ Missing:"),
                 "note": ("twin", "ⓘ Note:")}  # fmt: skip
        color, sign = words[kind]
        self.kind = kind
        self.sign.setText(f"<b style='color:{getattr(now(), color)}'>{sign}</b>")
        self.text.setText(sentence[:1].upper() + sentence[1:])
        self.setAccessibleName(f"{sign[2:]} {sentence}")
        self.button.setVisible(bool(mend))
        self.button.setText(mend)
        self._do = do
        self.show()

    def clear(self) -> None:
        """Show no sentence."""
        self.hide()
        self.kind = ""
        self.closed.emit()

    def _mend(self) -> None:
        do = self._do
        self.clear()
        if do is not None:
            do()


class StatusBar(QWidget):
    """Output, block, load, drop-outs, and the last message of MIDI."""

    def __init__(self):
        super().__init__()
        self.output, self.numbers, self.midi = label(), label(quiet=True), label()
        self.output.setText("starting sound…")
        row = QHBoxLayout(self)
        gap = round(em(self) / 2)
        row.setContentsMargins(gap, 0, gap, 0)
        row.setSpacing(2 * gap)
        for widget, stretch in (
            (label("OUT", of="twin"), 0), (self.output, 0), (self.numbers, 1),
            (label("MIDI", of="twin"), 0), (self.midi, 1),
        ):  # fmt: skip
            row.addWidget(widget, stretch)
        self._output, self._blocks = "", 0

    def take(self, event: dict, pad_name: str = "") -> None:
        """Show what an event of the engine says; pad_name: of the pad in it."""
        kind = event["event"]
        if kind == "ready":
            self._output, self._blocks = event["output"], event["block"]
            self.output.setText(self._output)
        elif kind == "device" and event["state"] in ("lost", "missing"):
            self.output.setText("no sound")
            self.numbers.setText("")
        elif kind == "note":
            note = event["note"]
            to = pad_name if event["pad"] else "no pad"
            self.midi.setText(f"note {note} {note_name(note)}, velocity {event['velocity']} → {to}")
        elif kind == "control":
            to = f"{event['turns']} of {pad_name}" if event["to"] is not None else "turns nothing"
            self.midi.setText(f"controller {event['controller']}, {event['value']} → {to}")

    def hear(self, snapshot: dict) -> None:
        """Show load and counters."""
        if not self.midi.text() or self.midi.text().endswith(("listened to", "no MIDI input")):
            n = len(snapshot.get("midi", []))
            self.midi.setText(f"{n} input{'s' * (n != 1)} listened to" if n else "no MIDI input")
        if not snapshot["running"]:
            self.numbers.setText("")
            return
        rate = snapshot["sample_rate"]
        frames = self._blocks or round(snapshot["seconds"] * rate / max(1, snapshot["blocks"]))
        self.numbers.setText(
            f"{frames} frames, {1e3 * frames / rate:.1f} ms   "
            f"load {100 * snapshot['load']:.0f} %   "
            f"drop-outs {snapshot['underflows'] + snapshot['overflows']}   "
            f"voices {snapshot['voices']}"
        )
