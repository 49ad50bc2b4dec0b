"""The drums of a take as a table: each with a play button, its pad, its twin, and its hits in time.

Drums are told apart by their number and by the shape of their hits, never by colour alone: hits are
orange, as everything recorded; those of a drum without a pad are hollow.
"""

from dataclasses import dataclass
from functools import lru_cache

from PyQt6.QtCore import QItemSelectionModel, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPen, QPixmap, QPolygonF
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QPushButton,
    QStyledItemDelegate,
    QTableWidget,
    QTableWidgetItem,
)

from gui.controls import em
from gui.theme import now

COLUMNS = ("Play", "Drum", "Pad", "Hits", "Twin", "Where in the take")
PLAY, NAME, HITS = COLUMNS.index("Play"), COLUMNS.index("Drum"), len(COLUMNS) - 1
WIDEST = 13  # text heights of a column of texts: a name may be long, and the hits need room
ROW = 1.9  # text heights of a row: room for a button
MARKS = (0.16, 0.32)  # text heights: radius of the mark of the softest and of the loudest hit
DOTS_ROLE = Qt.ItemDataRole.UserRole
CIRCLE = ()  # the one shape that is no polygon
SHAPES = (  # corners on a circle of radius 1, of the first drum, the second, ...; then again
    CIRCLE,
    ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    ((0, -1.15), (1, 0.75), (-1, 0.75)),
    ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
    ((0, 1.15), (1, -0.75), (-1, -0.75)),
    ((-0.4, -1.1), (0.4, -1.1), (0.4, -0.4), (1.1, -0.4), (1.1, 0.4), (0.4, 0.4), (0.4, 1.1),
     (-0.4, 1.1), (-0.4, 0.4), (-1.1, 0.4), (-1.1, -0.4), (-0.4, -0.4)),
)  # fmt: skip


@dataclass(frozen=True)
class Dots:
    """The hits of a drum on the time line of the take."""

    at: tuple[float, ...]  # shares of the take's length
    velocities: tuple[int, ...]
    chosen: int | None  # the one that is played
    on_pad: bool


class DrumTable(QTableWidget):
    """A row for each drum of a take; rows are chosen by mouse or keys, several to merge them.

    Signals:
        chose_hit: row, and the number of its hit whose mark was clicked.
        leave_out: the delete key was pressed.
        hear: row whose play button, or the space bar in it, was pressed.
    """

    chose_hit = pyqtSignal(int, int)
    leave_out = pyqtSignal()
    hear = pyqtSignal(int)

    def __init__(self):
        super().__init__(0, len(COLUMNS))
        self.play_buttons: list[QPushButton] = []  # of each row
        self._shown: list = []  # what is in each row
        self.setHorizontalHeaderLabels(COLUMNS)
        self.setAccessibleName("Drums of the take")
        self.setAccessibleDescription(
            "Arrow keys choose a drum, with Shift several. Space plays a hit, Delete leaves it out."
        )
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(HITS, QHeaderView.ResizeMode.Stretch)
        self.setItemDelegateForColumn(HITS, _DotsDelegate(self))

    def minimumSizeHint(self) -> QSize:
        return QSize(round(42 * em(self)), round(5.2 * ROW * em(self)))

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def show_rows(self, rows: list[tuple[tuple[str, ...], Dots]]) -> None:
        """Show drums: the texts between the play button and the hits, and the hits.

        The choice stays.
        """
        self.verticalHeader().setDefaultSectionSize(round(ROW * em(self)))
        self.setRowCount(len(rows))
        self._offer_buttons(len(rows))
        look = (now(), em(self))
        shown = [(look, *row) for row in rows]
        for i, (row, before) in enumerate(zip(shown, self._shown + [None] * len(rows))):
            if row != before:
                self._show_row(i, *row[1:])
        self._shown = shown

    def restyle(self) -> None:
        """Give the play buttons the size that the text has now."""
        for button in self.play_buttons:
            button.setFixedWidth(_button_width(self))

    def _show_row(self, i: int, texts: tuple[str, ...], dots: Dots) -> None:
        where = f"{len(dots.at)} hits" if len(dots.at) != 1 else "1 hit"
        for column, text in enumerate(("", f"{i + 1}  {texts[0]}", *texts[1:], where)):
            item = self.item(i, column)
            if item is None:
                self.setItem(i, column, item := QTableWidgetItem())
            item.setText(text)
            item.setForeground(now().color("text" if dots.on_pad else "secondary"))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{COLUMNS[column]}: {text}")
        item.setData(DOTS_ROLE, dots)
        self.item(i, NAME).setData(Qt.ItemDataRole.DecorationRole, self._sign(i, dots.on_pad))
        button = self.play_buttons[i]
        button.setAccessibleName(f"Play drum {i + 1}, {texts[0]}")
        button.setToolTip("Play the chosen hit of this drum, or its clearest")

    def _sign(self, row: int, on_pad: bool) -> QPixmap:
        """The shape of a drum's hits, as large as its loudest."""
        side = round(em(self))
        sign = QPixmap(side, side)
        sign.fill(Qt.GlobalColor.transparent)
        painter = QPainter(sign)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _draw_mark(painter, row, QPointF(side / 2, side / 2), MARKS[1] * side, on_pad)
        painter.end()
        return sign

    def _offer_buttons(self, n: int) -> None:
        """A play button in each row."""
        if n == len(self.play_buttons):
            return
        del self.play_buttons[n:]  # the table has deleted them with their rows
        for i in range(len(self.play_buttons), n):
            button = QPushButton("▶")
            button.setFixedWidth(_button_width(self))
            button.clicked.connect(lambda _, i=i: self._press(i))
            self.setCellWidget(i, PLAY, button)
            self.play_buttons.append(button)

    def _press(self, row: int) -> None:
        self.choose(row)
        self.hear.emit(row)

    def sizeHintForColumn(self, column: int) -> int:
        if column == PLAY:
            return _button_width(self)
        hint = super().sizeHintForColumn(column) + round(em(self))
        return min(hint, round(WIDEST * em(self)))

    @property
    def chosen(self) -> list[int]:
        """The chosen rows, from the top."""
        return sorted(index.row() for index in self.selectionModel().selectedRows())

    def choose(self, row: int) -> None:
        """Choose one row, whatever keys are held down."""
        flags = QItemSelectionModel.SelectionFlag
        index = self.model().index(row, NAME)
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)

    def keyPressEvent(self, event):
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.leave_out.emit()
        elif event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat() and self.currentRow() >= 0:
                self.hear.emit(self.currentRow())
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, text):
        pass  # letters play pads

    def mousePressEvent(self, event):
        super().mousePressEvent(event)
        index = self.indexAt(event.position().toPoint())
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if event.button() == Qt.MouseButton.LeftButton and plain and index.column() == HITS:
            box, dots = QRectF(self.visualRect(index)), index.data(DOTS_ROLE)
            away = [abs(_x(self, box, at) - event.position().x()) for at in dots.at]
            if away and min(away) < em(self) / 2:
                self.chose_hit.emit(index.row(), away.index(min(away)))


