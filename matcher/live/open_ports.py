"""MIDI ports beside JACK that are open as long as they are there and wanted, inputs or outputs."""

import contextlib
import threading
from collections.abc import Callable

from matcher.live import rtmidi_library
from matcher.live.midi_names import NAME, NUMBER, WINDOWS_NUMBER, PortNames, is_wanted
from matcher.live.retry import Retry

RETRY_S = (1.0, 30.0)  # s until something that failed is tried again, at first and at most


class OpenPorts:
    """Ports of a system, opened and closed as they come and go; what is open is in `_open`.

    A subclass says what opens one, by `_new` and `_opened`.

    Args:
        wanted: names of ports, or parts of names, as midi_names.is_wanted has them.
        tell: called with a sentence about a port that cannot be used; in any thread.
        watcher: a client of the library, which lists ports.
        windows: whether the system is that of Windows.
    """

    def __init__(self, wanted: tuple[str, ...], tell: Callable[[str], None], watcher,
                 windows: bool):  # fmt: skip
        self.wanted, self._tell, self._watcher = wanted, tell, watcher
        self._port_names = PortNames(WINDOWS_NUMBER if windows else NUMBER)
        self._there: list[str] = []
        self._open: dict[tuple, object] = {}
        self._retries: dict[tuple, Retry] = {}
        self._broken: set[tuple] = set()  # ports that failed when they were used
        self._lock = threading.Lock()  # of _open
        self._failed = False  # whether the ports could not be listed

    @property
    def names(self) -> list[str]:
        """Ports that are open."""
        with self._lock:
            return [port.name for port in self._open.values()]

    @property
    def there(self) -> list[str]:
        """Ports that could be opened, open or not."""
        return self._there

    def look(self) -> None:
        """Open wanted ports that have come and close those that have gone."""
        try:
            listed = self._port_names.update(self._watcher.names())
        except ValueError as error:
            if not self._failed:
                self._tell(f"MIDI ports cannot be listed ({error})")
            self._failed = True
            return
        self._failed = False
        others = [port for port in listed if not is_ours(port.name)]
        self._there = [port.name for port in others]
        wanted = {port.key: port for port in others if self._wants(port.name)}
        self._close_all(self._open.keys() - wanted.keys() | self._broken)
        self._broken.clear()
        self._retries = {key: retry for key, retry in self._retries.items() if key in wanted}
        for port in wanted.values():
            retry = self._retries.setdefault(port.key, Retry(*RETRY_S))
            if port.key not in self._open and retry.is_due():
                self._connect(port, retry)

    def close(self) -> None:
        """Close every port."""
        self._close_all(set(self._open))
        let_go(self._watcher)

    def _new(self):
        """A client of the library, without a port yet. Raises ValueError."""
        raise NotImplementedError

    def _opened(self, name: str, device) -> object:
        """What is kept of a port that was opened; has `name` and `device`."""
        raise NotImplementedError

    def _wants(self, name: str) -> bool:
        return is_wanted(name, self._there, self.wanted)

    def _connect(self, port, retry: Retry) -> None:
        device = None
        try:
            device = self._new()
            device.connect(port.index, f"with {port.name}"[:60])
        except ValueError as error:
            let_go(device)
            if retry.is_first:
                self._tell(f"MIDI port {port.name} cannot be opened ({error}); another program "
                           "may hold it, it is tried again")  # fmt: skip
            retry.failed()
            return
        retry.reset()
        with self._lock:
            self._open[port.key] = self._opened(port.name, device)

    def _close_all(self, keys) -> None:
        with self._lock:  # nobody is at them any more
            gone = [self._open.pop(key) for key in keys if key in self._open]
        for port in gone:
            let_go(port.device)


def let_go(device) -> None:
    """Close a client, if there is one; one whose device is gone may fail to close."""
    if device is not None:
        with contextlib.suppress(ValueError):
            device.close()


def is_ours(name: str) -> bool:
    """Whether a port is this app's own, or only gives back what is sent to it."""
    return NAME.lower() in name.lower() or name.startswith("Midi Through")


def first_that_works(library, wanted: str | None = None, open_client: Callable | None = None):
    """The name of the first system beside JACK that starts, and a client that watches ports.

    Args:
        library: as midi_library.load gives it.
        wanted: name of the system; None: any.
        open_client: `open` of the library or `open_output`; None: `open`.

    Raises:
        ValueError: none starts.
    """
    reasons = []
    for api, number in library.apis.items():
        skipped = (rtmidi_library.DUMMY, rtmidi_library.JACK)
        if api != wanted if wanted is not None else api in skipped:
            continue
        try:
            return api, (open_client or library.open)(number, f"{NAME} ports")
        except ValueError:
            reasons.append(f"{api}: cannot be opened")
    raise ValueError("; ".join(reasons) or "the system has none")
