"""One pad to play."""

import time

from PyQt6.QtCore import QRectF, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QPainter, QPen
from PyQt6.QtWidgets import QAbstractButton, QSizePolicy

from gui.controls import as_text, em
from gui.theme import now
from matcher.kits.kit import FIRST_NOTE, Pad
from matcher.physics.theta import midi_note_name

COLUMNS = 4  # as on most pad controllers
KEYS = "ZXCVASDFQWER1234"  # on the computer's keyboard, from the pad at the bottom left
SMALLEST = 48  # px, least side of a pad: what a finger hits
FLASH_S = 0.25  # s a pad stays lit when it was played
SOFTEST = 0.25  # velocity of a click at the top edge
KEY_VELOCITY = 0.8  # velocity of a key, which knows no dynamics


class PadButton(QAbstractButton):
    """One pad: its note, name, key and last velocity. A click further down is louder.

    Signals:
        played: velocity in [0, 1].
        pick: how many places further on the pad to choose is.
    """

    played = pyqtSignal(float)
    pick = pyqtSignal(int)  # choose the pad this many places further on

    def __init__(self, index: int):
        super().__init__()
        self.index, self.pad, self.chosen, self.muted = index, Pad(FIRST_NOTE + index), False, False
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
        """Show a pad of the kit; chosen: hits go to it; muted: others are solo."""
        self.pad, self.chosen, self.muted = pad, chosen, muted
        what = pad.name or ("drum" if pad.drum else "empty")
        state = (", hits go here" if chosen else "") + (
            ", silent: another is solo" if muted else ""
        )
        self.setAccessibleName(
            f"Pad {self.index + 1}, note {pad.note} {midi_note_name(pad.note)}: {what}"
        )
        self.setAccessibleDescription(f"last velocity {self.velocity}{state}. Space plays it.")
        self.setToolTip(as_text(
            f"Pad {self.index + 1}, note {pad.note} ({midi_note_name(pad.note)}), key "
            f"{KEYS[self.index]}: {what}{state}. Click plays and chooses it, further down louder."
        ))  # fmt: skip
        self.update()

    def flash(self, velocity: int) -> None:
        """Light up and show a velocity, 1 to 127."""
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
        number = f"{self.pad.note} {midi_note_name(self.pad.note)}"
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
