"""The row of the settings that says whether the place of hits is sent, and has it learned."""

from PyQt6.QtCore import QEvent, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QPushButton, QWidget

from gui.controls import label
from gui.hit_places import HitPlaces

LEARN_TIP = (
    "Controller 16 then says before each note where the drum was hit, from 0 in the middle to 127 "
    "at the rim; you show what both sound like"
)


class HitPlaceRow(QWidget):
    """What there is in words, a button that learns or ends that, and one that forgets it.

    Signals:
        learn: places are to be learned.
        end: learning is to end.
        forget: places are to be sent no more, and what was learned is to be forgotten.
    """

    learn = pyqtSignal()
    end = pyqtSignal()
    forget = pyqtSignal()

    def __init__(self):
        super().__init__()
        self.learning = False
        self.words = label()
        self.words.setWordWrap(True)
        self.learn_button, self.forget_button = QPushButton(), QPushButton("Forget")
        self.learn_button.clicked.connect(
            lambda: self.end.emit() if self.learning else self.learn.emit()
        )
        self.learn_button.setToolTip(LEARN_TIP)
        self.forget_button.setAccessibleName("Forget: the place of hits")
        self.forget_button.setToolTip("Send no places any more, and forget what was learned")
        self.forget_button.clicked.connect(self.forget)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for column, button in enumerate((self.learn_button, self.forget_button)):
            button.setAutoDefault(False)  # Enter in a field is not for it
            grid.addWidget(button, 0, column)
        grid.addWidget(self.words, 1, 0, 1, 2)

    def show_places(self, places: HitPlaces) -> None:
        """Show how far it is."""
        self.learning = places.learning
        text = "Cancel" if places.learning else "Learn again" if places.learned else "Learn"
        self.learn_button.setText(text)
        self.learn_button.setEnabled(places.available)
        self.learn_button.setAccessibleName(f"{text}: the place of hits")
        self.learn_button.setAccessibleDescription(places.words)
        self.forget_button.setEnabled(places.available and places.learned and not places.learning)
        self.words.setText(places.words)

    def event(self, event) -> bool:
        """Have the dialog grow with the words, which a form may leave less room than they need."""
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            self.words.setMinimumHeight(self.words.heightForWidth(self.words.width()))
        return super().event(event)
