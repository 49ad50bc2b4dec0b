"""Two pages of text: shortcuts and About."""

from PyQt6.QtWidgets import QMessageBox, QWidget

import matcher

SHORTCUTS = (
    ("Z X C V, A S D F, Q W E R, 1 2 3 4", "play the pads, bottom row first"),
    ("B", "play the recorded hit, then its twin"),
    ("Esc", "silence everything, put the list of a take away"),
    ("M", "match or trigger mode"),
    ("L", "calibrate detection with a few hits"),
    ("Tab, Shift+Tab", "go to the next control, or the one before"),
    ("arrow keys, Page up and down", "turn a knob, move the threshold or the strike point"),
    ("Enter on a knob", "type its value"),
    ("Backspace on a knob", "go back to the matched value"),
    ("Ctrl+N, Ctrl+O, Ctrl+S, Ctrl+Shift+S", "new kit, open, save, save as"),
    ("Ctrl+I, Ctrl+K", "match a recording, make a kit from a take"),
    ("Ctrl+T", "show the list of the take, or the pads"),
    ("Ctrl+Z, Ctrl+Shift+Z", "undo, redo"),
    ("Ctrl+E", "write the sound of the pad to a WAV file"),
    ("Ctrl+M", "show the last MIDI messages"),
    ("Ctrl+comma", "open the settings"),
    ("F1", "show this page"),
)


def show_shortcuts(window: QWidget) -> None:
    """Show all shortcuts."""
    rows = "".join(
        f"<tr><td><b>{keys}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>" for keys, what in SHORTCUTS
    )
    QMessageBox.information(window, "Shortcuts", f"<table>{rows}</table>")


def show_about(window: QWidget) -> None:
    """Show version, sources and licence."""
    QMessageBox.about(
        window, "About Drum matcher",
        f"<h3>Drum matcher {matcher.__version__}</h3><p>Hit a real drum; its physical twin "
        "plays under your fingers, as five numbers that you can turn.</p><p>Physical model and "
        "training after Han, Lostanlen and Lagrange (arXiv 2311.14213). Free software under "
        "the GNU GPL, version 3 or later.</p>",
    )  # fmt: skip
