"""The sheet over the pads with the drums of a take: heard, merged, split, left out, named, put."""

from PyQt6.QtCore import QEvent, QTimer, pyqtSignal
from PyQt6.QtGui import QKeySequence
from PyQt6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.background import Background
from gui.controls import em, in_title, label, panel_in
from gui.panels.pad_button import midi_note_name
from gui.panels.take_drum import DrumEditor, sure_words
from gui.panels.take_table import Dots, DrumTable
from gui.take_editor import TakeEditor, first_words
from gui.take_sound import twin_of
from matcher.kits.kit import Kit

TELL_EACH_MS = 500  # ms between two looks at how long it still takes
BUTTONS = {  # text, with a letter for Alt that no menu has, and what it does
    "merge": ("&Merge", "Make one drum of those chosen"),
    "split": ("&Split", "Make two drums of the chosen one, by how its hits sound"),
    "leave_out": ("&Leave out", "Leave the chosen drums without a pad, or give them one again"),
    "undo": ("&Undo", "Take the last change of the list back (Ctrl+Z in the list)"),
    "cancel": ("Ca&ncel", "End fitting and the list; what was done is kept for the next time"),
    "match_button": ("Match &one hit", "It is no take: match its loudest hit for the chosen pad"),
    "save_button": (
        "S&ave files…", "Save the take's kit, its notes as a MIDI file, and the kit playing them"
    ),
    "close_button": ("&Close", "Show the pads; Ctrl+T shows the list again as it is (Esc)"),
    "put_button": ("&Put on pads", "Put the drums on pads of the kit that is open, as one edit"),
}  # fmt: skip


