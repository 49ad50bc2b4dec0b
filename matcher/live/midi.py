"""MIDI: several ports at once, by name, on whatever systems work here; they come and go.

JACK's messages are read natively (live.jack_midi), those of other systems through RtMidi
(live.midi_ports); both end in rings that the audio callback reads (live.midi_notes). Hits go out on
the same systems (live.midi_output). What is loaded here is loaded when first needed; without it
everything else works.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

from matcher.live import jack_midi, midi_ports
from matcher.live.midi_output import Outputs
from matcher.live.midi_ring import CHANNEL_PRESSURE, NOTE_OFF, NOTE_ON, PROGRAM, Ring
from matcher.live.open_ports import RETRY_S
from matcher.live.retry import Retry

LOOK_S = 1.0  # s between two looks for ports that came or went
WAIT_S = 1.0  # s that others wait for a look: opening a port, or a dying server, may hang


class Message(NamedTuple):
    """A message of a channel."""

    ring: int  # midi_notes.JACK or PORTS
    port: int  # number of its port in the ring; midi_ring.UNKNOWN
    ns: int  # when it came in, of live.clock
    kind: int  # one of midi_ring's
    channel: int  # 0 to 15
    number: int  # of the note, the controller or the program
    value: int  # 0 to 127


class Inputs:
    """All MIDI ports that are wanted, as they come and go; a thread of its own looks for them.

    Args:
        wanted: names of ports, or parts of names; every port where there is none.
        ring: for what comes from other systems than JACK.
        tell: called with a sentence about what cannot be used; in any thread.
        outputs: where hits go; closed with the inputs.
    """

    def __init__(self, wanted: tuple[str, ...], ring: Ring, tell: Callable[[str], None],
                 outputs: Outputs):  # fmt: skip
        self._wanted, self._ring, self._tell, self._outputs = wanted, ring, tell, outputs
        self.jack: jack_midi.Source | None = None
        self._ports: midi_ports.Ports | None = None
        self._retries = {"jack": Retry(*RETRY_S), "ports": Retry(*RETRY_S)}
        self._reasons = {"ports": "", "jack": ""}
        self._looking = threading.Lock()
        self._closing = threading.Event()
        self.look()
        self._thread = threading.Thread(target=self._run, name="MIDI ports", daemon=True)
        self._thread.start()

    @property
    def names(self) -> list[str]:
        """Ports that are connected."""
        return [name for part in self._parts() for name in part.names]

    @property
    def there(self) -> list[str]:
        """Ports that could be connected."""
        return [name for part in self._parts() for name in part.there]

    @property
    def missing(self) -> str:
        """Why there is no MIDI, or nothing."""
        if self._parts():
            return ""
        return f"no MIDI ({'; '.join(filter(None, self._reasons.values()))})"

    @property
    def needs_choice(self) -> bool:
        """Whether there are ports, none of which is taken before the user has chosen."""
        ports = self._ports
        return ports is not None and ports.exclusive and not self._wanted and bool(ports.there)

    def look(self) -> None:
        """Look for systems and ports that have come or gone; returns after WAIT_S at most."""
        if not self._looking.acquire(timeout=WAIT_S):
            return
        try:
            if self._closing.is_set():
                return
            if self._ports is not None:
                self._ports.look()
            elif self._retries["ports"].is_due():
                self._ports = self._start("ports", lambda: midi_ports.Ports(
                    self._wanted, self._ring, self._tell))  # fmt: skip
            if self.jack is not None and not self.jack.gone:
                self.jack.look()
            elif self._retries["jack"].is_due():
                bridged = self._ports is None
                hits, to = self._outputs.hits, self._outputs.to
                self.jack = self._start("jack", lambda: jack_midi.Source(
                    self._wanted, bridged, hits=hits, to=to))  # fmt: skip
            self._outputs.look(self._ports, self._jack_that_runs())
        finally:
            self._looking.release()

    def look_again(self) -> None:
        """Look at once, also for systems that were missing."""
        self._retries = {name: Retry(*RETRY_S) for name in self._retries}
        self.look()

    def close(self) -> None:
        """Close every port; one that hangs is left to its thread."""
        self._closing.set()
        self._thread.join(WAIT_S)

    def _start(self, name: str, start: Callable):
        try:
            part = start()
        except ValueError as error:
            self._reasons[name] = str(error)
            self._retries[name].failed()
            return None
        self._reasons[name], self._retries[name] = "", Retry(*RETRY_S)
        return part

    def _jack_that_runs(self) -> jack_midi.Source | None:
        return self.jack if self.jack is not None and not self.jack.gone else None

    def _parts(self) -> list:
        return [part for part in (self._ports, self._jack_that_runs()) if part is not None]

    def _run(self) -> None:
        while not self._closing.wait(LOOK_S):
            self.look()
        self._outputs.close()
        for part in self._parts():
            part.close()
        self._ports = self.jack = None


def parse(ring: int, port: int, ns: int, data: bytes) -> Message | None:
    """Bytes of a MIDI message -> Message; None for what is no message of a channel.

    Args:
        ring, port, ns: as Message has them.
        data: one message.
    """
    if not data or not 0x80 <= data[0] < 0xF0:
        return None
    kind, channel = data[0] & 0xF0, data[0] & 0x0F
    if len(data) != (2 if kind in (PROGRAM, CHANNEL_PRESSURE) else 3):
        return None
    number, value = data[1] & 0x7F, data[2] & 0x7F if len(data) == 3 else 0
    if kind == NOTE_ON and value == 0:
        kind = NOTE_OFF
    return Message(ring, port, ns, kind, channel, number, value)


def list_ports() -> tuple[list[str], list[str]]:
    """Names of the ports that are there, to receive from and to send to; none is opened.

    Raises:
        ValueError: there is no MIDI.
    """
    inputs, outputs, reasons = [], [], []
    for find in (midi_ports.list_ports, lambda: jack_midi.list_ports(bridged=bool(reasons))):
        try:
            found = find()
        except ValueError as error:
            reasons.append(str(error))
        else:
            inputs += found[0]
            outputs += found[1]
    if len(reasons) == 2:
        raise ValueError(f"no MIDI ({'; '.join(reasons)})")
    return inputs, outputs
