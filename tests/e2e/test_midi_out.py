"""Hits leave as MIDI notes, on a real JACK server. `--long -rP` prints the figures of docs."""

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from matcher.live import detector
from matcher.live.detector import Settings
from matcher.live.midi_names import OWN
from matcher.midi_file import LENGTH_S
from tests.e2e.test_live import FIRST, NOTE_OFF, NOTE_ON, RATE, percentiles, recording

EMPTY = 16  # a pad without a drum, which nothing sounds on: so all the input is what we play
DRUMS = 9  # channel of drums, from 0
FRAME = RATE // 1000  # samples: the detector decides on each
SOUNDFONTS = Path("/usr/share/sounds/sf2")


def strokes(n: int, seed: int = 0) -> np.ndarray:
    """n strokes of recorded drums, 0.2 to 0.4 s apart at any sample."""
    rng = np.random.default_rng(seed)
    names = ("tom_low.flac", "snare_kit.flac", "rim.flac", "kick_kit.flac", "tom_high.flac")
    fade = np.linspace(1, 0, round(0.15 * RATE), dtype=np.float32)
    sounds = [fade * recording(name, 1.0)[: len(fade)] for name in names]
    starts = RATE // 2 + np.cumsum(rng.integers(round(0.2 * RATE), round(0.4 * RATE), n))
    x = np.zeros(starts[-1] + RATE, np.float32)
    for start in starts:
        x[start:][: len(fade)] += rng.uniform(0.1, 0.9) * sounds[rng.integers(len(sounds))]
    return x


def known(x: np.ndarray, phase: int) -> list[tuple[int, int]]:
    """Where hits are known and with which velocity, in a stream that began a phase earlier."""
    found = detector.detect(
        detector.make_detector(Settings(), RATE), np.concatenate([np.zeros(phase), x])
    )
    scan = round(Settings().scan_ms / 1e3 * RATE)
    return [
        (hit.decided + scan - phase, int(np.clip(round(127 * hit.peak), 1, 127)))
        for hit in found if not hit.reason
    ]  # fmt: skip


def plug_in(cables, to=None) -> None:
    """Connect the app's port for hits with a port, by default that of the cables."""
    end = time.monotonic() + 10
    while not cables.client.get_ports(OWN):
        assert time.monotonic() < end, "the app's port did not come"
        time.sleep(0.05)
    cables.client.connect(OWN, to or cables.hits)


@pytest.mark.parametrize("period", [64, pytest.param(128, marks=pytest.mark.slow)])
def test_each_hit_leaves_as_a_note_at_its_own_frame(stage, long, period):
    busy = ("--mode", "trigger", "--pad", EMPTY, "--midi-out")
    _, app, cables = stage(*busy, period=period, busy=long)
    plug_in(cables)
    x = strokes(400 if long else 20)
    cables.play(x)
    on = [(at, data[2]) for at, data in cables.received if data[0] == NOTE_ON | DRUMS]
    off = [(at, data[1]) for at, data in cables.received if data[0] == NOTE_OFF | DRUMS]
    assert {data[1] for _, data in cables.received} == {FIRST + EMPTY - 1}
    assert [a - b for (a, _), (b, _) in zip(off, on)] == [round(LENGTH_S * RATE)] * len(on)
    hits = [event for event in app.drain(1) if event["event"] == "hit"]
    assert [event["velocity"] for event in hits] == [velocity for _, velocity in on]
    # the detector's own frames began when the stream did: all delays are equal for one phase
    delays = {}
    for phase in range(FRAME):
        truth = known(x, phase)
        if [velocity for _, velocity in truth] == [velocity for _, velocity in on]:
            delays[phase] = np.array([a - b for (a, _), (b, _) in zip(on, truth)])
    exact = [each for each in delays.values() if np.ptp(each) == 0]
    assert exact, {phase: np.ptp(each) for phase, each in delays.items()}
    print(
        f"hit known to its note, period {period}, {len(on)} hits: {exact[0].min()} to "
        f"{exact[0].max()} frames"
    )
    assert exact[0][0] <= 2 * period


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="no fluidsynth here")
def test_another_instrument_sounds(stage, long):
    fonts = sorted(SOUNDFONTS.glob("*.sf2"))
    if not fonts:
        pytest.skip("no sound font here")
    _, _, cables = stage("--mode", "trigger", "--pad", EMPTY, "--midi-out", "fluid")
    command = ["fluidsynth", "-a", "jack", "-m", "jack", "-r", str(RATE), "-g", "1", "-R", "0"]
    command += ["-C", "0", "-o", "audio.jack.id=fluid", "-o", "midi.jack.id=fluid", fonts[0]]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    synth = subprocess.Popen(command, stdin=subprocess.PIPE, **quiet)
    try:
        end = time.monotonic() + 30
        while not cables.client.get_all_connections(OWN):  # the app connects it by itself
            assert time.monotonic() < end, "the app did not find the synthesizer"
            time.sleep(0.1)
        left = next(p for p in cables.client.get_ports("fluid", is_output=True, is_audio=True))
        cables.client.connect(left, cables.phones[0])
        plug_in(cables)
        delays, late = [], []
        hit = recording(peak=0.5)[: RATE // 4]
        for _ in range(100 if long else 5):
            begins = int(np.random.default_rng(len(delays)).integers(2000, 4000))
            x = np.concatenate([np.zeros(begins, np.float32), hit])
            out = cables.play(x, tail_s=2.0)[:, 0]
            ((on, _),) = [row for row in cables.received if row[1][0] == NOTE_ON | DRUMS]
            sounds = int(np.argmax(np.abs(out) > 0.02 * np.abs(out).max()))
            assert np.abs(out).max() > 0.01
            delays.append(1e3 * (sounds - begins) / RATE)
            late.append(1e3 * (sounds - on) / RATE)
        print(
            f"{len(delays)} hits: ms to fluidsynth's sound, from the hit "
            f"{percentiles(delays, 50, 95, 100)}, from its note {percentiles(late, 50, 95, 100)}"
        )
        assert np.median(delays) < 50
    finally:
        synth.kill()
        synth.wait()