class TakeSheet(QWidget):
    """A list of drums and the editor of the chosen one; the kit is as it was until `put`.

    Signals:
        play: samples (frames,) to play, and their rate in Hz.
        put: the KitOfTake to put on the pads.
        save: the KitOfTake to write to files.
        match: the recording is to be matched as a single hit instead.
        changed: the list differs from what it was.
        closed: the pads are to be shown again.
        cancelled: the list is not wanted any more.

    Args:
        editor: the list and its fits.
        is_file: whether the take is a recording, one hit of which might be matched.
    """

    play = pyqtSignal(object, float)
    put = pyqtSignal(object)
    save = pyqtSignal(object)
    match = pyqtSignal()
    changed = pyqtSignal()
    closed = pyqtSignal()
    cancelled = pyqtSignal()

    def __init__(self, editor: TakeEditor, is_file: bool = True):
        super().__init__()
        self.editor, self._twin_is_next, self._kit = editor, False, editor.kit
        self._sound = Background(self, newest_only=True)
        self._sound.done.connect(lambda sound: self.play.emit(*sound))
        self._sound.failed.connect(self._tell)
        self._make_widgets()
        self.match_button.setVisible(is_file)
        self._put_together()
        self._connect()
        self._timer = QTimer(self, interval=TELL_EACH_MS)
        self._timer.timeout.connect(self._show_progress)
        self.refresh()
        self.table.choose(0)
        self._tell(first_words(editor))

    # what is shown

    @property
    def row(self) -> int:
        """The chosen drum; 0 where none is."""
        return min(max(0, self.table.currentRow()), max(0, len(self.editor.list_.rows) - 1))

    def show_kit(self, kit: Kit) -> None:
        """Show on which pads of this kit the drums will go."""
        if kit is not self.editor.kit:
            self.editor.kit = kit
            self._refresh_if_seen()

    def refresh(self) -> None:
        """Show the list as it is."""
        editor, row = self.editor, self.row
        rows, placed = editor.list_.rows, editor.placed()
        names = editor.names(placed)
        if rows:
            editor.choose_hit_of(row)
        self.table.show_rows([self._shown(i, names[i], placed.get(i)) for i in range(len(rows))])
        pad = placed[row][0] if row in placed else None
        fitted = bool(rows) and editor.fitted(row) is not None
        self.drum.show_drum(editor.list_, row, names, editor.hit, editor.kit, pad, fitted)
        chosen = self.table.chosen
        self.merge.setEnabled(len(chosen) > 1)
        self.split.setEnabled(len(chosen) == 1 and len(rows[row].hits) > 1)
        out = bool(chosen) and not any(rows[i].on_pad for i in chosen)
        self.leave_out.setText("&Give a pad" if out else BUTTONS["leave_out"][0])
        self.leave_out.setEnabled(bool(chosen))
        self.undo.setEnabled(editor.edited)
        self._show_progress()

    def restyle(self) -> None:
        """Use the theme and the text size that the window has now."""
        self.table.restyle()
        self.refresh()

    def arrange(self, width: int) -> None:
        """Put the drum beside the table, or below it where `width` px are too few; buttons too."""
        for layout in (self._middle, self._buttons):
            items = [layout.itemAt(i) for i in range(layout.count())]
            needed = sum(item.minimumSize().width() for item in items) + 4 * em(self)
            layout.setDirection(_ACROSS if width >= needed else _DOWN)

    def _refresh_if_seen(self) -> None:
        if self.isVisible():
            self.refresh()

    def _shown(self, row: int, name: str, placed) -> tuple[tuple[str, ...], Dots]:
        """Texts and hits of a row; placed: its pad, note and name, or None."""
        list_, own = self.editor.list_, self.editor.list_.rows[row]
        if placed is not None:
            pad = f"{placed[0] + 1}, note {placed[1]} {midi_note_name(placed[1])}"
        else:
            pad = "no pad" if own.found.is_drum else sure_words(own)
        texts = (name, pad, str(len(own.hits)), self.editor.twin_words(row))
        at = tuple(list_.take.hits[i].onset / len(list_.take.x) for i in own.hits)
        chosen = None
        if row == self.row and self.editor.hit in own.hits:
            chosen = own.hits.index(self.editor.hit)
        return texts, Dots(at, tuple(list_.velocities(row)), chosen, own.on_pad)

    def _show_progress(self) -> None:
        done, total, _ = self.editor.fits.progress
        ready = self.editor.ready
        self.progress_words.setText(self.editor.progress_words())
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        self.progress.setVisible(not ready and total > 0)
        for button in (self.put_button, self.save_button):
            button.setEnabled(ready)

    def _tell(self, sentence: str) -> None:
        self.words.setText(sentence[:1].upper() + sentence[1:])

    # what is done

    def play_next(self) -> None:
        """Play the chosen hit, and its twin the next time."""
        self._hear(self._twin_is_next)

    def leave_field(self) -> bool:
        """Go from a field to the table, what is typed there not entered; False from elsewhere."""
        typing = isinstance(self.focusWidget(), QLineEdit) and self.focusWidget().hasFocus()
        if typing:
            self.drum.take_back()
            self.table.setFocus()
        return typing

    def close_down(self) -> None:
        """End fits and sounds."""
        self._timer.stop()
        self._sound.close()
        self.editor.fits.close()

    def _change(self, name: str, *arguments) -> None:
        """Change the list by one of its methods; tell why where that is not possible."""
        try:
            list_ = getattr(self.editor.list_, name)(*arguments)
            self._step(lambda: self.editor.change(list_))
        except ValueError as error:
            self._tell(str(error))

    def _step(self, do) -> None:
        """Go to another list, and choose the drum in it that has most hits of the one chosen."""
        list_ = self.editor.list_
        chosen = list_.rows[self.row].hits if list_.rows else ()
        if do():
            self._tell("")
            self.refresh()
            self.table.choose(self.editor.nearest_row(chosen))
            self.refresh()
            self.changed.emit()

    def _toggle_pads(self) -> None:
        if chosen := self.table.chosen:
            out = any(self.editor.list_.rows[i].on_pad for i in chosen)
            self._change("with_pad", chosen, not out)

    def _move_hit(self, to: int | None) -> None:
        """Move the chosen hit to another row, to one of its own (-1), or to none (None)."""
        if to is None or to < 0:
            self._change("without" if to is None else "alone", self.editor.hit)
        else:
            self._change("moved", self.editor.hit, to)

    def _choose_hit(self, hit: int) -> None:
        self.editor.hit = hit
        self.refresh()
        self._hear(False)

    def _choose_pad(self, pad: int) -> None:
        note = self.editor.kit.pads[pad].note
        self._change("with_note", self.row, note, self.editor.pitches)

    def _hear(self, twin: bool) -> None:
        """Play the chosen hit as recorded, or as its twin plays it."""
        list_, hit, row = self.editor.list_, self.editor.hit, self.row
        if hit is None or not list_.rows:
            return
        clip, fitted = list_.take.clip(list_.take.hits[hit]), self.editor.fitted(row)
        if twin and fitted is not None:
            velocity = list_.velocities(row)[list_.rows[row].hits.index(hit)]
            self._sound.do(lambda: (twin_of(fitted.drum, clip, velocity), clip.sample_rate))
        else:
            self._sound.do(lambda: (clip.samples, clip.sample_rate))
        self._twin_is_next = not twin

    # keys

    def event(self, event):
        """Take Ctrl+Z before the window, which would undo an edit of the kit."""
        if event.type() == QEvent.Type.ShortcutOverride and event.matches(_UNDO):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event):
        if event.matches(_UNDO):
            self.undo.click()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event):
        super().showEvent(event)
        self.refresh()
        self._timer.start()

    def hideEvent(self, event):
        super().hideEvent(event)
        self._timer.stop()

    # how it is built

    def _make_widgets(self) -> None:
        self.title = label(f"DRUMS OF {in_title(self.editor.name)}", of="recorded")
        self.table, self.drum = DrumTable(), DrumEditor()
        self.words, self.progress_words = label(), label(quiet=True)
        self.words.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Drums fitted")
        self.progress.setTextVisible(False)
        for name, does in (
            ("merge", lambda: self._change("merged", self.table.chosen)),
            ("split", lambda: self._change("split", self.row)),
            ("leave_out", self._toggle_pads), ("undo", lambda: self._step(self.editor.undo)),
            ("match_button", self.match.emit), ("cancel", self.cancelled.emit),
            ("close_button", self.closed.emit),
            ("put_button", lambda: self.put.emit(self.editor.made())),
            ("save_button", lambda: self.save.emit(self.editor.made())),
        ):  # fmt: skip
            setattr(self, name, _button(*BUTTONS[name], does))

    def _connect(self) -> None:
        table, drum = self.table, self.drum
        for signal, do in (
            (self.editor.fits.changed, self._refresh_if_seen),
            (table.itemSelectionChanged, self.refresh), (table.leave_out, self._toggle_pads),
            (table.hear, lambda _: self._hear(False)), (drum.hear, self._hear),
            (table.chose_hit, lambda i, k: self._choose_hit(self.editor.list_.rows[i].hits[k])),
            (drum.renamed, lambda text: self._change("named", self.row, text)),
            (drum.pad_chosen, self._choose_pad), (drum.hit_chosen, self._choose_hit),
            (drum.hit_moved, self._move_hit),
        ):  # fmt: skip
            signal.connect(do)

    def _put_together(self) -> None:
        column, gap = panel_in(self, QVBoxLayout)
        column.setSpacing(gap)
        top = _row(self.title, self.words, self.progress_words, self.progress, self.cancel)
        top.setStretchFactor(self.words, 1)
        column.addLayout(top)
        self._middle, self._buttons = QBoxLayout(_ACROSS), QBoxLayout(_ACROSS)
        self._middle.addWidget(self.table, 3)
        self._middle.addWidget(self.drum, 2)
        self._buttons.addLayout(_row(self.merge, self.split, self.leave_out, self.undo))
        self._buttons.addStretch(1)
        self._buttons.addLayout(_row(self.match_button, self.save_button, self.close_button,
                                     self.put_button))  # fmt: skip
        for layout in (self._middle, self._buttons):
            layout.setSpacing(gap)
            column.addLayout(layout)
        column.setStretchFactor(self._middle, 1)


_ACROSS, _DOWN = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
_UNDO = QKeySequence.StandardKey.Undo


def _button(text: str, tip: str, does) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleDescription(tip)
    button.clicked.connect(lambda: does())
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
