"""Choosing devices and recognising them; opening them is tested on JACK."""

from types import SimpleNamespace

import pytest

from matcher.live import devices
from matcher.live.devices import Device, better, choose

WINDOWS = [
    Device(0, "Scarlett", "MME", 2, 2, 44100.0, 0.09, 0.09, False, True),
    Device(1, "Webcam", "MME", 1, 0, 44100.0, 0.09, None, True),
    Device(2, "Webcam", "Windows WASAPI", 1, 0, 48000.0, 0.003, None),
    Device(3, "Speakers", "Windows WASAPI", 0, 2, 48000.0, None, 0.003, False, True),
    Device(4, "Scarlett", "Windows WASAPI", 2, 2, 48000.0, 0.003, 0.003, True),
    Device(5, "Microphone", "Windows DirectSound", 1, 0, 44100.0, 0.1, None, True),
    Device(6, "Scarlett", "ASIO", 2, 2, 48000.0, 0.002, 0.002, True, True),
]
CARDS = [
    Device(0, "HDA Intel PCH: ALC257 (hw:0,0)", "ALSA", 2, 2, 44100.0, 0.01, 0.01),
    Device(1, "USB Audio: - (hw:1,0)", "ALSA", 1, 0, 48000.0, 0.01, None),
    Device(2, "USB Audio: - (hw:2,0)", "ALSA", 1, 0, 48000.0, 0.01, None, ordinal=2),
    Device(3, "default", "ALSA", 32, 32, 44100.0, 0.01, 0.01, True, True),
]


@pytest.mark.parametrize(
    ("source", "output", "numbers"),
    [
        (None, None, (4, 3)),  # the fastest system's own, but ASIO only where it is asked for
        ("scarlett (windows", "speakers", (4, 3)),
        ("webcam", "scarlett (windows", (2, 4)),
        (1, None, (1, 0)),  # the output follows the input that was named
        (None, 0, (1, 0)),  # and the other way round
        ("microphone", "speakers", (5, 3)),  # of two systems: each has its own clock then
        ("scarlett", "Scarlett (ASIO)", (6, 6)),  # that of the fastest system
    ],
)
def test_devices_are_chosen_by_name_number_or_default(source, output, numbers):
    choice = choose(WINDOWS, source, output)
    assert (choice.input.number, choice.output.number, choice.problem) == (*numbers, "")


def test_an_input_that_is_not_there_takes_nothing_from_the_output():
    choice = choose(WINDOWS, "drum mic", "speakers")
    assert (choice.input, choice.output.number) == (None, 3)
    assert choice.problem.startswith("input is 'drum mic': there is no such device; allowed is")


@pytest.mark.parametrize("wanted", ["(windows", "none such", 99, 1])
def test_an_output_that_does_not_fit(wanted):
    with pytest.raises(ValueError, match=r"allowed is one of: 0 Scarlett \(MME\), 3 Speakers"):
        choose(WINDOWS, None, wanted)


def test_no_device_at_all():
    assert choose([], None, None) == (None, None, "")


def test_a_device_is_remembered_without_the_number_of_its_card():
    assert [d.key for d in CARDS[:3]] == [
        "HDA Intel PCH: ALC257 (ALSA)", "USB Audio (ALSA)", "USB Audio (ALSA) 2",
    ]  # fmt: skip
    later = [d._replace(name=d.name.replace("hw:2", "hw:7")) for d in CARDS]
    assert choose(later, "USB Audio (ALSA) 2", None).input.number == 2
    moved = [d._replace(name=d.name.replace("hw:0", "hw:3")) for d in CARDS]
    for remembered in ("HDA Intel PCH: ALC257 (hw:0,0)", "ALC257, hw:0,0", "ALC257"):
        assert choose(moved, remembered, None).input.number == 0


@pytest.mark.parametrize(
    "name", ["Monitor of Speakers", "Speakers [Loopback]", "Stereo Mix (Realtek)", "BlackHole 2ch"]
)
def test_a_loopback_is_an_input_only_where_it_is_named(name):
    loopback = Device(8, name, "ALSA", 2, 0, 44100.0, 0.01, None, True)
    found = [loopback, *(d._replace(is_default_in=False) for d in CARDS)]
    assert choose(found, None, None).input.number == 0
    assert choose([loopback], None, None).input is None
    assert choose(found, name, None).input == loopback


def test_what_has_come_is_better_and_what_is_hidden_is_not_gone():
    scarlett, speakers = WINDOWS[4], WINDOWS[3]
    opened = [scarlett, speakers]
    assert better(WINDOWS, opened, None, None) == ()
    # the system's own output has changed
    changed = [d._replace(is_default_out=d == scarlett) for d in WINDOWS]
    assert better(changed, opened, None, None) == ("Scarlett (Windows WASAPI)",) or (
        better(changed, [WINDOWS[2], speakers], None, None)
    )
    # an input that was missing has come
    assert better(WINDOWS, [speakers], "webcam", "speakers") == ("Webcam (Windows WASAPI)",)
    # a card that is open here cannot be opened by the process that looks
    card = CARDS[0]
    assert better(CARDS[1:], [card], "ALC257", "ALC257") == ()
    assert better(CARDS[1:], [card], None, None) == ()


class PortAudioError(Exception):
    """As sounddevice's, which cannot be imported where PortAudio does not start."""


def test_errors_of_portaudio_are_sentences(monkeypatch):
    def fail(*arguments):
        raise PortAudioError("Error initializing PortAudio: Internal error", -9986)

    broken = SimpleNamespace(_initialized=0, _initialize=fail, query_hostapis=fail)
    monkeypatch.setattr(devices, "portaudio", lambda: broken)
    with pytest.raises(ValueError, match="PortAudio does not start again: Error initializing"):
        devices.rescan()
    with pytest.raises(ValueError, match="cannot be listed"):
        devices.list_devices()
    with pytest.raises(ValueError, match="Mic: another program is using it"):  # noqa: SIM117
        with devices.as_sentence("Mic"):
            raise PortAudioError("Device unavailable", devices.BUSY)


def test_asio_can_be_turned_off(monkeypatch):
    monkeypatch.setattr(devices.sys, "platform", "win32")
    for wanted, value in ((True, "1"), (False, None)):
        devices.use_asio(wanted)
        assert devices.os.environ.get("SD_ENABLE_ASIO") == value
    monkeypatch.delenv("SD_ENABLE_ASIO", raising=False)
