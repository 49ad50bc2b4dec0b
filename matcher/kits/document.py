"""The kit being edited: undo and redo, its file, and a recovery file that survives a crash."""

import itertools
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from matcher.kits.kit import Kit
from matcher.kits.kit_file import load_kit, save_kit

N_STEPS = 500  # steps that can be undone


class Step(NamedTuple):
    """A kit and the edit that led to it."""

    kit: Kit
    text: str = ""  # name of the edit, as in "undo TEXT"
    merge: object = None  # consecutive edits with equal `merge` are one step
    attached: object = None  # data that is undone with the kit, but never saved


class Document:
    """A kit, the file that it came from, and its history.

    Args:
        recovery: file that holds the edited kit until it is saved; None: no such file. If it cannot
            be written, `problem` says why, and editing goes on.
        kit: the kit to start with; by default an empty one.
    """

    def __init__(self, recovery: Path | None = None, kit: Kit | None = None):
        self.recovery, self.path, self.problem = recovery, None, ""
        self._start(kit or Kit())

    @property
    def kit(self) -> Kit:
        """The current kit."""
        return self._steps[self._at].kit

    @property
    def attached(self):
        """The data attached to the current kit."""
        return self._steps[self._at].attached

    def attach(self, attached) -> None:
        """Attach other data to the current kit."""
        self._steps[self._at] = self._steps[self._at]._replace(attached=attached)

    def begun(self, merge) -> Kit:
        """The kit before the step that an edit with this `merge` would continue or begin."""
        now = self._steps[self._at]
        goes_on = merge is not None and merge == now.merge and self._at > 0
        return self._steps[self._at - 1].kit if goes_on else now.kit

    @property
    def edited(self) -> bool:
        """Whether the kit differs from its file."""
        return self.kit != self._saved

    @property
    def undo_text(self) -> str:
        """Name of the edit that undo would take back; empty if there is none."""
        return self._steps[self._at].text if self._at > 0 else ""

    @property
    def redo_text(self) -> str:
        """Name of the edit that redo would bring back; empty if there is none."""
        return self._steps[self._at + 1].text if self._at + 1 < len(self._steps) else ""

    def edit(self, text: str, kit: Kit, merge=None, attached=None) -> bool:
        """Make `kit` the current kit.

        Args:
            text: name of the edit.
            kit: the edited kit.
            merge: an edit with the same `merge` as the one before continues its step, as a knob
                does while it is turned; any other edit, or None, begins a new step. Only a new
                step is written to the recovery file at once; after others, call `autosave`.
            attached: data attached to the kit; by default that of the kit before.

        Returns:
            False if the kit is unchanged; there is no new step then.
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
        """Make the next edit begin a new step."""
        self._steps[self._at] = self._steps[self._at]._replace(merge=None)

    def undo(self) -> None:
        """Take back the last step, if there is one."""
        self._go(max(0, self._at - 1))

    def redo(self) -> None:
        """Bring back the step that was undone last, if there is one."""
        self._go(min(self._at + 1, len(self._steps) - 1))

    def new(self, kit: Kit | None = None) -> None:
        """Start with another kit, by default an empty one; unsaved edits are lost."""
        self.path = None
        self._start(kit or Kit())
        self.discard()

    def open(self, path: Path) -> list[str]:
        """Open a kit file.

        Returns:
            One sentence for each part of the file that could not be used.

        Raises:
            ValueError: as load_kit.
        """
        kit, dropped = load_kit(path)
        self.path = path
        self._start(kit)
        if dropped:  # the file differs from the kit shown
            self._saved = None
        self.discard()
        return dropped

    def save(self, path: Path | None = None) -> None:
        """Write the kit to a file, by default its own.

        Raises:
            OSError: if the file cannot be written.
            ValueError: if the kit has no file, or the file's folder does not exist.
        """
        path = path or self.path
        if path is None:
            raise ValueError("the kit has no file yet; give a name to save it under")
        save_kit(self.kit, path)
        self.end_step()
        self.path, self._saved = path, self.kit
        self.discard()

    def recover(self) -> bool:
        """Take over the edited kit that a crash left behind.

        A damaged recovery file is kept under another name, which `problem` gives.

        Returns:
            Whether there was a kit to recover.
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
        """Write the current kit to the recovery file; delete the file if the kit is saved."""
        self.problem = ""
        if self.recovery is None:
            return
        try:
            if self.edited:
                path = json.dumps(self.path and str(self.path))
                save_kit(self.kit, self.recovery, comment=path)
            else:
                self.recovery.unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            self.problem = f"the recovery file {self.recovery} cannot be written: {reason}"

    def discard(self) -> None:
        """Delete the recovery file: the kit was saved, or is not wanted.

        Where it cannot be deleted, `problem` says why.
        """
        if self.recovery is None:
            return
        try:
            self.recovery.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or error
            self.problem = f"the recovery file {self.recovery} cannot be deleted: {reason}"

    def _set_aside(self, move_or_copy) -> None:
        """Keep a damaged recovery file under another name."""
        number = itertools.count(1)
        aside = self.recovery
        while aside.exists():
            aside = self.recovery.with_stem(f"{self.recovery.stem}-damaged-{next(number)}")
        try:
            move_or_copy(self.recovery, aside)
        except OSError as error:
            self.recovery = None  # so that it is not overwritten
            self.problem = f"the damaged recovery file cannot be kept: {error.strerror or error}"
        else:
            self.problem = f"the kit left by a crash is damaged; its file is kept as {aside}"

    def _start(self, kit: Kit) -> None:
        self._steps, self._at, self._saved = [Step(kit)], 0, kit

    def _go(self, at: int) -> None:
        if at != self._at:
            self._at = at
            self.end_step()
            self.autosave()


def _path_in(recovery: Path) -> Path | None:
    """Path of the kit's own file, from the first line of a recovery file."""
    text = recovery.read_text(encoding="utf-8", errors="replace")
    try:
        path = json.loads(text.partition("\n")[0].removeprefix("#"))
    except (ValueError, RecursionError):
        return None
    return Path(path) if isinstance(path, str) else None
