"""The bottom: sixteen pads to play, and the editor of the one that is chosen."""

import time

from PyQt6.QtCore import QRectF, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QPainter, QPen
from PyQt6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from gui.controls import em, label, panel, parameter_knob
from gui.theme import now
from matcher.kits.kit import CURVES, LONGEST_NAME, N_CHOKE_GROUPS, N_PADS, WHOLE_NUMBERS, Pad
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import NOTES

COLUMNS = 4
KEYS = "ZXCVASDFQWER1234"  # of a keyboard, from the pad at the bottom left
SMALLEST = 48  # px, a pad's side
FLASH_S = 0.25
SOFTEST, KEY_VELOCITY = 0.25, 0.8


def note_name(note: int) -> str:
    """A MIDI note as musicians write it; 60 is C4."""
    return f"{NOTES[note % 12]}{note // 12 - 1}"


class PadButton(QAbstractButton):
    """One pad: its note, name, key and last velocity. Pressed further down it plays louder.

    played: emitted with a velocity in [0, 1].
    """

    played = pyqtSignal(float)
    pick = pyqtSignal(int)  # the pad so many places on shall be chosen

    def __init__(self, index: int):
        super().__init__()
        self.index, self.pad, self.chosen, self.muted = index, Pad(36 + index), False, False
        self.velocity = 0
        self._flash_until = 0.0
        self.clicked.connect(lambda: self.played.emit(KEY_VELOCITY))  # by a screen reader
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.show_pad(self.pad, False, False)

    def sizeHint(self) -> QSize:
        return QSize(round(7 * em(self)), max(SMALLEST, round(3 * em(self))))

    def minimumSizeHint(self) -> QSize:
        return QSize(max(SMALLEST, round(5 * em(self))), max(SMALLEST, round(2.7 * em(self))))

    def show_pad(self, pad: Pad, chosen: bool, muted: bool) -> None:
        """Show a pad of the kit; chosen: hits go to it; muted: another one is soloed."""
        self.pad, self.chosen, self.muted = pad, chosen, muted
        what = pad.name or ("drum" if pad.drum else "empty")
        state = (", hits go here" if chosen else "") + (
            ", silent: another is solo" if muted else ""
        )
        self.setAccessibleName(
            f"Pad {self.index + 1}, note {pad.note} {note_name(pad.note)}: {what}"
        )
        self.setAccessibleDescription(f"last velocity {self.velocity}{state}. Space plays it.")
        self.setToolTip(f"Pad {self.index + 1}, note {pad.note} ({note_name(pad.note)}), key "
                        f"{KEYS[self.index]}: {what}{state}. Click plays and chooses it, further "
                        "down louder.")  # fmt: skip
        self.update()

    def flash(self, velocity: int) -> None:
        """Show that it was played."""
        self.velocity = velocity
        self._flash_until = time.monotonic() + FLASH_S
        QTimer.singleShot(round(1000 * FLASH_S) + 20, self.update)
        self.update()

    def mousePressEvent(self, event):
        if event.button() == Qt.MouseButton.LeftButton:
            share = min(max(event.position().y() / self.height(), 0.0), 1.0)
            self.setFocus()
            self.pick.emit(0)
            self.played.emit(SOFTEST + (1 - SOFTEST) * share)

    def mouseReleaseEvent(self, event):
        pass

    def keyPressEvent(self, event):
        moves = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: COLUMNS, Qt.Key.Key_Down: -COLUMNS,
        }  # fmt: skip
        plays = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() in moves:
            self.pick.emit(moves[event.key()])
        elif event.key() in plays and not event.isAutoRepeat():
            self.pick.emit(0)
            self.played.emit(KEY_VELOCITY)
        elif event.key() not in plays:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event):
        event.ignore()

    def paintEvent(self, event):
        theme, painter = now(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        lit = time.monotonic() < self._flash_until
        full = self.pad.drum is not None
        painter.setBrush(theme.color("twin" if lit else "background" if full else "panel"))
        border = "text" if self.chosen else "twin" if full else "line"
        style = Qt.PenStyle.SolidLine if full or self.chosen else Qt.PenStyle.DashLine
        painter.setPen(QPen(theme.color(border), 3 if self.chosen else 1, style))
        painter.drawRoundedRect(box, em(self) / 4, em(self) / 4)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("text"), 1, Qt.PenStyle.DotLine))
            painter.drawRoundedRect(box.adjusted(3, 3, -3, -3), em(self) / 4, em(self) / 4)
        gap = em(self) / 2.5
        inner = box.adjusted(gap, gap / 2, -gap, -gap / 2)
        strong = theme.color("background" if lit else "ignored" if self.muted else "text")
        weak = theme.color("background" if lit else "secondary")
        metrics = painter.fontMetrics()
        number = f"{self.pad.note} {note_name(self.pad.note)}"
        painter.setPen(weak)
        painter.drawText(inner, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, number)
        room = inner.width() - metrics.horizontalAdvance(number) - gap
        corner = "muted" if self.muted else KEYS[self.index]
        if metrics.horizontalAdvance(corner) <= room:
            painter.drawText(inner, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, corner)
        text = self.pad.name or ("" if full else "hits land here" if self.chosen else "empty")
        painter.setPen(strong if full else weak)
        name = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(inner.width()))
        painter.drawText(inner, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, name)
        if self.velocity:
            width = box.width() * self.velocity / 127
            bar = QRectF(box.left(), box.bottom() - 3, width, 3)
            painter.fillRect(bar, theme.color("background" if lit else "twin"))


