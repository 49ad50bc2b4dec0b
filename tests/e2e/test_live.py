"""Hits, notes and sound through a real JACK server. `--long -rP` prints the figures of docs."""

import csv

import numpy as np
import pytest
import soundfile
import soxr

from matcher.kits.kit_file import load_kit
from matcher.live.engine import Engine
from matcher.live.hits import PARTS_S
from matcher.live.protocol import (
    NOTE,
    ControllerMoved,
    Learn,
    Learned,
    NotePlayed,
    Ready,
    Setup,
    State,
)
from matcher.matching.features import SAMPLE_RATE, distance
from matcher.matching.hear import to_analysis_rate
from matcher.physics import drum
from matcher.physics.drum import Drum
from matcher.physics.theta import PRESETS, Theta
from tests.conftest import DATA
from tests.e2e.conftest import DRUM

RATE = 48000
PERIOD = 128
NOTE_ON, NOTE_OFF, CONTROL = 0x90, 0x80, 0xB0
FIRST = 36  # note of pad 1


def recording(name: str = "tom_low.flac", peak: float = 0.5) -> np.ndarray:
    """A hit of the test data, from its first sample on."""
    x, rate = soundfile.read(DATA / name, dtype="float32", always_2d=True)
    with open(DATA / "hits.csv", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["file"] == name)
    x = soxr.resample(x.mean(axis=1), rate, RATE)[round(float(row["onset_s"]) * RATE) :]
    return peak * x / np.abs(x).max()


def at(x: np.ndarray, *starts_s: float) -> np.ndarray:
    """x (frames,) at each of these times."""
    sound = np.zeros(round(max(starts_s) * RATE) + len(x), np.float32)
    for start in starts_s:
        sound[round(start * RATE) :][: len(x)] += x
    return sound


def percentiles(values, *which: float) -> str:
    return ", ".join(f"p{p:g} {np.percentile(values, p):.2f}" for p in which)


def test_a_hit_becomes_a_drum_that_a_note_plays(stage):
    _, app, cables = stage("--pad", 16, "--no-refine")
    out = cables.play(at(recording(), 0.25), [(1000, (NOTE_ON, FIRST + 15, 100))], 3)
    assert not out.any()  # match mode plays nothing by itself, and the pad was empty
    app.wait_for("note", note=FIRST + 15, pad=None)
    hit = app.wait_for("hit", pad=16)
    assert 30 <= hit["velocity"] <= 100
    stages = [app.wait_for("theta", pad=16) for _ in PARTS_S]
    assert [round(row["observed_s"], 2) for row in stages] == [round(s, 2) for s in PARTS_S]
    assert stages[-1]["stage"] == "full"
    out = cables.play(notes=[(4000, (NOTE_ON, FIRST + 15, 127))], tail_s=1.0)
    note = app.wait_for("note", note=FIRST + 15)
    assert (note["pad"], note["velocity"]) == (16, 127)
    assert not out[:4000].any()
    left, right = out[4000:].T
    np.testing.assert_array_equal(left, right)  # in the middle
    last = stages[-1]
    body = Drum(
        Theta(**last["theta"]), (last["x1"], last["x2"]), last["mallet_hz"], last["tension"]
    )
    twin = drum.render(body, RATE, 0.5)
    heard = left[np.flatnonzero(left)[0] - 1 :][: len(twin)]
    alike = np.dot(heard, twin) / np.linalg.norm(heard) / np.linalg.norm(twin)
    assert alike > 0.999


def refined(app) -> list[dict]:
    """Every answer to the hit that is heard, up to the last, which is refined."""
    events = [app.wait_for("theta")]
    while events[-1]["stage"] != "full" or events[-1]["by"] == "network":
        events.append(app.wait_for("theta"))
    return events


@pytest.mark.slow
def test_a_hit_is_refined_while_it_is_heard_and_its_twin_has_the_drums_partials(stage):
    _, app, cables = stage("--pad", 16)
    hit = recording("marching_bass_48k.flac")  # its partials are far nearer than noise alone
    cables.play(at(hit, 0.25), tail_s=3)
    answers = refined(app)
    assert (answers[0]["stage"], answers[0]["by"]) == ("100 ms", "network")
    last = answers[-1]
    assert last["by"] == "partials" and last["levels"] and last["distance"] < 0.5
    assert last["partials"] and last["same_drum"] is None  # the pad was empty
    assert last["doubt"] == "" and len(last["spread"]) == 5
    out = cables.play(notes=[(4000, (NOTE_ON, FIRST + 15, 127))], tail_s=3.2)[:, 0]
    heard = to_analysis_rate(out[np.flatnonzero(out)[0] - 1 :], RATE)
    clip = to_analysis_rate(hit, RATE)
    clip = clip[np.argmax(np.abs(clip) > 0.05 * np.abs(clip).max()) :]
    linear = drum.render(Theta(**answers[0]["theta"]), SAMPLE_RATE, 3.0)
    assert distance(clip, heard) < 0.8 * distance(clip, linear)


