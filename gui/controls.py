"""What panels share: the unit of length, frames, labels."""

from PyQt6.QtGui import QFontMetricsF
from PyQt6.QtWidgets import QFrame, QLabel, QLayout, QVBoxLayout, QWidget


def em(widget: QWidget) -> float:
    """Height of the widget's text, the unit of every length."""
    return QFontMetricsF(widget.font()).height()


def panel() -> QFrame:
    """A frame around one part of the window."""
    frame = QFrame()
    frame.setProperty("panel", True)
    return frame


def panel_in(widget: QWidget, layout: type[QLayout]) -> tuple[QLayout, int]:
    """Fill a widget with a panel; returns the layout inside it, and its margin in px."""
    frame, outer, gap = panel(), QVBoxLayout(widget), round(em(widget) / 2)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.addWidget(frame)
    inner = layout(frame)
    inner.setContentsMargins(gap, gap, gap, gap)
    return inner, gap


def label(text: str = "", quiet: bool = False, of: str = "") -> QLabel:
    """Text; quiet: in the secondary colour; of: "recorded" or "twin", in its colour."""
    widget = QLabel(text)
    widget.setProperty("quiet", quiet)
    widget.setProperty("of", of)
    return widget
