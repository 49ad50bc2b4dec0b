"""Open streams, run by the native callbacks: one for both where input and output are one device.

PortAudio's `stop` and `close` hang for ever once a JACK server has died, so a stream is only ever
closed in a thread that nobody waits for longer than CLOSE_S.
"""

import ctypes
import threading
import time

import numpy as np

from matcher.live import callback as native
from matcher.live import capture, midi_notes, realtime
from matcher.live.detector import Settings
from matcher.live.devices import Device, as_sentence, check_block, portaudio, sane

LOST_S = 0.8  # s without a callback after which a stream counts as lost
CLOSE_S = 1.0  # s after which closing is given up: PortAudio may hang
LEVELS_S = 3.0  # s that are recorded to see the levels of an input: time for a few strokes
WARM_FRAMES = 64  # of the call that brings the callback's code into memory


class Stream:
    """A PortAudio stream whose audio callback runs.

    Args:
        state: (1,) callback.STATE, which stays with it; its channels are set.
        source: input; None: it only plays.
        output: output; None: it only records.
        sample_rate: Hz.
        block: frames; 0: the driver's own choice.
        exclusive: whether WASAPI is to leave the device to no other program.

    Raises:
        ValueError: the block is not allowed or the devices cannot be opened.
    """

    def __init__(
        self, state: np.ndarray, source: Device | None, output: Device | None, sample_rate: float,
        block: int, exclusive: bool,
    ):  # fmt: skip
        check_block(block)
        sounddevice, record = portaudio(), state[0]
        self._counted = record if output is not None else record["capture"]
        self._state = state
        callback = native.make_callback() if output is not None else native.make_input_callback()
        _warm(callback, self._counted, state)
        if output is not None:  # the call on silence was no block of this stream
            midi_notes.prepare(record["midi"], sample_rate)
        channels = {"in": int(record["capture"]["channels"]), "out": int(record["channels_out"])}
        devices = {"in": source, "out": output}
        used = [side for side, device in devices.items() if device is not None]
        extra = [_extra(sounddevice, devices[side], exclusive) for side in used]
        kind = "duplex" if len(used) == 2 else "input" if source is not None else "output"
        numbers, counts = [devices[side].number for side in used], [channels[side] for side in used]
        ffi = sounddevice._ffi
        with as_sentence(f"{(output or source).name} cannot be opened"):
            self._stream = sounddevice._StreamBase(
                kind=kind,
                samplerate=sample_rate,
                blocksize=block,
                device=_one_or_both(numbers),
                channels=_one_or_both(counts),
                dtype="float32",
                latency="low",
                extra_settings=_one_or_both(extra),
                callback=ffi.cast("PaStreamCallback *", callback.address),
                userdata=ffi.cast("void *", state.ctypes.data),
            )
            if "ALSA" in (output or source).api:
                realtime.ask_portaudio(sounddevice, self._stream)
            self._stream.start()
        self._seen, self._seen_at = -1, time.monotonic()

    @property
    def latency_s(self) -> tuple[float | None, ...]:
        """Latency in s, of input and output where it has both; None where unknown."""
        latency = self._stream.latency
        both = latency if isinstance(latency, tuple) else (latency,)
        return tuple(sane(value) for value in both)

    def alive(self) -> bool:
        """False once no callback has come for LOST_S; to be asked several times a second."""
        blocks, now = int(self._counted["blocks"]), time.monotonic()
        if blocks != self._seen:
            self._seen, self._seen_at = blocks, now
        return now - self._seen_at < LOST_S

    def close(self) -> bool:
        """Stop and close; False where PortAudio hangs: only a new process helps then."""
        thread = threading.Thread(target=self._close, daemon=True)
        thread.start()
        thread.join(CLOSE_S)
        return not thread.is_alive()

    def _close(self) -> None:
        try:
            with as_sentence("closing"):
                self._stream.close()
        except ValueError:
            pass  # a device that was unplugged is closed with an error


