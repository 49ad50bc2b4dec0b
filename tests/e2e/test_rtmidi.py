"""RtMidi itself on a JACK server: ports that come and go, notes, and the times of their arrival.

For other systems, which a test machine may not have, it is the same code.
"""

import queue
import time

import numpy as np
import pytest

from matcher.live import clock, rtmidi_library
from matcher.live.hit_notes import NO_FRAME
from matcher.live.midi_output import OutPorts
from matcher.live.midi_ports import Ports
from matcher.live.midi_ring import UNKNOWN, Ring, put
from tests.e2e.conftest import on_jack

pytest.importorskip("jack")
NOTE_ON, NOTE_OFF = 0x90, 0x80
TRIES = 5  # on a busy machine JACK leaves out what a program writes too late in a period
COMES_S = 10.0  # s in which the last note comes, where it does


@pytest.fixture
def library():
    pytest.importorskip("rtmidi")
    return rtmidi_library.RtMidi()


@pytest.fixture
def server():
    with on_jack() as stack:
        from tests.e2e.rig import Server

        stack.callback(Server(period=64).stop)
        yield


class Controller:
    """A program that sends MIDI through JACK."""

    def __init__(self, name: str):
        import jack

        self._client = jack.Client(name, no_start_server=True)
        self._port, self._due = self._client.midi_outports.register("out"), queue.SimpleQueue()
        self._client.set_process_callback(self._process)
        self._client.activate()

    def _process(self, frames):
        self._port.clear_buffer()
        while not self._due.empty():  # this alone takes from it
            self._port.write_midi_event(0, self._due.get())

    def send(self, *message: int) -> None:
        self._due.put(message)

    def close(self) -> None:
        self._client.deactivate()
        self._client.close()


def wait_until(true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def burst(pads: Controller, ring: Ring) -> tuple[list[int], list]:
    """When 40 notes were sent, ns of live.clock, and those that came."""
    sent, rows = [], []
    for velocity in range(1, 41):
        sent.append(clock.now_ns())
        pads.send(NOTE_ON, 38, velocity)
        time.sleep(0.01)
    end = time.monotonic() + COMES_S
    while len(rows) < len(sent) and time.monotonic() < end:
        time.sleep(0.005)
        rows += [row for row in ring.poll() if row[2][2] != 99]
    return sent, rows


def test_ports_of_rtmidi_come_and_go_and_their_notes_have_times(server, library):
    ring, told = Ring(), []
    pads = Controller("pads")
    ports = Ports(("pads",), ring, told.append, library, rtmidi_library.JACK)

    def probe(velocity: int) -> bool:
        """Send a note; whether one has come: a new connection may carry nothing for a while."""
        pads.send(NOTE_ON, 38, velocity)
        return any(data[2] == velocity for *_, data in ring.poll())

    try:
        wait_until(lambda: ports.look() or any("pads" in name for name in ports.names))
        wait_until(lambda: probe(99))
        for _ in range(TRIES):
            sent, rows = burst(pads, ring)
            if len(rows) == len(sent):
                break
        assert [data[2] for _, _, data in rows] == list(range(1, 41))
        late_ms = 1e-6 * (np.array([ns for _, ns, _ in rows]) - np.array(sent))
        print(f"from sending to the stamp {late_ms.min():.2f} to "
              f"{late_ms.max():.2f} ms, a period of JACK included")  # fmt: skip
        assert late_ms.min() > -1.0
        pads.close()
        wait_until(lambda: ports.look() or not any("pads" in name for name in ports.names))
        pads = Controller("pads")
        wait_until(lambda: ports.look() or any("pads" in name for name in ports.names))
        wait_until(lambda: probe(100))
        assert told == []
    finally:
        ports.close()
        pads.close()


class Synthesizer:
    """A program that receives MIDI through JACK."""

    def __init__(self, name: str):
        import jack

        self.client, self.received = jack.Client(name, no_start_server=True), []
        self.port = self.client.midi_inports.register("in")
        self.client.set_process_callback(self._process)
        self.client.activate()

    def _process(self, frames):
        self.received += [tuple(bytes(data)) for _, data in self.port.incoming_midi_events()]

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()


def test_hits_leave_from_our_own_port_of_rtmidi_and_to_one_that_comes(server, library):
    ring, told = Ring(), []
    ports = OutPorts("synth", ring, told.append, library, rtmidi_library.JACK)
    recorder = Synthesizer("recorder")
    synth = Synthesizer("synth")
    try:
        wait_until(lambda: ports.look() or len(ports.names) == 2)
        (own,) = recorder.client.get_ports(":hits$", is_midi=True)
        recorder.client.connect(own, recorder.port)
        message = NOTE_ON, 38, 90

        def strike():
            put(ring.state[0], clock.now_ns(), NO_FRAME, UNKNOWN, message, 3)

        for one in (recorder, synth):
            # JACK may take a period or more until a new connection carries anything
            wait_until(lambda one=one: strike() or message in one.received)
        for one in (recorder, synth):
            wait_until(lambda one=one: one.received[-1] == (NOTE_OFF, 38, 0))
        assert told == []
    finally:
        ports.close()
        recorder.close()
        synth.close()


def test_without_a_server_rtmidi_is_refused_in_a_sentence(library, monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with pytest.raises(ValueError, match=r"^Jack: cannot be opened$"):
        Ports((), Ring(), print, library, rtmidi_library.JACK)
