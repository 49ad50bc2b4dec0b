"""Everybody can use the window: names, keys, focus, contrast and room, read off its widgets.

Each test walks the tree of widgets as it is, with the pads at the bottom and with the list of a
take, so that a control that is added is tested as well.
"""

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QRect, Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenuBar,
    QTableWidget,
    QWidget,
)

from gui import takes, theme
from gui.matched import Matched
from gui.panels.take_table import HITS, PLAY
from gui.takes import Opened
from matcher.matching.hear import Clip
from matcher.matching.task import Refined
from matcher.physics import drum
from tests.conftest import TOM
from tests.gui.take_lists import InstantFits, drum_list

SIZES = ((800, 600), (1280, 800), (1920, 1080))  # px: a small window, the usual one, a screen
SCALES = (75, 100, 150)  # percent
TEXT_CONTRAST = 4.6  # least, of text; as in gui/theme.py
DIRECT = Qt.FindChildOption.FindDirectChildrenOnly
RING_CONTRAST = 3.0  # least, of what shows the focus: WCAG 2.1, success criterion 1.4.11


@pytest.fixture(params=["pads", "list of a take"])
def full(request, qtbot, window, tmp_path, monkeypatch):
    """The window with a hit, a message and devices: as much as there is to see."""
    monkeypatch.setattr(takes, "TakeFits", lambda *_: InstantFits())
    hit = Clip(drum.render(TOM, 44100, 1.0), 44100.0, 1.0, ended=False)
    found = window.session.editor.pad.drum
    others = tuple(Refined(found._replace(mallet_hz=hz), 0.3, "attack") for hz in (400.0, 900.0))
    window.session.document.attach({0: Matched(found, hit, candidates=others)})
    window.refresh()
    window.input.show_inputs(["one", "two"], "one")
    qtbot.waitUntil(lambda: window.comparison.comparison is not None, timeout=60000)
    window.session.tell("error", "the model is broken", "Use the shipped model", lambda: None)
    if request.param != "pads":
        (tmp_path / "song.wav").touch()
        window.files.takes._list(Opened(tmp_path / "song.wav", drum_list(), "key"))
    QApplication.processEvents()
    return window


def is_own(widget: QWidget) -> bool:
    """Whether it is a control, and no part of one."""
    inner = isinstance(widget.parent(), QAbstractSpinBox | QComboBox)
    return not inner and not widget.objectName().startswith("qt_")


def controls(window) -> list[QWidget]:
    """What takes the focus, in no order."""
    return [w for w in window.findChildren(QWidget)
            if w.isVisibleTo(window) and w.isEnabled() and is_own(w) and w.focusProxy() is None
            and w.focusPolicy() & Qt.FocusPolicy.TabFocus]  # fmt: skip


def name_of(widget: QWidget) -> str:
    """What a screen reader calls it."""
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text.replace("&", "")


