"""MIDI output: each hit leaves as a note, at a port of our own and at one that is named.

JACK's port is that of jack_midi.Source, which sends by JACK's frames. The ports of other systems
are here; a thread, "MIDI out", sends what is due each half millisecond. It waits for nobody but the
moment in which the table of open ports is swapped, or a driver that takes its time.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from matcher.live import clock, hit_notes, rtmidi_library
from matcher.live.jack_midi import Source
from matcher.live.midi_names import HITS, NAME, OWN
from matcher.live.midi_ports import Ports
from matcher.live.midi_ring import Ring
from matcher.live.open_ports import RETRY_S, OpenPorts, first_that_works, let_go
from matcher.live.retry import Retry

POLL_S = 0.0005  # s between two looks at what is due
# ns by which notes are sent later than they may leave: one that is due is in the ring by then
SLACK_NS = 500_000
NO_PORT = (
    "hits have no MIDI port to go to, as programs cannot have ports of their own here: choose one "
    "in the settings, or name it with --midi-out"
)


class _Open(NamedTuple):
    name: str
    device: object  # an output of the library


class OutPorts(OpenPorts):
    """Outputs of a system beside JACK.

    Args:
        to: name of a port to which hits are sent, or a part of it; empty: none but our own.
        hits: as hit_notes writes it; None: ports are only listed.
        tell: called with a sentence about a port that cannot be used; in any thread.
        library: as midi_library.load gives it.
        api: name of the system.

    Raises:
        ValueError: the system gives no outputs.
    """

    def __init__(self, to: str, hits: Ring | None, tell: Callable[[str], None], library, api: str):
        self._library, self._api, self._hits = library, api, hits
        _, watcher = first_that_works(library, api, library.open_output)
        super().__init__((to,) if to else (), tell, watcher, api == rtmidi_library.WINDOWS)
        self._sender = np.zeros(1, hit_notes.SENDER)[0]
        self._own: _Open | None = None
        self._thread: threading.Thread | None = None
        self._closing = False
        if hits is not None:
            hit_notes.start(self._sender, hits)
            self._sender["delay"] = SLACK_NS
            try:
                self._own = self._open_own()
            except ValueError:
                let_go(watcher)
                raise
            _warm_up()
            self.look()
            self._thread = threading.Thread(target=self._run, name="MIDI out", daemon=True)
            self._thread.start()

    @property
    def names(self) -> list[str]:
        """Ports that hits are sent to, our own first."""
        return [*([OWN] if self._own else []), *super().names]

    @property
    def lost(self) -> int:
        """Hits that could not be sent."""
        return int(self._sender["lost"])

    def send(self) -> None:
        """Send what is due."""
        sender = self._sender
        idle = sender["read"] == self._hits.state["count"][0] and sender["n_sounding"] == 0
        if idle:
            return
        now = clock.now_ns()
        sender["now"] = now
        while hit_notes.next_message(sender, now, now + 1):
            self._send_to_all(tuple(sender["bytes"].tolist()))

    def close(self) -> None:
        """End the notes that sound, and close every port."""
        self._closing = True
        if self._thread is not None:
            self._thread.join()
            self._sender["ending"] = 1
            self.send()
        let_go(self._own and self._own.device)
        self._own = None
        super().close()

    def _run(self) -> None:
        while not self._closing:
            time.sleep(POLL_S)  # an Event's wait takes three times as long
            self.send()

    def _send_to_all(self, message: tuple[int, int, int]) -> None:
        with self._lock:
            for key, port in self._open.items():
                try:
                    port.device.send(message)
                except ValueError:
                    self._broken.add(key)  # for the next look to close
        if self._own is not None:
            try:
                self._own.device.send(message)
            except ValueError as error:
                let_go(self._own.device)
                self._own = None
                self._tell(f"the MIDI port {OWN!r} of this app failed ({error})")

    def _new(self):
        return self._library.open_output(self._library.apis[self._api], NAME)

    def _opened(self, name: str, device) -> _Open:
        return _Open(name, device)

    def _wants(self, name: str) -> bool:
        return self._hits is not None and bool(self.wanted) and super()._wants(name)

    def _open_own(self) -> _Open | None:
        device = self._new()
        try:
            device.connect_virtual(HITS)
        except ValueError:  # Windows and PortMidi have none
            let_go(device)
            return None
        return _Open(OWN, device)


class Outputs:
    """Where hits go: beside JACK and on it, and what is to be said of both.

    Args:
        to: as OutPorts has it.
        hits: as OutPorts has it; JACK's Source gets both as well.
        tell: called with a sentence; in any thread.
    """

    def __init__(self, to: str, hits: Ring | None, tell: Callable[[str], None]):
        self.to, self.hits, self._tell = to, hits, tell
        self._ports: OutPorts | None = None
        self._jack: Source | None = None
        self._retry = Retry(*RETRY_S)
        self._told = ""

    @property
    def names(self) -> list[str]:
        """Ports that hits are sent to."""
        return [*(self._ports.names if self._ports else []),
                *(self._jack.out_names if self._jack else [])]  # fmt: skip

    @property
    def there(self) -> list[str]:
        """Ports that hits could be sent to, beside our own."""
        return [*(self._ports.there if self._ports else []),
                *(self._jack.out_there if self._jack else [])]  # fmt: skip

    @property
    def lost(self) -> int:
        """Hits that could not be sent."""
        return sum(part.lost for part in (self._ports, self._jack) if part is not None)

    def look(self, ports: Ports | None, jack: Source | None) -> None:
        """Look for ports that have come or gone; ports, jack: the inputs, as far as they are there.

        Inputs call it each time they look.
        """
        self._jack = jack
        if self._ports is not None:
            self._ports.look()
        elif ports is not None and self._retry.is_due():
            try:
                self._ports = OutPorts(self.to, self.hits, self._tell, ports.library, ports.api)
            except ValueError:
                self._retry.failed()
        if self.hits is not None and (ports is not None or jack is not None):
            self._report()

    def close(self) -> None:
        """Close every port beside JACK's."""
        if self._ports is not None:
            self._ports.close()
        self._ports = self._jack = None

    def _report(self) -> None:
        """Say what is missing, once."""
        names, problem = self.names, ""
        if self.to and not set(names) - {OWN}:
            problem = (
                f"there is no MIDI port {self.to!r:.80} to send hits to; they are sent once it "
                "is there"
            )
        elif not names:
            problem = NO_PORT
        if problem and problem != self._told:
            self._tell(problem)
        self._told = problem


def _warm_up() -> None:
    """Load what the first hit needs, so that its note does not come a third of a second late."""
    sender, ring = np.zeros(1, hit_notes.SENDER)[0], Ring()
    hit_notes.start(sender, ring)
    hit_notes.next_message(sender, clock.now_ns(), 1)