class PadsPanel(QWidget):
    """The pads and the editor of the chosen one.

    play: pad, velocity. choose: pad. change: words on what was done, name of a field of Pad, value.
    turned: emitted with one of PARAMETERS and its new value.
    """

    play = pyqtSignal(int, float)
    choose = pyqtSignal(int)
    change = pyqtSignal(str, str, object)
    turned = pyqtSignal(str, float)
    released = pyqtSignal()
    learn_note = pyqtSignal()
    learn = pyqtSignal(str)
    forget = pyqtSignal(str)
    solo = pyqtSignal(bool)
    copy = pyqtSignal()
    paste = pyqtSignal()
    clear = pyqtSignal()
    export = pyqtSignal()

    def __init__(self):
        super().__init__()
        self.chosen = 0
        self.buttons = [PadButton(i) for i in range(N_PADS)]
        for button in self.buttons:
            button.played.connect(lambda velocity, i=button.index: self.play.emit(i, velocity))
            button.pick.connect(lambda step, i=button.index: self._pick(i, step))
        self._make_editor()
        self._put_together()

    def show_kit(self, pads: tuple[Pad, ...], chosen: int, solo: frozenset[int]) -> None:
        """Show these pads, one of them chosen; solo: those that alone sound, all where empty."""
        self.chosen = chosen
        for i, (button, pad) in enumerate(zip(self.buttons, pads)):
            button.show_pad(pad, i == chosen, bool(solo) and i not in solo)
        pad = pads[chosen]
        for widget in (self.name, self.note, self.curve, self.choke, self.solo_button):
            widget.blockSignals(True)
        if self.name.text() != pad.name:
            self.name.setText(pad.name)
        self.note.setValue(pad.note)
        self.curve.setCurrentIndex(self.curve.findData(pad.curve))
        self.choke.setCurrentIndex(pad.choke)
        self.solo_button.setChecked(chosen in solo)
        for widget in (self.name, self.note, self.curve, self.choke, self.solo_button):
            widget.blockSignals(False)
        for name, knob in self.knobs.items():
            knob.set_value(getattr(pad, name))
        self.title.setText(f"Pad {chosen + 1}")
        for button in (self.wav, self.clear_button):
            button.setEnabled(pad.drum is not None)
        self._show_velocity()

    def show_controllers(self, controllers: dict[int, str]) -> None:
        """Show which MIDI controller turns what."""
        numbers = {name: cc for cc, name in controllers.items()}
        for name, knob in self.knobs.items():
            knob.set_controller(numbers.get(name))

    def show_learning(self, learning: bool) -> None:
        """Whether the next MIDI note is waited for."""
        self.learn_button.setText("Play a note…" if learning else "Learn")

    def flash(self, pad: int, velocity: int) -> None:
        """Show that a pad was played, 1 to 127."""
        self.buttons[pad].flash(velocity)
        if pad == self.chosen:
            self._show_velocity()

    def _show_velocity(self) -> None:
        velocity = self.buttons[self.chosen].velocity
        self.velocity.setText(f"last velocity {velocity}" if velocity else "not played yet")

    def _pick(self, index: int, step: int) -> None:
        wanted = index + step
        if 0 <= wanted < N_PADS and (abs(step) != 1 or wanted // COLUMNS == index // COLUMNS):
            self.choose.emit(wanted)
            self.buttons[wanted].setFocus()

    def _make_editor(self) -> None:
        self.title, self.velocity = label("Pad 1", of="twin"), label("", quiet=True)
        self.name = QLineEdit()
        self.name.setMaxLength(LONGEST_NAME)
        self.name.setPlaceholderText("name")
        self.name.setAccessibleName("Name of the pad")
        self.name.textEdited.connect(lambda text: self.change.emit("name of a pad", "name", text))
        self.name.editingFinished.connect(self.released)
        self.note = QSpinBox()
        self.note.setRange(*WHOLE_NUMBERS["note"])
        self.note.setPrefix("note ")
        self.note.setKeyboardTracking(False)  # 38 is not first 3, then 38
        self.note.setAccessibleName("MIDI note")
        self.note.setToolTip("The MIDI note that plays this pad")
        self.note.valueChanged.connect(lambda n: self.change.emit("note of a pad", "note", n))
        self.note.editingFinished.connect(self.released)
        self.learn_button = QPushButton("Learn")
        self.learn_button.setAccessibleName("Learn the MIDI note")
        self.learn_button.setToolTip("Take the next note that is played as this pad's")
        self.learn_button.clicked.connect(self.learn_note)
        self.curve = QComboBox()
        self.curve.setAccessibleName("Velocity curve")
        self.curve.setToolTip("How hard you have to play: exponential, harder; logarithmic, softer")
        for curve in CURVES:
            self.curve.addItem(curve, curve)
        self.curve.activated.connect(
            lambda i: self.change.emit("velocity curve", "curve", self.curve.itemData(i))
        )
        self.choke = QComboBox()
        self.choke.setAccessibleName("Choke group")
        self.choke.setToolTip("Pads of one choke group cut each other off, as two hi-hats do")
        for group in range(N_CHOKE_GROUPS + 1):
            self.choke.addItem(f"choke {group}" if group else "no choke", group)
        self.choke.activated.connect(lambda i: self.change.emit("choke group", "choke", i))
        self.knobs = {}
        for name in ("gain_db", "pan", "tune"):
            knob = parameter_knob(PARAMETERS[name])
            knob.turned.connect(lambda value, n=name: self.turned.emit(n, value))
            knob.released.connect(self.released)
            knob.learn.connect(lambda n=name: self.learn.emit(n))
            knob.forget.connect(lambda n=name: self.forget.emit(n))
            self.knobs[name] = knob
        self.solo_button = QPushButton("Solo")
        self.solo_button.setCheckable(True)
        self.solo_button.setToolTip("Hear this pad and no other")
        self.solo_button.toggled.connect(self.solo)
        self.copy_button, self.paste_button, self.clear_button, self.wav = buttons = [
            QPushButton(text) for text in ("Copy", "Paste", "Clear", "WAV…")
        ]
        tips = ("Copy this pad", "Put what was copied on this pad; it keeps its note",
                "Take the drum off this pad", "Write the sound of this pad to a file")  # fmt: skip
        for button, tip, signal in zip(
            buttons, tips, (self.copy, self.paste, self.clear, self.export)
        ):
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            button.clicked.connect(signal)

    def _put_together(self) -> None:
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        gap = round(em(self) / 2)
        outer.setSpacing(gap)
        frames = panel(), panel()
        grid = QGridLayout(frames[0])
        grid.setContentsMargins(gap, gap, gap, gap)
        grid.setSpacing(gap // 2)
        for i, button in enumerate(self.buttons):
            grid.addWidget(button, COLUMNS - 1 - i // COLUMNS, i % COLUMNS)
        rows = QVBoxLayout(frames[1])
        rows.setContentsMargins(gap, gap, gap, gap)
        rows.setSpacing(gap)
        for widgets in (
            (self.title, self.name, self.velocity),
            (self.note, self.learn_button, self.curve, self.choke),
            tuple(self.knobs.values()),
            (self.solo_button, self.copy_button, self.paste_button, self.clear_button, self.wav),
        ):
            row = QHBoxLayout()
            for widget in widgets:
                row.addWidget(widget)
            rows.addLayout(row)
        rows.addStretch(1)
        outer.addWidget(frames[0], 3)
        outer.addWidget(frames[1], 2)
