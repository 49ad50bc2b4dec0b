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
from matcher.physics import drum
from matcher.physics.drum import Drum
from tests.e2e.conftest import DRUM
from tests.e2e.test_live import (
    CONTROL,
    FIRST,
    NOTE_OFF,
    NOTE_ON,
    RATE,
    at,
    percentiles,
    recording,
)

jack = pytest.importorskip("jack")
EMPTY = 16  # a pad without a drum, on which nothing sounds: all the input is what is played to it
DRUMS = 9  # channel of drums, from 0
FRAME = RATE // 1000  # samples: the detector decides once in each
FEW = 20  # hits that most phases are told from
SOUNDFONTS = Path("/usr/share/sounds/sf2")


class Receiver:
    """A client that nothing of the tester's goes to: JACK adds no period of its own for a loop."""

    def __init__(self, cables):
        self._cables, self._client = cables, jack.Client("receiver", no_start_server=True)
        self.midi = self._client.midi_inports.register("midi")
        self.audio = self._client.inports.register("audio")
        self._messages, self._blocks = [], []
        self._client.set_process_callback(self._process)
        self._client.activate()

    def _process(self, n):
        began = self._client.last_frame_time
        self._messages += [(began, i, bytes(d)) for i, d in self.midi.incoming_midi_events()]
        self._blocks.append((began, self.audio.get_array().copy()))

    def play(self, x, **more) -> tuple[list, list, np.ndarray]:
        """Put x into the microphone -> frame and bytes of notes on, of notes off, and the sound.

        All messages, in the order in which they came, are in `rows` then.
        """
        self._messages, self._blocks = [], []
        frames = len(self._cables.play(x, **more))
        places, out = self._cables.places, np.zeros(frames + self._cables.period, np.float32)
        for began, block in self._blocks:
            if began in places:
                out[places[began] :][: len(block)] = block
        rows = self.rows = [
            (places[began] + offset, data)
            for began, offset, data in self._messages if began in places
        ]  # fmt: skip
        on, off, control = (
            [row for row in rows if row[1][0] == kind | DRUMS]
            for kind in (NOTE_ON, NOTE_OFF, CONTROL)
        )
        assert len(on) + len(off) + len(control) == len(rows)
        return on, off, out

    def close(self) -> None:
        self._client.deactivate()
        self._client.close()


@pytest.fixture
def receive():
    """Make a Receiver of what the app sends."""
    made = []

    def receiver(cables):
        made.append(Receiver(cables))
        end = time.monotonic() + 60
        while not cables.client.get_ports(OWN):
            assert time.monotonic() < end, "the app's port did not come"
            time.sleep(0.05)
        cables.client.connect(OWN, made[0].midi)
        return made[0]

    yield receiver
    for one in made:
        one.close()


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
    earlier = np.concatenate([np.zeros(phase), x])
    found = detector.detect(detector.make_detector(Settings(), RATE)[0], earlier)
    scan = round(Settings().scan_ms / 1e3 * RATE)
    return [
        (hit.decided + scan - phase, int(np.clip(round(127 * hit.peak), 1, 127)))
        for hit in found if not hit.reason
    ]  # fmt: skip


def delays(on, x, phase: int) -> np.ndarray:
    """Frames from where each hit of x is known to its note; none where they are not as many."""
    truth = known(x, phase)
    same = len(truth) == len(on)
    return np.array([a - b for (a, _), (b, _) in zip(on, truth)] if same else [])


@pytest.mark.parametrize("period", [64, pytest.param(128, marks=pytest.mark.slow)])
def test_each_hit_leaves_as_a_note_at_its_own_frame(stage, receive, long, period):
    _, app, cables = stage("--mode", "trigger", "--pad", EMPTY, "--midi-out", period=period)
    x, xruns = strokes(200 if long else 20), cables.xruns
    on, off, _ = receive(cables).play(x)
    xruns = cables.xruns - xruns
    assert {data[1] for _, data in on + off} == {FIRST + EMPTY - 1}
    assert len(on) == len(off)
    hits = [event for event in app.drain(1) if event["event"] == "hit"]
    assert [event["velocity"] for event in hits] == [data[2] for _, data in on]
    lengths = np.array([a - b for (a, _), (b, _) in zip(off, on)])
    # the detector's own frames began when the stream did: for that phase the delays are equal
    few, first = on[:FEW], x[: on[:FEW][-1][0]]
    exact = {phase: np.sum(delays(few, first, phase) == period) for phase in range(FRAME)}
    best = [phase for phase, n in exact.items() if n == max(exact.values())]
    late = max((delays(on, x, phase) for phase in best), key=lambda d: np.sum(d == period))
    print(
        f"hit known to its note, period {period}, {len(on)} hits, {xruns} xruns: frames "
        f"{percentiles(late, 0, 1, 50, 99, 100)}, {np.sum(late == period)} exactly {period}; "
        f"length {percentiles(lengths, 0, 50, 100)}"
    )
    assert np.sum(late != period) <= xruns
    assert np.sum(lengths != round(LENGTH_S * RATE)) <= xruns


