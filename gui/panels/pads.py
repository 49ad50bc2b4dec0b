"""The bottom: sixteen pads to play, and the editor of the chosen one."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QApplication,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from gui.controls import em, label, panel
from gui.knob import parameter_knob
from gui.panels.pad_button import COLUMNS, PadButton
from matcher.kits.kit import CURVES, LONGEST_NAME, N_CHOKE_GROUPS, N_PADS, WHOLE_NUMBERS, Pad
from matcher.physics.parameters import PARAMETERS


class PadsPanel(QWidget):
    """The pads and the editor of the chosen one.

    Signals:
        play: pad, and velocity in [0, 1].
        choose: pad.
        change: what was done in words, name of a field of Pad, and its new value.
        turned: name of one of PARAMETERS, and its new value.
        released: a knob or a field is let go: the next edit is a step of its own.
        learn, forget: name of a parameter that a MIDI controller is to turn, or no more.
        learn_note, solo, copy, paste, clear, export: the buttons of the chosen pad.
        learn_more: as learn_note, for one more note of the pad.
    """

    play = pyqtSignal(int, float)
    choose = pyqtSignal(int)
    change = pyqtSignal(str, str, object)
    turned = pyqtSignal(str, float)
    released = pyqtSignal()
    learn_note = pyqtSignal()
    learn_more = pyqtSignal()
    learn = pyqtSignal(str)
    forget = pyqtSignal(str)
    solo = pyqtSignal(bool)
    copy = pyqtSignal()
    paste = pyqtSignal()
    clear = pyqtSignal()
    export = pyqtSignal()

    def __init__(self):
        super().__init__()
        self.chosen = 0
        self.buttons = [PadButton(i) for i in range(N_PADS)]
        for button in self.buttons:
            button.played.connect(lambda velocity, i=button.index: self.play.emit(i, velocity))
            button.pick.connect(lambda step, i=button.index: self._pick(i, step))
        self._make_editor()
        self._put_together()

    def show_kit(self, pads: tuple[Pad, ...], chosen: int, solo: frozenset[int]) -> None:
        """Show these pads, one of them chosen; solo: those that alone sound, all where empty."""
        self.chosen = chosen
        for i, (button, pad) in enumerate(zip(self.buttons, pads)):
            button.show_pad(pad, i == chosen, bool(solo) and i not in solo)
        pad = pads[chosen]
        edited = (self.name, self.note, self.curve, self.choke, self.solo_button)
        for widget in edited:
            widget.blockSignals(True)
        if self.name.text() != pad.name:
            self.name.setText(pad.name)
        self.note.setValue(pad.note)
        self.curve.setCurrentIndex(self.curve.findData(pad.curve))
        self.choke.setCurrentIndex(pad.choke)
        self.solo_button.setChecked(chosen in solo)
        for widget in edited:
            widget.blockSignals(False)
        if not self.more_notes.hasFocus():
            self.more_notes.setText(", ".join(map(str, pad.more_notes)))
        for name, knob in self.knobs.items():
            knob.set_value(getattr(pad, name))
        self.title.setText(f"Pad {chosen + 1}")
        for button in (self.wav, self.clear_button):
            button.setEnabled(pad.drum is not None)
        self._show_velocity()

    def show_controllers(self, controllers: dict[int, str]) -> None:
        """Show which MIDI controller turns what."""
        numbers = {name: cc for cc, name in controllers.items()}
        for name, knob in self.knobs.items():
            knob.set_controller(numbers.get(name))

    def show_learning(self, learning: bool) -> None:
        """Show whether the next MIDI note is awaited."""
        self.learn_button.setText("Play a note…" if learning else "Learn")

    def flash(self, pad: int, velocity: int) -> None:
        """Show that a pad was played, velocity 1 to 127."""
        self.buttons[pad].flash(velocity)
        if pad == self.chosen:
            self._show_velocity()

    def _show_velocity(self) -> None:
        velocity = self.buttons[self.chosen].velocity
        self.velocity.setText(f"last velocity {velocity}" if velocity else "not played yet")

    def _learn(self) -> None:
        shift = QApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier
        (self.learn_more if shift else self.learn_note).emit()

    def _set_more_notes(self) -> None:
        words = self.more_notes.text().replace(",", " ").split()
        notes = tuple(int(word) if word.isdecimal() and len(word) < 4 else word for word in words)
        self.change.emit("notes of a pad", "more_notes", notes)
        self.released.emit()

    def _pick(self, index: int, step: int) -> None:
        wanted = index + step
        if 0 <= wanted < N_PADS and (abs(step) != 1 or wanted // COLUMNS == index // COLUMNS):
            self.choose.emit(wanted)
            self.buttons[wanted].setFocus()

    def _make_editor(self) -> None:
        self.title, self.velocity = label("Pad 1", of="twin"), label("", quiet=True)
        self.name = QLineEdit()
        self.name.setMaxLength(LONGEST_NAME)
        self.name.setPlaceholderText("name")
        self.name.setAccessibleName("Name of the pad")
        self.name.textEdited.connect(lambda text: self.change.emit("name of a pad", "name", text))
        self.name.editingFinished.connect(self.released)
        self.note = QSpinBox()
        self.note.setRange(*WHOLE_NUMBERS["note"])
        self.note.setPrefix("note ")
        self.note.setKeyboardTracking(False)  # 38 is not first 3, then 38
        self.note.setAccessibleName("MIDI note")
        self.note.setToolTip("The MIDI note that plays this pad")
        self.note.valueChanged.connect(lambda n: self.change.emit("note of a pad", "note", n))
        self.note.editingFinished.connect(self.released)
        self.learn_button = QPushButton("Learn")
        self.learn_button.setAccessibleName("Learn the MIDI note")
        self.learn_button.setToolTip(
            "Take the next note that is played as this pad's; with Shift as one more of its notes"
        )
        self.learn_button.clicked.connect(self._learn)
        self.more_notes = QLineEdit()
        self.more_notes.setPlaceholderText("more notes")
        self.more_notes.setAccessibleName("More MIDI notes")
        self.more_notes.setToolTip("MIDI notes that play this pad as well, as 40, 42")
        self.more_notes.editingFinished.connect(self._set_more_notes)
        self.curve = QComboBox()
        self.curve.setAccessibleName("Velocity curve")
        self.curve.setToolTip("How hard you have to play: exponential, harder; logarithmic, softer")
        for curve in CURVES:
            self.curve.addItem(curve, curve)
        self.curve.activated.connect(
            lambda i: self.change.emit("velocity curve", "curve", self.curve.itemData(i))
        )
        self.choke = QComboBox()
        self.choke.setAccessibleName("Choke group")
        self.choke.setToolTip("Pads of one choke group cut each other off, as two hi-hats do")
        for group in range(N_CHOKE_GROUPS + 1):
            self.choke.addItem(f"choke {group}" if group else "no choke", group)
        self.choke.activated.connect(lambda i: self.change.emit("choke group", "choke", i))
        self.knobs = {}
        for name in ("gain_db", "pan", "tune"):
            knob = parameter_knob(PARAMETERS[name])
            knob.dial.setAccessibleName(f"{knob.name} of the pad")
            knob.turned.connect(lambda value, n=name: self.turned.emit(n, value))
            knob.released.connect(self.released)
            knob.learn.connect(lambda n=name: self.learn.emit(n))
            knob.forget.connect(lambda n=name: self.forget.emit(n))
            self.knobs[name] = knob
        self.solo_button = QPushButton("Solo")
        self.solo_button.setCheckable(True)
        self.solo_button.setToolTip("Play this pad and silence the others")
        self.solo_button.toggled.connect(self.solo)
        self.copy_button, self.paste_button, self.clear_button, self.wav = buttons = [
            QPushButton(text) for text in ("Copy", "Paste", "Clear", "WAV…")
        ]
        tips = ("Copy this pad", "Put what was copied on this pad; it keeps its note",
                "Take the drum off this pad", "Write the sound of this pad to a file")  # fmt: skip
        for button, tip, signal in zip(
            buttons, tips, (self.copy, self.paste, self.clear, self.export)
        ):
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            button.clicked.connect(signal)

    def _put_together(self) -> None:
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        gap = round(em(self) / 2)
        outer.setSpacing(gap)
        frames = panel(), panel()
        grid = QGridLayout(frames[0])
        grid.setContentsMargins(gap, gap, gap, gap)
        grid.setSpacing(gap // 2)
        for i, button in enumerate(self.buttons):
            grid.addWidget(button, COLUMNS - 1 - i // COLUMNS, i % COLUMNS)
        rows = QVBoxLayout(frames[1])
        rows.setContentsMargins(gap, gap, gap, gap)
        rows.setSpacing(gap)
        for widgets in (
            (self.title, self.name, self.more_notes, self.velocity),
            (self.note, self.learn_button, self.curve, self.choke),
            tuple(self.knobs.values()),
            (self.solo_button, self.copy_button, self.paste_button, self.clear_button, self.wav),
        ):
            row = QHBoxLayout()
            for widget in widgets:
                row.addWidget(widget)
            rows.addLayout(row)
        rows.addStretch(1)
        outer.addWidget(frames[0], 3)
        outer.addWidget(frames[1], 2)
