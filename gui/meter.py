"""A level meter."""

import time

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPen
from PyQt6.QtWidgets import QProgressBar

from gui.controls import em
from gui.theme import now

LOW_DB = -60.0  # dB: quieter than what a drummer wants to see
HIGH_DB = 0.0  # dB: full scale
CLIP_DB = -0.1  # dB at which the light goes on: converters clip at full scale, about
FALL_DB = 36.0  # dB per second the level falls, slow enough to be seen
HOLD_S = 1.3  # s a peak is held, long enough to be read


class Meter(QProgressBar):
    """The level of a signal in dB, its peak held, and a light that stays on once it clipped."""

    def __init__(self, name: str, color: str = "recorded"):
        super().__init__()
        self.color, self.name = color, name
        self.level = self.peak = LOW_DB
        self.clipped, self._shown_at, self._held_until = False, 0.0, 0.0
        self.setRange(round(LOW_DB), round(HIGH_DB))
        self.setValue(round(LOW_DB))
        self.setTextVisible(False)
        self.setAccessibleName(name)
        self.setToolTip(f"{name}: level with its peak; click to put the clip light out")

    def sizeHint(self) -> QSize:
        return QSize(round(10 * em(self)), round(1.3 * em(self)))

    def minimumSizeHint(self) -> QSize:
        return QSize(round(6 * em(self)), round(1.3 * em(self)))

    def show_level(self, level_db: float, time_s: float | None = None) -> None:
        """Take a new peak level, dB; time_s: when, in time.monotonic, now by default."""
        now_s = time.monotonic() if time_s is None else time_s
        before = (round(self.level), round(self.peak), self.clipped)
        fallen = FALL_DB * max(0.0, now_s - self._shown_at)
        self._shown_at = now_s
        self.level = max(level_db, self.level - fallen, LOW_DB)
        if level_db >= self.peak or now_s >= self._held_until:
            self.peak, self._held_until = max(level_db, LOW_DB), now_s + HOLD_S
        self.clipped |= level_db >= CLIP_DB
        if before != (round(self.level), round(self.peak), self.clipped):
            self.setValue(round(min(self.level, HIGH_DB)))
            clipped = ", clipped" if self.clipped else ""
            self.setAccessibleDescription(f"peak {self.peak:.0f} dB{clipped}")
            self.update()

    def mousePressEvent(self, event):
        self.clipped = False
        self.update()

    def paintEvent(self, event):
        painter, theme = QPainter(self), now()
        painter.fillRect(self.rect(), theme.color("background"))
        light = round(2.6 * em(self))
        width, height = self.width() - light, self.height()
        painter.fillRect(
            QRectF(0, height * 0.2, width * self._share(self.level), height * 0.6),
            theme.color(self.color),
        )
        painter.setPen(QPen(theme.color("text"), 2))
        x = width * self._share(self.peak)
        painter.drawLine(QPointF(x, height * 0.1), QPointF(x, height * 0.9))
        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        lit = QRectF(width + 1, 1, light - 2, height - 2)
        if self.clipped:
            painter.fillRect(lit, theme.color("bad"))
        painter.setPen(theme.color("background" if self.clipped else "secondary"))
        painter.drawText(lit, Qt.AlignmentFlag.AlignCenter, "CLIP" if self.clipped else "clip")

    def _share(self, level_db: float) -> float:
        return min(max((level_db - LOW_DB) / (HIGH_DB - LOW_DB), 0.0), 1.0)
