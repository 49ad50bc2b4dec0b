"""The kit that is being edited: undo and redo, its file, and a copy that survives a crash."""

import itertools
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from matcher.kits.kit import Kit
from matcher.kits.kit_file import load_kit, save_kit

N_STEPS = 500  # that can be undone


class Step(NamedTuple):
    """A kit and what led to it."""

    kit: Kit
    text: str = ""  # in words, as in "undo TEXT"
    merge: object = None  # edits of equal merge, one after the other, are one step
    attached: object = None  # what goes with it and is undone with it, but never saved


class Document:
    """A kit, where it came from, and what can be undone.

    recovery: file that always holds the edited kit until it is saved; None for none. What cannot be
    written there is told by `problem`, and nothing else suffers.
    """

    def __init__(self, recovery: Path | None = None, kit: Kit | None = None):
        self.recovery, self.path, self.problem = recovery, None, ""
        self._start(kit or Kit())

    @property
    def kit(self) -> Kit:
        """The kit as it is now."""
        return self._steps[self._at].kit

    @property
    def attached(self):
        """What goes with the kit as it is now."""
        return self._steps[self._at].attached

    def attach(self, attached) -> None:
        """Let something else go with the kit as it is now."""
        self._steps[self._at] = self._steps[self._at]._replace(attached=attached)

    def begun(self, merge) -> Kit:
        """The kit as it was before the step that an edit with `merge` would go on with."""
        now = self._steps[self._at]
        goes_on = merge is not None and merge == now.merge and self._at > 0
        return self._steps[self._at - 1].kit if goes_on else now.kit

    @property
    def edited(self) -> bool:
        """Whether there is anything to save."""
        return self.kit != self._saved

    @property
    def undo_text(self) -> str:
        """What undo would take back; empty where there is nothing."""
        return self._steps[self._at].text if self._at > 0 else ""

    @property
    def redo_text(self) -> str:
        """What redo would bring back; empty where there is nothing."""
        return self._steps[self._at + 1].text if self._at + 1 < len(self._steps) else ""

    def edit(self, text: str, kit: Kit, merge=None, attached=None) -> bool:
        """Take a changed kit; False where it is the same. text: what was done.

        merge: of a knob that is being turned, say; a step begins where it is another one, or None.
        Of steps that go on, `autosave` keeps the latest; of others it does by itself. attached: by
        default what went with the kit before.
        """
        if kit == self.kit:
            return False
        now = self._steps[self._at]
        attached = now.attached if attached is None else attached
        del self._steps[self._at + 1 :]
        if merge is not None and merge == now.merge and self._at > 0:
            self._steps[self._at] = Step(kit, text, merge, attached)
            return True
        self._steps.append(Step(kit, text, merge, attached))
        del self._steps[: max(0, len(self._steps) - N_STEPS - 1)]
        self._at = len(self._steps) - 1
        self.autosave()
        return True

    def end_step(self) -> None:
        """Let the next edit be a step of its own."""
        self._steps[self._at] = self._steps[self._at]._replace(merge=None)

    def undo(self) -> None:
        """Take the last step back, if there is one."""
        self._go(max(0, self._at - 1))

    def redo(self) -> None:
        """Do again what was undone last, if anything was."""
        self._go(min(self._at + 1, len(self._steps) - 1))

    def new(self, kit: Kit | None = None) -> None:
        """Begin anew; what was not saved is gone."""
        self.path = None
        self._start(kit or Kit())
        self.discard()

    def open(self, path: Path) -> list[str]:
        """Open a kit file; sentences on what of it could not be trusted. Raises as load_kit."""
        kit, dropped = load_kit(path)
        self.path = path
        self._start(kit)
        if dropped:  # what is damaged on disk is not what is shown
            self._saved = None
        self.discard()
        return dropped

    def save(self, path: Path | None = None) -> None:
        """Write the kit to a file, by default its own. Raises OSError or ValueError."""
        path = path or self.path
        if path is None:
            raise ValueError("the kit has no file yet; give a name to save it under")
        save_kit(self.kit, path)
        self.end_step()
        self.path, self._saved = path, self.kit
        self.discard()

    def recover(self) -> bool:
        """Take over the edited kit that a crash left behind; whether there was one.

        What of it cannot be read is kept under another name, and told by `problem`.
        """
        if self.recovery is None or not self.recovery.exists():
            return False
        try:
            kit, dropped = load_kit(self.recovery)
        except (OSError, ValueError):
            self._set_aside(shutil.move)
            return False
        if dropped:
            self._set_aside(shutil.copy2)
        self.path = _path_in(self.recovery)
        self._start(kit)
        self._saved = None
        return True

    def autosave(self) -> None:
        """Write the recovery file as the kit is now."""
        if self.recovery is None:
            return
        self.problem = ""
        try:
            if self.edited:
                path = json.dumps(self.path and str(self.path))
                save_kit(self.kit, self.recovery, comment=path)
            else:
                self.recovery.unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            self.problem = f"the kit cannot be kept safe in {self.recovery}: {reason}"

    def discard(self) -> None:
        """Forget the kit that is kept safe: it is saved, or not wanted."""
        if self.recovery is not None:
            self.recovery.unlink(missing_ok=True)

    def _set_aside(self, move_or_copy) -> None:
        """Keep a recovery file that cannot be read as a whole."""
        number = itertools.count(1)
        aside = self.recovery
        while aside.exists():
            aside = self.recovery.with_stem(f"{self.recovery.stem}-damaged-{next(number)}")
        try:
            move_or_copy(self.recovery, aside)
        except OSError as error:
            self.recovery = None  # it stays where it is: nothing is written over it
            self.problem = f"the kit of a crash cannot be set aside: {error.strerror or error}"
        else:
            self.problem = f"what a crash left of a kit cannot be read; it is kept as {aside}"

    def _start(self, kit: Kit) -> None:
        self._steps, self._at, self._saved = [Step(kit)], 0, kit

    def _go(self, at: int) -> None:
        if at != self._at:
            self._at = at
            self.end_step()
            self.autosave()


def _path_in(recovery: Path) -> Path | None:
    """The path of the kit's own file, in the first line of a recovery file."""
    text = recovery.read_text(encoding="utf-8", errors="replace")
    try:
        path = json.loads(text.partition("\n")[0].removeprefix("#"))
    except ValueError:
        return None
    return Path(path) if isinstance(path, str) else None
