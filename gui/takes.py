"""Recordings of a whole kit: read in the background, listed by drum, put on pads or saved."""

import time
from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QObject, QStandardPaths, pyqtSignal
from PyQt6.QtWidgets import QFileDialog, QMessageBox, QWidget

from gui.background import Background
from gui.controls import as_text
from gui.panels.take_sheet import TakeSheet
from gui.session import Session
from gui.take_editor import TakeEditor
from gui.take_fits import TakeFits
from gui.take_kit import put_on_pads
from matcher.takes import drums, folder, hits, kept, kept_lists, kit_of_take
from matcher.takes.drum_list import DrumList
from matcher.takes.drums import FoundDrum, MeasuredHit
from matcher.takes.hits import Take
from matcher.takes.kit_of_take import KitOfTake

TELL_EACH_S = 0.2  # s between notes on how far it is
SEVERAL = 4  # hits from which on a dropped recording is a take: single ones were found 1 or 2 in
MOST_LISTS = 500  # in the folder, some kB each
READING = 0.3  # share of the time that reading a take needs, and measuring its hits the rest


@dataclass(frozen=True, eq=False)
class Opened:
    """What came of a recording."""

    path: Path
    list_: DrumList | None  # None: it is no take, but a hit to match
    key: str = ""  # of what is kept of the list
    kept: DrumList | None = None  # the list as it was left the last time, if it differs
    stamp: tuple = ()  # of the file; empty for a folder


