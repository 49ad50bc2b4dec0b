"""PortMidi, by the binding in pygame-ce: MIDI where python-rtmidi has no builds, Python 3.13 on.

What midi_ports uses is as in rtmidi_library. PortMidi has no ports of our own, times in whole ms,
and looks for ports only as it starts: it starts anew for each look while none of them is open.
"""

import os
import sys
from pathlib import Path

from matcher.live.rtmidi_library import WAITING, WINDOWS, sentence, told

SYSTEMS = {"win32": WINDOWS, "darwin": "Core MIDI"}  # by sys.platform
ALSA = "ALSA"  # elsewhere
ALSA_SEQUENCER = Path("/dev/snd/seq")  # without it ALSA's library complains on stderr
ALSA_CONFIGURATION = Path("/usr/share/alsa/alsa.conf")  # the binding's own ALSA looks elsewhere
INPUT, OUTPUT = 2, 3  # places in what PortMidi says of a device: which kind it is
TWO_BYTES = range(0xC0, 0xE0)  # status bytes of messages of two bytes; PortMidi pads them


class PortMidi:
    """The binding in pygame-ce. Raises ImportError where it cannot be loaded."""

    def __init__(self):
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        if ALSA_CONFIGURATION.exists():
            os.environ.setdefault("ALSA_CONFIG_PATH", str(ALSA_CONFIGURATION))
        import pygame.midi

        self.midi = pygame.midi
        self.n_open = 0  # inputs and outputs

    @property
    def apis(self) -> dict[str, int]:
        """The one system that it can speak to here, and a number for it."""
        return {SYSTEMS.get(sys.platform, ALSA): 0}

    def open(self, api: int, client: str) -> "Input":
        """A client of the system, without a port yet. Raises ValueError."""
        self._start()
        return Input(self)

    def open_output(self, api: int, client: str) -> "Output":
        """A client that sends, as `open`. Raises ValueError."""
        self._start()
        return Output(self)

    def _start(self) -> None:
        if ALSA in self.apis and not ALSA_SEQUENCER.exists():
            raise ValueError("the system has no ALSA sequencer")
        with told():
            self.midi.init()

    def devices(self, kind: int) -> list[tuple[int, str]]:
        """Number and name of the ports that are there; of new ones only while none is open.

        kind: INPUT or OUTPUT.
        """
        if not self.n_open:
            self.midi.quit()
            self.midi.init()
        rows = [self.midi.get_device_info(i) for i in range(self.midi.get_count())]
        return [(i, row[1].decode(errors="replace")) for i, row in enumerate(rows) if row[kind]]


class _Client:
    """What inputs and outputs of PortMidi have in common. What fails is a ValueError."""

    kind: int  # INPUT or OUTPUT

    def __init__(self, library: PortMidi):
        self._library, self._port = library, None

    def names(self) -> list[str]:
        """The system's ports."""
        with told():
            return [name for _, name in self._library.devices(self.kind)]

    def connect(self, index: int, name: str) -> None:
        """Connect with the port at a place of `names`; name is not used."""
        with told():
            devices = self._library.devices(self.kind)
            if not index < len(devices):
                raise ValueError("it has gone")
            self._port = self._open(devices[index][0])
        self._library.n_open += 1

    def connect_virtual(self, name: str) -> None:
        """PortMidi has no ports of our own. Raises ValueError."""
        raise ValueError("PortMidi has none")

    def close(self) -> None:
        """Let go of it."""
        if self._port is None:
            return
        port, self._port = self._port, None
        self._library.n_open -= 1
        with told():
            port.close()

    def _open(self, number: int):
        raise NotImplementedError


class Input(_Client):
    """An input."""

    kind = INPUT

    def __init__(self, library: PortMidi):
        super().__init__(library)
        self._last_ms = None  # time of the message before, by PortMidi's clock

    def message(self) -> tuple[list[int], float | None] | None:
        """The next message: its bytes, and s since the one before by PortMidi's clock."""
        try:  # thousands of times a second: a context takes ten times as long
            if self._port is None or not self._port.poll():
                return None
            ((data, now_ms),) = self._port.read(1)
        except Exception as error:
            raise sentence(error) from error
        since_s = None if self._last_ms is None else 1e-3 * (now_ms - self._last_ms)
        self._last_ms = now_ms
        return data[: 2 if data[0] in TWO_BYTES else 3], since_s

    def _open(self, number: int):
        return self._library.midi.Input(number, WAITING)


class Output(_Client):
    """An output."""

    kind = OUTPUT

    def send(self, message: tuple[int, int, int]) -> None:
        """Send the three bytes of a message at once."""
        with told():
            self._port.write_short(*message)

    def _open(self, number: int):
        return self._library.midi.Output(number)
