"""RtMidi, by the binding python-rtmidi: what is used of it, and its errors as sentences.

It has no builds for Python 3.13 and newer; portmidi_library.py stands in there. Other bindings that
have some are no choice: rtmidi2 aborts the process where a port of ours cannot be opened, and does
not say when a message came in; pylibremidi 5.4 cannot be loaded by them but on Windows.
"""

from collections.abc import Iterator
from contextlib import contextmanager

WAITING = 8192  # messages that RtMidi keeps between two polls
WINDOWS, DUMMY, JACK = "Windows MultiMedia", "Dummy", "Jack"  # names of APIs


class RtMidi:
    """The binding python-rtmidi. Raises ImportError where it cannot be loaded."""

    def __init__(self):
        import rtmidi

        self._rtmidi = rtmidi

    @property
    def apis(self) -> dict[str, int]:
        """Names and numbers of the systems that it can speak to."""
        return {self._rtmidi.get_api_display_name(n): n for n in self._rtmidi.get_compiled_api()}

    def open(self, api: int, client: str) -> "Input":
        """A client of a system, without a port yet. Raises ValueError."""
        with told():
            return Input(self._rtmidi.MidiIn(api, name=client, queue_size_limit=WAITING))

    def open_output(self, api: int, client: str) -> "Output":
        """A client that sends, as `open`. Raises ValueError."""
        with told():
            return Output(self._rtmidi.MidiOut(api, name=client))


class _Client:
    """What inputs and outputs of python-rtmidi have in common. What fails is a ValueError."""

    def __init__(self, port):
        self._port = port

    def names(self) -> list[str]:
        """The system's ports."""
        with told():
            return self._port.get_ports()

    def connect(self, index: int, name: str) -> None:
        """Connect with the port at a place of `names`; name: of our end."""
        with told():
            self._port.open_port(index, name=name)

    def connect_virtual(self, name: str) -> None:
        """Have a port of our own, to which others connect; Windows has none."""
        with told():
            self._port.open_virtual_port(name)

    def close(self) -> None:
        """Let go of it."""
        with told():
            self._port.delete()


class Input(_Client):
    """An input."""

    def __init__(self, port):
        super().__init__(port)
        port.ignore_types(sysex=True, timing=True, active_sense=True)

    def message(self) -> tuple[list[int], float | None] | None:
        """The next message: its bytes, and s since the one before by the driver's clock."""
        try:  # thousands of times a second: a context takes ten times as long
            return self._port.get_message()
        except Exception as error:
            raise sentence(error) from error


class Output(_Client):
    """An output."""

    def send(self, message: tuple[int, int, int]) -> None:
        """Send the three bytes of a message at once."""
        with told():
            self._port.send_message(message)


@contextmanager
def told() -> Iterator[None]:
    """Make a ValueError of whatever RtMidi raises."""
    try:
        yield
    except Exception as error:
        raise sentence(error) from error


def sentence(error: Exception) -> ValueError:
    """What a binding raised, as a sentence."""
    return ValueError(str(error).strip().rstrip(".") or "it failed")
