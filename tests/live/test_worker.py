import queue
import time

import numpy as np
import pytest

from matcher.live.worker import REFINED_S, Job, Worker
from matcher.matching.match import shipped_encoder
from matcher.matching.parameters import RANGE
from matcher.physics import drum
from matcher.physics.drum import Drum
from tests.conftest import TOM

RATE = 48000


@pytest.fixture
def start():
    """Call it for a Worker and the queue of its answers; what its put returns is given."""
    workers = []

    def run(wanted=True, **more):
        answers = queue.SimpleQueue()

        def put(answer):
            answers.put(answer)
            return wanted

        workers.append(Worker(shipped_encoder, put, answers.put, **more))
        return workers[-1], answers

    yield run
    for worker in workers:
        worker.close()


def job(seconds: float, hit: int = 1, final: bool = True) -> Job:
    attack_powers = np.zeros((12, 5))
    attack_powers[6, 1] = 0.05
    whole = Drum(TOM, (0.3, 0.45), 1500.0, 0.2, tuple(map(tuple, attack_powers)))
    x = drum.render(whole, RATE, seconds)
    return Job(hit, 3, "full", final, False, x, RATE, seconds, time.monotonic())


def test_the_network_answers_at_once_and_refining_comes_nearer(start):
    worker, answers = start()
    worker.submit(job(1.5))
    first, second = answers.get(timeout=60), answers.get(timeout=60)
    assert (first.by, first.distance, first.spread) == ("network", None, None)
    assert first.drum == Drum(first.drum.theta)
    assert second.by == "attack" and second.drum.attack_powers is not None
    assert second.distance < 0.5 and second.no_drum_reason == ""
    RANGE.check(second.drum.theta)


def test_a_longer_part_of_a_hit_goes_on_from_what_is_known(start):
    worker, answers = start()
    worker.submit(job(0.4, final=False))
    first, _ = (answers.get(timeout=60) for _ in range(2))
    assert first.by == "network"
    worker.submit(job(1.5))
    later = answers.get(timeout=60)  # no raw answer in between
    assert later.by != "network"
    assert later.distance < 0.6


def test_a_short_part_is_not_refined_and_nothing_where_it_is_off(start):
    for seconds, more in ((REFINED_S / 2, {}), (1.0, {"refining": lambda: False})):
        worker, answers = start(**more)
        worker.submit(job(seconds))
        assert answers.get(timeout=60).by == "network"
        with pytest.raises(queue.Empty):
            answers.get(timeout=2)


def test_a_pad_that_was_changed_gets_no_more_answers(start):
    worker, answers = start(wanted=False)
    worker.submit(job(1.0))
    assert answers.get(timeout=60).by == "network"
    with pytest.raises(queue.Empty):
        answers.get(timeout=2)
    worker.submit(job(1.0, hit=2))
    assert answers.get(timeout=60).job.hit == 2


def test_silence_is_said_and_the_next_hit_is_matched(start):
    worker, answers = start()
    worker.submit(job(1.0)._replace(clip=np.zeros(RATE, np.float32)))
    said = [answers.get(timeout=60) for _ in range(2)]
    assert any(isinstance(one, str) and "silent" in one for one in said)
    worker.submit(job(1.5, hit=2))
    assert [answers.get(timeout=60).by for _ in range(2)] == ["network", "attack"]
