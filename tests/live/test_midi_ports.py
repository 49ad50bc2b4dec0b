import time

import numpy as np
import pytest

from matcher.live import clock, midi_ports, midi_ring, rtmidi_library
from matcher.live.midi_names import NAME
from matcher.live.midi_ports import Ports, StampClock
from matcher.live.midi_ring import Ring
from matcher.live.open_ports import RETRY_S
from matcher.live.retry import Retry
from tests.live.midi_devices import System

NOTE = (0x99, 38, 100)


@pytest.fixture
def make(monkeypatch):
    """Ports of a System, polled by the test alone unless it `runs`; `told` has what was told."""
    made = []

    def ports(system, *wanted, runs=False) -> Ports:
        if not runs:
            monkeypatch.setattr(Ports, "_run", lambda self: None)
        told = []
        made.append(Ports(tuple(wanted), Ring(), told.append, system, system.api))
        made[-1].told = told
        return made[-1]

    yield ports
    for one in made:
        one.close()


def polled(ports) -> list[tuple[int, tuple[int, ...]]]:
    """Port's number and bytes of what came in."""
    ports.poll()
    return [(port, tuple(data)) for port, _, data in ports._ring.poll()]


def test_messages_of_all_ports_come_in_with_the_number_of_their_port(make):
    system = System("Pads 20:0", "Keys 24:0", "Midi Through 14:0")
    ports = make(system)
    assert ports.names == ports.there == ["Pads", "Keys"]
    system.input("Pads 20:0").send(*NOTE)
    system.input("Keys 24:0").send(0xC0, 3)
    system.input("Keys 24:0").send(0xF8)  # a clock's tick
    (first, note), (second, program) = sorted(polled(ports), key=lambda row: len(row[1]))[::-1]
    assert first != second
    assert (note, program) == (NOTE, (0xC0, 3))


def test_messages_are_polled_by_a_thread_of_their_own(make):
    system = System("Pads 20:0")
    ports = make(system, runs=True)
    before = clock.now_ns()
    system.input("Pads 20:0").send(*NOTE)
    end = time.monotonic() + 60
    while not (rows := ports._ring.poll()) and time.monotonic() < end:
        time.sleep(0.001)
    ((_, ns, data),) = rows
    assert tuple(data) == NOTE
    assert before <= ns <= clock.now_ns()


def test_ports_come_and_go(make):
    system = System("Pads 20:0")
    ports = make(system)
    system.ports = ["Keys 24:0"]
    ports.look()
    assert ports.names == ["Keys"]
    assert [i.port for i in system.inputs] == ["Keys 24:0"]
    system.ports = ["Keys 24:0", "Pads 28:0"]
    ports.look()
    system.input("Pads 28:0").send(*NOTE)
    assert [data for _, data in polled(ports)] == [NOTE]


def test_a_twin_that_was_unplugged_is_opened_again_and_the_other_stays_open(make):
    system = System("Pads 20:0", "Pads 24:0")
    ports = make(system, "Pads", "Pads #2")
    second = system.input("Pads 24:0")
    system.ports = ["Pads 24:0"]
    ports.look()
    assert ports.names == ["Pads #2"]
    assert system.inputs == [second]
    system.ports = ["Pads 24:0", "Pads 32:0"]
    ports.look()
    assert sorted(ports.names) == ["Pads", "Pads #2"]
    assert second in system.inputs
    system.input("Pads 32:0").send(*NOTE)
    assert [data for _, data in polled(ports)] == [NOTE]


def test_twins_without_numbers_are_both_opened_by_their_places(make):
    system = System("Pads", "Pads")
    make(system)
    assert sorted(i.index for i in system.inputs) == [0, 1]


def test_where_ports_are_exclusive_only_those_ticked_are_opened(make):
    system = System("Pads 0", "Keys 1", api=rtmidi_library.WINDOWS)
    ports = make(system)
    assert (ports.names, ports.there) == ([], ["Pads", "Keys"])
    assert system.attempts == []
    ports = make(system, "Keys")
    assert ports.names == ["Keys"]
    assert system.attempts == ["Keys 1"]


