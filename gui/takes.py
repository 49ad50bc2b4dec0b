"""Recordings of a whole kit: read in the background, listed by drum, put on pads or saved."""

import time
from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QObject, QStandardPaths, pyqtSignal
from PyQt6.QtWidgets import QFileDialog, QMessageBox, QWidget

from gui.background import Background
from gui.controls import as_text
from gui.panels.take_dialog import TakeDialog
from gui.session import Session
from gui.take_editor import TakeEditor
from gui.take_fits import TakeFits
from gui.take_kit import put_on_pads
from matcher.kits.kit_file import SUFFIX
from matcher.takes import drums, folder, hits, kit_of_take
from matcher.takes.drum_list import DrumList
from matcher.takes.kit_of_take import REPORT, TWIN, KitOfTake

TELL_EACH_S = 0.2  # s between notes on how far it is
SEVERAL = 4  # hits from which on a dropped recording is a take: single ones were found 1 or 2 in
READING = 0.3  # share of the time that reading a take needs, and measuring its hits the rest


@dataclass(frozen=True, eq=False)
class Opened:
    """What came of a recording."""

    path: Path
    list_: DrumList | None  # None: it is no take, but a hit to match


class Takes(QObject):
    """Makes lists of the drums of takes, one at a time, beside the window.

    Args:
        session: of the window.
        parent: the window.
        processes: that fit drums at once; None: all but one of the processors.
    """

    _at = pyqtSignal(str)  # from the thread that works

    def __init__(self, session: Session, parent: QWidget, processes: int | None = None):
        super().__init__()
        self.dialog: TakeDialog | None = None  # of the list that is open
        self._session, self._parent, self._processes = session, parent, processes
        self._cancelled, self._told, self._began = False, 0.0, 0.0
        self._work, self._saving = Background(self), Background(self)
        self._work.done.connect(self._take)
        self._saving.done.connect(lambda sentence: self._tell("note", sentence))
        for work in (self._work, self._saving):
            work.failed.connect(lambda reason: self._tell("error", reason))
        self._at.connect(lambda text: session.tell("note", text, "Cancel", self._cancel))
        session.changed.connect(self._show_kit)

    def open(self, path: Path) -> None:
        """Open what was dropped: a folder, a recording of several hits, or one to match."""
        if path.is_dir():
            self.open_folder(path)
            return
        pad, kit = self._session.editor.armed, self._session.editor.kits_begun
        self._do(path, lambda: (_opened(path, self._progress, SEVERAL), pad, kit))

    def open_take(self, path: Path) -> None:
        """List the drums of a recording of a whole kit."""
        self._do(path, lambda: (_opened(path, self._progress), 0, 0))

    def open_folder(self, path: Path) -> None:
        """List the drums of a folder of recordings of single hits."""
        self._do(path, lambda: (_opened_folder(path, self._progress), 0, 0))

    def close(self) -> None:
        """Stop what is being read, fitted and written."""
        self._cancelled = True
        self._work.close()
        self._saving.close()
        if self.dialog is not None:
            self.dialog.done(0)

    def _do(self, path: Path, job) -> None:
        self._session.tell("", "error")
        self._cancelled, self._began = False, time.monotonic()
        self._told, self._name = self._began, path.name
        self._work.do(lambda: _unless_cancelled(job))

    def _progress(self, share: float) -> None:
        if self._cancelled:
            raise _Cancelled
        now = time.monotonic()
        if now > self._told + TELL_EACH_S:
            self._told = now
            left_s = (now - self._began) * (1 - share) / max(share, 0.01)
            self._at.emit(f"finding the drums of {self._name}: {share:.0%}, {left_s:.0f} s left")

    def _cancel(self) -> None:
        self._cancelled = True

    def _tell(self, kind: str, sentence: str) -> None:
        self._session.tell("", "note")
        self._session.tell(kind, sentence)

    def _take(self, result) -> None:
        self._session.tell("", "note")
        if result is None:
            self._tell("note", f"{self._name} is not opened")
            return
        opened, pad, kit = result
        if opened.list_ is None:
            if kit == self._session.editor.kits_begun:
                self._session.match(opened.path, pad)
        elif self.dialog is not None:
            self._show_dialog()
            open_ = self.dialog.editor.name
            self._tell("note", f"the drums of {open_} are listed; close that list first")
        else:
            self._open_dialog(opened)

    def _open_dialog(self, opened: Opened) -> None:
        fits = TakeFits(fits_folder(), self._session.editor.setup.model, self._processes)
        name = opened.path.name if opened.path.is_dir() else opened.path.stem
        editor = TakeEditor(opened.list_, fits, name, self._session.editor.kit)
        self.dialog = dialog = TakeDialog(editor, opened.path.is_file(), self._parent)
        fits.setParent(dialog)
        dialog.play.connect(self._session.audition)
        dialog.put.connect(self._put)
        dialog.save.connect(self._save)
        dialog.match.connect(lambda: self._session.open(opened.path))
        dialog.finished.connect(self._closed)
        fits.failed.connect(lambda reason: self._tell("error", reason))
        self._show_dialog()

    def _show_dialog(self) -> None:
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def _closed(self) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog is not None:
            dialog.deleteLater()

    def _show_kit(self) -> None:
        if self.dialog is not None:
            self.dialog.show_kit(self._session.editor.kit)

    def _put(self, made: KitOfTake) -> None:
        session, pads = self._session, []
        session.edit(lambda: pads.extend(put_on_pads(session.editor, made)))
        session.choose(pads[0])
        n = f"{len(pads)} drums" if len(pads) != 1 else "one drum"
        text = f"{n} of {made.kit.name} put on the pads"
        session.tell("note", text, "Undo", lambda: session.edit(session.editor.undo))

    def _save(self, made: KitOfTake) -> None:
        """Ask for a folder, and write kit, MIDI file, twin and report into it."""
        title = "Save kit, MIDI file and twin of the take in a folder"
        given = QFileDialog.getExistingDirectory(self.dialog, title)
        if not given:
            return
        stem, where = made.kit.name.replace("/", "-"), Path(given)
        names = (f"{stem}{SUFFIX}", f"{stem}.mid", TWIN, REPORT)
        if there := [name for name in names if (where / name).exists()]:
            question = as_text(f"{there[0]} is there already. Replace what is there?")
            answer = QMessageBox.question(self.dialog, "Replace it?", question)
            if answer != QMessageBox.StandardButton.Yes:
                return
        self._session.tell("note", f"writing the files of {made.kit.name}…")
        self._saving.do(lambda: _saved(made, where, stem))


