"""MIDI input: several ports at once, by name, on whatever API works here; plugged in at any time.

Messages of RtMidi are polled: its callback would take the interpreter's lock in the driver's own
thread. JACK's are read natively, so that notes need not wait for anyone (matcher.live.jack_midi).
python-rtmidi is loaded when first needed; without it everything else works.
"""

import re
import time
from typing import NamedTuple

from matcher.live import jack_midi
from matcher.live.quiet_libraries import quiet_libraries

NAME = jack_midi.CLIENT
JACK = "JACK"  # port of messages that JACK sent
WAITING = 8192  # messages that RtMidi keeps between two polls
ECHO_S = 0.02  # s within which the same message from another port is an echo
LOOK_S = 1.0  # s between two looks for ports that came or went
NOTE_OFF, NOTE_ON, CONTROL = 0x80, 0x90, 0xB0


class Message(NamedTuple):
    """A note or a controller."""

    port: str
    time_s: float  # of time.monotonic, when it was polled
    kind: int  # NOTE_OFF, NOTE_ON or CONTROL
    number: int  # of the note or the controller
    value: int  # 0 to 127


class Inputs:
    """All MIDI inputs that are wanted, as they come and go.

    JACK's are read natively (live.jack_midi), those of other systems through RtMidi.

    Args:
        wanted: parts of port names; every port where there is none.

    Raises:
        ValueError: there is no MIDI at all.
    """

    def __init__(self, wanted: tuple[str, ...] = ()):
        self.jack, self._ports = _start(wanted)
        self._looked = time.monotonic()

    @property
    def names(self) -> list[str]:
        """Ports that are connected."""
        return [name for part in (self._ports, self.jack) if part for name in part.names]

    def poll(self) -> list[Message]:
        """Messages since the last call, port by port; looks for ports now and then."""
        now = time.monotonic()
        if now - self._looked > LOOK_S:
            self._looked = now
            for part in (self._ports, self.jack):
                if part is not None:
                    part.look()
        messages = self._ports.poll() if self._ports is not None else []
        if self.jack is not None:
            parsed = (parse(JACK, now, data) for data in self.jack.poll())
            messages += [message for message in parsed if message is not None]
        return messages

    def close(self) -> None:
        """Close every port."""
        for part in (self._ports, self.jack):
            if part is not None:
                part.close()
        self._ports = self.jack = None


def _start(wanted: tuple[str, ...]):
    """A jack_midi.Source and _Ports; None for one whose system is missing."""
    ports = source = None
    reasons = []
    try:
        ports = _Ports(wanted)
    except ValueError as error:
        reasons.append(str(error))
    try:
        source = jack_midi.Source(wanted, bridged=ports is None)
    except ValueError as error:
        reasons.append(str(error))
    if ports is None and source is None:
        raise ValueError(f"no MIDI ({'; '.join(reasons)})")
    return source, ports


class _Ports:
    """Inputs of the first system beside JACK that starts."""

    def __init__(self, wanted: tuple[str, ...]):
        self._rtmidi = _library()
        self.wanted = wanted
        self.api, self._watcher = _first_api_that_works(self._rtmidi)
        self._open, self._virtual = {}, self._open_virtual()
        self._recent: list[Message] = []  # of other ports than the virtual one
        self.look()

    @property
    def names(self) -> list[str]:
        return [*self._open, *([NAME] if self._virtual else [])]

    def poll(self) -> list[Message]:
        messages = []
        for name, port in self._open.items():
            messages += _drain(name, port)
        if self._virtual is not None:
            # a port that someone also connected to ours by hand sends everything twice
            self._recent = [m for m in self._recent if time.monotonic() - m.time_s < ECHO_S]
            self._recent += messages
            for message in _drain(NAME, self._virtual):
                echo = next((m for m in self._recent if m[2:] == message[2:]), None)
                if echo is None:
                    messages.append(message)
                else:
                    self._recent.remove(echo)
        return messages

    def look(self) -> None:
        """Open wanted ports that have come and drop those that have gone."""
        there = self._there()
        for name in set(self._open) - set(there):
            self._open.pop(name).delete()
        for name in there:
            if name not in self._open and self._is_wanted(name):
                port = self._new_input()
                try:  # by its place now: numbers change as ports come and go
                    port.open_port(self._there().index(name), name=f"from {name}"[:60])
                except (self._rtmidi.RtMidiError, ValueError, OSError):
                    port.delete()  # gone again, or held by another program
                else:
                    self._open[name] = port

    def close(self) -> None:
        for port in [*self._open.values(), self._virtual, self._watcher]:
            if port is not None:
                port.delete()
        self._open, self._virtual = {}, None

    def _there(self) -> list[str]:
        return list_names(self._watcher.get_ports())

    def _is_wanted(self, name: str) -> bool:
        if NAME.lower() in name.lower() or name.startswith("Midi Through"):
            return False
        return not self.wanted or any(part.lower() in name.lower() for part in self.wanted)

    def _new_input(self):
        port = self._rtmidi.MidiIn(self.api, name=NAME, queue_size_limit=WAITING)
        port.ignore_types(sysex=True, timing=True, active_sense=True)
        return port

    def _open_virtual(self):
        port = self._new_input()
        try:
            port.open_virtual_port("in")
        except (self._rtmidi.RtMidiError, NotImplementedError):  # Windows has none
            port.delete()
            return None
        return port


def _drain(name: str, port) -> list[Message]:
    messages = []
    while (got := port.get_message()) is not None:
        message = parse(name, time.monotonic(), got[0])
        if message is not None:
            messages.append(message)
    return messages


def parse(port: str, time_s: float, data: list[int]) -> Message | None:
    """Bytes of a MIDI message -> Message; None for anything but a note or a controller."""
    if len(data) != 3:
        return None
    kind, number, value = data[0] & 0xF0, data[1] & 0x7F, data[2] & 0x7F
    if kind not in (NOTE_OFF, NOTE_ON, CONTROL):
        return None
    if kind == NOTE_ON and value == 0:
        kind = NOTE_OFF
    return Message(port, time_s, kind, number, value)


def list_inputs() -> list[str]:
    """Names of the ports that can be connected. Raises ValueError where there is no MIDI."""
    inputs = Inputs()
    names = [name for name in inputs.names if name != NAME]
    inputs.close()
    return names


def list_names(ports: list[str]) -> list[str]:
    """Names of ports without the numbers that ALSA gives them anew each time, made unique."""
    names = []
    for port in ports:
        name = re.sub(r" \d+:\d+$", "", port)
        known = sum(re.sub(r" #\d+$", "", n) == name for n in names)
        names.append(f"{name} #{known + 1}" if known else name)
    return names


def _library():
    quiet_libraries()
    try:
        import rtmidi
    except ImportError as error:
        raise ValueError("the package python-rtmidi is missing or cannot be loaded") from error
    return rtmidi


def _first_api_that_works(rtmidi):
    """The first API beside JACK that starts, and a MidiIn of it that watches ports."""
    reasons = []
    for api in rtmidi.get_compiled_api():
        if api in (rtmidi.API_RTMIDI_DUMMY, rtmidi.API_UNIX_JACK):
            continue
        try:
            return api, rtmidi.MidiIn(api, name=f"{NAME} ports")
        except rtmidi.RtMidiError:
            reasons.append(f"{rtmidi.get_api_display_name(api)}: cannot be opened")
    raise ValueError("; ".join(reasons) or "the system has none")