def test_a_port_that_is_held_is_told_of_once_and_tried_ever_more_slowly(make, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(midi_ports.time, "monotonic", lambda: now[0])
    system = System("Pads 20:0")
    system.busy = {"Pads 20:0"}
    ports = make(system)
    tried = []
    for second in range(120):
        now[0] = float(second)
        count = len(system.attempts)
        ports.look()
        tried += [second] * (len(system.attempts) - count)
    assert tried == [1, 3, 7, 15, 31, 61, 91]
    (sentence,) = ports.told
    assert sentence.startswith("MIDI port Pads cannot be opened (it is in use)")
    system.busy = set()
    now[0] = 200.0
    ports.look()
    assert ports.names == ["Pads"]


def test_a_port_that_breaks_is_closed_and_opened_again(make):
    system = System("Pads 20:0", "Keys 24:0")
    ports = make(system)
    broken = system.input("Pads 20:0")
    broken.fails = True
    system.input("Keys 24:0").send(*NOTE)
    assert [data for _, data in polled(ports)] == [NOTE]  # the others go on
    ports.look()
    assert broken not in system.inputs
    system.input("Pads 20:0").send(*NOTE)
    assert [data for _, data in polled(ports)] == [NOTE]


def test_a_system_that_fails_is_told_of_and_the_ports_stay(make):
    system = System("Pads 20:0")
    ports = make(system)
    system.broken = True
    ports.look()
    ports.look()
    assert ports.told == ["MIDI ports cannot be listed (the service does not answer)"]
    assert ports.names == ["Pads"]


def test_what_a_port_and_our_own_both_send_comes_once(make):
    system = System("Pads 20:0", virtual=True)
    ports = make(system)
    assert ports.names == ["Pads", NAME]
    system.input("Pads 20:0").send(*NOTE)
    system.input("virtual").send(*NOTE)
    system.input("virtual").send(0x99, 40, 100)
    assert sorted(data for _, data in polled(ports)) == [NOTE, (0x99, 40, 100)]


def test_a_port_that_streams_leaves_time_for_the_others(make):
    system = System("Fader 20:0", "Pads 24:0")
    ports = make(system)
    for i in range(3 * midi_ports.MOST):
        system.input("Fader 20:0").send(0xB0, 1, i % 128)
    system.input("Pads 24:0").send(*NOTE)
    rows = [data for _, data in polled(ports)]
    assert NOTE in rows
    assert len(rows) == midi_ports.MOST + 1


def test_nothing_works_is_one_sentence():
    class Nothing(System):
        def open(self, api, client):
            raise ValueError("no")

    with pytest.raises(ValueError, match=r"^Pretended: cannot be opened$"):
        Ports((), Ring(), print, Nothing("Pads 20:0"), "Pretended")


def stamped(arrived_s, polled_s) -> np.ndarray:
    """Stamps of messages that arrived and were polled at these times, s."""
    stamps, clock_ = [], StampClock()
    for i, (arrived, polled_) in enumerate(zip(arrived_s, polled_s)):
        since = arrived - arrived_s[i - 1] if i else 0.0
        stamps.append(clock_.stamp(since, round(1e9 * polled_)) / 1e9)
    return np.array(stamps)


def test_stamps_are_the_times_of_arrival_however_late_the_polls_are():
    rng = np.random.default_rng(0)
    arrived = 100 + np.cumsum(rng.uniform(0.001, 0.2, 2000))
    late = np.minimum(rng.exponential(0.0005, 2000), 0.01)
    error = (stamped(arrived, arrived + late) - arrived)[50:]
    assert np.abs(error).max() < 4e-4
    assert np.abs(late).max() > 3e-3  # what the times of the polls would give


@pytest.mark.parametrize("drift", [-5e-5, 5e-5])
def test_a_drivers_clock_may_drift(drift):
    rng = np.random.default_rng(0)
    arrived = 100 + np.arange(5000) * 0.05
    theirs, late = 100 + (arrived - 100) * (1 + drift), rng.uniform(0.0, 0.001, 5000)
    stamps, clock_ = [], StampClock()
    for i in range(5000):
        since = theirs[i] - theirs[i - 1] if i else 0.0
        stamps.append(clock_.stamp(since, round(1e9 * (arrived[i] + late[i]))) / 1e9)
    assert np.abs(stamps - arrived)[50:].max() < 4e-4


def test_a_clock_that_jumps_is_followed_at_once():
    arrived = 100 + np.arange(100) * 0.01
    clock_, stamps = StampClock(), []
    for i, t in enumerate(arrived):
        since = (0.01 if i else 0.0) + (60.0 if i == 50 else -30.0 if i == 70 else 0.0)
        stamps.append(clock_.stamp(since, round(1e9 * t)) / 1e9)
    assert np.abs(np.array(stamps) - arrived).max() < 1e-3


def test_without_a_drivers_time_the_polls_count():
    assert StampClock().stamp(None, 12345) == 12345


def test_no_stamp_lies_after_its_poll():
    rng = np.random.default_rng(1)
    clock_, polled_ns = StampClock(), 10**9
    for _ in range(2000):
        polled_ns += int(rng.integers(0, 10**8))
        since = float(rng.uniform(-0.1, 0.5))
        assert clock_.stamp(since, polled_ns) <= polled_ns


def test_waiting_grows_up_to_its_limit(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(midi_ports.time, "monotonic", lambda: now[0])
    retry, waits = Retry(*RETRY_S), []
    for _ in range(8):
        assert retry.is_due()
        retry.failed()
        began = now[0]
        while not retry.is_due():
            now[0] += 0.5
        waits.append(now[0] - began)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_ring_tells_how_long_a_message_may_take():
    assert Ring(midi_ports.SLACK_NS).state["slack_ns"][0] == midi_ports.SLACK_NS
    assert midi_ring.Ring().state["slack_ns"][0] == 0


def test_our_own_port_that_fails_is_told_of_and_the_others_go_on(make):
    system = System("Pads 20:0", virtual=True)
    ports = make(system)
    system.input("virtual").fails = True
    system.input("Pads 20:0").send(*NOTE)
    assert [data for _, data in polled(ports)] == [NOTE]
    assert ports.names == ["Pads"]
    (sentence,) = ports.told
    assert "failed (the device is gone)" in sentence


def test_whatever_a_binding_raises_is_a_sentence():
    class Odd(Exception):
        pass

    with pytest.raises(ValueError, match=r"^in use by another program$"), rtmidi_library.told():
        raise Odd(" in use by another program. ")
    with pytest.raises(ValueError, match=r"^it failed$"), rtmidi_library.told():
        raise Odd
