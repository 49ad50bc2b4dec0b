"""Hits cross from an input to an output whose clocks differ: each once, always as late."""

import numpy as np
import pytest

from matcher.kits.kit import Pad
from matcher.live import callback as native
from matcher.live import capture, detector, events, programs, triggers
from matcher.live.detector import Settings
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

SHORT = Theta(2 * np.pi * 400, 0.02, 0.02, 0.01, 0.8)
PERIOD = 12011  # frames from hit to hit: a prime, so that they fall anywhere in blocks
EMPTY = np.zeros((0, 0), np.float32)


def click() -> np.ndarray:
    """Input from one hit to the next, (PERIOD, 1)."""
    x = np.zeros((PERIOD, 1), np.float32)
    t = np.arange(2000)
    x[PERIOD // 2 :][:2000, 0] = 0.5 * np.sin(0.3 * t) * np.exp(-t / 300)
    return x


def decisions(rate: float, periods: int) -> np.ndarray:
    """Frames of the input at which the detector knows each hit of so many times `click`."""
    record = detector.make_detector(Settings(), rate)[0]
    found = [hit for _ in range(periods) for hit in detector.detect(record, click()[:, 0])]
    return np.array([hit.decided for hit in found if not hit.reason])


def hiss() -> np.ndarray:
    """As `click`, a sound of no drum."""
    x = np.random.default_rng(0).standard_normal(PERIOD + 1)
    return (0.1 * np.diff(x) * np.exp(-np.arange(PERIOD) / 2500)).astype(np.float32)[:, None]


def make_two(rate_in: float, rate_out: float, **settings) -> np.ndarray:
    """STATE of two streams, whose hits play a short drum."""
    state = native.make_state(rate_out, 0, 2)
    record = state[0]
    record["two_clocks"], record["armed"] = 1, 0
    capture.prepare(record["capture"], rate_in, 1, Settings(**settings))
    record["capture"]["detecting"] = 1
    programs.write_pad(record["pool"]["pads"][0], Pad(36), rate_out)
    programs.write_program(record["pool"]["programs"][0], Drum(SHORT), 1.0, rate_out)
    native.send(record, 0, native.PROGRAM, 0, 0, 0.0, -1)
    return state


def run(
    state, rate_in, rate_out, block_in, block_out, seconds, late_s, input_ends_s=np.inf, x=None
):
    """Call both sides as two devices would.

    rate_in, rate_out: true rates, Hz. late_s: called with a number of blocks -> by how much each
    callback is late, s. x: the input from one hit to the next, by default `click`.

    Returns:
        Events of both sides, and what was played, (frames,).
    """
    record, x, told, played = state[0], click() if x is None else x, [], []
    n_in, n_out = round(seconds * rate_in / block_in), round(seconds * rate_out / block_out)
    # an input block is handed over when it is complete, an output block when it is due
    ends = 1.0 + np.arange(1, n_in + 1) * block_in / rate_in
    starts = 1.0004 + np.arange(n_out) * block_out / rate_out
    calls = [(time, 0, i) for i, time in enumerate(ends + late_s(n_in)) if time < input_ends_s]
    calls += [(time, 1, i) for i, time in enumerate(starts + late_s(n_out))]
    out = np.zeros((block_out, 2), np.float32)
    for time, side, i in sorted(calls):
        if side == 0:
            frames = np.arange(i * block_in, (i + 1) * block_in) % PERIOD
            capture.process(record["capture"], x[frames], np.int64(1e9 * time))
        else:
            record["called"] = 1e9 * time
            native.process(record, EMPTY, out)
            played.append(out[:, 0].copy())
            if i % 100 == 0:
                told += native.receive(record)
    return told + native.receive(record), np.concatenate(played)


def crossing_s(told, rate_in, rate_out, nominal_in) -> np.ndarray:
    """For each hit after two seconds, how long it took from its detection to its strike, s."""
    struck = np.array([e.time for e in told if e.kind == events.STRUCK]) / rate_out + 0.0004
    known = decisions(nominal_in, len(struck) + 1)[: len(struck)] / rate_in
    return (struck - known)[known > 2.0]


def punctual(n):
    return np.zeros(n)


@pytest.mark.parametrize(
    ("rates", "nominal", "blocks"),
    [
        ((48004.8, 48000.0), (48000, 48000), (64, 64)),  # 100 ppm apart
        ((44100.0, 48000.0), (44100, 48000), (64, 64)),
        ((48000.0, 44095.59), (48000, 44100), (480, 128)),
        ((96000.0, 48000.0), (96000, 48000), (256, 1000)),
    ],
)
@pytest.mark.parametrize("jitter_ms", [0.0, 0.1])
def test_every_hit_crosses_once_and_always_as_late(rates, nominal, blocks, jitter_ms):
    rng = np.random.default_rng(0)
    state = make_two(*nominal)
    seconds = 12.0
    told, _ = run(
        state, *rates, *blocks, seconds, lambda n: rng.exponential(1e-3 * jitter_ms, n)
    )  # fmt: skip
    hits = [e for e in told if e.kind == events.HIT]
    struck = [e for e in told if e.kind == events.STRUCK]
    assert abs(len(struck) - seconds * rates[0] / PERIOD) < 1.5
    assert abs(len(hits) - len(struck)) <= 1  # the last one may still be on its way
    took = crossing_s(told, *rates, nominal[0])
    print(f"{rates}, jitter {jitter_ms} ms: {1e3 * np.median(took):.2f} ms, "
          f"by {1e3 * np.ptp(took):.3f} ms at most")  # fmt: skip
    assert np.ptp(took) < 1e-4 + 2e-3 * jitter_ms
    longest = sum(n / rate for n, rate in zip(blocks, rates))
    assert np.median(took) < longest + 0.0005


def test_a_block_that_is_very_late_moves_one_hit_at_most():
    rng = np.random.default_rng(1)

    def late_s(n):
        return np.where(rng.uniform(size=n) < 0.002, 0.004, 0.0)

    state = make_two(48000, 48000)
    told, _ = run(state, 48000.0, 48000.0, 64, 64, 12.0, late_s)
    took = crossing_s(told, 48000.0, 48000.0, 48000)
    assert np.mean(np.abs(took - np.median(took)) > 2e-4) < 0.1
    assert took.max() - np.median(took) < 0.006


def test_with_drums_only_what_is_no_drums_is_faded_out_at_the_output():
    sounding = []
    for drums_only in (False, True):
        state = make_two(48000, 48000, drums_only=drums_only)
        told, out = run(state, 48000.0, 48000.0, 64, 64, 1.0, punctual, x=hiss())
        kinds = [e.kind for e in told]
        assert (events.HIT in kinds) != drums_only
        assert (events.IGNORED in kinds) == drums_only
        struck = next(e.time for e in told if e.kind == events.STRUCK)
        assert out[struck : struck + 480].any()  # it sounds at once
        sounding.append(out[struck + 1440 : struck + 4800].any())
    assert sounding == [True, False]


def test_an_input_that_stops_leaves_the_output_as_it_is():
    states = [make_two(48000, 48000) for _ in range(2)]
    outs = []
    for state, end in zip(states, (1.5, 1.0)):
        state["armed"] = -1
        for time in (100, 20000, 40000):
            native.send(state[0], time, native.STRIKE, 0, 0, 1.0, time)
        told, out = run(state, 48000.0, 48000.0, 64, 64, 1.5, punctual, end)
        assert [e.time for e in told if e.kind == events.STRUCK] == [100, 20000, 40000]
        outs.append(out)
    np.testing.assert_allclose(*outs, atol=1e-6)  # hits that play nothing still divide blocks
    assert outs[0].any()


def test_another_input_goes_on_where_one_was_lost():
    state = make_two(48000, 48000)
    told, _ = run(state, 48000.0, 48000.0, 64, 64, 1.0, punctual)
    before = len([e for e in told if e.kind == events.STRUCK])
    capture.prepare(state[0]["capture"], 44100.0, 1, Settings())
    state["capture"]["detecting"] = 1
    told, _ = run(state, 44100.0, 48000.0, 64, 64, 1.0, punctual)
    assert before >= 3
    assert len([e for e in told if e.kind == events.STRUCK]) >= 3


def test_a_full_ring_loses_triggers_and_nothing_else():
    record = make_two(48000, 48000)[0]["capture"]
    taken = sum(bool(triggers.put(record, i, triggers.BEGAN, i, 0.1)) for i in range(2000))
    assert taken == triggers.SIZE