class Takes(QObject):
    """Makes lists of the drums of takes, and keeps the last one, shown or not.

    Signals:
        changed: the list is there, shown, put away or gone.

    Args:
        session: of the window.
        parent: the window.
        processes: that fit drums at once; None: all but one of the processors.
    """

    changed = pyqtSignal()
    _at = pyqtSignal(str)  # from the thread that works

    def __init__(self, session: Session, parent: QWidget, processes: int | None = None):
        super().__init__()
        self.sheet: TakeSheet | None = None  # of the list that is there
        self.showing = False  # the sheet, in place of the pads
        self._opened: Opened | None = None  # what the sheet lists
        self._session, self._parent, self._processes = session, parent, processes
        self._cancelled, self._told, self._began = False, 0.0, 0.0
        self._work, self._saving, self._keeping = (Background(self) for _ in range(3))
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
        elif not self._show_again(path):
            pad, kit = self._session.editor.armed, self._session.editor.kits_begun
            self._do(path, lambda: (_opened(path, self._progress, SEVERAL), pad, kit))

    def open_take(self, path: Path) -> None:
        """List the drums of a recording of a whole kit."""
        if not self._show_again(path):
            self._do(path, lambda: (_opened(path, self._progress), 0, 0))

    def open_folder(self, path: Path) -> None:
        """List the drums of a folder of recordings of single hits."""
        self._do(path, lambda: (_opened_folder(path, self._progress), 0, 0))

    def show(self, showing: bool = True) -> None:
        """Show the list, if there is one, or the pads."""
        if self.sheet is not None and showing != self.showing:
            self.showing = showing
            if not showing:
                self.sheet.editor.fits.rest()
            self.changed.emit()

    def discard(self) -> None:
        """End the list and its fits; what was done to it is kept for the next time."""
        if self.sheet is not None:
            sheet, self.sheet, self.showing = self.sheet, None, False
            sheet.hide()
            self.changed.emit()
            sheet.close_down()
            sheet.deleteLater()

    def close(self) -> None:
        """Stop what is being read, fitted and written."""
        self._cancelled = True
        for work in (self._work, self._saving):
            work.close()
        self._keeping.finish()
        self.discard()

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
        if opened.list_ is not None:
            self._list(opened)
        elif kit == self._session.editor.kits_begun:
            self._session.match(opened.path, pad)

    def _show_again(self, path: Path) -> bool:
        """Show the list that is there, if it is of this recording."""
        same = self.sheet is not None and _stamp(path) == self._opened.stamp != ()
        if same:
            self.show()
        return same

    def _list(self, opened: Opened) -> None:
        self.discard()
        fits = TakeFits(folder_of("fitted"), self._session.editor.setup.model, self._processes)
        name = opened.path.name if opened.path.is_dir() else opened.path.stem
        editor = TakeEditor(opened.list_, fits, name, self._session.editor.kit, opened.kept)
        sheet = TakeSheet(editor, opened.path.is_file())
        fits.setParent(sheet)
        for signal, do in (
            (sheet.play, self._session.audition), (sheet.put, self._put), (sheet.save, self._save),
            (sheet.match, self._match), (sheet.changed, self._keep),
            (sheet.closed, lambda: self.show(False)), (sheet.cancelled, self.discard),
            (fits.failed, lambda reason: self._tell("error", reason)),
        ):  # fmt: skip
            signal.connect(do)
        self.sheet, self._opened = sheet, opened
        self.show()

    def _match(self) -> None:
        path = self._opened.path
        self.discard()
        self._session.open(path)

    def _keep(self) -> None:
        """Write the list as it is now, in the background; that it cannot be written is no error."""
        editor, key, folder = self.sheet.editor, self._opened.key, folder_of("lists")
        if not editor.edited:
            self._keeping.do(lambda: kept_lists.forget(folder, key))
            return
        list_ = editor.list_
        self._keeping.do(lambda: kept_lists.save(folder, key, list_))

    def _show_kit(self) -> None:
        if self.sheet is not None:
            self.sheet.show_kit(self._session.editor.kit)

    def _put(self, made: KitOfTake) -> None:
        session, pads = self._session, []
        self.show(False)
        session.edit(lambda: pads.extend(put_on_pads(session.editor, made)))
        session.choose(pads[0])
        n = f"{len(pads)} drums" if len(pads) != 1 else "one drum"
        text = f"{n} of {made.kit.name} put on the pads"
        session.tell("note", text, "Undo", lambda: session.edit(session.editor.undo))

    def _save(self, made: KitOfTake) -> None:
        """Ask for a folder, and write kit, MIDI file, twin and report into it."""
        title = "Save kit, MIDI file and twin of the take in a folder"
        given = QFileDialog.getExistingDirectory(self._parent, title)
        if not given:
            return
        stem, where = made.kit.name.replace("/", "-"), Path(given)
        if there := [path for path in kit_of_take.file_paths(where, stem) if path.exists()]:
            question = as_text(f"{there[0].name} is there already. Replace what is there?")
            answer = QMessageBox.question(self._parent, "Replace it?", question)
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
    return _listed(path, take, measured, drums.find(measured))


def _opened_folder(path: Path, progress) -> Opened:
    return _listed(path, *folder.read(path, progress=progress))


def _listed(path: Path, take: Take, measured: list[MeasuredHit], found: list[FoundDrum]) -> Opened:
    list_, key, kept_in = (
        DrumList.of(take, measured, found),
        kept_lists.key_of(take),
        folder_of("lists"),
    )
    kept.thin_out(kept_in, MOST_LISTS)
    return Opened(path, list_, key, kept_lists.load(kept_in, key, list_), _stamp(path))


def _stamp(path: Path) -> tuple:
    """What tells a file from others, and from what it was before; empty for a folder."""
    if not path.is_file():
        return ()
    state = path.stat()
    return path.resolve(), state.st_mtime_ns, state.st_size


def _saved(made: KitOfTake, where: Path, stem: str) -> str:
    try:
        written = kit_of_take.save(made, where, stem)
    except OSError as error:
        raise ValueError(f"{error.filename or where}: {error.strerror or error}") from error
    return f"written in {where}: {', '.join(path.name for path in written)}"


def folder_of(what: str) -> Path:
    """Where "fitted" drums or "lists" are kept, so that a take that is opened again goes on."""
    place = QStandardPaths.StandardLocation.CacheLocation
    return Path(QStandardPaths.writableLocation(place)) / what
