"""The middle right: the drum itself, its membrane and its five parameters."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from gui.controls import label, panel_in
from gui.knob import Knob, parameter_knob
from gui.panels.membrane import Membrane
from matcher.kits.kit import Pad
from matcher.matching.confidence import margins
from matcher.physics import ftm
from matcher.physics.drum import Drum
from matcher.physics.parameters import PARAMETERS
from matcher.physics.theta import Theta, describe, note_name

STROKE = ("mallet_hz", "tension", "attack_mix", "as_recorded")  # with knobs, beside theta
PAD = {"attack_mix": "attack_powers", "as_recorded": "partials"}  # how much of what of the drum


class DrumPanel(QWidget):
    """Membrane and the physical knobs of a pad: five of the drum, four of how it is struck.

    Signals:
        turned: name of one of PARAMETERS, and its new value.
        strike_moved: the strike point (x1, x2).
        released: a knob or the strike point is let go.
        struck: the membrane was struck.
        learn, forget: name of a parameter that a MIDI controller is to turn, or no more.
    """

    turned = pyqtSignal(str, float)
    strike_moved = pyqtSignal(float, float)
    released = pyqtSignal()
    struck = pyqtSignal()
    learn = pyqtSignal(str)
    forget = pyqtSignal(str)

    def __init__(self):
        super().__init__()
        self.membrane = Membrane()
        self.membrane.moved.connect(self.strike_moved)
        self.membrane.released.connect(self.released)
        self.membrane.struck.connect(self.struck)
        self.knobs = {name: self._knob(name) for name in (*Theta._fields, *STROKE)}
        self.title = label("THE DRUM", of="twin")
        self.words = label("", quiet=True)
        self.words.setWordWrap(True)
        layout, gap = panel_in(self, QGridLayout)
        layout.setSpacing(gap)
        layout.addWidget(self.title, 0, 0)
        layout.addWidget(self.membrane, 1, 0)
        for number, names in enumerate((Theta._fields, STROKE), 2):
            row = QHBoxLayout()
            row.setSpacing(gap)  # what stands below two knobs is not one sentence
            for name in names:
                row.addWidget(self.knobs[name], 1)
            layout.addLayout(row, number, 0)
        layout.addWidget(self.words, 4, 0)
        layout.setRowStretch(1, 1)

    def show_pad(self, pad: Pad, matched: Drum | None, spread=None) -> None:
        """Show a pad's drum; matched: the drum that it was matched to.

        spread: how sure theta is, as matching.confidence defines it; None where it is not known.
        """
        drum = pad.drum
        self.membrane.show_drum(pad.theta, ftm.STRIKE if drum is None else drum.strike)
        sure = margins(spread) if spread is not None else {}
        for name, knob in self.knobs.items():
            knob.setEnabled(bool(drum and (name not in PAD or getattr(drum, PAD[name]))))
            if name in Theta._fields:
                knob.set_sure(sure.get(name, ""))
            if drum is None:
                continue
            knob.set_value(pad.value(name))
            if name in PAD:
                knob.set_home(PARAMETERS[name].default)
            elif matched is not None:
                knob.set_home(matched.value(name), marked=True)
            else:
                knob.set_home(pad.value(name))
        self.words.setText("" if drum is None else _sentence(drum.theta))

    def show_controllers(self, controllers: dict[int, str]) -> None:
        """Show which MIDI controller turns what."""
        numbers = {name: cc for cc, name in controllers.items()}
        for name, knob in self.knobs.items():
            knob.set_controller(numbers.get(name))

    def _knob(self, name: str) -> Knob:
        row = PARAMETERS[name]
        knob = parameter_knob(row)
        knob.set_value(row.from_share(0.5))
        if name in Theta._fields:
            knob.set_sure("")
        knob.turned.connect(lambda value: self.turned.emit(name, value))
        knob.released.connect(self.released)
        knob.learn.connect(lambda: self.learn.emit(name))
        knob.forget.connect(lambda: self.forget.emit(name))
        return knob


def _sentence(theta: Theta) -> str:
    """What the five numbers mean, in a sentence."""
    meanings = [meaning for _, _, meaning in describe(theta)]
    return f"{note_name(theta.pitch_hz)}; " + "; ".join(meanings[1:]) + "."
