"""What the window tells the user."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """A sentence for the user, with a button where something can be done about it."""

    # "error", "missing", "note", "hint", a note for where nothing else is told, or "" to take back
    # the one of the kind `text`
    kind: str
    text: str = ""
    action_label: str = ""  # on the button; no button where it is empty
    action: Callable[[], None] | None = None
    dismissed: Callable[[], None] | None = None  # called where it is put away instead