@pytest.mark.slow
def test_hits_in_quick_succession_are_known_as_one_drum(stage):
    """Each comes while the one before is refined, as when somebody plays."""
    _, app, cables = stage("--pad", 16)
    hit = recording()
    cables.play(at(hit, 0.25), tail_s=3)
    first = refined(app)[-1]
    cables.play(at(hit, 0.25, 1.05, 1.85, 2.65), tail_s=3.2)
    # how near the last one comes depends on how busy the machine is, and so does when it comes
    answers = [e for e in app.drain(10) if e["event"] == "theta" and e["by"] != "network"]
    last = answers[-1]
    assert last["same_drum"]
    assert last["stage"] == "full"
    assert last["theta"]["omega"] == pytest.approx(first["theta"]["omega"])


def test_controller_16_says_where_the_drum_is_struck(stage):
    _, _, cables = stage(shared=True)

    def played(value):
        notes = [(3000, (CONTROL, 16, value)), (4000, (NOTE_ON, FIRST, 100))]
        out = cables.play(notes=notes, tail_s=1.5)[:, 0]
        x = out[np.flatnonzero(out)[0] :][: RATE // 2]
        power = np.abs(np.fft.rfft(x, RATE)) ** 2
        return power[: int(1.2 * DRUM.pitch_hz)].sum() / power.sum()

    middle, rim = played(0), played(127)
    assert middle > 3 * rim
    assert played(0) == pytest.approx(middle, rel=0.05)


def test_how_soon_theta_is_there(stage, long):
    """After the sound that it is inferred from was heard; the full one after the window's end."""
    _, app, cables = stage(shared=True)
    late = {}
    for _ in range(20 if long else 1):
        cables.play(at(recording(), 0.1), tail_s=3.2)
        for event in refined(app):
            late.setdefault(f"{event['stage']}, {event['by']}", []).append(event["latency_ms"])
    assert len(late["100 ms, network"]) == (20 if long else 1)
    for name, values in late.items():
        print(f"theta, {name}: ms {percentiles(values, 50, 95, 100)}, {len(values)} hits")


def note_delays(cables, notes: list[int]) -> np.ndarray:
    """Send pad 1's note at these frames -> how many later each begins to sound.

    The bank is linear: what the notes before add up to is subtracted, to the sample.
    """
    strike = (NOTE_ON, FIRST, 100)
    alone = cables.play(notes=[(2000, strike)], tail_s=1.5)[:, 0]
    response = alone[np.flatnonzero(alone)[0] :]
    heard = 1e-3 * np.abs(response).max()
    begins = int(np.argmax(np.abs(response) > heard))
    out = cables.play(notes=[(frame, strike) for frame in notes], tail_s=1.5)[:, 0]
    rest, delays = out.copy(), []
    for frame in notes:
        start = frame + int(np.argmax(np.abs(rest[frame:]) > heard)) - begins
        tail = rest[start : start + len(response)]
        tail -= response[: len(tail)]
        delays.append(start - frame)
    assert np.abs(rest).max() < heard  # each sounded once, and nothing else did
    return np.array(delays)


@pytest.mark.parametrize("period", [pytest.param(64, marks=pytest.mark.slow), 128])
def test_from_a_note_to_its_sound(stage, long, period):
    _, _, cables = stage(period=period, busy=True, shared=True)
    rng = np.random.default_rng(period)
    notes = 5000 + np.cumsum(rng.integers(2400, 9600, 1000 if long else 30))
    quiet = cables.xruns
    if long:  # as long without a note
        cables.play(tail_s=notes[-1] / RATE)
    quiet, sent = cables.xruns - quiet, cables.xruns
    delays = note_delays(cables, notes.tolist()) / RATE * 1e3
    print(
        f"note to sound, period {period}, {len(notes)} notes, interpreter busy: ms "
        f"{percentiles(delays, 1, 50, 99, 100)}; xruns {cables.xruns - sent}, without {quiet}"
    )
    assert np.median(delays) <= 1e3 * 3 * period / RATE + 2


@pytest.mark.slow
def test_no_note_of_a_burst_is_lost_or_doubled(stage, long):
    _, app, cables = stage(busy=True, shared=True)
    rng = np.random.default_rng(0)
    pause, count = [], 10_000 if long else 1500
    while len(pause) < count:  # bursts of 100 at up to 1,000 a second
        pause += [24000, *rng.integers(48, 96, 99)]
    frames = 1000 + np.cumsum(pause[:count])
    numbers = rng.integers(FIRST, FIRST + 4, count)
    velocities = rng.integers(1, 128, count)
    sent = [(int(f), (NOTE_ON, int(n), int(v))) for f, n, v in zip(frames, numbers, velocities)]
    cables.play(notes=sent, tail_s=2.0)
    played = [e for e in app.drain(3) if e["event"] == "note"]
    assert [(e["note"], e["velocity"]) for e in played] == [m[1:] for _, m in sent]
    assert all(e["pad"] == e["note"] - FIRST + 1 for e in played)
    print(f"bursts: {count} notes, {len(played)} played")


@pytest.mark.slow
def test_from_a_hit_to_the_sound_it_triggers(stage, long):
    _, _, cables = stage("--mode", "trigger", shared=True)
    names = ["tom_low.flac", "snare_kit.flac", "rim.flac", "kick_kit.flac", "tom_high.flac"]
    rng = np.random.default_rng(0)
    delays = []
    for _ in range(20 if long else 2):
        for name in names:
            hit = recording(name, rng.uniform(0.2, 0.8))[: round(0.15 * RATE)]
            hit = hit * np.linspace(1, 0, len(hit), dtype=np.float32)
            begins = rng.integers(2000, 4000)
            out = cables.play(np.concatenate([np.zeros(begins, np.float32), hit]), tail_s=1.2)
            delays.append((np.flatnonzero(np.abs(out[:, 0]) > 1e-6)[0] - begins) / RATE * 1e3)
    print(
        f"hit to sound, period {PERIOD}, {len(delays)} hits: ms {percentiles(delays, 50, 95, 100)}"
    )
    assert np.median(delays) <= 1e3 * 2 * PERIOD / RATE + 1


@pytest.mark.slow
def test_our_own_sound_does_not_run_away(stage):
    _, app, cables = stage("--mode", "trigger", shared=True)
    cables.feedback = 10 ** (-12 / 20)
    times = [0.5, 1.5, 2.5]
    cables.play(at(recording("rim.flac", 0.7)[:4800], *times), tail_s=2.0)
    hits = [e for e in app.drain(1) if e["event"] == "hit"]
    assert len(hits) == len(times)
    out = cables.play(tail_s=1.0)
    assert not out[-4800:].any()


def test_a_controller_turns_the_drum(stage):
    _, app, cables = stage("--control", "20=tau", "--control", "7=gain_db")
    loud = cables.play(notes=[(1000, (NOTE_ON, FIRST, 100))], tail_s=1.5)
    turn = [(1000, (0xB0, 20, 127)), (1001, (0xB0, 7, 100)), (1002, (0xB0, 99, 1))]
    cables.play(notes=turn, tail_s=0.3)
    said = app.wait_for("control", controller=20)
    assert (said["turns"], said["pad"], said["value"]) == ("tau", 1, 127)
    assert said["to"] == pytest.approx(PRESETS["live"]["tau"].high)
    assert app.wait_for("control", controller=7)["to"] == pytest.approx(-60 + 72 * 100 / 127)
    assert app.wait_for("control", controller=99)["turns"] is None
    long = cables.play(notes=[(1000, (NOTE_ON, FIRST, 100))], tail_s=1.5)
    late = slice(RATE, RATE + 9600)
    assert np.abs(long[late]).max() > 10 * np.abs(loud[late]).max()  # 1 s later it still rings
    assert np.abs(long).max() < np.abs(loud).max()


@pytest.mark.slow
def test_detection_is_calibrated_by_some_hits(stage):
    _, app, cables = stage("--listen", "--mode", "trigger")
    x = at(recording(peak=0.03), 0.5, 1.7, 2.9, 4.1)
    x += 1e-4 * np.random.default_rng(0).standard_normal(len(x)).astype(np.float32)
    cables.play(x, tail_s=2.0)
    said = app.wait_for("listened")
    assert said["hits"] == 4
    assert said["gain_db"] == pytest.approx(-3 - 20 * np.log10(0.03), abs=1.5)
    assert not said["clipped"]
    app.drain(0.2)
    cables.play(x, tail_s=1.0)
    hits = [e for e in app.drain(1) if e["event"] == "hit"]
    assert len(hits) == 4


def test_notes_and_controllers_are_learned(stack, kit):
    from tests.e2e.rig import Cables, Server

    def wait_for(kind):
        while not isinstance(event := engine.events.get(timeout=60), kind):
            pass
        return event

    stack.callback(Server().stop)
    engine = stack.enter_context(Engine(State(Setup(armed=1), load_kit(kit)[0])))
    wait_for(Ready)
    cables = Cables()
    stack.callback(cables.close)
    cables.wire()
    engine.send(Learn(NOTE))
    cables.play(notes=[(500, (NOTE_ON, 60, 90))], tail_s=0.3)
    learned = wait_for(Learned)
    assert (learned.what, learned.number, learned.pad) == (NOTE, 60, 1)
    assert engine.state.kit.pads[1].note == 60
    out = cables.play(notes=[(500, (NOTE_ON, 60, 90))], tail_s=0.3)
    assert out.any()
    engine.send(Learn("D"))
    cables.play(notes=[(500, (0xB0, 30, 99)), (600, (0xB0, 30, 0))], tail_s=0.3)
    assert wait_for(Learned).what == "D"
    while wait_for(ControllerMoved).value != 0:
        pass
    assert engine.state.setup.controllers == {30: "D"}
    lowest = PRESETS["live"]["D"].low
    assert np.isclose(engine.state.kit.pads[1].theta.D, lowest)
    became = [(type(message), message.pad) for message in engine.messages()]
    assert (NotePlayed, 1) in became
    assert became[-1] == (ControllerMoved, 1)
