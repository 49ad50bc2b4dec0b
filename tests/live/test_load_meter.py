import pytest

from matcher.live.load_meter import LoadMeter

RATE = 48000
STEP = RATE // 20  # frames between two updates


def run(meter: LoadMeter, start: int, seconds: float, load: float, worst_ns: int, busy_ns: int):
    """Updates of so many seconds -> the last result, frames and busy_ns then."""
    for _ in range(round(seconds * RATE / STEP)):
        start, busy_ns = start + STEP, busy_ns + round(load * 1e9 * STEP / RATE)
        figures = meter.update(start, busy_ns, worst_ns)
    return figures, start, busy_ns


def test_a_busy_second_shows_after_an_idle_minute():
    meter = LoadMeter(RATE)
    (load, worst_us), frames, busy = run(meter, 0, 60, 0.01, 5_000, 0)
    assert (load, worst_us) == (pytest.approx(0.01), 5)
    (load, worst_us), frames, busy = run(meter, frames, 1, 0.8, 90_000, busy)
    assert (load, worst_us) == (pytest.approx(0.8, rel=0.01), 90)
    (load, worst_us), *_ = run(meter, frames, 0.5, 0.01, 5_000, busy)
    assert 0.3 < load < 0.5


def test_a_long_call_is_forgotten_after_a_second():
    meter = LoadMeter(RATE)
    assert meter.update(STEP, 0, 700_000)[1] == 700
    (_, worst_us), frames, _ = run(meter, STEP, 0.9, 0.0, 5_000, 0)
    assert worst_us == 700
    (_, worst_us), *_ = run(meter, frames, 0.15, 0.0, 5_000, 0)
    assert worst_us == 5


def test_rare_updates_give_what_happened_since_the_last_one():
    meter = LoadMeter(RATE)
    meter.update(60 * RATE, 30 * 10**9, 9_000)
    assert meter.update(70 * RATE, 31 * 10**9, 1_000) == (pytest.approx(0.1), 1)


def test_a_stream_that_has_not_begun_or_stands_still_has_no_load():
    meter = LoadMeter(RATE)
    assert meter.update(0, 0, 0) == (0, 0)
    meter.update(2 * RATE, 10**9, 4_000)
    assert meter.update(2 * RATE, 10**9, 0)[1] in (0, 4)