def pixels(image: QImage) -> np.ndarray:
    """(rows, columns, 3) in [0, 255]."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.bits().asstring(image.sizeInBytes()), np.uint8)
    rows = rows.reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)


def seen(window, widget: QWidget, box: QRect | None = None) -> QImage:
    """A widget, or a box in it, as it is drawn in the window with all that is behind it."""
    inside = window._area.widget()
    whole = inside if inside.isAncestorOf(widget) else window
    box = widget.rect() if box is None else box
    return whole.grab(QRect(widget.mapTo(whole, box.topLeft()), box.size())).toImage()


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Relative luminance, WCAG 2.1; rgb: (..., 3) in [0, 255]."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other) -> np.ndarray:
    """Of pixels, 1 to 21."""
    light, dark = np.maximum(luminance(one), luminance(other)), np.minimum(
        luminance(one), luminance(other))  # fmt: skip
    return (light + 0.05) / (dark + 0.05)


def text_contrast(image: QImage) -> float:
    """Of the ink that differs most from the ground, which is the most frequent colour."""
    rgb = pixels(image).reshape(-1, 3)
    colors, counts = np.unique(rgb, axis=0, return_counts=True)
    return float(contrast(colors, colors[counts.argmax()]).max())


def test_every_control_has_a_name(full):
    found = controls(full)
    assert len(found) >= 40
    assert [type(w).__name__ for w in found if not name_of(w).strip()] == []
    names = [name_of(w) for w in found]
    assert [n for n in set(names) if names.count(n) > 1] == []


def test_tab_goes_once_through_every_control_from_the_top_to_the_bottom(full):
    found = controls(full)
    full.bar.name.setFocus()
    order = []
    for _ in range(len(found) + 5):
        order.append(full.focusWidget())
        full.focusNextPrevChild(True)
    cycle = order[: order.index(order[0], 1)]
    assert {name_of(w) for w in {*found} - {*cycle}} == set()
    assert len(cycle) == len(set(cycle)) == len(found)
    bottom = full.files.takes.sheet or full.pads
    parts = (full.bar, full.input, full.comparison, full.drum, bottom, full.notice)
    places = [next(i for i, part in enumerate(parts) if part.isAncestorOf(w)) for w in cycle]
    assert places == sorted(places)
    full.bar.name.setFocus()
    full.focusNextPrevChild(False)
    assert full.focusWidget() is cycle[-1]


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_focus_is_seen_on_every_control(full, name):
    theme.apply(name, 100)
    full.resize(1280, 1000)
    weak = []
    for widget in controls(full):
        elsewhere = full.bar.name if widget is not full.bar.name else full.bar.master
        elsewhere.setFocus()
        full._area.ensureWidgetVisible(widget)
        QApplication.processEvents()
        before = pixels(seen(full, widget))
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        QApplication.processEvents()
        after = pixels(seen(full, widget))
        changed = int((contrast(before, after) >= RING_CONTRAST).sum())
        if changed < 0.5 * (widget.width() + widget.height()):
            weak.append((name_of(widget), changed, widget.width() + widget.height()))
    assert weak == []


@pytest.mark.parametrize("name", ["dark", "light"])
def test_every_text_can_be_read_as_it_is_drawn(full, name):
    theme.apply(name, 100)
    full.comparison.restyle()
    if full.files.takes.sheet is not None:
        full.files.takes.sheet.restyle()
    QApplication.processEvents()
    kinds = (
        QLabel | QAbstractButton | QLineEdit | QComboBox | QAbstractSpinBox | QHeaderView | QMenuBar
    )
    texts = {}
    for widget in full.findChildren(QWidget):
        if isinstance(widget, kinds) and widget.isVisibleTo(full) and is_own(widget):
            shows = getattr(widget, "text", lambda: "text")() or getattr(
                widget, "placeholderText", lambda: "")()  # fmt: skip
            if shows.strip():
                texts[f"{type(widget).__name__} {name_of(widget) or shows}"] = seen(full, widget)
    for table in full.findChildren(QTableWidget):
        for row in range(table.rowCount()):
            for column in range(PLAY + 1, HITS):
                box = table.visualRect(table.model().index(row, column))
                texts[f"cell {row} {column}"] = seen(full, table.viewport(), box)
    assert len(texts) >= 60
    weak = {what: round(got, 2) for what, picture in texts.items()
            if (got := text_contrast(picture)) < TEXT_CONTRAST}  # fmt: skip
    assert weak == {}


def overlaps(window) -> list[str]:
    """Pairs of visible widgets of one parent that lie on each other."""
    found = []
    for parent in (window, *window.findChildren(QWidget)):
        if parent.layout() is None:
            continue
        own = [w for w in parent.findChildren(QWidget, options=DIRECT)
               if w.isVisibleTo(window) and is_own(w) and w.width() and w.height()]  # fmt: skip
        for i, one in enumerate(own):
            for other in own[:i]:
                if one.geometry().intersects(other.geometry()):
                    found.append(f"{type(one).__name__} {name_of(one)} / {type(other).__name__}")
    return found


def cut_off(window) -> list[str]:
    """Texts that have less room than they need, or are partly outside their panel."""
    found = []
    for widget in window.findChildren(QLabel) + window.findChildren(QAbstractButton):
        if not widget.isVisibleTo(window) or not widget.text() or not is_own(widget):
            continue
        if isinstance(widget, QLabel) and widget.wordWrap():
            fits = widget.height() >= widget.heightForWidth(widget.width())
        else:
            least = widget.minimumSizeHint()
            fits = widget.width() >= least.width() and widget.height() >= least.height()
        parent = widget.parentWidget()
        inside = QRect(QPoint(0, 0), parent.size()).contains(widget.geometry())
        if not fits or not (inside or isinstance(parent.parent(), QTableWidget)):
            found.append(widget.text())
    return found


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off_or_on_top_of_something_else(full, size, scale):
    theme.apply("dark", scale)
    full.resize(*size)
    full._restyle_parts()
    for _ in range(3):
        QApplication.processEvents()
    assert cut_off(full) == []
    assert overlaps(full) == []
    inside = full._area.widget()
    assert inside.width() >= inside.minimumSizeHint().width()
    if scale == 100 and size != SIZES[0]:
        assert full._area.verticalScrollBar().maximum() == 0  # all of it is seen
        assert full._area.horizontalScrollBar().maximum() == 0
