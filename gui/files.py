"""Asking for files: which to open, where to save, and what to do with edits."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QStandardPaths
from PyQt6.QtWidgets import QFileDialog, QMessageBox, QWidget

from gui.controls import as_text
from gui.kit_export import KitExport
from gui.session import Session
from gui.takes import Takes
from matcher.kits.kit_file import SUFFIX
from matcher.kits.kit_folder import is_kit
from matcher.packs.formats import FORMATS

KITS = f"Kits (*{SUFFIX})"
SOUNDS = "Recordings (*.wav *.flac *.aiff *.aif *.ogg *.mp3)"


class Files:
    """The dialogs in front of a session's files; they open where the last file was."""

    def __init__(self, session: Session, parent: QWidget):
        self.session, self._parent = session, parent
        self.kit_export, self.takes = KitExport(session), Takes(session, parent)
        documents = QStandardPaths.StandardLocation.DocumentsLocation
        path = session.document.path
        self._folder = path.parent if path else Path(QStandardPaths.writableLocation(documents))

    def may_leave(self) -> bool:
        """Ask what to do with edits that are not saved; False to stay with them."""
        if not self.session.document.edited:
            return True
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self._parent, "Save the kit?",
            as_text(f"{self.session.editor.kit.name} has edits that are not saved."),
            buttons.Save | buttons.Discard | buttons.Cancel, buttons.Save,
        )  # fmt: skip
        return answer == buttons.Discard or (answer == buttons.Save and self.save())

    def open(self, path: Path) -> None:
        """Open what was dropped: a kit, a recording to match, or a take to list the drums of."""
        self._folder = path.parent
        if not is_kit(path):
            self.takes.open(path)
        elif self.may_leave():
            self.session.open(path)

    def close(self) -> None:
        """Stop what is being written, read and fitted."""
        self.kit_export.close()
        self.takes.close()

    def choose_kit(self) -> None:
        """Ask for a kit to open."""
        self._choose("Open a kit", KITS, self.open)

    def choose_recording(self) -> None:
        """Ask for a recording to match."""
        self._choose("Match a recording", SOUNDS, self.session.open)

    def choose_take(self) -> None:
        """Ask for a recording of a whole kit, to list its drums."""
        self._choose("Kit from a take", SOUNDS, self.takes.open_take)

    def choose_recordings(self) -> None:
        """Ask for a folder of recordings of single hits, to list their drums."""
        title = "Kit from a folder of recordings"
        given = QFileDialog.getExistingDirectory(self._parent, title, str(self._folder))
        if given:
            self._folder = Path(given)
            self.takes.open_folder(self._folder)

    def begin_new(self) -> None:
        """Begin an empty kit."""
        if self.may_leave():
            self.session.new_kit()

    def open_demo(self) -> None:
        """Open the kit that comes with the app."""
        if self.may_leave():
            self.session.open_demo()

    def open_starter(self, path: Path) -> None:
        """Begin with a kit that comes with the app; it has no file of its own yet."""
        if self.may_leave():
            self.session.begin_with(path)

    def save(self) -> bool:
        """Save the kit; False where it is not saved."""
        return self.session.save() if self.session.document.path else self.save_as()

    def save_as(self) -> bool:
        """Ask where to save the kit; False where it is not saved."""
        path = self._ask_where("Save the kit", self.session.editor.kit.name or "kit", KITS, SUFFIX)
        return path is not None and self.session.save(path)

    def export(self) -> None:
        """Ask where to write the chosen pad's sound."""
        editor = self.session.editor
        if editor.pad.drum is None:
            self.session.tell("error", "there is nothing on this pad to write to a file")
            return
        path = self._ask_where(
            "Write a WAV file", editor.name_of(editor.armed), "WAV (*.wav)", ".wav"
        )
        if path is not None:
            self.session.export(path)

    def export_kit(self, format_name: str) -> None:
        """Ask for a folder, and write the kit into it; format_name: one of FORMATS."""
        title = f"Write the kit as {FORMATS[format_name].label} into a folder"
        given = QFileDialog.getExistingDirectory(self._parent, title, str(self._folder))
        if not given:
            return
        self._folder = Path(given)
        path = self.kit_export.target(format_name, self._folder)
        if not path.exists() or self._may_replace(path):
            self.kit_export.start(format_name, path, path.exists())

    def _choose(self, title: str, kinds: str, do: Callable[[Path], None]) -> None:
        given, _ = QFileDialog.getOpenFileName(self._parent, title, str(self._folder), kinds)
        if given:
            self._folder = Path(given).parent
            do(Path(given))

    def _ask_where(self, title: str, name: str, kinds: str, suffix: str) -> Path | None:
        """A file to write, its suffix added; None for none."""
        plain = name.replace("/", "-") + suffix
        given, _ = QFileDialog.getSaveFileName(
            self._parent, title, str(self._folder / plain), kinds
        )
        path = Path(given)
        if not given:
            return None
        self._folder = path.parent
        if path.suffix.lower() == suffix:
            return path
        path = path.with_name(path.name + suffix)
        return path if not path.exists() or self._may_replace(path) else None

    def _may_replace(self, path: Path) -> bool:
        question = as_text(f"{path.name} is there already. Replace it?")
        answer = QMessageBox.question(self._parent, "Replace it?", question)
        return answer == QMessageBox.StandardButton.Yes
