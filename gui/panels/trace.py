"""The moving trace of the input's level, with its flags and the threshold line."""

import numpy as np
from PyQt6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QWidget

from gui.controls import em
from gui.theme import now
from gui.trace import WINDOW_S, Flag, TraceHistory
from matcher.live.detector import Settings

LOWEST_DB = -72.0  # dB at the bottom: below the noise of most microphones
NEAR = 0.5  # text heights within which the mouse takes hold of the threshold line


class Trace(QWidget):
    """The input's level in dB, moving to the left, with a flag on each hit and each ignored rise.

    The threshold is a line to drag, or to move by the arrow keys.

    Signals:
        moved: the new threshold in dB.
        released: the line is let go.
    """

    moved = pyqtSignal(float)
    released = pyqtSignal()

    def __init__(self):
        super().__init__()
        self.threshold_db = Settings.threshold_db
        self.history = TraceHistory()
        self._held = False
        self.setAccessibleName("Threshold line")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.set_threshold(self.threshold_db)

    def minimumSizeHint(self) -> QSize:
        return QSize(round(20 * em(self)), round(4.4 * em(self)))

    def set_threshold(self, level_db: float) -> None:
        """Show another threshold."""
        self.threshold_db = level_db
        self.setAccessibleDescription(f"{level_db:.0f} dB. Arrow keys move it.")
        self.setToolTip("The level of the input. Drag the line, or use the arrow keys: "
                        "what stays below it is no hit.")  # fmt: skip
        self.update()

    def extend(self, trace: dict) -> None:
        """Show the next part of a snapshot's trace."""
        if self.history.extend(trace):
            self.update()

    def flag(self, time_s: float, hit: bool, text: str) -> None:
        """Mark a hit with its velocity, or an ignored rise with the reason."""
        self.history.flags.append(Flag(time_s, hit, text))
        self.update()

    def mousePressEvent(self, event):
        self._held = self._near(event.position().y())

    def mouseMoveEvent(self, event):
        near = self._held or self._near(event.position().y())
        self.setCursor(Qt.CursorShape.SizeVerCursor if near else Qt.CursorShape.ArrowCursor)
        if self._held:
            self._move(round(self._level(event.position().y())))

    def mouseReleaseEvent(self, event):
        if self._held:
            self._held = False
            self.released.emit()

    def keyPressEvent(self, event):
        steps = {
            Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageUp: 6, Qt.Key.Key_PageDown: -6
        }  # fmt: skip
        if event.key() in steps:
            self._move(self.threshold_db + steps[event.key()])
            self.released.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event):
        theme, painter = now(), QPainter(self)
        painter.fillRect(self.rect(), theme.color("background"))
        self._draw_grid(painter)
        self._draw_level(painter)
        y = self._y(self.threshold_db)
        painter.setPen(QPen(theme.color("text"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(0, y), QPointF(self.width(), y))
        self._draw_flags(painter)
        # last, so that flags pass beneath it on their way out
        self._write(painter, 0, y, f"threshold {self.threshold_db:.0f} dB", "text", above=True)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("text"), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _draw_grid(self, painter) -> None:
        painter.setPen(QPen(now().color("line"), 1))
        for level in range(-60, 0, 20):
            y = self._y(level)
            painter.drawLine(QPointF(0, y), QPointF(self.width(), y))

    def _draw_level(self, painter) -> None:
        """A bar for each column, from the bottom to the largest peak in it."""
        history, width = self.history, self.width()
        n = len(history.peaks)
        if n == 0:
            return
        start = width - width * n * history.step_s / WINDOW_S
        columns = np.linspace(start, width, n, endpoint=False).astype(int)
        first = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
        peaks = np.maximum.reduceat(history.peaks, first)
        level = 20 * np.log10(np.maximum(peaks, 1e-6))
        painter.setPen(QPen(now().color("recorded"), 1))
        bottom = float(self.height())
        painter.drawLines(
            [
                QLineF(x + 0.5, bottom, x + 0.5, self._y(value))
                for x, value in zip(columns[first].tolist(), level.tolist())
                if value > LOWEST_DB
            ]
        )

    def _draw_flags(self, painter) -> None:
        """A solid flag with its velocity on a hit, a hollow one with the reason on what is none."""
        theme, size = now(), 0.4 * em(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        free = {True: float("inf"), False: float("inf")}  # left of which a row of text is free
        for flag in reversed(self.history.flags):
            x = self.width() * (1 - (self.history.end_s - flag.time_s) / WINDOW_S)
            if x < 0:
                break
            for ink, width in (("background", 3.5), ("text" if flag.hit else "ignored", 1.5)):
                painter.setPen(QPen(theme.color(ink), width))  # seen on the level as well
                painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
            painter.setBrush(theme.color("text" if flag.hit else "background"))
            top = 0.3 * em(self) if flag.hit else 1.5 * em(self)
            painter.drawPolygon(
                QPolygonF([QPointF(x, top), QPointF(x + 2 * size, top + size),
                           QPointF(x, top + 2 * size)])
            )  # fmt: skip
            left = x + 2.5 * size
            width = painter.fontMetrics().horizontalAdvance(flag.text)
            if left + width < min(free[flag.hit], self.width()):
                self._write(painter, left, top + size, flag.text,
                            "recorded" if flag.hit else "ignored")  # fmt: skip
                free[flag.hit] = x

    def _write(self, painter, x, y, text, color, above=False) -> None:
        """Text on a ground of its own, its middle or (above) its foot at y."""
        metrics = painter.fontMetrics()
        height, width = metrics.height(), metrics.horizontalAdvance(text) + 0.4 * em(self)
        box = QRectF(x, y - height * (1.0 if above else 0.5), width, height)
        if box.top() < 0:
            box.moveTop(y)
        painter.fillRect(box, now().color("background"))
        painter.setPen(now().color(color))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _y(self, level_db: float) -> float:
        return self.height() * (level_db / LOWEST_DB)

    def _level(self, y: float) -> float:
        return LOWEST_DB * y / max(1, self.height())

    def _near(self, y: float) -> bool:
        return abs(y - self._y(self.threshold_db)) < NEAR * em(self)

    def _move(self, level_db: float) -> None:
        low, high = Settings.RANGES["threshold_db"]
        level_db = min(max(level_db, low, LOWEST_DB), high)
        self.set_threshold(level_db)
        self.moved.emit(level_db)
