"""The menus of the window; what they do is in Files, the panels and the window itself."""

from pathlib import Path

from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QMainWindow, QMenu

from gui.controls import in_menu
from gui.files import Files
from gui.pages import show_about, show_shortcuts
from gui.panels.bar import Bar
from gui.panels.pads import PadsPanel
from matcher.kits.starters import STARTERS
from matcher.packs.formats import FORMATS


class Menus:
    """File, Edit, View and Help.

    Args:
        window: whose menu bar is filled.
        files: does what File says.
        bar: has the buttons of undo and redo.
        pads: has the chosen pad.
        settings, monitor: show these dialogs.
    """

    def __init__(self, window: QMainWindow, files: Files, bar: Bar, pads: PadsPanel, settings,
                 monitor):  # fmt: skip
        menu_bar, self._files = window.menuBar(), files
        self._fill_file(menu_bar.addMenu("&File"), window, settings)
        self._fill_edit(menu_bar.addMenu("&Edit"), bar, pads)
        self._fill_view(menu_bar.addMenu("&View"), monitor)
        menu = menu_bar.addMenu("&Help")
        _action(menu, "&Shortcuts", "F1", lambda: show_shortcuts(window))
        _action(menu, "&About Drum matcher", "", lambda: show_about(window))

    def show_undo(self, undo: str, redo: str) -> None:
        """Show what can be undone and done again, in words; empty: nothing."""
        for action, word, what in ((self.undo, "Undo", undo), (self.redo, "Redo", redo)):
            action.setText(in_menu(f"{word} {what}".rstrip()))
            action.setEnabled(bool(what))

    def show_recent(self, paths: tuple[str, ...]) -> None:
        """Offer these kits."""
        self.recent.clear()
        for path in paths:
            _action(self.recent, in_menu(path), "", lambda p=path: self._files.open(Path(p)))
        self.recent.setEnabled(bool(paths))

    def show_take(self, there: bool, showing: bool) -> None:
        """Show whether there is the list of a take, and whether it is seen."""
        self.take.setEnabled(there)
        self.take.setChecked(showing)

    def _fill_file(self, menu: QMenu, window: QMainWindow, settings) -> None:
        files = self._files
        for text, keys, do in (
            ("&New kit", "Ctrl+N", files.begin_new), ("&Open a kit…", "Ctrl+O", files.choose_kit),
            ("&Save", "Ctrl+S", files.save), ("Save &as…", "Ctrl+Shift+S", files.save_as),
            ("Open the &demo kit", "", files.open_demo),
            ("&Match a recording…", "Ctrl+I", files.choose_recording),
            ("Kit from a ta&ke…", "Ctrl+K", files.choose_take),
            ("Kit from a folder of &recordings…", "", files.choose_recordings),
            ("&Export the pad as WAV…", "Ctrl+E", files.export),
        ):  # fmt: skip
            _action(menu, text, keys, do)
        self._fill_export(menu.addMenu("E&xport the kit"))
        starters = menu.addMenu("Start&er kits")
        for starter in STARTERS.values():
            _action(starters, starter.label, "", lambda p=starter.path: files.open_starter(p))
        self.recent = menu.addMenu("Re&cent kits")
        menu.addSeparator()
        _action(menu, "Se&ttings…", "Ctrl+,", settings)
        _action(menu, "&Quit", "Ctrl+Q", window.close)

    def _fill_export(self, menu: QMenu) -> None:
        """Packs into a folder that is asked for; plugins to where hosts look for them."""
        for name, row in FORMATS.items():
            _action(menu, f"{row.label}…", "", lambda n=name: self._files.export_kit(n))
        for text, install in self._files.kit_export.plugins:
            _action(menu, text, "", install)

    def _fill_edit(self, menu: QMenu, bar: Bar, pads: PadsPanel) -> None:
        self.undo = _action(menu, "Undo", "Ctrl+Z", bar.undo.click)
        self.redo = _action(menu, "Redo", "Ctrl+Shift+Z", bar.redo.click)
        self.redo.setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
        menu.addSeparator()
        _action(menu, "&Copy the pad", "", pads.copy.emit)
        _action(menu, "&Paste on the pad", "", pads.paste.emit)
        _action(menu, "C&lear the pad", "", pads.clear.emit)

    def _fill_view(self, menu: QMenu, monitor) -> None:
        takes = self._files.takes
        self.take = _action(menu, "&Drums of the take", "Ctrl+T",
                            lambda: takes.show(not takes.showing))  # fmt: skip
        self.take.setCheckable(True)
        self.take.setEnabled(False)  # until there is one
        _action(menu, "&MIDI monitor", "Ctrl+M", monitor)


def _action(menu: QMenu, text: str, keys: str, do) -> QAction:
    action = QAction(text, menu)
    if keys:
        action.setShortcut(QKeySequence(keys))
    action.triggered.connect(lambda: do())
    menu.addAction(action)
    return action
