"""The foot of the window: the state of sound and MIDI, and messages."""

from collections.abc import Callable

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.controls import em, label, panel_in
from matcher.live.protocol import ControllerMoved, DeviceChanged, NotePlayed, Ready
from matcher.live.report import counted, turned
from matcher.physics.theta import midi_note_name

N_MESSAGES = 64  # MIDI messages in the monitor: as many as the engine keeps


def in_words(event: NotePlayed | ControllerMoved, pad_name: str) -> str:
    """A note or a controller and what it did."""
    if isinstance(event, NotePlayed):
        note = f"note {event.note} {midi_note_name(event.note)}, velocity {event.velocity}"
        return f"{note} → {'no pad' if event.pad is None else pad_name}"
    return f"controller {event.controller}, {event.value} → {turned(event, pad_name)}"


class Monitor(QDialog):
    """The last MIDI messages, newest first."""

    def __init__(self, parent: QWidget):
        super().__init__(parent)
        self.setWindowTitle("MIDI monitor")
        self.list = QListWidget()
        self.list.setAccessibleName("The last MIDI messages")
        layout = QVBoxLayout(self)
        layout.addWidget(label("Notes and controllers as they come, and what each did"))
        layout.addWidget(self.list)
        self.resize(round(36 * em(self)), round(24 * em(self)))

    def show_messages(self, events: list) -> None:
        """Show these events, and no others."""
        self.list.clear()
        for event in events:
            self.take(event)

    def take(self, event) -> None:
        """Add an event, if it is a MIDI message."""
        if isinstance(event, (NotePlayed, ControllerMoved)):
            words = in_words(event, "" if event.pad is None else f"pad {event.pad + 1}")
            self.list.insertItem(0, f"{event.time_s:.3f} s  {words}")
            self.list.takeItem(N_MESSAGES)


class Notice(QWidget):
    """One sentence with a sign, and a button that does something about it."""

    closed = pyqtSignal()  # there is room for another message

    def __init__(self):
        super().__init__()
        self.sign, self.text = label(), label()
        self.text.setWordWrap(True)
        self.button, self.close_button = QPushButton(), QPushButton("Dismiss")
        self.close_button.setAccessibleName("Dismiss this message")
        self.close_button.clicked.connect(self._dismiss)
        self._action = self._dismissed = None
        self.button.clicked.connect(self._act)
        row, gap = panel_in(self, QHBoxLayout)
        row.setContentsMargins(gap, gap // 2, gap // 2, gap // 2)
        for widget, stretch in ((self.sign, 0), (self.text, 1), (self.button, 0)):
            row.addWidget(widget, stretch)
        row.addWidget(self.close_button)
        self.kind = ""
        self.hide()

    def tell(self, kind: str, sentence: str, action_label: str = "", action=None,
             dismissed=None) -> None:  # fmt: skip
        """Show a sentence of a kind: "error", "missing" or "note".

        action_label: on a button that calls action. dismissed: called where it is dismissed.
        """
        of, sign = {"error": ("bad", "⚠ Error:"), "missing": ("missing", "△ Missing:"),
                    "note": ("note", "◇ Note:")}[kind]  # fmt: skip
        self.kind = kind
        self.sign.setText(sign)
        self.sign.setProperty("of", of)
        self.sign.style().polish(self.sign)
        self.text.setText(sentence[:1].upper() + sentence[1:])
        self.setAccessibleName(f"{sign[2:]} {sentence}")
        self.button.setVisible(bool(action_label))
        self.button.setText(action_label)
        self._action, self._dismissed = action, dismissed
        self.show()

    def clear(self) -> None:
        """Hide the sentence."""
        self.hide()
        before, self.kind = self.kind, ""
        if before != "missing":
            self.closed.emit()

    def _dismiss(self) -> None:
        dismissed = self._dismissed
        self.clear()
        if dismissed is not None:
            dismissed()

    def _act(self) -> None:
        action = self._action
        self.clear()
        if action is not None:
            action()


class StatusBar(QWidget):
    """Output, block, load, drop-outs, and the last MIDI message."""

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
        self._output, self._block, self._midi_received = "", 0, False

    def take(self, event, name_of: Callable[[int], str]) -> None:
        """Show what an event of the engine says; name_of: pad -> its name."""
        match event:
            case NotePlayed() | ControllerMoved():
                self._midi_received = True
                self.midi.setText(in_words(event, "" if event.pad is None else name_of(event.pad)))
            case Ready():
                self._output, self._block = event.output, event.block
                self.output.setText(self._output)
            case DeviceChanged(system="audio", state="lost" | "missing"):
                self.show_no_sound()

    def show_no_sound(self) -> None:
        """Show that nothing is played."""
        self.output.setText("no sound")
        self.numbers.setText("")

    def take_snapshot(self, snapshot: dict) -> None:
        """Show load, drop-outs and voices."""
        if not self._midi_received:
            n = len(snapshot.get("midi", []))
            self.midi.setText(f"{n} input{'s' * (n != 1)} connected" if n else "no input")
        if not snapshot["running"]:
            self.numbers.setText("")
            return
        rate = snapshot["sample_rate"]
        frames = self._block or round(snapshot["seconds"] * rate / max(1, snapshot["blocks"]))
        drop_outs = snapshot["underflows"] + snapshot["overflows"]
        wrong = counted(snapshot | {"drop_outs": 0})
        self.numbers.setText(
            f"{frames} frames, {1e3 * frames / rate:.1f} ms   "
            f"load {100 * snapshot['load']:.0f} %   "
            f"drop-outs {drop_outs}   voices {snapshot['voices']}"
            + (f"   {wrong}" if wrong else "")
        )
