"""The membrane of a drum: it moves in its modes, and its strike point is dragged."""

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QImage, QPainter, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from gui.controls import em
from gui.theme import now
from gui.vibration import Vibration
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import Theta

FRAME_MS = 33  # ms between two pictures: 30 a second look smooth
STEP = 0.02  # share of a side that an arrow key moves the strike point


class Membrane(QWidget):
    """The membrane with its side ratio; it moves in its modes as the drum sounds.

    Signals:
        moved: the strike point (x1, x2), as it is dragged or moved by the arrow keys.
        released: the strike point is let go.
        struck: it was double clicked, or Space was pressed.
    """

    moved = pyqtSignal(float, float)
    released = pyqtSignal()
    struck = pyqtSignal()

    def __init__(self):
        super().__init__()
        self.vibration = Vibration()
        self._field: np.ndarray | None = None
        self._dragging = False
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._move_on)
        self.frames = 0  # drawn while it moved
        self.setAccessibleName("Strike point on the membrane")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._say()

    @property
    def theta(self) -> Theta | None:
        """The drum that is shown, or None."""
        return self.vibration.theta

    @property
    def strike(self) -> tuple[float, float]:
        """Where it is struck, as a share of each side."""
        return self.vibration.strike

    def minimumSizeHint(self) -> QSize:
        return QSize(round(8 * em(self)), round(6 * em(self)))

    def show_drum(self, theta: Theta | None, strike: tuple[float, float]) -> None:
        """Show another drum, or none."""
        self.vibration.set_drum(theta, strike)
        self._say()
        self.update()

    def hit(self, force: float) -> None:
        """Strike it, force in [0, 1]: it moves until it is still."""
        if self.vibration.hit(force):
            self._timer.start()

    def mousePressEvent(self, event):
        self._dragging = event.button() == Qt.MouseButton.LeftButton and self.theta is not None
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event):
        if self._dragging:
            box = self._box()
            self._go((event.position().x() - box.left()) / box.width(),
                     (event.position().y() - box.top()) / box.height())  # fmt: skip

    def mouseReleaseEvent(self, event):
        if self._dragging:
            self._dragging = False
            self.released.emit()

    def mouseDoubleClickEvent(self, event):
        self.struck.emit()

    def keyPressEvent(self, event):
        moves = {
            Qt.Key.Key_Left: (-STEP, 0), Qt.Key.Key_Right: (STEP, 0),
            Qt.Key.Key_Up: (0, -STEP), Qt.Key.Key_Down: (0, STEP),
        }  # fmt: skip
        if event.key() in moves and self.theta is not None:
            x1, x2 = moves[event.key()]
            self._go(self.strike[0] + x1, self.strike[1] + x2)
            self.released.emit()
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return) and not event.isAutoRepeat():
            self.struck.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event):
        theme, painter = now(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self._box()
        if self.theta is None:
            painter.setPen(theme.color("secondary"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Nothing on this pad yet")
            return
        if self._field is None:
            painter.fillRect(box, theme.color("background"))
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(box, _image(self._field))
        painter.setPen(QPen(theme.color("secondary"), 2))
        painter.drawRect(box)
        at = QPointF(box.left() + self.strike[0] * box.width(),
                     box.top() + self.strike[1] * box.height())  # fmt: skip
        radius = em(self) / 2.5
        for color, width in (("background", 5), ("text", 2)):
            painter.setPen(QPen(theme.color(color), width))
            painter.drawEllipse(at, radius, radius)
            painter.drawLine(at - QPointF(radius, 0), at + QPointF(radius, 0))
            painter.drawLine(at - QPointF(0, radius), at + QPointF(0, radius))
        if self.hasFocus():
            painter.setPen(QPen(theme.color("text"), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _box(self) -> QRectF:
        """Where the membrane is drawn, its long side horizontal."""
        space = QRectF(self.rect()).adjusted(4, 4, -4, -4)
        alpha = self.theta.alpha if self.theta is not None else 1.0
        width = min(space.width(), space.height() / alpha)
        box = QRectF(0, 0, width, max(2.0, width * alpha))
        box.moveCenter(space.center())
        return box

    def _go(self, x1: float, x2: float) -> None:
        self.vibration.strike = PARAMETERS["x1"].clamp(x1), PARAMETERS["x2"].clamp(x2)
        self._say()
        self.update()
        self.moved.emit(*self.strike)

    def _say(self) -> None:
        x1, x2 = (f"{100 * x:.0f} %" for x in self.strike)
        self.setAccessibleDescription(
            f"{x1} along, {x2} across. Arrow keys move it, Space strikes."
        )
        self.setToolTip(f"Where the drum is struck: {x1} along, {x2} across. Drag the point or use "
                        "the arrow keys; double click or Space plays it.")  # fmt: skip

    def _move_on(self) -> None:
        """Draw the next frame; stop once it is still."""
        self._field = self.vibration.field() if self.isVisible() else None
        if self._field is None:
            self.vibration.stop()
            self._timer.stop()
        self.frames += 1
        self.update()


def _image(field: np.ndarray) -> QImage:
    """A field in [-1, 1] -> its picture: background at rest, twin's blue up, text colour down."""
    theme = now()
    rest, up, down = (
        np.array(theme.color(name).getRgb()[:3], float) for name in ("background", "twin", "text")
    )
    share = np.sqrt(np.abs(field.T))[..., None]  # (rows, columns, 1): small movements show as well
    colors = rest + share * (np.where(field.T[..., None] > 0, up, down) - rest)
    rgb = np.ascontiguousarray(colors.astype(np.uint8))
    height, width = rgb.shape[:2]
    return QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
