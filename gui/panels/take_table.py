"""The drums of a take as a table: what each is, how near its twin is, and its hits in time."""

from dataclasses import dataclass

from PyQt6.QtCore import QItemSelectionModel, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPen
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QTableWidget,
    QTableWidgetItem,
)

from gui.controls import em
from gui.theme import now

COLUMNS = ("Drum", "Pad", "Hits", "Loudest", "Drum or not", "Twin", "Where in the take")
HITS = len(COLUMNS) - 1  # the column with the dots
DOTS = (0.1, 0.26)  # text heights: radius of the dot of the softest and of the loudest hit
DOTS_ROLE = Qt.ItemDataRole.UserRole


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
        chose_hit: row, and the number of its hit whose dot was clicked.
        leave_out: the delete key was pressed.
        hear: the space bar was pressed.
    """

    chose_hit = pyqtSignal(int, int)
    leave_out = pyqtSignal()
    hear = pyqtSignal()

    def __init__(self):
        super().__init__(0, len(COLUMNS))
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
        return QSize(round(40 * em(self)), round(9 * em(self)))

    def show_rows(self, rows: list[tuple[tuple[str, ...], Dots]]) -> None:
        """Show drums: the texts of all columns but the last, and the hits. The choice stays."""
        self.verticalHeader().setDefaultSectionSize(round(1.7 * em(self)))  # as large as its text
        self.setRowCount(len(rows))
        for i, (texts, dots) in enumerate(rows):
            where = f"{len(dots.at)} hits" if len(dots.at) != 1 else "1 hit"
            for column, text in enumerate((*texts, where)):
                item = self.item(i, column)
                if item is None:
                    self.setItem(i, column, item := QTableWidgetItem())
                item.setText(text)
                item.setForeground(now().color("text" if dots.on_pad else "secondary"))
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{COLUMNS[column]}: {text}")
            item.setData(DOTS_ROLE, dots)

    def sizeHintForColumn(self, column: int) -> int:
        return super().sizeHintForColumn(column) + round(em(self))

    @property
    def chosen(self) -> list[int]:
        """The chosen rows, from the top."""
        return sorted(index.row() for index in self.selectionModel().selectedRows())

    def choose(self, row: int) -> None:
        """Choose one row, whatever keys are held down."""
        flags = QItemSelectionModel.SelectionFlag
        index = self.model().index(row, 0)
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)

    def keyPressEvent(self, event):
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.leave_out.emit()
        elif event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self.hear.emit()
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, text):
        pass  # letters are shortcuts

    def mousePressEvent(self, event):
        super().mousePressEvent(event)
        index = self.indexAt(event.position().toPoint())
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if event.button() == Qt.MouseButton.LeftButton and plain and index.column() == HITS:
            box, dots = QRectF(self.visualRect(index)), index.data(DOTS_ROLE)
            away = [abs(_x(self, box, at) - event.position().x()) for at in dots.at]
            if away and min(away) < em(self) / 2:
                self.chose_hit.emit(index.row(), away.index(min(away)))


def _x(table, box: QRectF, at: float) -> float:
    """Where a moment of the take is drawn."""
    edge = em(table) / 2
    return box.left() + edge + at * (box.width() - 2 * edge)


class _DotsDelegate(QStyledItemDelegate):
    """Draws the hits of a drum: larger dots are louder, the chosen one has a ring."""

    def paint(self, painter, option, index):
        dots: Dots | None = index.data(DOTS_ROLE)
        theme, box, size = now(), QRectF(option.rect), em(self.parent())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(box)
        painter.fillRect(box, theme.color("background"))  # dots are not seen on a chosen row's
        middle = box.center().y()
        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawLine(QPointF(box.left() + size / 2, middle),
                         QPointF(box.right() - size / 2, middle))  # fmt: skip
        if dots is not None:
            color = theme.color("recorded" if dots.on_pad else "ignored")
            for i, (at, velocity) in enumerate(zip(dots.at, dots.velocities)):
                radius = size * (DOTS[0] + (DOTS[1] - DOTS[0]) * velocity / 127)
                centre = QPointF(_x(self.parent(), box, at), middle)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(color)
                painter.drawEllipse(centre, radius, radius)
                if i == dots.chosen:
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.setPen(QPen(theme.color("text"), 2))
                    painter.drawEllipse(centre, 0.4 * size, 0.4 * size)
        painter.restore()
