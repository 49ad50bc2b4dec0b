"""Choosing devices where several systems offer the same ones; opening them is tested on JACK."""

from types import SimpleNamespace

import pytest

from matcher.live import devices
from matcher.live.devices import Device

WINDOWS = [
    Device(0, "Scarlett", "MME", 2, 2, 44100.0, 0.09, 0.09),
    Device(1, "Webcam", "MME", 1, 0, 44100.0, 0.09, None),
    Device(2, "Webcam", "Windows WASAPI", 1, 0, 48000.0, 0.003, None),
    Device(3, "Speakers", "Windows WASAPI", 0, 2, 48000.0, None, 0.003),
    Device(4, "Scarlett", "Windows WASAPI", 2, 2, 48000.0, 0.003, 0.003),
    Device(5, "Microphone", "Windows DirectSound", 1, 0, 44100.0, 0.1, None),
]
DEFAULTS = {"MME": (1, 0), "Windows WASAPI": (4, 3), "Windows DirectSound": (5, -1)}


@pytest.fixture
def windows(monkeypatch):
    apis = [
        {"name": name, "default_input_device": heard, "default_output_device": played}
        for name, (heard, played) in DEFAULTS.items()
    ]
    portaudio = SimpleNamespace(query_hostapis=lambda: apis)
    monkeypatch.setattr(devices, "_portaudio", lambda: portaudio)
    monkeypatch.setattr(devices, "list_devices", lambda: WINDOWS)


@pytest.mark.parametrize(
    ("source", "output", "numbers"),
    [
        (None, None, (4, 3)),  # the fastest system's own
        ("scarlett", None, (4, 3)),  # of several with that name, that of the fastest system
        ("webcam", "scarlett", (2, 4)),
        (1, None, (1, 0)),  # the output follows the input that was named
        (None, 0, (1, 0)),  # and the other way round
    ],
)
def test_both_are_of_one_system(windows, source, output, numbers):
    assert tuple(d.number for d in devices.find_pair(source, output)) == numbers


def test_two_of_different_systems(windows):
    with pytest.raises(ValueError, match="Microphone is on Windows DirectSound and output"):
        devices.find_pair("microphone", "speakers")


@pytest.mark.parametrize("wanted", ["s", "none such", 99, 1])
def test_an_output_that_does_not_fit(windows, wanted):
    with pytest.raises(ValueError, match="allowed is one of: 0 Scarlett, 3 Speakers"):
        devices.find_pair(None, wanted)


def test_no_device_at_all(windows, monkeypatch):
    monkeypatch.setattr(devices, "list_devices", list)
    assert devices.find_pair(None, None) == (None, None)
