"""Audio devices: list them, choose two of them, recognise them when they come back.

PortAudio is loaded when first needed; without it everything else of Drum matcher works. Its errors
become sentences here and in live.stream.
"""

import contextlib
import os
import re
import sys
from collections import Counter
from typing import NamedTuple

import numpy as np

from matcher.live.quiet_libraries import quiet_libraries

LONGEST_LATENCY_S = 5.0  # s above which PortAudio reports nonsense
APIS = ("JACK", "Core Audio", "ASIO", "WASAPI", "WDM-KS", "ALSA", "DirectSound", "MME")
ASIO = "ASIO"  # takes an interface for itself alone, so it is used only where it is asked for
BLOCKS = (0, 16, 2048)  # frames; 0: the driver's own choice, else from 16 to 2048
CHANNELS = 64  # of a device: as many as can be chosen
HARDWARE = re.compile(r",? ?\(?hw:\d+(,\d+)*\)?")  # ALSA's numbers change as devices come and go
LOOPBACK = re.compile(  # inputs that carry what the machine plays
    r"loopback|monitor of|\.monitor|stereo mix|what u hear|wave out mix|blackhole|soundflower|"
    r"cable output",
    re.IGNORECASE,
)
BUSY = -9985  # PortAudio's code of a device that another program has


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
    is_default_in: bool = False  # its API's own choice
    is_default_out: bool = False
    ordinal: int = 1  # among the devices of the same API and plain name

    @property
    def plain_name(self) -> str:
        """Its name without the number that the system gave it."""
        return HARDWARE.sub("", self.name).strip(" -:") or self.name

    @property
    def key(self) -> str:
        """What it is remembered by: name, API, and which one it is where there are several."""
        return f"{self.plain_name} ({self.api})" + f" {self.ordinal}" * (self.ordinal > 1)


class Choice(NamedTuple):
    """The devices to open."""

    input: Device | None
    output: Device | None
    problem: str  # why the input that is wanted is not there; empty where there is none or it is


def use_asio(wanted: bool) -> None:
    """Say whether ASIO drivers are loaded on Windows; only before PortAudio is first needed."""
    if sys.platform == "win32" and wanted:
        os.environ["SD_ENABLE_ASIO"] = "1"
    else:
        os.environ.pop("SD_ENABLE_ASIO", None)


def portaudio():
    """The sounddevice module. Raises ValueError where PortAudio is missing or does not start."""
    quiet_libraries()
    try:
        with as_sentence("no audio: PortAudio does not start"):
            import sounddevice
    except (ImportError, OSError) as error:
        raise ValueError(
            "no audio: the PortAudio library is missing; on Debian and Ubuntu it comes with "
            "apt install libportaudio2"
        ) from error
    return sounddevice


@contextlib.contextmanager
def as_sentence(what: str):
    """Raise a PortAudioError of this context as a ValueError that begins with `what`."""
    try:
        yield
    except Exception as error:
        # where PortAudio does not start, there is no module whose class could be named
        if type(error).__name__ != "PortAudioError":
            raise
        why = str(error.args[0]) if error.args else "an unknown error"
        if BUSY in error.args:
            why = "another program is using it, or it was unplugged"
        raise ValueError(f"{what}: {why}") from error


def rescan() -> None:
    """Look for devices again, which PortAudio does not by itself; no stream may be open."""
    sounddevice = portaudio()
    with as_sentence("no audio: PortAudio does not start again"):
        while sounddevice._initialized:  # 0 where it failed to start before
            sounddevice._terminate()
        sounddevice._initialize()


def list_devices() -> list[Device]:
    """All devices, in PortAudio's order. Raises ValueError where PortAudio fails."""
    sounddevice = portaudio()
    with as_sentence("audio devices cannot be listed"):
        apis, rows = sounddevice.query_hostapis(), sounddevice.query_devices()
    found, equals = [], Counter()
    for number, row in enumerate(rows):
        api = apis[row["hostapi"]]
        device = Device(
            number, row["name"], api["name"],
            row["max_input_channels"], row["max_output_channels"], row["default_samplerate"],
            sane(row["default_low_input_latency"]), sane(row["default_low_output_latency"]),
            number == api["default_input_device"], number == api["default_output_device"],
        )  # fmt: skip
        equals[device.key] += 1
        found.append(device._replace(ordinal=equals[device.key]))
    return found


