import itertools
import threading
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from threadpoolctl import threadpool_info

import matcher
from matcher.matching import effort, refine
from matcher.matching.blas import one_blas_thread
from matcher.matching.effort import EFFORTS, Work, effort_named
from matcher.matching.hear import analysed
from matcher.matching.match import MatchOptions
from matcher.matching.task import Refined
from matcher.physics.drum import Drum
from tests.conftest import DATA, TOM, near, sound

ALIKE = 1e-3  # log-CQT: where two searches end in the same valley, chance says which is nearer
UNLIMITED = {name: replace(one, limit_s=np.inf) for name, one in EFFORTS.items()}


@contextmanager
def busy():
    """Another thread that computes, with as many BLAS threads as there are."""
    done, x = threading.Event(), np.ones((200, 200))

    def compute():
        while not done.is_set():
            x @ x

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def set_clock(monkeypatch, step_s: float) -> None:
    """A clock that has moved on by so much whenever it is read."""
    clock = itertools.count(0.0, step_s)
    monkeypatch.setattr(effort, "time", SimpleNamespace(perf_counter=lambda: next(clock)))


def found(stages: list[Refined]) -> list[tuple]:
    """All that is not a time."""
    return [(s.drum, s.distance, s.spread, s.units, s.limited) for s in stages]


@pytest.mark.parametrize("file", ["tom_high.flac", "tabla_open.flac"])
def test_the_same_recording_gives_the_same_twin_on_a_busy_machine(file, monkeypatch):
    monkeypatch.setitem(EFFORTS, "normal", UNLIMITED["normal"])  # whatever else is going on
    x, rate = soundfile.read(DATA / file)
    options = MatchOptions(effort="normal", n_candidates=2)
    idle = matcher.match(x, rate, options)
    with busy():
        again = matcher.match(x, rate, options)
    assert not idle.limited
    assert found(idle.stages) == found(again.stages)
    assert found(idle.candidates) == found(again.candidates)
    np.testing.assert_array_equal(idle.twin, again.twin)


def test_a_slow_machine_finds_the_same_until_the_time_limit_is_met(monkeypatch, matches):
    match = matches["tom_low.flac"]
    clip = analysed(match.hit)

    def refined(how):
        return refine.refine(clip, match.stages[0].drum, match.hit.ended, how)

    whole = refined(UNLIMITED["live"])
    set_clock(monkeypatch, 5.0)
    assert found(refined(UNLIMITED["live"])) == found(whole)
    set_clock(monkeypatch, 5.0)
    limited = refined(replace(EFFORTS["live"], limit_s=150.0))
    assert [stage.limited for stage in limited] == [False, True, True, True]
    distances = [stage.distance for stage in limited]
    assert distances == sorted(distances, reverse=True)
    assert limited[2].units > limited[1].units + 20  # the attack has its share of the time
    assert 0 < limited[-1].units < whole[-1].units


def test_a_match_and_its_candidates_report_that_the_time_limit_was_met(monkeypatch):
    x, rate = soundfile.read(DATA / "tom_low.flac")
    set_clock(monkeypatch, 5.0)
    result = matcher.match(x, rate, MatchOptions(effort="normal", n_candidates=2))
    assert result.limited and all(candidate.limited for candidate in result.candidates)
    units = result.stages[-1].units
    assert result.to_dict("x")["effort"] == {
        "name": "normal", "units": pytest.approx(units, abs=0.05), "limited": True,
    }  # fmt: skip
    assert result.log_cqt_distance <= result.stages[0].distance


def test_more_effort_finds_nearer_bodies_and_any_effort_nearer_drums(matches):
    chosen = list(matches.values())[::3]
    bodies, drums = [], []
    for how in UNLIMITED.values():
        stages = [
            refine.refine(analysed(m.hit), m.stages[0].drum, m.hit.ended, how) for m in chosen
        ]
        bodies.append(np.mean([found[min(1, len(found) - 1)].distance for found in stages]))
        drums.append(np.mean([found[-1].distance for found in stages]))
    for less, more in itertools.pairwise(bodies):
        assert more < less + ALIKE
    assert max(drums[1:]) < 0.6 * drums[0]


def test_efforts_are_in_the_order_of_what_they_do():
    assert list(EFFORTS) == ["network", "live", "normal", "patient"]
    assert all(effort_named(name) is one for name, one in EFFORTS.items())
    for column in ("body", "attack", "limit_s"):
        values = [getattr(one, column) for one in EFFORTS.values()]
        assert values == sorted(set(values)) and values[0] == 0
    # what the last stage does is the same in all that have it
    assert [one.partials > 0 for one in EFFORTS.values()] == [False, True, True, True]
    with pytest.raises(ValueError, match="effort is 'hard', allowed is network, live, normal or p"):
        effort_named("hard")


def test_work_does_not_go_far_beyond_what_is_allowed():
    how = UNLIMITED["live"]
    stages = refine.refine(sound(Drum(TOM)), Drum(near(TOM, 0.3)), effort=how)
    step = 40  # units, of a step that is tried TRIES times
    assert stages[1].units < how.body + step
    assert stages[2].units < how.body + how.attack + step


def test_work_is_over_when_it_is_stopped_done_or_late(monkeypatch):
    set_clock(monkeypatch, 1.0)
    work = Work()
    assert not work.over()
    work.allow(3.0, 3.5)
    work.add(2.9)
    assert not work.over()
    work.add(0.1)
    assert work.over() and not work.limited
    work.allow(4.0, 3.5)
    assert not work.over()  # the third second
    assert work.over() and work.limited
    work.allow(4.0, 9.0)
    assert not work.over() and work.limited  # the next stage goes on
    stopped = Work(lambda: True)
    stopped.allow(0.0, 0.0)
    assert stopped.over() and not stopped.limited


def test_blas_has_one_thread_until_the_last_match_is_done():
    def n_threads():
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    before, entered, leave = n_threads(), threading.Event(), threading.Event()

    def other():
        with one_blas_thread:
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    with one_blas_thread:
        thread.start()
        assert entered.wait(60)
    assert n_threads() == {1}  # the other one is still inside
    leave.set()
    thread.join()
    assert n_threads() == before
