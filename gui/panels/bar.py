"""The top bar: the kit's name, undo and redo, what a hit does, and how loud everything is."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPushButton, QSlider

from gui.controls import as_text, em, label
from gui.meter import Meter
from gui.session import Session
from matcher.kits.kit import LONGEST_NAME

MASTER_DB = (-60.0, 6.0)  # dB, least and most: from inaudible to a little above unity


class Bar(QFrame):
    """Name of the kit, undo, redo, match or trigger mode, master level."""

    def __init__(self, session: Session):
        super().__init__()
        self.session = session
        self.setProperty("panel", True)
        self.name = QLineEdit()
        self.name.setMaxLength(LONGEST_NAME)
        self.name.setAccessibleName("Name of the kit")
        self.name.textEdited.connect(lambda name: session.edit(session.editor.rename, name))
        self.name.editingFinished.connect(session.document.end_step)
        self.edited = label(of="recorded")
        self.undo, self.redo = QPushButton("Undo"), QPushButton("Redo")
        self.undo.clicked.connect(lambda: session.edit(session.editor.undo))
        self.redo.clicked.connect(lambda: session.edit(session.editor.redo))
        self.modes = {}
        for mode, tip in (("match", "A hit sets the drum of the chosen pad"),
                          ("trigger", "A hit plays the chosen pad at once")):  # fmt: skip
            button = QPushButton(mode.capitalize())
            button.setCheckable(True)
            button.setToolTip(f"{tip} (key M)")
            button.setAccessibleName(f"{mode.capitalize()} mode")
            button.clicked.connect(lambda _, m=mode: session.set_mode(m))
            self.modes[mode] = button
        self.master, self.master_text = QSlider(Qt.Orientation.Horizontal), label()
        self.master.setRange(*(round(2 * level) for level in MASTER_DB))
        self.master.setPageStep(6)
        self.master.setAccessibleName("Master level")
        self.master.setValue(round(2 * session.preferences.master_db))
        self._show_master(session.preferences.master_db)
        self.master.valueChanged.connect(lambda step: self._set_master(step / 2))
        self.meter = Meter("Output level", "twin")
        self._put_together()

    def refresh(self) -> None:
        """Show the kit's name and what can be undone."""
        document = self.session.document
        if self.name.text() != self.session.document.kit.name:
            self.name.setText(self.session.document.kit.name)
        self.edited.setText("● edited" if document.edited else "")
        for button, what in ((self.undo, document.undo_text), (self.redo, document.redo_text)):
            button.setToolTip(as_text(f"{button.text()} {what}".rstrip()))
            button.setEnabled(bool(what))

    def show_mode(self, mode: str) -> None:
        """Show what a hit does: "match" or "trigger"."""
        for name, button in self.modes.items():
            button.setChecked(name == mode)

    def _set_master(self, gain_db: float) -> None:
        self.session.set_master(gain_db)
        self._show_master(gain_db)

    def _show_master(self, gain_db: float) -> None:
        text = f"{gain_db:+.1f} dB"
        self.master_text.setText(text)
        self.master.setAccessibleDescription(text)
        self.master.setToolTip(f"How loud everything is played: {text}")

    def _put_together(self) -> None:
        gap, row = round(em(self) / 2), QHBoxLayout(self)
        row.setContentsMargins(gap, gap // 2, gap, gap // 2)
        row.setSpacing(gap)
        for widget, stretch in (
            (label("Kit:", quiet=True), 0), (self.name, 1), (self.edited, 0), (self.undo, 0),
            (self.redo, 0), (self.modes["match"], 0), (self.modes["trigger"], 0),
            (label("Master", quiet=True), 0), (self.master, 1), (self.master_text, 0),
            (self.meter, 1),
        ):  # fmt: skip
            row.addWidget(widget, stretch)
