"""The kit, written for other programs while the window goes on."""

import time
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from gui.background import Background
from gui.session import Session
from matcher.kits.kit import Kit
from matcher.packs.export import export, target
from matcher.packs.formats import FORMATS
from matcher.packs.options import PackOptions
from matcher.plugin.export import LICENCE, export_plugin

TELL_EACH_S = 0.2  # s between notes on how far it is


class KitExport(QObject):
    """Exports the session's kit, one at a time, and tells how far it is and where it went."""

    _at = pyqtSignal(str)  # from the thread that works

    def __init__(self, session: Session):
        super().__init__()
        self._session, self._cancelled, self._told = session, False, 0.0
        self._work = Background(self)
        self._work.done.connect(self._take)
        self._work.failed.connect(self._fail)
        self._at.connect(lambda text: session.tell("note", text, "Cancel", self._cancel))
        # what is offered as a plugin, and what installs it
        self.plugins = (("Plugin (LV2, CLAP, VST3)", self.install_plugin),)

    def target(self, format_name: str, folder: Path) -> Path:
        """What would be written: a file or a folder in this one."""
        document = self._session.document
        name = document.path.stem if document.path else document.kit.name
        return target(format_name, folder, name)

    def start(self, format_name: str, path: Path, replace: bool) -> None:
        """Write the kit as it is now.

        Args:
            format_name: one of FORMATS.
            path: as `target` gave it.
            replace: replace what is there.
        """
        kit, self._cancelled = self._session.document.kit, False
        self._session.tell("", "error")
        self._at.emit(f"writing {kit.name} as {FORMATS[format_name].label}…")
        self._work.do(lambda: self._export(kit, format_name, path, replace))

    def install_plugin(self) -> None:
        """Write the kit as it is now as a plugin, where this computer's hosts look."""
        kit, self._cancelled = self._session.document.kit, False
        self._session.tell("", "error")
        self._work.do(lambda: self._install(kit))

    def close(self) -> None:
        """Stop what is being written; nothing is left of it."""
        self._cancelled = True
        self._work.close()

    def _export(self, kit: Kit, format_name: str, path: Path, replace: bool) -> str:
        name = path.name.removesuffix(FORMATS[format_name].suffix)
        label, options = FORMATS[format_name].label, PackOptions(replace=replace)

        def progress(done: int, total: int) -> None:
            if self._cancelled:
                raise _Cancelled
            if time.monotonic() > self._told + TELL_EACH_S:
                self._told = time.monotonic()
                self._at.emit(f"writing {kit.name} as {label}: {done} of {total} sounds")

        try:
            return str(export(kit, format_name, path.parent, name, options, progress))
        except _Cancelled:
            return f"{path} is not written"
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror or error}") from error

    def _install(self, kit: Kit) -> str:
        try:
            written = export_plugin(kit)
        except OSError as error:
            raise ValueError(f"{error.filename}: {error.strerror or error}") from error
        return f"{', '.join(map(str, written))}: {LICENCE}"

    def _cancel(self) -> None:
        self._cancelled = True

    def _take(self, sentence: str) -> None:
        self._session.tell("", "note")
        self._session.tell("note", sentence)

    def _fail(self, reason: str) -> None:
        self._session.tell("", "note")
        self._session.tell("error", reason)


class _Cancelled(Exception):
    """The user does not want it any more."""
