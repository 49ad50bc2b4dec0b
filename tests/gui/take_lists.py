"""Lists of a composed take, and fits that cost no time."""

from functools import cache

from PyQt6.QtCore import QObject, pyqtSignal

from matcher.physics.drum import Drum
from matcher.physics.theta import Theta
from matcher.takes import drums, hits
from matcher.takes.drum_list import DrumList
from matcher.takes.fits import Progress
from matcher.takes.fitting import Fitted
from tests.conftest import TOM
from tests.takes import composed


@cache
def drum_list(n_hits: int = 12) -> DrumList:
    """Kick, snare and tom of a take, in the order in which they are struck."""
    take = hits.of_samples(composed.take(n_hits)[0], composed.RATE)
    measured = drums.measure(take)
    found = DrumList.of(take, measured, drums.find(measured))
    return DrumList(take, measured, tuple(sorted(found.rows, key=lambda row: row.hits)))


class InstantFits(QObject):
    """Stands in for TakeFits: every drum that is wanted is fitted once `go` says so."""

    changed, failed = pyqtSignal(), pyqtSignal(str)

    def __init__(self):
        super().__init__()
        self.made: list[tuple[int, ...]] = []  # hits that were fitted, in turn
        self.wanted, self.closed, self.going = set(), False, True

    def want(self, list_):
        self.wanted = {list_.rows[i].hits for i in list_.on_pads}
        if self.going:
            self.go()

    def go(self):
        self.going = True
        self.made += sorted(self.wanted - set(self.made))
        self.changed.emit()

    def fit_of(self, own):
        drum = Drum(Theta(TOM.omega * (1 + own[0] / 10), *TOM[1:]))
        return Fitted(drum, (0,), (0.25,)) if own in self.made else None

    def problem_of(self, own):
        return ""

    @property
    def progress(self):
        done = len(self.wanted & set(self.made))
        return Progress(done, len(self.wanted), 3.0 if done < len(self.wanted) else 0.0)

    def rest(self):
        self.resting = True

    def close(self):
        self.closed = True
