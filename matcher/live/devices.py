"""Audio devices: list them, find them by name, stream by the native callback, notice a loss.

PortAudio is loaded when first needed; without it everything else of Drum matcher works. Its `stop`
and `close` hang for ever once a JACK server has died, so a stream is only ever closed in a thread
that nobody waits for longer than CLOSE_S.
"""

import threading
import time
from typing import NamedTuple

import numpy as np

from matcher.live import callback as native
from matcher.live.quiet_libraries import quiet_libraries

LONGEST_LATENCY_S = 5.0  # s above which PortAudio reports nonsense
LOST_S = 0.8  # s without a callback after which a stream counts as lost
CLOSE_S = 1.0  # s after which closing is given up: PortAudio may hang
APIS = ("ASIO", "JACK", "Core Audio", "WASAPI", "WDM-KS", "ALSA", "DirectSound", "MME")
BLOCKS = (0, 16, 2048)  # frames; 0: the driver's own choice, else from 16 to 2048


class Device(NamedTuple):
    """An audio device."""

    number: int
    name: str
    api: str
    channels_in: int
    channels_out: int
    sample_rate: float  # Hz, its own
    latency_in_s: float | None  # None where unknown
    latency_out_s: float | None


def _portaudio():
    quiet_libraries()
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise ValueError(
            "no audio: the PortAudio library is missing; on Debian and Ubuntu it comes with "
            "apt install libportaudio2"
        ) from error
    return sounddevice


def rescan() -> None:
    """Look for devices again, which PortAudio does not by itself; no stream may be open."""
    sounddevice = _portaudio()
    sounddevice._terminate()
    sounddevice._initialize()


def list_devices() -> list[Device]:
    """All devices, in PortAudio's order. Raises ValueError where PortAudio is missing."""
    sounddevice = _portaudio()
    apis = [api["name"] for api in sounddevice.query_hostapis()]
    return [
        Device(
            number, row["name"], apis[row["hostapi"]],
            row["max_input_channels"], row["max_output_channels"], row["default_samplerate"],
            _sane(row["default_low_input_latency"]), _sane(row["default_low_output_latency"]),
        )
        for number, row in enumerate(sounddevice.query_devices())
    ]  # fmt: skip


def find_pair(source: str | int | None, output: str | int | None) -> tuple:
    """Find the input and the output device, both of one sound system.

    Where several systems offer a device, the fastest system is taken.

    Args:
        source: number or part of the name of the input; None: the system's own.
        output: of the output, likewise.

    Returns:
        Two Devices; None for one that is not named and does not exist.

    Raises:
        ValueError: no device or several fit; the message names those that exist.
    """
    found, near = {}, None
    # what is named decides on which system the other one is
    for kind, wanted in sorted((("output", output), ("input", source)), key=lambda w: w[1] is None):
        found[kind] = _find(wanted, kind, near)
        near = near or (found[kind] and found[kind].api)
    recorded, played = found["input"], found["output"]
    if recorded and played and recorded.api != played.api:
        if source is not None:
            raise ValueError(
                f"input {recorded.name} is on {recorded.api} and output {played.name} on "
                f"{played.api}; choose two of one system"
            )
        recorded = None  # nobody asked for it
    return recorded, played


def _find(wanted: str | int | None, kind: str, near: str | None) -> Device | None:
    """The device of a kind that is wanted, of API `near` where there is a choice."""
    usable = [d for d in list_devices() if getattr(d, f"channels_{kind[:-3]}") > 0]
    usable.sort(key=lambda d: (d.api != near, _rank(d.api)))
    if wanted is None:
        own = _portaudio().query_hostapis()
        own = {api["name"]: api[f"default_{kind}_device"] for api in own}
        usable.sort(key=lambda d: (d.api != near, _rank(d.api), d.number != own[d.api]))
        return usable[0] if usable else None
    names = ", ".join(f"{d.number} {d.name}" for d in sorted(usable)) or "none"
    if isinstance(wanted, int) or str(wanted).isdecimal():
        fit = [d for d in usable if d.number == int(wanted)]
    else:
        fit = [d for d in usable if str(wanted).lower() in d.name.lower()]
        fit = [d for d in fit if d.name.lower() == str(wanted).lower()] or fit
        fit = [d for d in fit if d.api == fit[0].api]
    if len(fit) != 1:
        many = "several devices fit" if fit else "there is no such device"
        raise ValueError(f"{kind} is {wanted!r}: {many}; allowed is one of: {names}")
    return fit[0]


def _rank(api: str) -> int:
    """The place of an API in APIS, which is by how soon they play."""
    return next((i for i, name in enumerate(APIS) if name in api), len(APIS))


class Stream:
    """An open stream whose audio callback runs.

    Args:
        input_device: None: it only plays.
        output_device: its rate is that of the stream.
        block: frames; 0: the driver's own choice.

    Attributes:
        state: (1,) callback.STATE.
        sample_rate: Hz.

    Raises:
        ValueError: the block is not allowed or the devices cannot be opened.
    """

    def __init__(self, input_device: Device | None, output_device: Device, block: int = 0):
        check_block(block)
        sounddevice = _portaudio()
        self.input, self.output, self.block = input_device, output_device, block
        self.sample_rate = float(output_device.sample_rate)
        channels_in = min(input_device.channels_in, 32) if input_device else 0
        channels_out = min(output_device.channels_out, 2)
        self.state = native.make_state(self.sample_rate, channels_in, channels_out)
        self._callback = native.make_callback()
        ffi = sounddevice._ffi
        kind, device, channels = "output", output_device.number, channels_out
        if input_device is not None:
            kind = "duplex"
            device, channels = (input_device.number, device), (channels_in, channels)
        try:
            self._stream = sounddevice._StreamBase(
                kind=kind,
                samplerate=self.sample_rate,
                blocksize=block,
                device=device,
                channels=channels,
                dtype="float32",
                latency="low",
                callback=ffi.cast("PaStreamCallback *", self._callback.address),
                userdata=ffi.cast("void *", self.state.ctypes.data),
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise ValueError(f"{output_device.name} cannot be opened: {error}") from error
        self._seen, self._seen_at = -1, time.monotonic()

    @property
    def latency_s(self) -> tuple[float | None, float | None]:
        """Latency of input and output in s, None where unknown."""
        latency = self._stream.latency
        both = latency if isinstance(latency, tuple) else (None, latency)
        return tuple(_sane(value) for value in both)

    def alive(self) -> bool:
        """False once no callback has come for LOST_S; to be asked several times a second."""
        blocks, now = int(self.state["blocks"][0]), time.monotonic()
        if blocks != self._seen:
            self._seen, self._seen_at = blocks, now
        return now - self._seen_at < LOST_S

    def close(self) -> bool:
        """Stop and close; False where PortAudio hangs: only a new process helps then."""
        thread = threading.Thread(target=self._stream.close, daemon=True)
        thread.start()
        thread.join(CLOSE_S)
        return not thread.is_alive()


def check_block(block: int) -> None:
    """Raise ValueError where a stream cannot have blocks of this many frames."""
    own, low, high = BLOCKS
    if block != own and not low <= block <= high:
        raise ValueError(f"block is {block}, allowed is {own} (the driver's) or {low} to {high}")


def _sane(latency) -> float | None:
    known = latency is not None and np.isfinite(latency) and 0 <= latency <= LONGEST_LATENCY_S
    return float(latency) if known else None
