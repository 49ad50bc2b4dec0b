"""The list of a take's drums: heard, merged, split, left out, named, put on pads or saved."""

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.background import Background
from gui.controls import as_text, em, label
from gui.panels.pad_button import midi_note_name
from gui.panels.take_drum import DrumEditor
from gui.panels.take_table import Dots, DrumTable
from gui.take_editor import TakeEditor, first_words
from gui.take_sound import twin_of
from matcher.kits.kit import Kit

TELL_EACH_MS = 500  # ms between two looks at how long it still takes
SIZE = (66, 34)  # text heights: width and height at the start
BUTTONS = {  # text and what it does, in the order of the rows they stand in
    "merge": ("&Merge", "Make one drum of those chosen"),
    "split": ("&Split", "Make two drums of the chosen one, by how its hits sound"),
    "leave_out": ("&Leave out", "Leave the chosen drums without a pad, or give them one again"),
    "undo": ("&Undo", "Take the last change of the list back"),
    "match_button": ("Match one &hit", "It is no take: match its loudest hit for the chosen pad"),
    "save_button": (
        "Save &files…", "Save the take's kit, its notes as a MIDI file, and the kit playing them"
    ),
    "cancel": ("&Cancel", "Close the list; the kit stays as it was"),
    "put_button": ("&Put on pads", "Put the drums on pads of the kit that is open, as one edit"),
}  # fmt: skip


class TakeDialog(QDialog):
    """A list of drums and the editor of the chosen one; the kit is as it was until `put`.

    Signals:
        play: samples (frames,) to play, and their rate in Hz.
        put: the KitOfTake to put on the pads.
        save: the KitOfTake to write to files.
        match: the recording is to be matched as a single hit instead.

    Args:
        editor: the list and its fits, which end with the dialog.
        is_file: whether the take is a recording, one hit of which might be matched.
        parent: the window.
    """

    play = pyqtSignal(object, float)
    put = pyqtSignal(object)
    save = pyqtSignal(object)
    match = pyqtSignal()

    def __init__(self, editor: TakeEditor, is_file: bool = True, parent=None):
        super().__init__(parent)
        self.editor, self._twin_is_next = editor, False
        self.setWindowTitle(f"Drums of {editor.name}")
        self._sound = Background(self, newest_only=True)
        self._sound.done.connect(lambda sound: self.play.emit(*sound))
        self._sound.failed.connect(self._tell)
        self._make_widgets()
        self.match_button.setVisible(is_file)
        self._put_together()
        editor.fits.changed.connect(self.refresh)
        self._timer = QTimer(self, interval=TELL_EACH_MS)
        self._timer.timeout.connect(self._show_progress)
        self._timer.start()
        self.refresh()
        self.table.choose(0)
        self._tell(first_words(editor.list_))
        self.table.setFocus()

    # what is shown

    @property
    def row(self) -> int:
        """The chosen drum; 0 where none is."""
        return min(max(0, self.table.currentRow()), max(0, len(self.editor.list_.rows) - 1))

    def show_kit(self, kit: Kit) -> None:
        """Show on which pads of this kit the drums will go."""
        if kit is not self.editor.kit:
            self.editor.kit = kit
            self.refresh()

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

    def _shown(self, row: int, name: str, placed) -> tuple[tuple[str, ...], Dots]:
        """Texts and dots of a row; placed: its pad, note and name, or None."""
        list_, own = self.editor.list_, self.editor.list_.rows[row]
        pad = "no pad"
        if placed is not None:
            pad = f"{placed[0] + 1}, note {placed[1]} {midi_note_name(placed[1])}"
        share = own.found.drum
        sure = f"drum {share:.0%}" if own.found.is_drum else f"▽ no drum {1 - share:.0%}"
        texts = (name, pad, str(len(own.hits)), f"{list_.loudest_db(row):.0f} dB", sure,
                 self.editor.twin_words(row))  # fmt: skip
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

    def _put(self) -> None:
        made = self.editor.made()
        self.done(QDialog.DialogCode.Accepted)
        self.put.emit(made)

    def _match(self) -> None:
        if self._may_close():
            self.done(QDialog.DialogCode.Rejected)
            self.match.emit()

    def reject(self):
        if self._may_close():
            super().reject()

    def done(self, result):
        """Close without asking."""
        self._timer.stop()
        self._sound.close()
        self.editor.fits.close()
        super().done(result)

    def _may_close(self) -> bool:
        """Ask where changes to the list would be lost."""
        if not self.editor.edited:
            return True
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self, "Close the list?",
            as_text(f"What you changed in the list of {self.editor.name} will be lost."),
            buttons.Discard | buttons.Cancel, buttons.Cancel,
        )  # fmt: skip
        return answer == buttons.Discard

    # how it is built

    def _make_widgets(self) -> None:
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
            ("match_button", self._match), ("cancel", self.reject), ("put_button", self._put),
            ("save_button", lambda: self.save.emit(self.editor.made())),
        ):  # fmt: skip
            setattr(self, name, _button(*BUTTONS[name], does))
        table, drum = self.table, self.drum
        for signal, do in (
            (table.itemSelectionChanged, self.refresh), (table.leave_out, self._toggle_pads),
            (table.hear, lambda: self._hear(False)), (drum.hear, self._hear),
            (table.chose_hit, lambda i, k: self._choose_hit(self.editor.list_.rows[i].hits[k])),
            (drum.renamed, lambda text: self._change("named", self.row, text)),
            (drum.pad_chosen, self._choose_pad), (drum.hit_chosen, self._choose_hit),
            (drum.hit_moved, self._move_hit),
        ):  # fmt: skip
            signal.connect(do)
        for keys, do in (
            ("B", lambda: self._hear(self._twin_is_next)),
            (QKeySequence.StandardKey.Undo, self.undo.click),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(do)

    def _choose_pad(self, pad: int) -> None:
        note = self.editor.kit.pads[pad].note
        self._change("with_note", self.row, note, self.editor.pitches)

    def _put_together(self) -> None:
        gap = round(em(self) / 2)
        column = QVBoxLayout(self)
        column.setSpacing(gap)
        column.addWidget(self.table, 1)
        column.addLayout(_row(self.merge, self.split, self.leave_out, self.undo, self.words))
        column.addWidget(self.drum)
        column.addLayout(_row(self.match_button, self.save_button, self.progress_words,
                              self.progress, self.cancel, self.put_button))  # fmt: skip
        self.resize(round(SIZE[0] * em(self)), round(SIZE[1] * em(self)))


def _button(text: str, tip: str, does) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleDescription(tip)
    button.setAutoDefault(False)
    button.clicked.connect(lambda: does())
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, not isinstance(widget, QPushButton))
    return row
