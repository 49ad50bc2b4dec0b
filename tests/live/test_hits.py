import numpy as np
import pytest

from matcher.live.callback import make_state
from matcher.live.hits import PARTS_S, SPARE_S, Hits

RATE = 48000
PAD = 3


class Stream:
    """An input's record whose ring holds its own frame numbers, and the jobs that come of it."""

    def __init__(self, first: int = 1):
        self.record, self.jobs = make_state(RATE, 1, 2)[0]["capture"], []
        self.record["input"] = np.arange(len(self.record["input"]))
        self.hits = Hits(self.jobs.append, first)

    def receive(self, seconds: float) -> None:
        self.record["time"] = round(seconds * RATE)
        self.hits.hand_over(self.record, RATE)


@pytest.fixture
def stream():
    return Stream()


def test_a_hit_that_rings_is_handed_over_part_by_part(stream):
    onset = RATE
    stream.hits.begin(PAD, onset, revision=7)
    for part in PARTS_S:
        before = len(stream.jobs)
        stream.receive(1 + part - 0.001)
        assert len(stream.jobs) == before
        stream.receive(1 + part + SPARE_S + 0.001)
        job = stream.jobs[-1]
        assert len(stream.jobs) == before + 1
        assert (job.hit, job.pad, job.revision) == (1, PAD, 7)
        assert job.clip.observed_s == pytest.approx(part, abs=1e-4)
        assert job.clip.samples[0] == onset
        assert job.clip.ended == (part != PARTS_S[-1])  # it may ring on behind all but the last
    assert stream.jobs[-1].observed_part == "full"
    stream.receive(9.0)
    assert len(stream.jobs) == len(PARTS_S)


def test_the_next_hit_ends_the_one_before(stream):
    stream.hits.begin(PAD, RATE, revision=0)
    stream.receive(1.2)
    stream.hits.begin(PAD, round(1.25 * RATE), revision=0)
    stream.receive(1.3)
    assert [(job.hit, job.observed_part) for job in stream.jobs] == [(1, "100 ms"), (1, "full")]
    assert stream.jobs[1].clip.ended
    assert stream.jobs[1].clip.observed_s == pytest.approx(0.25)


def test_too_short_a_hit_is_left_out(stream):
    stream.hits.begin(PAD, RATE, revision=0)
    stream.hits.begin(PAD, round(1.01 * RATE), revision=0)
    stream.receive(1.2)
    assert [job.hit for job in stream.jobs] == [2]


def test_hits_are_numbered_on_after_a_restart_and_none_outlives_its_stream():
    stream = Stream(first=8)
    stream.hits.begin(PAD, RATE, revision=0)
    stream.hits.clear()
    stream.receive(9.0)
    assert stream.jobs == []
    stream.hits.begin(PAD, 10 * RATE, revision=0)
    stream.receive(10.2)
    assert [job.hit for job in stream.jobs] == [9]
