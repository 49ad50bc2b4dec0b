"""The list of a take's drums as it is edited: its steps, and what each drum is called and lacks."""

from gui.take_fits import TakeFits
from gui.take_kit import places
from matcher.kits.kit import Kit
from matcher.takes.drum_list import DrumList
from matcher.takes.fitting import Fitted
from matcher.takes.kit_of_take import KitOfTake


class TakeEditor:
    """Lists of drums, of which undo takes the last back, beside their fits and the open kit.

    Args:
        list_: the drums as found.
        fits: makes their twins.
        name: of the take, and of its kit.
        kit: the kit that is open.
        kept: the drums as they were left the last time; None: there was none, or nothing changed.
    """

    def __init__(self, list_: DrumList, fits: TakeFits, name: str, kit: Kit,
                 kept: DrumList | None = None):  # fmt: skip
        self.fits, self.name, self.kit, self.was_kept = fits, name, kit, kept is not None
        self._steps = [list_] if kept is None else [list_, kept]
        self.hit: int | None = None  # of the take, the one that is played
        fits.want(self.list_)

    @property
    def list_(self) -> DrumList:
        """The drums as they are."""
        return self._steps[-1]

    @property
    def edited(self) -> bool:
        """Whether the list differs from what was found; so that there is something to undo."""
        return len(self._steps) > 1

    def change(self, list_: DrumList) -> bool:
        """Go on with another list; False where it is the same."""
        if list_ is self.list_:
            return False
        self._steps.append(list_)
        self.fits.want(list_)
        return True

    def undo(self) -> bool:
        """Go back to the list of before; False where there is none."""
        if not self.edited:
            return False
        self._steps.pop()
        self.fits.want(self.list_)
        return True

    def fitted(self, row: int) -> Fitted | None:
        """The twin of a row, if it has one yet."""
        return self.fits.fit_of(self.list_.rows[row].hits)

    @property
    def ready(self) -> bool:
        """Whether there are drums for pads, and all of them are fitted."""
        rows = self.list_.on_pads
        return bool(rows) and all(self.fitted(i) is not None for i in rows)

    @property
    def pitches(self) -> list[float | None]:
        """Hz, of the twin of each row; None where there is none yet."""
        fits = (self.fitted(i) for i in range(len(self.list_.rows)))
        return [fit and float(fit.drum.theta.pitch_hz) for fit in fits]

    def placed(self) -> dict[int, tuple[int, int, str]]:
        """The pad of the open kit, the note and the name of each row that gets a pad."""
        placed = self.list_.placed(self.pitches)
        pads = places(self.kit, [note for note, _ in placed.values()])
        return {row: (pad, *own) for pad, (row, own) in zip(pads, placed.items())}

    def names(self, placed: dict[int, tuple[int, int, str]]) -> list[str]:
        """What to call each row; placed: as `placed` gives it."""
        rows = enumerate(self.list_.rows)
        return [placed[i][-1] if i in placed else row.name or "left out" for i, row in rows]

    def choose_hit_of(self, row: int) -> None:
        """Let a hit of this row be the one that is played, unless it is."""
        if self.hit is None or self.list_.row_of(self.hit) != row:
            self.hit = self.list_.clearest(row)

    def nearest_row(self, hits: tuple[int, ...]) -> int:
        """The row that has most of these hits."""
        shared = [len({*row.hits} & {*hits}) for row in self.list_.rows]
        return shared.index(max(shared)) if shared else 0

    def twin_words(self, row: int) -> str:
        """How far the twin of a row is, in words."""
        fitted, own = self.fitted(row), self.list_.rows[row]
        if fitted is not None:
            return f"distance {sum(fitted.distances) / len(fitted.distances):.2f}"
        if self.fits.problem_of(own.hits):
            return "⚠ cannot be fitted"
        return "being fitted…" if own.on_pad else "none"

    def progress_words(self) -> str:
        """How far all of them are, in words."""
        done, total, left_s = self.fits.progress
        if not total:
            return "no drum goes on a pad"
        if self.ready:
            return f"{total} fitted"
        if done == total:
            return "some cannot be fitted: leave them out"
        left = "" if left_s is None else f", {left_s:.0f} s left"
        return f"fitted {done} of {total}{left}"

    def made(self) -> KitOfTake:
        """The kit of the list, once it is ready."""
        fits = [self.fitted(i) for i in range(len(self.list_.rows))]
        return self.list_.made(fits, self.name)


def first_words(editor: TakeEditor) -> str:
    """What there is to say of a list that is opened, in one sentence."""
    n, n_hits = len(editor.list_.on_pads), len(editor.list_.take.hits)
    if editor.was_kept:
        return f"{n} drums in {n_hits} hits, as you left them; Undo goes back to what was found"
    if not n:
        return "none of this is probably a drum; what is one all the same can be given a pad"
    if n == 1:
        return "only one drum was found; split it if there are several"
    return f"{n} drums in {n_hits} hits"
