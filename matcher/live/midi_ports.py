"""MIDI ports beside JACK: opened and closed as they come and go, polled by a thread of their own.

Threads: "MIDI poll" takes what the library received and puts it into the ring, stamped with the
time at which it reached the driver; it waits for nobody but the moment in which the table of open
ports is swapped. Whoever calls `look` opens and closes ports, which may take long. RtMidi's own
callback is not used: it would take the interpreter's lock in the driver's thread.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from matcher.live import clock, midi_library, midi_ring, rtmidi_library
from matcher.live.midi_names import NAME, NUMBER, WINDOWS_NUMBER, PortNames
from matcher.live.open_ports import OpenPorts, first_that_works, is_ours, let_go

POLL_S = 0.0005  # s between two polls
SLACK_NS = 1_000_000  # ns from a message's stamp until it is in the ring: two polls
MOST = 512  # messages of one port in a poll: a port that streams leaves time for the others
ECHO_NS = 20_000_000  # ns within which the same message from another port is an echo
DRIFT = 1e-4  # by which a driver's clock may run slower than ours
LATE_NS = 50_000_000  # ns: a message that waited longer tells of a clock that was set
VIRTUAL = 0  # number of our own port


class StampClock:
    """When a port's messages came in, from the driver's intervals and the times of the polls.

    A poll is late, never early, so the earliest of them says how the driver's clock lies to ours.
    """

    def __init__(self):
        self._elapsed_ns = 0.0  # of the driver's clock
        self._offset_ns = np.inf  # from it to ours

    def stamp(self, since_s: float | None, polled_ns: int) -> int:
        """Time of a message, ns of live.clock.

        Args:
            since_s: s since the message before by the driver's clock; None: it does not say.
            polled_ns: when it was polled, ns of live.clock.
        """
        if since_s is None:
            return polled_ns
        self._elapsed_ns += 1e9 * since_s
        offset_ns = polled_ns - self._elapsed_ns
        drifted_ns = self._offset_ns + DRIFT * 1e9 * since_s
        late = offset_ns - drifted_ns
        self._offset_ns = offset_ns if not 0 < late < LATE_NS else drifted_ns
        return round(self._elapsed_ns + self._offset_ns)


class _Open(NamedTuple):
    name: str
    device: object  # an input of the library
    number: int
    clock: StampClock


class Ports(OpenPorts):
    """Inputs of the first system beside JACK that starts.

    Args:
        wanted: names of ports, or parts of names, as midi_names.is_wanted has them.
        ring: that messages are put into, by this alone.
        tell: called with a sentence about a port that cannot be used; in any thread.
        library: as midi_library.load gives it; None: the installed one.
        api: name of the system; None: the first that works.

    Raises:
        ValueError: there is none.
    """

    def __init__(self, wanted: tuple[str, ...], ring: midi_ring.Ring, tell: Callable[[str], None],
                 library=None, api: str | None = None):  # fmt: skip
        self.library, self._ring = library or midi_library.load(), ring
        self.api, watcher = first_that_works(self.library, api)
        windows = self.api == rtmidi_library.WINDOWS
        super().__init__(wanted, tell, watcher, windows)
        self.exclusive = windows  # a port that is open here is closed to all other programs
        self._recent: list[tuple[int, list[int]]] = []  # of other ports than the virtual one
        self._virtual = self._open_virtual()
        self._numbers = iter(range(VIRTUAL + 1, 2**31))
        self._closing = False
        _warm_up()
        self.look()
        self._thread = threading.Thread(target=self._run, name="MIDI poll", daemon=True)
        self._thread.start()

    @property
    def names(self) -> list[str]:
        """Ports that are open."""
        return [*super().names, *([NAME] if self._virtual else [])]

    def poll(self) -> None:
        """Put what came in since the last poll into the ring."""
        rows = []
        with self._lock:
            for key, port in self._open.items():
                try:
                    rows += _drain(port)
                except ValueError:
                    self._broken.add(key)  # for the next look to close
        if self._virtual is not None:
            try:
                rows += self._without_echoes(rows)
            except ValueError as error:
                self._virtual = None
                self._tell(f"the MIDI port {NAME!r} of this app failed ({error})")
        for ns, number, data in sorted(rows):
            bytes_ = np.array(data, np.uint8)
            midi_ring.put(self._ring.state[0], ns, 0, number, bytes_, len(data))

    def close(self) -> None:
        """Close every port."""
        self._closing = True
        self._thread.join()
        let_go(self._virtual and self._virtual.device)
        self._virtual = None
        super().close()

    def _run(self) -> None:
        while not self._closing:
            time.sleep(POLL_S)  # an Event's wait takes three times as long
            self.poll()

    def _wants(self, name: str) -> bool:
        return not (self.exclusive and not self.wanted) and super()._wants(name)

    def _new(self):
        return self.library.open(self.library.apis[self.api], NAME)

    def _opened(self, name: str, device) -> _Open:
        return _Open(name, device, next(self._numbers), StampClock())

    def _open_virtual(self) -> _Open | None:
        port = self._new()
        try:
            port.connect_virtual("in")
        except ValueError:  # Windows has none
            let_go(port)
            return None
        return _Open(NAME, port, VIRTUAL, StampClock())

    def _without_echoes(self, rows: list) -> list:
        """What our own port received, without what another port sent to it as well."""
        received = _drain(self._virtual)
        if not rows and not received:
            return []
        now = clock.now_ns()
        self._recent = [row for row in self._recent if now - row[0] < ECHO_NS]
        self._recent += [(ns, data) for ns, _, data in rows]
        kept = []
        for row in received:
            echo = next((other for other in self._recent if other[1] == row[2]), None)
            if echo is None:
                kept.append(row)
            else:
                self._recent.remove(echo)
        return kept


def list_ports() -> tuple[list[str], list[str]]:
    """Names of the ports that are there, to receive from and to send to; none is opened.

    Raises ValueError: there is no MIDI.
    """
    library, both = midi_library.load(), []
    for kind in (library.open, library.open_output):
        api, watcher = first_that_works(library, open_client=kind)
        number = WINDOWS_NUMBER if api == rtmidi_library.WINDOWS else NUMBER
        try:
            names = [port.name for port in PortNames(number).update(watcher.names())]
        finally:
            let_go(watcher)
        both.append([name for name in names if not is_ours(name)])
    return both[0], both[1]


def _drain(port: _Open) -> list[tuple[int, int, list[int]]]:
    """Time, port's number and bytes of the messages that a port has received."""
    rows = []
    while len(rows) < MOST and (received := port.device.message()) is not None:
        data, since_s = received
        ns = port.clock.stamp(since_s, clock.now_ns())
        if 0 < len(data) <= 3 and 0x80 <= data[0] < 0xF0:  # a message of a channel
            rows.append((ns, port.number, data))
    return rows


def _warm_up() -> None:
    """Load what the first message needs, so that it does not come a third of a second late."""
    midi_ring.put(midi_ring.Ring().state[0], clock.now_ns(), 0, 0, np.zeros(3, np.uint8), 3)
