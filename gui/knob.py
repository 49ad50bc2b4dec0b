"""A knob: a value with its name, unit and range, turned by mouse, wheel, keys or MIDI."""

import math
from collections.abc import Callable

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QPainter, QPen
from PyQt6.QtWidgets import QDial, QInputDialog, QMenu, QSizePolicy, QVBoxLayout, QWidget

from gui.controls import em, label
from gui.theme import now
from matcher.physics.parameters import Parameter

STEPS = 1000  # dial steps of a whole turn: finer than the eye and the mouse
FINE = 0.2  # speed while Shift is held, for exact values
TURN_HEIGHTS = 10  # text heights the mouse moves for the whole range
START = 225.0  # degrees, counter-clockwise from the right: where the scale begins
SPAN = 270.0  # degrees of the scale, clockwise


class _Dial(QDial):
    """The turning part of a knob."""

    def __init__(self, knob: "Knob"):
        super().__init__()
        self.knob, self._drag = knob, None
        self.setRange(0, STEPS)
        self.setSingleStep(STEPS // 100)
        self.setPageStep(STEPS // 10)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        side = round(2.6 * em(self))
        return QSize(side, side)

    minimumSizeHint = sizeHint

    def mousePressEvent(self, event):
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = (event.position().y(), float(self.value()))
            self.setFocus()

    def mouseMoveEvent(self, event):
        if self._drag is None:
            return
        y, value = self._drag
        slow = FINE if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
        value += slow * (y - event.position().y()) / (TURN_HEIGHTS * em(self)) * STEPS
        value = min(max(value, 0.0), float(STEPS))
        self._drag = (event.position().y(), value)
        self.setValue(round(value))

    def mouseReleaseEvent(self, event):
        self._drag = None
        self.knob.released.emit()

    def mouseDoubleClickEvent(self, event):
        if event.button() == Qt.MouseButton.LeftButton:
            self.knob.go_back()

    def keyReleaseEvent(self, event):
        super().keyReleaseEvent(event)
        if not event.isAutoRepeat():
            self.knob.released.emit()

    def keyPressEvent(self, event):
        if event.key() in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            self.knob.go_back()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.knob.ask_for_value()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event):
        self.knob.show_menu(event.globalPos())

    def paintEvent(self, event):
        theme, share = now(), self.value() / STEPS
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = min(self.width(), self.height()) - em(self) / 3
        box = QRectF(0, 0, side, side)
        box.moveCenter(QPointF(self.width() / 2, self.height() / 2))
        width = em(self) / 5
        enabled = self.isEnabled()
        arc = box.adjusted(width, width, -width, -width)
        painter.setPen(QPen(theme.color("line"), width, cap=Qt.PenCapStyle.FlatCap))
        painter.drawArc(arc, round(16 * START), round(-16 * SPAN))
        if enabled:
            painter.setPen(QPen(theme.color(self.knob.color), width, cap=Qt.PenCapStyle.FlatCap))
            zero = self.knob.zero
            painter.drawArc(
                arc, round(16 * (START - SPAN * zero)), round(-16 * SPAN * (share - zero))
            )
            self._tick(painter, box, share, theme.color("text"), 0.25, width)
            if self.knob.mark is not None:
                self._tick(painter, box, self.knob.mark, theme.color("recorded"), 0.82, width / 1.5)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("text"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -2, -2), width, width)

    @staticmethod
    def _tick(painter, box, share, color, inner, width) -> None:
        """Draw a line towards a share of the scale."""
        painter.save()
        painter.translate(box.center())
        painter.rotate(-(START - SPAN * share))
        radius = box.width() / 2
        painter.setPen(QPen(color, width, cap=Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(inner * radius, 0), QPointF(0.98 * radius, 0))
        painter.restore()


class Knob(QWidget):
    """A value with a name, a unit and a range, turned by mouse, wheel, keys or MIDI.

    Args:
        name: of what it turns.
        scale: two functions, value -> share of the range in [0, 1] and back.
        words: value -> text.
        value: to begin with.
        help: a sentence on what it does.
        color: a field of Theme.
        zero: share of the range where its arc begins.
        learnable: whether a MIDI controller can turn it.

    Signals:
        turned: each new value that the user gives it.
        released: a turn is over.
        learn, forget: a MIDI controller is to turn it, or no more.
    """

    turned = pyqtSignal(float)
    released = pyqtSignal()
    learn = pyqtSignal()
    forget = pyqtSignal()

    def __init__(
        self,
        name: str,
        scale: tuple[Callable[[float], float], Callable[[float], float]],
        words: Callable[[float], str],
        value: float,
        help: str = "",
        color: str = "twin",
        zero: float = 0.0,
        learnable: bool = False,
    ):
        super().__init__()
        self.name, self.color, self.zero = name, color, zero
        self.mark: float | None = None  # share of the range at which a matched value stands
        self._share, self._value_at = scale
        self._words, self._learnable = words, learnable
        self.typed = ("", 1.0)  # unit in which a value is typed, and what it is multiplied by there
        self._value = self._home = value
        self._controller: int | None = None
        self.dial = _Dial(self)
        self.dial.setAccessibleName(name)
        self.text, self.sure = label(), label(" ", quiet=True)
        for text in (title := label(name, quiet=True), self.text, self.sure):
            text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title.setBuddy(self.dial)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for widget in (title, self.dial, self.text, self.sure):
            layout.addWidget(widget)
        self.sure.hide()
        self.help = help
        self.setFocusProxy(self.dial)
        self.dial.valueChanged.connect(self._take)
        self.set_value(value)

    @property
    def value(self) -> float:
        """The value it shows."""
        return self._value

    def set_value(self, value: float) -> None:
        """Show a value; emits nothing."""
        self._value = value
        self.dial.blockSignals(True)
        self.dial.setValue(round(STEPS * min(max(self._share(value), 0.0), 1.0)))
        self.dial.blockSignals(False)
        self._say()

    def set_home(self, value: float, marked: bool = False) -> None:
        """Set the value that a double click restores; marked: show it on the scale as matched."""
        self._home = value
        self.mark = self._share(value) if marked else None
        self.dial.update()

    def set_sure(self, words: str) -> None:
        """Show how uncertain a matched value is; keeps its line from the first call on."""
        self.sure.setText(words or " ")
        self.sure.show()
        self._say()

    def set_controller(self, number: int | None) -> None:
        """Show which MIDI controller turns it."""
        self._controller = number
        self._say()

    def go_back(self) -> None:
        """Restore the matched value, or the default."""
        if self.isEnabled() and self._home != self._value:
            self.set_value(self._home)
            self.turned.emit(self._home)
            self.released.emit()

    def ask_for_value(self) -> None:
        """Ask for the value in a dialog."""
        unit, scale = self.typed
        low, high = (scale * float(self._value_at(share)) for share in (0.0, 1.0))
        allowed = f"{self.name}, {low:g} to {high:g} {unit}".rstrip()
        value, given = QInputDialog.getDouble(
            self, self.name, allowed, scale * self._value, low, high, 5
        )
        if given:
            value /= scale
            self.set_value(value)
            self.turned.emit(value)
            self.released.emit()

    def show_menu(self, position) -> None:
        """Show the context menu: type, go back, learn, forget."""
        menu = QMenu(self)
        for text, do, possible in (
            ("Type a value…", self.ask_for_value, True),
            ("Back to the matched value" if self.mark is not None else "Back to the default",
             self.go_back, self._home != self._value),
            ("Learn a MIDI controller", self.learn.emit, self._learnable),
            (f"Forget controller {self._controller}", self.forget.emit,
             self._learnable and self._controller is not None),
        ):  # fmt: skip
            if possible:
                action = QAction(text, menu)
                action.triggered.connect(lambda _, do=do: do())
                menu.addAction(action)
        menu.exec(position)

    def _take(self, step: int) -> None:
        self._value = float(self._value_at(step / STEPS))
        self._say()
        self.turned.emit(self._value)

    def _say(self) -> None:
        words = self._words(self._value)
        self.text.setText(words)
        learned = f"; MIDI controller {self._controller}" if self._controller is not None else ""
        sure = self.sure.text().strip()
        sure = f", {sure}" if sure else ""
        self.dial.setAccessibleDescription(f"{words}{sure}{learned}. {self.help}")
        keys = "Drag up and down, turn the wheel, use the arrow keys, or type Enter and a value"
        back = "double click goes back; right click for more"
        self.setToolTip(
            f"<b>{self.name}: {words}</b>{sure}{learned}<br>{self.help}<br>{keys}; {back}."
        )
        self.dial.update()


def parameter_knob(row: Parameter) -> "Knob":
    """A knob for one row of PARAMETERS, with its range, format and default."""

    def value_at(share: float) -> float:
        value = row.from_share(share)
        return row.clamp(round(value / row.step) * row.step) if row.step else value

    default = row.from_share(0.5) if row.default is None else row.default
    symbol = f" ({row.symbol} in the paper)" if row.symbol else ""
    sentence = f"{row.help[:1].upper()}{row.help[1:]}{symbol}."
    zero = row.to_share(0.0) if row.low < 0 < row.high else 0.0
    knob = Knob(row.label, (row.to_share, value_at), row.format, default, sentence, zero=zero,
                learnable=True)  # fmt: skip
    knob.typed = (row.display_unit, row.display_scale)
    # a key moves it by no less than one step, or it would be rounded back to where it was
    share = row.step / (row.high - row.low)
    knob.dial.setSingleStep(max(knob.dial.singleStep(), math.ceil(STEPS * share)))
    return knob


def linear(low: float, high: float, step: float = 0.0) -> tuple:
    """A linear scale for a Knob; step: values are rounded to multiples of it."""

    def value_at(share: float) -> float:
        value = low + share * (high - low)
        return round(value / step) * step if step else value

    return (lambda value: (value - low) / (high - low)), value_at
