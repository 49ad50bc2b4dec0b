"""RtMidi behind one interface, by whichever of its bindings is installed.

python-rtmidi is used where it can be had: it also says when each message reached the driver. For
Python 3.13 and later there are no builds of it; rtmidi2 wraps the same library there. What either
raises becomes a ValueError of one sentence.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from matcher.live.quiet_libraries import quiet_libraries

WAITING = 8192  # messages that RtMidi keeps between two polls
MISSING = "neither of the packages python-rtmidi and rtmidi2 can be loaded"
WINDOWS, DUMMY, JACK = "Windows MultiMedia", "Dummy", "Jack"  # names of APIs


class PythonRtMidi:
    """The binding python-rtmidi. Raises ImportError where it cannot be loaded."""

    def __init__(self):
        import rtmidi

        self._rtmidi = rtmidi

    @property
    def apis(self) -> dict[str, int]:
        """Names and numbers of the systems that it can speak to."""
        return {self._rtmidi.get_api_display_name(n): n for n in self._rtmidi.get_compiled_api()}

    def open(self, api: int, client: str) -> "PythonIn":
        """A client of a system, without a port yet. Raises ValueError."""
        with told():
            return PythonIn(self._rtmidi.MidiIn(api, name=client, queue_size_limit=WAITING))


class PythonIn:
    """An input of python-rtmidi. What fails is a ValueError."""

    def __init__(self, port):
        self._port = port
        port.ignore_types(sysex=True, timing=True, active_sense=True)

    def names(self) -> list[str]:
        """The system's ports."""
        with told():
            return self._port.get_ports()

    def connect(self, index: int, name: str) -> None:
        """Receive from the port at a place of `names`; name: of our end."""
        with told():
            self._port.open_port(index, name=name)

    def connect_virtual(self, name: str) -> None:
        """Receive from a port of our own, to which others connect; Windows has none."""
        with told():
            self._port.open_virtual_port(name)

    def message(self) -> tuple[list[int], float | None] | None:
        """The next message: its bytes, and s since the one before by the driver's clock."""
        try:  # thousands of times a second: a context takes ten times as long
            return self._port.get_message()
        except Exception as error:
            raise _sentence(error) from error

    def close(self) -> None:
        """Let go of it."""
        with told():
            self._port.delete()


class RtMidi2:
    """The binding rtmidi2, as PythonRtMidi. Raises ImportError where it cannot be loaded."""

    def __init__(self):
        import rtmidi2

        self._rtmidi2 = rtmidi2

    @property
    def apis(self) -> dict[str, int]:
        """Names and numbers of the systems that RtMidi was built for."""
        r = self._rtmidi2
        if sys.platform == "win32":
            return {WINDOWS: r.API_WINDOWS_MM}
        if sys.platform == "darwin":
            return {"CoreMIDI": r.API_MACOSX_CORE}
        return {"ALSA": r.API_LINUX_ALSA, JACK: r.API_UNIX_JACK}

    def open(self, api: int, client: str) -> "In2":
        """As PythonRtMidi.open."""
        with told():
            port = self._rtmidi2.MidiIn(client, WAITING, api)
            if port.get_current_api() != api:  # RtMidi takes another system where one is missing
                raise ValueError("cannot be opened")
            return In2(port)


class In2:
    """An input of rtmidi2, as PythonIn; it does not say when a message reached the driver."""

    def __init__(self, port):
        self._port = port
        port.ignore_types(True, True, True)

    def names(self) -> list[str]:
        """As PythonIn.names."""
        with told():
            return list(self._port.ports)

    def connect(self, index: int, name: str) -> None:
        """As PythonIn.connect; our end has the name of the client."""
        with told():
            self._port.open_port(index)

    def connect_virtual(self, name: str) -> None:
        """As PythonIn.connect_virtual."""
        with told():
            self._port.open_virtual_port(name)

    def message(self) -> tuple[list[int], float | None] | None:
        """As PythonIn.message, without a time."""
        try:
            data = self._port.get_message()
        except Exception as error:
            raise _sentence(error) from error
        return None if data is None else (data, None)

    def close(self) -> None:
        """As PythonIn.close."""
        with told():
            self._port.close_port()


def load() -> PythonRtMidi | RtMidi2:
    """The binding that is installed. Raises ValueError where there is none."""
    quiet_libraries()
    for binding in (PythonRtMidi, RtMidi2):
        try:
            return binding()
        except ImportError:
            continue
    raise ValueError(MISSING)


@contextmanager
def told() -> Iterator[None]:
    """Make a ValueError of whatever RtMidi raises; each binding has exceptions of its own."""
    try:
        yield
    except Exception as error:
        raise _sentence(error) from error


def _sentence(error: Exception) -> ValueError:
    return ValueError(str(error).strip().rstrip(".") or "it failed")
