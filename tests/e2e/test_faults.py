"""What goes wrong on a stage: servers die, cables carry nonsense. The app goes on."""

import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from tests.e2e.test_live import FIRST, NOTE_ON, RATE, at, recording

SENDER = """
import os, signal, sys, time, jack
client = jack.Client("keys", no_start_server=True)
port = client.midi_outports.register("out")
notes = [0x90, int(sys.argv[1]), 100]
@client.set_process_callback
def process(n):
    port.clear_buffer()
    if client.get_all_connections(port) and notes:
        port.write_midi_event(0, notes)
        notes.clear()
client.activate()
while notes:
    time.sleep(0.01)
time.sleep(0.1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def plays(app, cables, pad: int = 1) -> bool:
    out = cables.play(notes=[(1000, (NOTE_ON, FIRST + pad - 1, 100))], tail_s=0.5)
    app.wait_for("note", pad=pad)
    return bool(np.abs(out).max() > 0.01)


@pytest.mark.slow
def test_the_sound_server_is_killed_and_comes_back(stage):
    from tests.e2e.rig import Cables

    server, app, cables = stage()
    assert plays(app, cables)
    cables.close()
    began = time.monotonic()
    server.kill()
    app.wait_for("device", state="lost")
    noticed = time.monotonic() - began
    server.start()
    began = time.monotonic()
    app.wait_for("ready")
    print(
        f"server killed: noticed after {noticed:.2f} s; back {time.monotonic() - began:.1f} s "
        "after a new one was there"
    )
    cables = Cables()
    try:
        cables.wire()
        assert plays(app, cables)
        cables.play(at(recording(), 0.25), tail_s=0.5)
        app.wait_for("hit")
    finally:
        cables.close()
    assert app.process.poll() is None


@pytest.mark.slow
def test_a_sender_of_notes_is_killed_in_the_middle_of_one(stage):
    _, app, cables = stage()
    sender = subprocess.Popen([sys.executable, "-c", SENDER, str(FIRST + 1)])
    app.wait_for("note", pad=2)
    sender.wait(60)
    assert sender.returncode == -signal.SIGKILL
    assert plays(app, cables)
    out = cables.play(tail_s=3.0)
    assert not out[-RATE // 2 :].any()  # the note that never ended has died away


@pytest.mark.slow
def test_nonsense_at_the_microphone(stage):
    _, app, cables = stage("--mode", "trigger", shared=True)
    rng = np.random.default_rng(0)
    square = np.sign(np.sin(2 * np.pi * 90 * np.arange(RATE) / RATE)).astype(np.float32)
    nonsense = rng.choice([np.nan, np.inf, -np.inf, 1e30, -1e-40, 1.0], RATE).astype(np.float32)
    out = cables.play(np.concatenate([nonsense, square, nonsense, 100 * square]), tail_s=3.0)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1
    app.drain(0.5)
    out = cables.play(at(recording(), 0.25), tail_s=1.0)
    app.wait_for("hit")
    assert np.abs(out).max() > 0.01


@pytest.mark.slow
def test_hours_of_hits_and_notes(stage, long):
    """For half an hour where it is long: nothing grows, sticks or is lost."""
    _, app, cables = stage("--mode", "trigger", shared=True)
    rng = np.random.default_rng(0)
    turns = 180 if long else 3
    hit = recording("rim.flac", 1.0)[:2400]
    memory, hits, notes, drawn = [], 0, 0, 0
    for _ in range(turns):
        starts = 0.2 + 0.4 * np.arange(24) + rng.uniform(0, 0.1, 24)
        x = np.zeros(10 * RATE, np.float32)
        for start in starts:
            x[round(start * RATE) :][: len(hit)] += rng.uniform(0.5, 0.9) * hit
        sent = [
            (int(rng.integers(0, 10 * RATE)),
             (NOTE_ON, int(rng.integers(FIRST + 1, FIRST + 4)), int(rng.integers(1, 64))))
            for _ in range(100)
        ]  # fmt: skip
        out = cables.play(x, sent, tail_s=0.1)
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= 1
        got = app.drain(0.5)
        hits += sum(e["event"] == "hit" for e in got)
        notes += sum(e["event"] == "note" and e["pad"] is not None for e in got)
        drawn += len(starts)
        family = [app.process.pid, *(c.pid for c in psutil.Process(app.process.pid).children(True))]
        memory.append(sum(psutil.Process(pid).memory_info().rss for pid in family) / 2**20)
    print(
        f"{turns * 10} s: {notes} of {100 * turns} notes, {hits} hits of {drawn}; memory "
        f"{memory[0]:.0f} MiB at first, {memory[-1]:.0f} at last, {max(memory):.0f} at most"
    )
    assert notes == 100 * turns
    assert hits == drawn
    assert not cables.play(tail_s=3.0)[-RATE // 2 :].any()  # no voice is stuck
    assert memory[-1] < memory[0] + 20