def _button_width(table: DrumTable) -> int:
    return round(2.8 * em(table))


def _x(table, box: QRectF, at: float) -> float:
    """Where a moment of the take is drawn."""
    edge = em(table) / 2
    return box.left() + edge + at * (box.width() - 2 * edge)


def _draw_mark(painter: QPainter, row: int, centre: QPointF, radius: float, on_pad: bool) -> None:
    """A hit of the drum of a row; hollow where the drum has no pad."""
    color, shape = now().color("recorded" if on_pad else "ignored"), SHAPES[row % len(SHAPES)]
    painter.setPen(Qt.PenStyle.NoPen if on_pad else QPen(color, 1.2))
    painter.setBrush(color if on_pad else Qt.BrushStyle.NoBrush)
    if shape == CIRCLE:
        painter.drawEllipse(centre, radius, radius)
    else:
        painter.drawPolygon(_polygon(shape, round(radius, 1)).translated(centre))


@lru_cache(1000)
def _polygon(shape: tuple, radius: float) -> QPolygonF:
    """A shape around 0; a take has hundreds of hits, which are drawn again and again."""
    return QPolygonF([QPointF(x, y) * radius for x, y in shape])


class _DotsDelegate(QStyledItemDelegate):
    """Draws the hits of a drum: larger marks are louder, the chosen one has a ring."""

    def paint(self, painter, option, index):
        dots: Dots | None = index.data(DOTS_ROLE)
        theme, box, size = now(), QRectF(option.rect), em(self.parent())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(box)
        painter.fillRect(box, theme.color("background"))  # marks are not seen on a chosen row's
        middle = box.center().y()
        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawLine(QPointF(box.left() + size / 2, middle),
                         QPointF(box.right() - size / 2, middle))  # fmt: skip
        if dots is not None:
            for i, (at, velocity) in enumerate(zip(dots.at, dots.velocities)):
                radius = size * (MARKS[0] + (MARKS[1] - MARKS[0]) * velocity / 127)
                centre = QPointF(_x(self.parent(), box, at), middle)
                _draw_mark(painter, index.row(), centre, radius, dots.on_pad)
                if i == dots.chosen:
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.setPen(QPen(theme.color("text"), 2))
                    painter.drawEllipse(centre, 0.55 * size, 0.55 * size)
        painter.restore()
