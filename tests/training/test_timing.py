from training import timing


def test_a_time_is_the_best_after_the_first(monkeypatch):
    calls, clock = [], iter([0, 9, 10, 13, 20, 22, 30, 35])  # s: the calls take 9, 3, 2 and 5
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert timing.best(lambda: calls.append(1), repeats=3) == 2
    assert len(calls) == 4