def choose(found: list[Device], source: str | int | None, output: str | int | None) -> Choice:
    """Choose the input and the output, of one API where that is possible.

    Args:
        found: all devices.
        source: the input: its key, its number or a part of its name; None: the system's own, but
            no loopback.
        output: the output, likewise.

    Returns:
        The devices. An input that is not there takes nothing from the output.

    Raises:
        ValueError: the output that is wanted is not there, or several fit.
    """
    problem, recorded = "", None
    try:
        recorded = _find(found, source, "in", None) if source is not None else None
    except ValueError as error:
        problem = str(error)
    near = recorded.api if recorded is not None else None
    played = _find(found, output, "out", near)
    if source is None:
        recorded = _find(found, None, "in", played and played.api)
    return Choice(recorded, played, problem)


def better(
    found: list[Device], opened: list[Device], source: str | int | None, output: str | int | None
) -> tuple[str, ...]:
    """What would be opened now in place of what is open: keys, or none where it is fine as it is.

    Args:
        found: all devices that another process sees, from which those open here may be hidden.
        opened: the devices that are open here.
        source, output: as for `choose`.
    """
    seen = {device.key for device in found}
    hidden = [device for device in opened if device.key not in seen]
    try:
        choice = choose([*found, *hidden], source, output)
    except ValueError:
        return ()
    keys = {device.key for device in opened}
    others = []
    for kind, wanted, device in (("in", source, choice.input), ("out", output, choice.output)):
        # the system's own may seem to be another one only because it is hidden
        sure = wanted is not None or not any(getattr(d, f"channels_{kind}") > 0 for d in hidden)
        if device is not None and device.key not in keys and sure:
            others.append(device.key)
    return tuple(others)


def _find(found: list[Device], wanted: str | int | None, kind: str, near: str | None):
    """The device of a kind, "in" or "out", of API `near` where there is a choice; None: none."""
    usable = [device for device in found if getattr(device, f"channels_{kind}") > 0]
    usable.sort(key=lambda device: (device.api != near, _rank(device.api)))
    if wanted is None:
        own = [device for device in usable if kind == "out" or not LOOPBACK.search(device.name)]
        own.sort(
            key=lambda device: (
                device.api != near, ASIO in device.api, _rank(device.api),
                not getattr(device, f"is_default_{kind}"),
            )
        )  # fmt: skip
        return own[0] if own else None
    fit = _fitting(usable, str(wanted))
    if len(fit) != 1:
        many = "several devices fit" if fit else "there is no such device"
        names = ", ".join(f"{d.number} {d.key}" for d in sorted(usable)) or "none"
        name = {"in": "input", "out": "output"}[kind]
        raise ValueError(f"{name} is {wanted!r}: {many}; allowed is one of: {names}")
    return fit[0]


def _fitting(usable: list[Device], wanted: str) -> list[Device]:
    """Those that are meant by a key, a number or a part of a name."""
    if fit := [device for device in usable if device.key == wanted]:
        return fit
    if wanted.isdecimal():
        return [device for device in usable if device.number == int(wanted)]
    part, plain = wanted.lower(), HARDWARE.sub("", wanted).strip(" -:").lower()
    fit = [device for device in usable if part in f"{device.name}\n{device.key}".lower()]
    fit = fit or [device for device in usable if plain and plain in device.plain_name.lower()]
    fit = [d for d in fit if part in (d.name.lower(), d.plain_name.lower())] or fit
    return [device for device in fit if device.api == fit[0].api]


def _rank(api: str) -> int:
    """The place of an API in APIS, which is by how soon they play."""
    return next((i for i, name in enumerate(APIS) if name in api), len(APIS))


def check_block(block: int) -> None:
    """Raise ValueError where a stream cannot have blocks of this many frames."""
    own, low, high = BLOCKS
    if block != own and not low <= block <= high:
        raise ValueError(f"block is {block}, allowed is {own} (the driver's) or {low} to {high}")


def check_channel(name: str, channel: int) -> None:
    """Raise ValueError where a channel, counted from 0, cannot be that of a device."""
    if not 0 <= channel < CHANNELS:
        raise ValueError(f"{name} is {channel + 1}, allowed is 1 to {CHANNELS}")


def sane(latency) -> float | None:
    """A latency that PortAudio reports, s; None where it is nonsense."""
    known = latency is not None and np.isfinite(latency) and 0 <= latency <= LONGEST_LATENCY_S
    return float(latency) if known else None