class _Cancelled(Exception):
    """The user does not want it any more."""


def _unless_cancelled(job):
    try:
        return job()
    except _Cancelled:
        return None


def _opened(path: Path, progress, several: int = 1) -> Opened:
    """The drums of a take; none of what has less than `several` hits, or cannot be read.

    With `several` at 1 everything is a take, and errors are raised.
    """
    try:
        take = hits.read(path, lambda share: progress(READING * share))
    except ValueError:
        if several > 1:
            return Opened(path, None)  # the match says what is wrong
        raise
    if len(take.hits) < several:
        return Opened(path, None)
    measured = drums.measure(take, lambda share: progress(READING + (1 - READING) * share))
    return Opened(path, DrumList.of(take, measured, drums.find(take, measured)))


def _opened_folder(path: Path, progress) -> Opened:
    return Opened(path, DrumList.of(*folder.read(path, progress=progress)))


def _saved(made: KitOfTake, where: Path, stem: str) -> str:
    try:
        written = kit_of_take.save(made, where, stem)
    except OSError as error:
        raise ValueError(f"{error.filename or where}: {error.strerror or error}") from error
    return f"written in {where}: {', '.join(path.name for path in written)}"


def fits_folder() -> Path:
    """Where fits are kept, so that a take that is opened again is fitted already."""
    place = QStandardPaths.StandardLocation.CacheLocation
    return Path(QStandardPaths.writableLocation(place)) / "fitted"