class Streams:
    """The output that the pads play on, and the input: in the same stream, its own, or none.

    Args:
        source: input to open; None: none.
        output: output to open.
        setup: protocol.Setup, whose channels, block and exclusive mode are used.

    Attributes:
        state: (1,) callback.STATE of both.
        input: the Device that is recorded, or None.
        problem: why `source` is not recorded; empty where it is.

    Raises:
        ValueError: the output cannot be opened.
    """

    def __init__(self, source: Device | None, output: Device, setup):
        self.output, self.input, self.problem, self._setup = output, None, "", setup
        self._input_stream: Stream | None = None
        self._hangs = False  # the input's stream could not be closed
        self._asked: set[int] = set()  # threads for which a priority was asked
        self.sample_rate = self.input_rate = float(output.sample_rate)
        if source is not None and share_a_clock(source, output):
            try:
                self._open_output(source)
            except ValueError as error:
                self.problem = str(error)
            else:
                self.input = source
                return
        self._open_output(None)
        if source is not None:
            try:
                self.open_input(source)
            except ValueError as error:
                self.problem = str(error)

    def _open_output(self, source: Device | None) -> None:
        setup, output = self._setup, self.output
        first = setup.output_channel
        if first >= output.channels_out:
            raise ValueError(
                f"output channel is {first + 1}, but {output.name} has {output.channels_out}"
            )
        channels_in = _channels_in(source, setup.input_channel) if source is not None else 0
        channels_out = min(output.channels_out, first + 2)
        self.state = native.make_state(self.sample_rate, channels_in, channels_out)
        record = self.state[0]
        record["two_clocks"] = source is None
        record["output_channel"] = first
        record["capture"]["channel"] = setup.input_channel
        if not realtime.keep_in_memory(self.state):  # the voices at least
            realtime.lock(self.state["pool"])
        self._stream = Stream(
            self.state, source, output, self.sample_rate, setup.block, setup.exclusive
        )

    def open_input(self, source: Device) -> None:
        """Open a stream of its own for an input. Raises ValueError where it cannot be opened."""
        if self._hangs:
            raise ValueError("the input that was lost hangs; look for devices again to go on")
        setup, rate = self._setup, float(source.sample_rate)
        channels = _channels_in(source, setup.input_channel)
        record = self.state[0]["capture"]
        capture.prepare(record, rate, channels, Settings())
        record["channel"] = setup.input_channel
        try:
            self._input_stream = Stream(
                self.state, source, None, rate, setup.block, setup.exclusive
            )
        except ValueError:
            record["channels"] = 0
            raise
        self.input, self.input_rate, self.problem = source, rate, ""

    def close_input(self) -> None:
        """Close the input's own stream; the output goes on."""
        if self._input_stream is not None:
            self._hangs = not self._input_stream.close()
        self._input_stream = self.input = None

    @property
    def latency_s(self) -> tuple[float | None, float | None]:
        """Latency of input and output in s, None where unknown."""
        *recorded, played = self._stream.latency_s
        if self._input_stream is not None:
            recorded = self._input_stream.latency_s
        return recorded[0] if recorded else None, played

    def output_alive(self) -> bool:
        """False once the output, or what is both, counts as lost."""
        return self._stream.alive()

    def input_alive(self) -> bool:
        """False once an input with a stream of its own counts as lost."""
        return self._input_stream is None or self._input_stream.alive()

    def ask_for_priority(self) -> None:
        """Ask RealtimeKit for the threads of ALSA's callbacks, once each; waits for nobody."""
        sides = ((self.output, self.state[0]), (self.input, self.state[0]["capture"]))
        for device, record in sides:
            number = int(record["thread"])
            if device is not None and "ALSA" in device.api and number not in {0, *self._asked}:
                self._asked.add(number)
                threading.Thread(target=realtime.ask_rtkit, args=(number,), daemon=True).start()

    def close(self) -> bool:
        """Close all; False where PortAudio hangs."""
        self.close_input()
        return self._stream.close() and not self._hangs


def measure_levels(source: Device, seconds: float = LEVELS_S) -> list[float]:
    """Record for a while -> peak of each channel of an input, of full scale.

    Raises:
        ValueError: it cannot be opened, or nothing came.
    """
    rate = float(source.sample_rate)
    state = native.make_state(rate, 0, 2)
    record = state[0]["capture"]
    capture.prepare(record, rate, _channels_in(source, 0), Settings())
    stream = Stream(state, source, None, rate, 0, False)
    time.sleep(seconds)
    stream.close()
    if record["blocks"] <= 1:  # the one that made the callback warm
        raise ValueError(f"{source.name} gives nothing")
    return record["channel_peaks"][: int(record["channels"])].tolist()


def share_a_clock(source: Device, output: Device) -> bool:
    """Whether input and output can be one stream: the same device, or both on one JACK server."""
    same_server = "JACK" in source.api and "JACK" in output.api
    return source.number == output.number or same_server


def _channels_in(source: Device, channel: int) -> int:
    """How many channels of an input to open so that one of them, from 0, can be recorded."""
    if channel >= source.channels_in:
        raise ValueError(
            f"input channel is {channel + 1}, but {source.name} has {source.channels_in}"
        )
    if "ALSA" in source.api and "hw:" not in source.name:  # a plug-in, which makes up any number
        return max(min(2, source.channels_in), channel + 1)
    return max(min(source.channels_in, capture.CHANNELS), channel + 1)


def _extra(sounddevice, device: Device, exclusive: bool):
    """What WASAPI is asked for: the device alone, or sample rates as they come."""
    if "WASAPI" not in device.api:
        return None
    return sounddevice.WasapiSettings(exclusive=exclusive, auto_convert=not exclusive)


def _one_or_both(values: list):
    return values[0] if len(values) == 1 else tuple(values)


def _warm(callback, counted, state) -> None:
    """Call the callback once, on silence, so that its code is in memory when the stream starts."""
    c_long = ctypes.c_ulong
    pointer = ctypes.c_void_p
    parameters = (pointer, pointer, c_long, pointer, c_long, pointer)
    function = ctypes.CFUNCTYPE(ctypes.c_int32, *parameters)(callback.address)
    record = state[0]
    channels_in = max(1, int(record["capture"]["channels"]))
    x = np.zeros((WARM_FRAMES, channels_in), np.float32)
    out = np.zeros((WARM_FRAMES, int(record["channels_out"])), np.float32)
    function(x.ctypes.data, out.ctypes.data, WARM_FRAMES, None, 0, state.ctypes.data)
    for name in ("thread", "worst_ns"):
        counted[name] = 0
