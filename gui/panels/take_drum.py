"""The editor of one drum of a take: its name, its pad, and its hits one by one.

It stands beside the table of drums, or below it where there is no room.
"""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.controls import in_menu, in_title, label, panel_in
from gui.panels.pad_button import midi_note_name
from matcher.kits.kit import LONGEST_NAME, Kit
from matcher.takes.drum_list import DrumList, Row


class DrumEditor(QWidget):
    """Shows the chosen drum, and says what is to be done with it.

    Signals:
        renamed: the name that was typed.
        pad_chosen: index of a pad of the kit.
        hit_chosen: index of a hit of the take.
        hit_moved: the chosen hit goes to this row, to one of its own (-1), or to none (None).
        hear: False for the hit as recorded, True for its twin.
    """

    renamed = pyqtSignal(str)
    pad_chosen = pyqtSignal(int)
    hit_chosen = pyqtSignal(int)
    hit_moved = pyqtSignal(object)
    hear = pyqtSignal(bool)

    def __init__(self):
        super().__init__()
        self.title, self.words = label("DRUM", of="twin"), label(quiet=True)
        self.words.setWordWrap(True)
        self.name = QLineEdit()
        self.name.setMaxLength(LONGEST_NAME)
        self.name.setAccessibleName("Name of the drum")
        self.name.setToolTip("The name of its pad; empty: what it is told to be")
        self.name.editingFinished.connect(self._rename)
        self.pad = _box("Pad of the drum",
                        "The pad that it goes on; a drum that is there goes on this one's",
                        self.pad_chosen)  # fmt: skip
        self.hit = _box("Hit of the drum", "Choose a hit to hear or to move, or click on its mark",
                        self.hit_chosen)  # fmt: skip
        self.recorded, self.twin = QPushButton("Hear the hi&t"), QPushButton("Hear the t&win")
        self.recorded.setToolTip("Play the chosen hit as it was recorded (B plays both in turns)")
        self.twin.setToolTip("Play the chosen hit on the fitted drum (B plays both in turns)")
        self.recorded.clicked.connect(lambda: self.hear.emit(False))
        self.twin.clicked.connect(lambda: self.hear.emit(True))
        self.move_button = QPushButton("Move the h&it")
        self.move_button.setToolTip("Give the chosen hit to another drum, or to none")
        self.move_button.setMenu(QMenu(self.move_button))
        for button in (self.recorded, self.twin, self.move_button):
            button.setAccessibleDescription(button.toolTip())
        self.move_button.menu().aboutToShow.connect(self._fill_menu)
        self._shown, self._targets = "", []
        self._put_together()

    def show_drum(self, list_: DrumList, row: int, names: list[str], hit: int | None, kit: Kit,
                  pad: int | None, fitted: bool) -> None:  # fmt: skip
        """Show a drum.

        Args:
            list_: the drums.
            row: the one to show.
            names: of all of them.
            hit: its hit that is chosen.
            kit: whose pads are offered.
            pad: the pad that it goes on; None: on none.
            fitted: whether it has a twin.
        """
        self.setEnabled(bool(list_.rows))
        if not list_.rows:
            return
        on_pad, own = pad is not None, list_.rows[row]
        self.title.setText(f"DRUM {row + 1}: {in_title(names[row]).upper()}")
        self.words.setText(f"loudest {list_.loudest_db(row):.0f} dB, {sure_words(own)}")
        self._shown = names[row] if on_pad else own.name
        if not self.name.hasFocus() or not self.name.isModified():
            self.name.setText(self._shown)
        for widget in (self.name, self.pad):
            widget.setEnabled(on_pad)
        self._offer_pads(kit, pad)
        self._offer_hits(list_, row, hit)
        self.twin.setEnabled(fitted)
        others = [(f"to {name}, drum {i + 1} of the list", i)
                  for i, name in enumerate(names) if i != row]  # fmt: skip
        alone = [("to a drum of its own", -1)] if len(own.hits) > 1 else []
        self._targets = [*others, *alone, ("to no drum", None)]

    def _offer_pads(self, kit: Kit, pad: int | None) -> None:
        rows = []
        for i, own in enumerate(kit.pads):
            there = own.name or ("drum" if own.drum else "empty")
            note = f"note {own.note} {midi_note_name(own.note)}"
            rows.append((f"pad {i + 1}, {note}: now {there}", i))
        _offer(self.pad, rows, pad)

    def _offer_hits(self, list_: DrumList, row: int, hit: int | None) -> None:
        take, hits = list_.take, list_.rows[row].hits
        rows = []
        for number, (i, velocity) in enumerate(zip(hits, list_.velocities(row)), 1):
            minutes, seconds = divmod(take.hits[i].onset / take.sample_rate, 60)
            at = f"{minutes:.0f}:{seconds:05.2f}"
            rows.append((f"hit {number} of {len(hits)}: {at}, velocity {velocity}", i))
        _offer(self.hit, rows, hit)

    def _fill_menu(self) -> None:
        menu = self.move_button.menu()
        menu.clear()
        for text, to in self._targets:
            menu.addAction(in_menu(text), lambda to=to: self.hit_moved.emit(to))

    def _rename(self) -> None:
        if self.name.isModified() and self.name.text() != self._shown:
            self.name.setModified(False)
            self.renamed.emit(self.name.text())

    def take_back(self) -> None:
        """Forget what was typed and not entered."""
        self.name.setText(self._shown)

    def _put_together(self) -> None:
        column, gap = panel_in(self, QVBoxLayout)
        column.setSpacing(gap)
        for widgets in (
            (self.title, self.words), (self.name,), (self.pad,), (self.hit,),
            (self.recorded, self.twin, self.move_button),
        ):  # fmt: skip
            row = QHBoxLayout()
            row.setSpacing(gap)
            for widget in widgets:
                row.addWidget(widget, widget is not self.title)
            column.addLayout(row)
        column.addStretch(1)


def sure_words(row: Row) -> str:
    """How likely a row is a drum, in words; a hollow flag where it is probably none."""
    share = row.found.drum
    return f"drum {share:.2f}" if row.found.is_drum else f"▽ no drum {1 - share:.2f}"


def _box(name: str, tip: str, chosen: pyqtSignal) -> QComboBox:
    """A list of long texts that stand for numbers, no wider than the room there is."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(20)
    box.activated.connect(lambda i: chosen.emit(box.itemData(i)))
    return box


def _offer(box: QComboBox, rows: list[tuple[str, int]], chosen: int | None) -> None:
    """Offer texts that stand for numbers; a list that is the same stays, so that it may be open."""
    if rows != [(box.itemText(i), box.itemData(i)) for i in range(box.count())]:
        box.clear()
        for text, data in rows:
            box.addItem(text, data)
    box.setCurrentIndex(box.findData(chosen))
