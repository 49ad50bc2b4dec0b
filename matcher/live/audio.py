"""Opening the audio streams, and watching them: what is lost comes back, what is missing is told.

The output never waits for the input: pads play without a microphone, and go on when one is lost.
"""

from collections.abc import Callable

from matcher.live import devices, voices
from matcher.live.device_probe import Probe
from matcher.live.protocol import Activity, DeviceChanged, DeviceList, State
from matcher.live.retry import Retry
from matcher.live.stream import Streams

RETRY_S = 1.0  # s: between the first two attempts to open a missing device
ZEROS_S = 3.0  # s of exact zeros that no open microphone gives
OUTPUT, INPUT = "output", "input"  # what `watch` opened


class Stuck(Exception):
    """PortAudio hangs; this process can open no other stream."""


class Audio:
    """The streams that are open.

    Args:
        state: returns the current State.
        say: called with an Event's class, its time or None, and its fields.
        publish: called with what is for clients but no Event.
        closing: called before a stream is closed.
        opened: called once an output was opened, before its input is looked at.
        input_opened: called once an input was opened, or is known to be missing.

    Attributes:
        streams: Streams, or None while there is no output.
    """

    def __init__(
        self, state: Callable[[], State], say: Callable, publish: Callable,
        closing: Callable[[], None], opened: Callable[[], None],
        input_opened: Callable[[], None],
    ):  # fmt: skip
        self._state, self._say, self._publish, self._closing = state, say, publish, closing
        self._opened, self._input_opened = opened, input_opened
        self.streams: Streams | None = None
        self._source: devices.Device | None = None  # the input to open
        self._retry, self._input_retry = Retry(RETRY_S), Retry(RETRY_S)
        self._reported: str | None = None  # what was missing; None before the first attempt
        self._input_reported = ""
        self._silent = False  # the input gives nothing but zeros, and that was reported
        self._probe = Probe()
        self._went_for: tuple[str, ...] = ()  # devices for which streams were opened anew

    @property
    def _has_input(self) -> bool:
        return self.streams.input is not None

    @property
    def _capture(self):
        return self.streams.state[0]["capture"]

    def watch(self) -> str:
        """Open what is missing, close what was lost.

        Returns:
            OUTPUT: everything was opened anew; INPUT: only the input; "": nothing.

        Raises:
            Stuck: PortAudio hangs.
        """
        if self.streams is not None and not self.streams.output_alive():
            lost = self.streams.output.name
            self._say(DeviceChanged, None, system="audio", state="lost", name=lost)
            self._close_streams()
        if self.streams is None:
            return OUTPUT if self._retry.is_due() and self._try_to_open() else ""
        self.streams.ask_for_priority()
        opened = self._watch_input()
        self._watch_for_others()
        return opened

    def rescan(self) -> None:
        """Look for devices again; all sound is cut off. Raises Stuck if PortAudio hangs."""
        if self.streams is not None:
            self._close_streams()
        self._retry.reset()
        self._reported = ""

    def close(self) -> bool:
        """Stop; False if PortAudio hangs."""
        self._probe.close()
        return self.streams is None or self.streams.close()

    def _close_streams(self) -> None:
        self._closing()
        self._publish(Activity(f"closing {self.streams.output.name}"))
        if not self.streams.close():
            raise Stuck(self.streams.output.name)
        self._publish(Activity(""))
        self.streams = None

    def _try_to_open(self) -> bool:
        try:
            if self._reported is not None:
                self._publish(Activity("looking for audio devices"))
                devices.rescan()
            self._open()
        except ValueError as error:
            self._retry.failed()
            if str(error) != self._reported:
                self._say(DeviceChanged, None, system="audio", state="missing", name=str(error))
            self._reported = str(error)
            return False
        finally:
            self._publish(Activity(""))
        self._retry.reset()
        return True

    def _open(self) -> None:
        self._publish(Activity("looking for audio devices"))
        setup, found = self._state().setup, devices.list_devices()
        self._publish(DeviceList(found))
        source, output, problem = devices.choose(found, setup.input, setup.output)
        if output is None:
            raise ValueError("no audio output device; connect one, or start a sound server")
        self._publish(Activity(f"opening {output.name} ({output.api})"))
        self.streams = Streams(source, output, setup)
        self._source = source  # as long as nothing else is found
        self._reported = ""
        self._opened()
        self._begin_input()
        problem = problem or self.streams.problem
        if not self._has_input:
            self._report_input("missing", problem or "no input; connect a microphone")
            self._input_retry.failed()

    def _begin_input(self) -> None:
        """After the input was opened: what follows it begins anew."""
        self._silent = False
        self._input_opened()
        if self._has_input:
            self._report_input("found", "")
            self._input_retry.reset()

    def _watch_input(self) -> str:
        """Close an input that was lost, and try to open one that is not there."""
        streams = self.streams
        if not streams.input_alive():
            name = streams.input.name
            streams.close_input()
            self._say(DeviceChanged, None, system=INPUT, state="lost", name=name)
            self._input_reported = name
        if self._has_input:
            self._watch_for_zeros()
            return ""
        if self._source is None or not self._input_retry.is_due():
            return ""
        try:
            self._publish(Activity(f"opening {self._source.name} ({self._source.api})"))
            streams.open_input(self._source)
        except ValueError as error:
            self._input_retry.failed()
            self._report_input("missing", str(error))
            return ""
        finally:
            self._publish(Activity(""))
        self._begin_input()
        return INPUT

    def _report_input(self, state: str, sentence: str) -> None:
        """Say once that the input is missing, or was found after that had been said."""
        if state == "missing" and sentence != self._input_reported:
            self._say(DeviceChanged, None, system=INPUT, state=state, name=sentence)
        elif state == "found" and self._input_reported:
            name = self.streams.input.name
            self._say(DeviceChanged, None, system=INPUT, state=state, name=name)
        self._input_reported = sentence

    def _watch_for_zeros(self) -> None:
        """Say when the input gives nothing but zeros, and when it no longer does."""
        zeros, name = int(self._capture["zeros"]), self.streams.input.name
        silent = zeros >= ZEROS_S * self.streams.input_rate if not self._silent else zeros > 0
        if silent == self._silent:
            return
        self._silent = silent
        if silent:
            channel = int(self._capture["channel"]) + 1
            name = (
                f"channel {channel} of {name} is silent to the last bit: it is muted or not "
                "connected, or this app is not allowed to use the microphone"
            )
        state = "silent" if silent else "found"
        self._say(DeviceChanged, None, system=INPUT, state=state, name=name)

    def _watch_for_others(self) -> None:
        """Go over to devices that have come or are the system's own now, once nothing sounds."""
        setup, streams = self._state().setup, self.streams
        exclusive = any(api in streams.output.api for api in ("JACK", "ASIO"))
        default = setup.input is None or setup.output is None
        if self._has_input and (exclusive or not default):
            return
        found = self._probe.look()
        if found is None:
            return
        opened = [device for device in (streams.input, streams.output) if device is not None]
        better = devices.better(found, opened, setup.input, setup.output)
        if not better or better == self._went_for:  # what could not be opened is not tried again
            self._went_for = better
        elif voices.n_sounding(self.streams.state[0]["pool"]) > 0:
            self._probe.look_soon()
        else:
            self._went_for = better
            self.rescan()
