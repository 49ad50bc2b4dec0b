"""A line around the control that has the focus, where its style shows that too faintly."""

from PyQt6 import sip
from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QPainter, QPen
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QComboBox,
    QSlider,
    QWidget,
)

from gui.theme import now

FAINT = (QAbstractItemView, QCheckBox, QComboBox, QSlider)  # what Fusion draws
WIDTH = 2  # px


class FocusRing(QObject):
    """Follows the focus through all windows of the app, as long as its parent lives."""

    def __init__(self, parent: QObject):
        super().__init__(parent)
        self._line: _Line | None = None
        QApplication.instance().focusChanged.connect(self._follow)

    def _follow(self, _, focus: QWidget | None) -> None:
        if self._line is not None and not sip.isdeleted(self._line):
            self._line.hide()
            self._line.deleteLater()
        self._line = None
        if isinstance(focus, FAINT) and focus.window().windowType() != Qt.WindowType.Popup:
            self._line = _Line(focus)


class _Line(QWidget):
    """Lies on a control and is as large."""

    def __init__(self, control: QWidget):
        super().__init__(control)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        control.installEventFilter(self)
        self.setGeometry(control.rect())
        self.show()
        self.raise_()

    def eventFilter(self, control, event):
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(control.rect())
        return False

    def paintEvent(self, event):
        painter = QPainter(self)
        painter.setPen(QPen(now().color("text"), WIDTH))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
