"""Input and output on two native threads with clocks of their own; ten minutes with --long."""

import time

import numpy as np
import pytest

from matcher.live import callback as native
from matcher.live import events, realtime
from tests.live import native_threads
from tests.live.native_threads import Devices
from tests.live.test_triggers import PERIOD, click, decisions, make_two

BLOCK = 64
SETTLED_S = 5.0  # s after which the clocks are known
NOTE_S = 0.05  # s between two notes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not native_threads.usable, reason="needs clock_nanosleep and /proc"),
]


@pytest.mark.parametrize("rates", [(48004.8, 48000.0), (44100.0, 48000.0)])
def test_hits_cross_and_a_lost_microphone_costs_no_note(request, rates):
    _test_two_devices(request, rates, click())


def test_as_many_blocks_are_late_where_nothing_is_hit(request):
    """The control: its figures are compared with those above."""
    _test_two_devices(request, (48004.8, 48000.0), np.zeros((PERIOD, 1), np.float32))


def _test_two_devices(request, rates, heard):
    long = request.config.getoption("--long")
    seconds = 600.0 if long else 8.0
    state = make_two(round(rates[0], -2), rates[1])
    locked = realtime.keep_in_memory(state)
    devices = Devices(state, rates, BLOCK, heard[:, 0])
    told, sent = [], 0
    time.sleep(1.0)
    faults, new_faults = [devices.faults(side) for side in range(2)], []
    end, next_note, playing = time.monotonic() + seconds, 0.0, True
    stopped_at = None
    while playing or time.monotonic() < end + 2.0:
        now = time.monotonic()
        if now >= next_note:
            next_note = now + NOTE_S
            sent += native.send(state[0], 0, native.STRIKE, 0, 0, 0.1, 1 + sent)
        if playing and now >= end:  # the microphone is pulled out
            new_faults += [devices.faults(0) - faults[0]]
            devices.stop(0)
            playing, stopped_at = False, int(state["time"][0])
        told += native.receive(state[0])
        time.sleep(0.005)
    new_faults += [devices.faults(1) - faults[1]]
    devices.stop(1)
    told += native.receive(state[0])
    found = [e for e in told if e.kind == events.HIT]
    hits = [e for e in told if e.kind == events.STRUCK and e.tag == -1]
    notes = [e for e in told if e.kind == events.STRUCK and e.tag > 0]
    inputs, output = devices.drivers
    missed = " and ".join(
        f"{d['missed']} ({d['slow']} though begun in time) of {d['frames'] // BLOCK:,}"
        for d in (inputs, output)
    )
    print(
        f"{rates[0]:g} and {rates[1]:g} Hz, {seconds:g} s: {len(found)} hits found, {len(hits)} "
        f"played; {sent} notes sent, {len(notes)} played; the output's worst callback "
        f"{1e-3 * int(state['worst_ns'][0]):.0f} us, woken up to {1e-6 * output['worst_ns']:.2f} "
        f"ms late; {missed} blocks of input and output missed; page faults {new_faults}, memory "
        f"{'' if locked else 'not '}locked"
    )
    # the last one may have begun as the microphone was pulled out
    assert 0 <= len(hits) - len(found) <= 1
    assert abs(int(state["capture"]["time"][0]) / PERIOD * heard.any() - len(found)) <= 1
    assert [e.tag for e in notes] == list(range(1, sent + 1))
    assert notes[-1].time > stopped_at + 1.5 * rates[1]  # long after there was no microphone
    assert int(state["time"][0]) == output["frames"]  # not one block was left out
    assert state["dropped"][0] == state["capture"]["dropped"][0] == 0
    if len(hits):
        # beside other tests the threads are woken late; exact times are asserted in test_triggers
        assert np.median(_off(devices, hits)) < (1e-4 if long else 1e-3)


def _off(devices: Devices, hits) -> np.ndarray:
    """How far hits sound from the median time after they were struck, s."""
    rate = round(devices.rates[0], -2)
    at = devices.time_of(0, decisions(rate, len(hits) + 1)[: len(hits)])
    took = devices.time_of(1, np.array([e.time for e in hits])) - at
    settled = took[at > SETTLED_S]
    off = np.abs(settled - np.median(settled))
    print(
        f"hits sound after {1e3 * np.median(took):.2f} ms; from the median "
        f"{1e3 * np.median(off):.3f} ms at the median, {1e3 * np.percentile(off, 99):.3f} at the "
        f"99th percentile, {1e3 * off.max():.3f} at most"
    )
    return off
