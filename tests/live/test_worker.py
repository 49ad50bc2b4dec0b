import queue
import time
from dataclasses import replace

import numpy as np
import pytest

from matcher.kits.kit import for_pad
from matcher.live.worker import REFINED_S, Job, Worker
from matcher.matching.hear import Clip
from matcher.matching.match import shipped_encoder
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from tests.conftest import TOM

RATE = 48000


@pytest.fixture
def start():
    """A function that starts a Worker -> the worker and a queue of its answers and failures."""
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
    attack_powers = np.zeros(attack.SHAPE)
    attack_powers[6, 2] = 0.05
    whole = Drum(TOM, (0.3, 0.45), 1500.0, 0.2, tuple(map(tuple, attack_powers)))
    x = drum.render(whole, RATE, seconds)
    return Job(hit, 3, 0, "full", Clip(x, RATE, seconds, not final), time.monotonic())


def test_the_network_answers_at_once_and_refining_comes_nearer(start):
    worker, answers = start()
    worker.submit(job(1.5))
    first, second = answers.get(timeout=60), answers.get(timeout=60)
    assert (first.stage, first.distance, first.spread) == ("network", None, None)
    assert first.drum == Drum(first.drum.theta)
    assert second.stage == "partials" and len(second.drum.partials) > 0
    assert second.drum.attack_powers is not None and second.same_drum is None
    assert second.distance < 0.5 and second.no_drum_reason == ""
    assert second.drum == for_pad(second.drum)


def test_a_longer_part_of_a_hit_is_refined_from_its_best_answer(start):
    worker, answers = start()
    worker.submit(job(0.4, final=False))
    first, _ = (answers.get(timeout=60) for _ in range(2))
    assert first.stage == "network"
    worker.submit(job(1.5))
    later = answers.get(timeout=60)  # no answer of the network in between
    assert later.stage != "network"
    assert later.distance < 0.6


def test_a_short_part_is_not_refined_nor_any_part_if_refining_is_off(start):
    for seconds, more in ((REFINED_S / 2, {}), (1.0, {"refines": lambda: False})):
        worker, answers = start(**more)
        worker.submit(job(seconds))
        assert answers.get(timeout=60).stage == "network"
        with pytest.raises(queue.Empty):
            answers.get(timeout=2)


def test_a_hit_whose_answer_was_late_gets_no_more_answers(start):
    worker, answers = start(wanted=False)
    worker.submit(job(1.0))
    assert answers.get(timeout=60).stage == "network"
    with pytest.raises(queue.Empty):
        answers.get(timeout=2)
    worker.submit(job(1.0, hit=2))
    assert answers.get(timeout=60).job.hit == 2


def test_silence_is_reported_and_the_next_hit_is_matched(start):
    worker, answers = start()
    silence = Clip(np.zeros(RATE, np.float32), RATE, 1.0, False)
    worker.submit(replace(job(1.0), clip=silence))
    received = [answers.get(timeout=60) for _ in range(2)]
    assert any(isinstance(one, str) and "silent" in one for one in received)
    worker.submit(job(1.5, hit=2))
    assert [answers.get(timeout=60).stage for _ in range(2)] == ["network", "partials"]


@pytest.mark.parametrize("wrong", [float("nan"), RuntimeError("of the runtime")])
def test_each_job_fails_alone(start, monkeypatch, wrong):
    encoder = shipped_encoder()

    def infer(features, network=encoder.infer):
        monkeypatch.setattr(encoder, "infer", network)
        if isinstance(wrong, Exception):
            raise wrong
        return TOM._replace(tau=wrong)

    monkeypatch.setattr(encoder, "infer", infer)
    worker, answers = start()
    worker.submit(job(0.1))
    failure = answers.get(timeout=60)
    assert "NaN" in failure or "of the runtime" in failure
    worker.submit(job(0.1, hit=2))
    assert answers.get(timeout=60).job.hit == 2


def test_an_answer_that_cannot_be_put_fails_alone():
    failures, puts = queue.SimpleQueue(), []

    def put(answer):
        puts.append(answer)
        if len(puts) == 1:
            raise ValueError("not this one")
        return False

    worker = Worker(shipped_encoder, put, failures.put)
    try:
        worker.submit(job(0.1))
        assert "not this one" in failures.get(timeout=60)
        worker.submit(job(0.1, hit=2))
        end = time.monotonic() + 60
        while len(puts) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert puts[1].job.hit == 2
    finally:
        worker.close()
