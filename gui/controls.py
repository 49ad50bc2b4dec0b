"""What panels share: the unit of length, frames, labels, and how text from outside is shown.

Names of kits, pads, files and devices are text, whatever is in them. Where Qt would take what looks
like HTML as such, it goes through `as_text`.
"""

import html
from collections.abc import Iterator

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFontMetricsF
from PyQt6.QtWidgets import QFrame, QLabel, QLayout, QVBoxLayout, QWidget

LONGEST_TITLE = 24  # characters of a name


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
    widget.setTextFormat(Qt.TextFormat.PlainText)
    widget.setProperty("quiet", quiet)
    widget.setProperty("of", of)
    return widget


def focusable(part: QWidget | QLayout) -> Iterator[QWidget]:
    """What takes the focus in a widget or a layout, in the order in which it was put in."""
    if isinstance(part, QWidget) and part.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield part
        yield from getattr(part, "play_buttons", ())  # in a table
    elif (layout := part if isinstance(part, QLayout) else part.layout()) is not None:
        for i in range(layout.count()):
            item = layout.itemAt(i)
            inner = item.widget() or item.layout()
            if inner is not None:
                yield from focusable(inner)


def in_title(text: str) -> str:
    """A name in a title, which has no room for more than LONGEST_TITLE characters."""
    return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1]}…"


def in_menu(text: str) -> str:
    """Text for a menu, which takes an ampersand for a mnemonic."""
    return text.replace("&", "&&")


def as_text(text: str) -> str:
    """Text for a tool tip or a message box, which show it as it is; they take HTML otherwise."""
    return f"<qt>{html.escape(text)}</qt>" if Qt.mightBeRichText(text) else text