def struck(places, seed: int = 0) -> np.ndarray:
    """Strokes on a drum at places from 0, the middle, to 1, the rim, with any force."""
    rng, sounds = np.random.default_rng(seed), []
    for i, place in enumerate(places):
        point = 0.5 - 0.45 * place + rng.uniform(-0.02, 0.02, 2)
        x = drum.render(Drum(DRUM, tuple(point.tolist()), 3000.0), RATE, 0.2, rng.uniform(0.1, 0.9))
        sounds.append(at(x * np.linspace(1, 0, len(x), dtype=np.float32), 0.5 + 0.3 * i))
    x = np.zeros(len(sounds[-1]) + RATE // 2, np.float32)
    for sound in sounds:
        x[: len(sound)] += sound
    return x + np.float32(1e-4) * rng.standard_normal(len(x)).astype(np.float32)


def test_the_place_that_was_shown_leaves_before_its_note_and_plays_a_pad(stage, receive, long):
    period, needed = 64, 8
    _, app, cables = stage("--midi-out", "--midi-out-place", "--mode", "trigger", "--pad", EMPTY,
                           period=period)  # fmt: skip
    receiver = receive(cables)
    on, _, _ = receiver.play(struck([0.1] * needed + [0.9] * needed))
    assert len(on) == 2 * needed and not any(data[0] >> 4 == 0xB for _, data in receiver.rows)
    shown = app.wait_for("place", middle=needed, rim=needed)
    assert shown["told_apart"] > 0.95

    app.forget()
    n, xruns = 200 if long else 20, cables.xruns
    x = struck([0.0, 1.0] * (n // 2), seed=1)
    on, off, _ = receiver.play(x)
    rows = [row for row in receiver.rows if row not in off]
    assert len(on) == n and len(rows) == 2 * n
    for (at_place, place), (at_note, note) in zip(rows[::2], rows[1::2]):
        assert at_place == at_note
        assert place[:2] == bytes([CONTROL | DRUMS, 16]) and note[0] == NOTE_ON | DRUMS
    told = [place[2] for _, place in rows[::2]]
    assert max(told[::2]) < 40 and min(told[1::2]) > 87
    hits = [event for event in app.drain(1) if event["event"] == "hit"]
    assert [event["place"] for event in hits] == told
    late = max((delays(on, x, phase) for phase in range(FRAME)), key=lambda d: np.sum(d == period))
    xruns = cables.xruns - xruns
    print(
        f"{n} hits with their places, period {period}, {xruns} xruns: frames to the note "
        f"{percentiles(late, 0, 50, 100)}, {np.sum(late == period)} exactly {period}; places, "
        f"middle {percentiles(told[::2], 0, 50, 100)}, rim {percentiles(told[1::2], 0, 50, 100)}"
    )
    assert np.sum(late != period) <= xruns

    def played(place: bytes, velocity: int = 100) -> np.ndarray:
        """What pad 1 of this app makes of a place and a note that come in, as another would."""
        note = (NOTE_ON | DRUMS, FIRST, velocity)
        out = cables.play(notes=[(1000, tuple(place)), (1000, note)], tail_s=2)[:, 0]
        events = {event["event"]: event for event in app.drain(1)}
        assert (events["control"]["turns"], events["control"]["value"]) == ("position", place[2])
        assert (events["note"]["note"], events["note"]["pad"]) == (FIRST, 1)
        sound = out[np.argmax(np.abs(out) > 0.01 * np.abs(out).max()) :][: RATE // 10]
        return sound / np.linalg.norm(sound)

    middle, rim = (rows[i][1] for i in (0, 2))
    first, other, again = played(middle), played(rim), played(middle)
    assert np.dot(first, again) > 0.999 > 0.98 > np.dot(first, other)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="no fluidsynth here")
def test_another_instrument_sounds(stage, receive, long):
    fonts = sorted(SOUNDFONTS.glob("*.sf2"))
    if not fonts:
        pytest.skip("no sound font here")
    _, _, cables = stage("--mode", "trigger", "--pad", 3, "--midi-out", "fluid")
    receiver = receive(cables)
    command = ["fluidsynth", "-a", "jack", "-m", "jack", "-r", str(RATE), "-g", "1", "-R", "0"]
    command += ["-C", "0", "-o", "audio.jack.id=fluid", "-o", "midi.jack.id=fluid", fonts[0]]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    synth = subprocess.Popen(command, stdin=subprocess.PIPE, **quiet)
    try:
        end = time.monotonic() + 60
        while len(cables.client.get_all_connections(OWN)) < 2:  # the app connects it by itself
            assert time.monotonic() < end, "the app did not find the synthesizer"
            time.sleep(0.1)
        cables.client.connect(
            cables.client.get_ports("fluid", is_output=True, is_audio=True)[0], receiver.audio
        )
        rng = np.random.default_rng(0)
        hit, from_hit, from_note = recording(peak=0.5)[: RATE // 4], [], []
        for _ in range(40 if long else 5):
            begins = int(rng.integers(2000, 4000))
            x = np.concatenate([np.zeros(begins, np.float32), hit])
            ((at, data),), _, out = receiver.play(x, tail_s=1.5)
            assert data[1] == FIRST + 2  # an acoustic snare in General MIDI
            assert np.abs(out).max() > 0.01
            sounds = int(np.argmax(np.abs(out) > 0.02 * np.abs(out).max()))
            from_hit.append(1e3 * (sounds - begins) / RATE)
            from_note.append(1e3 * (sounds - at) / RATE)
        print(
            f"{len(from_hit)} hits: ms to fluidsynth's sound, from the hit "
            f"{percentiles(from_hit, 50, 95, 100)}, from its note "
            f"{percentiles(from_note, 50, 95, 100)}"
        )
        assert np.median(from_hit) < 50
    finally:
        synth.kill()
        synth.wait()


def test_a_name_that_is_nobodys_is_told(stack, kit):
    from tests.e2e.rig import App, Server

    stack.callback(Server().stop)
    app = App("--kit", kit, "--midi-out", "nobody")
    stack.callback(app.stop)
    told = "there is no MIDI port 'nobody' to send hits to; they are sent once it is there"
    app.wait_for("error", 180, message=told)
    assert app.process.poll() is None
