"""Names of MIDI ports: without the numbers that systems give them, told apart by an ordinal."""

import re
from typing import NamedTuple

NAME = "Drum matcher"  # of our clients
HITS = "hits"  # of the port from which hits leave
OWN = f"{NAME}:{HITS}"
NUMBER = re.compile(r" \d+:\d+$")  # that ALSA gives a port as it comes
WINDOWS_NUMBER = re.compile(r" \d+$")  # place in Windows' list, which RtMidi appends
_ORDINAL = re.compile(r" #\d+$")


class Port(NamedTuple):
    """A port that is there now."""

    key: tuple  # the same as long as this very port stays
    name: str  # the same the next time it is connected, as far as the system lets one know
    index: int  # its place in the system's list


class PortNames:
    """Names that ports keep while they are connected.

    Of two controllers of one name the second is "name #2", also after the first was unplugged;
    when that one comes back it takes the free name again.

    Args:
        number: what the system appends to a name; it tells equal ports apart and is left out.
    """

    def __init__(self, number: re.Pattern = NUMBER):
        self._number = number
        self._names: dict[tuple, str] = {}  # by key

    def update(self, listed: list[str]) -> list[Port]:
        """The ports of the system's list of names, in its order."""
        # without a number nothing tells equal ports apart: all are new where one came or went
        keys = [(name, listed[:i].count(name), listed.count(name)) for i, name in enumerate(listed)]
        self._names = {key: name for key, name in self._names.items() if key in keys}
        for key in keys:
            if key not in self._names:
                self._names[key] = self._free_name(self._number.sub("", key[0]))
        return [Port(key, self._names[key], i) for i, key in enumerate(keys)]

    def _free_name(self, name: str) -> str:
        taken, ordinal, free = set(self._names.values()), 1, name
        while free in taken:
            ordinal += 1
            free = f"{name} #{ordinal}"
        return free


def is_wanted(name: str, names: list[str], wanted: tuple[str, ...]) -> bool:
    """Whether a port is wanted, whatever the case.

    Args:
        name: of the port.
        names: of all ports that are there.
        wanted: whole names, or parts of names; empty: every port. What is the whole name of a port
            means that port only, not its equals.
    """
    if not wanted:
        return True
    whole = {_ORDINAL.sub("", other).lower() for other in names}
    parts = [part.lower() for part in wanted]
    return any(part == name.lower() or (part in name.lower() and part not in whole)
               for part in parts)  # fmt: skip
