import pytest

from matcher.live import midi_learning
from matcher.live.midi import Message, parse
from matcher.live.midi_learning import Movements
from matcher.live.midi_names import WINDOWS_NUMBER, PortNames, is_wanted
from matcher.live.midi_ring import (
    CHANNEL_PRESSURE,
    CONTROL,
    KEY_PRESSURE,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([0x90, 38, 100], (NOTE_ON, 0, 38, 100)),
        ([0x99, 38, 100], (NOTE_ON, 9, 38, 100)),
        ([0x90, 38, 0], (NOTE_OFF, 0, 38, 0)),
        ([0x85, 38, 64], (NOTE_OFF, 5, 38, 64)),
        ([0xA1, 38, 64], (KEY_PRESSURE, 1, 38, 64)),
        ([0xB0, 16, 5], (CONTROL, 0, 16, 5)),
        ([0xC2, 3], (PROGRAM, 2, 3, 0)),
        ([0xD2, 90], (CHANNEL_PRESSURE, 2, 90, 0)),
    ],
)
def test_messages_of_a_channel(data, expected):
    message = parse(1, 4, 1500, bytes(data))
    assert message[:3] == (1, 4, 1500)
    assert message[3:] == expected


@pytest.mark.parametrize(
    "data", [[0xF8], [0xF0, 1, 2, 3, 0xF7], [], [0x90, 38], [0xC0, 3, 4], [64, 3, 4]]
)
def test_what_is_none_is_nothing(data):
    assert parse(0, 0, 0, bytes(data)) is None


def names(ports: PortNames, *listed: str) -> list[str]:
    return [port.name for port in ports.update(list(listed))]


def test_names_stay_when_alsa_counts_anew():
    ports = PortNames()
    assert names(ports, "Pads:Pads MIDI 1 20:0", "keys:out") == ["Pads:Pads MIDI 1", "keys:out"]
    assert names(ports, "keys:out", "Pads:Pads MIDI 1 28:0") == ["keys:out", "Pads:Pads MIDI 1"]


def test_twins_keep_their_ordinals_and_the_one_that_comes_back_takes_the_free_one():
    ports = PortNames()
    assert names(ports, "Pads 20:0", "Pads 24:0", "Pads 28:0") == ["Pads", "Pads #2", "Pads #3"]
    assert names(ports, "Pads 24:0", "Pads 28:0") == ["Pads #2", "Pads #3"]
    assert names(ports, "Pads 24:0", "Pads 28:0", "Pads 32:0") == ["Pads #2", "Pads #3", "Pads"]


def test_windows_numbers_are_left_out():
    assert names(PortNames(WINDOWS_NUMBER), "Pads 0", "Pads 1", "Keys 2") == [
        "Pads", "Pads #2", "Keys",
    ]  # fmt: skip


def test_twins_that_the_system_does_not_tell_apart_are_new_when_one_goes():
    ports = PortNames()
    both = ports.update(["Pads", "Keys", "Pads"])
    assert [port.name for port in both] == ["Pads", "Keys", "Pads #2"]
    left = ports.update(["Pads", "Keys"])
    assert [port.name for port in left] == ["Pads", "Keys"]
    assert left[0].key not in [port.key for port in both]  # so that it is opened anew
    assert left[1].key == both[1].key


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), ["LPD8", "LPD8 #2", "Keys LPD8"]),
        (("lpd8",), ["LPD8"]),  # the whole name: that one only
        (("LPD8 #2",), ["LPD8 #2"]),
        (("LPD8", "LPD8 #2"), ["LPD8", "LPD8 #2"]),
        (("LP",), ["LPD8", "LPD8 #2", "Keys LPD8"]),
        (("keys",), ["Keys LPD8"]),
        (("none",), []),
    ],
)
def test_wanted_ports(wanted, expected):
    there = ["LPD8", "LPD8 #2", "Keys LPD8"]
    assert [name for name in there if is_wanted(name, there, wanted)] == expected


def test_the_first_of_twins_stays_unwanted_when_the_second_is_alone():
    assert not is_wanted("LPD8 #2", ["LPD8 #2"], ("LPD8",))


def moved(movements, number: int, *values: int, at_s: float = 0.0, step_s: float = 0.01) -> list:
    """Whether a hand moves a controller that sends these values."""
    ns = (round(1e9 * (at_s + step_s * i)) for i in range(len(values)))
    return [
        movements.is_moved(Message(0, 0, t, CONTROL, 0, number, value))
        for t, value in zip(ns, values)
    ]


def test_a_controller_that_streams_by_itself_is_not_learned():
    movements = Movements()
    sweep = [10, 20, 30, 40, 50, 60]
    moved(movements, 4, *sweep)
    movements.begin(100_000_000)
    assert not any(moved(movements, 4, *sweep, at_s=0.1))
    assert moved(movements, 20, 64, 66, 68, at_s=0.2) == [False, False, True]
    assert not any(moved(movements, 4, *sweep, at_s=0.3))


def test_a_pedal_that_flickers_is_not_learned_and_a_button_is():
    movements = Movements()
    movements.begin(0)
    assert not any(moved(movements, 4, 63, 64, 63, 64, 65))
    assert moved(movements, 21, 127, 0)[-1]


def test_a_controller_that_was_moved_before_is_learned_after_a_pause():
    movements = Movements()
    moved(movements, 20, 10, 90)
    movements.begin(200_000_000)
    later = midi_learning.QUIET_NS / 1e9 + 0.5
    assert moved(movements, 20, 20, 50, 80, at_s=later)[-1]


def test_equal_controllers_of_two_ports_are_told_apart():
    movements = Movements()
    movements.is_moved(Message(1, 1, 0, CONTROL, 0, 20, 5))
    movements.begin(1000)
    other = [Message(1, 2, 2000 + i, CONTROL, 0, 20, 30 * i) for i in range(3)]
    assert [movements.is_moved(message) for message in other] == [False, True, True]
