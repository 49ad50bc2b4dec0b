import queue
import time
from dataclasses import replace

import numpy as np
import pytest

from matcher.kits.kit import Kit, for_pad
from matcher.kits.kit_file import load_kit, save_kit
from matcher.live.worker import MOST_INFERRED, REFINED_S, Job, PadDrums, Worker, drums_for
from matcher.matching import partials
from matcher.matching.features import SAMPLE_RATE
from matcher.matching.hear import Clip
from matcher.matching.match import shipped_encoder
from matcher.matching.partials import Stroke
from matcher.matching.refine import Refined
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from tests.conftest import TOM
from tests.live.conftest import ONE

RATE = 48000
PAD = 3
AT_THE_RIM = ONE._replace(strike=(0.4, 0.2))  # the same drum, whose partials are as loud as others
ANOTHER = Drum(
    TOM._replace(omega=1.12 * TOM.omega), ONE.strike, ONE.mallet_hz,
    partials=tuple(
        partial._replace(cents=partial.cents + cents)
        for partial, cents in zip(ONE.partials, (0, 190, -170, 160, 0))
    ),
)  # fmt: skip


@pytest.fixture
def start(patient):
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
    return stroke(whole, hit, seconds=seconds, final=final)


def stroke(
    struck: Drum, hit: int, on_pad: Drum | None = None, pad: int = PAD, seconds: float = 1.2,
    final: bool = True,
) -> Job:  # fmt: skip
    """A stroke on a drum, heard while `on_pad` is on the pad."""
    clip = Clip(drum.render(struck, RATE, seconds), RATE, seconds, not final)
    return Job(hit, pad, 0, "full", clip, time.monotonic(), on_pad)


def refined(worker, answers, *strokes) -> list:
    """The refined answers to strokes (Job), each answered before the next."""
    found = []
    for each in strokes:
        worker.submit(each)
        found.append([answers.get(timeout=60) for _ in range(2)][-1])
    return found


def learned(drums: PadDrums, job: Job, same_drum: bool | None = None) -> Drum:
    """Let drums learn from a job, whose network answer came before -> its refined answer."""
    heard = Stroke(drum.render(ONE, SAMPLE_RATE, 0.5))
    stroke = partials.analyse(heard)
    answer = ONE._replace(strike=(0.5, 0.01 * job.hit))
    found = Refined(answer, 0.2, "partials", stroke=stroke, found=stroke.alone, same_drum=same_drum)
    drums.learn(job, answer, found)
    return answer


def test_the_network_answers_at_once_and_refining_comes_nearer(start):
    worker, answers = start()
    worker.submit(job(1.5))
    first, second = answers.get(timeout=60), answers.get(timeout=60)
    assert (first.stage, first.distance, first.spread) == ("network", None, None)
    assert first.drum == Drum(*first.drum[:4])  # a body alone: theta, strike, mallet, tension
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

    def nu(features, network=encoder.nu):
        monkeypatch.setattr(encoder, "nu", network)
        if isinstance(wrong, Exception):
            raise wrong
        return np.full((1, 5), wrong), np.ones(1)

    monkeypatch.setattr(encoder, "nu", nu)
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


def test_strokes_on_the_drum_that_is_on_the_pad_keep_its_body(start):
    worker, answers = start()
    first = refined(worker, answers, stroke(ONE, 1))[0]
    assert first.same_drum is None  # the pad was empty
    equal, rim = refined(
        worker, answers, stroke(ONE, 2, first.drum), stroke(AT_THE_RIM, 3, first.drum)
    )
    assert equal.same_drum and rim.same_drum
    assert equal.drum.theta == rim.drum.theta == first.drum.theta
    assert rim.drum.partials != first.drum.partials


def test_another_drum_gets_a_body_of_its_own_as_if_the_pad_were_empty(start):
    worker, answers = start()
    first = refined(worker, answers, stroke(ONE, 1))[0]
    other = refined(worker, answers, stroke(ANOTHER, 2, first.drum))[0]
    again = refined(worker, answers, stroke(ANOTHER, 3, other.drum))[0]
    assert (other.same_drum, again.same_drum) == (False, True)
    alone = refined(*start(), stroke(ANOTHER, 1))[0]
    assert other.drum == alone.drum
    assert again.drum.theta == other.drum.theta


def test_the_drum_of_a_kit_and_a_drum_that_was_turned_are_known_by_their_partials(start, tmp_path):
    worker, answers = start()
    matched = refined(worker, answers, stroke(ONE, 1))[0].drum
    save_kit(Kit().with_pad(PAD, drum=matched), tmp_path / "one.drumkit")
    loaded = load_kit(tmp_path / "one.drumkit")[0].pads[PAD].drum
    turned = matched.with_value("tau", 1.2 * matched.theta.tau)
    kept = refined(*start(), stroke(AT_THE_RIM, 1, loaded))[0]  # by another worker
    assert kept.same_drum and kept.drum.theta == loaded.theta
    as_turned, plain = refined(
        worker, answers, stroke(AT_THE_RIM, 2, turned),
        stroke(ONE, 3, Drum(matched.theta)),  # without partials there is nothing to know it by
    )  # fmt: skip
    assert as_turned.same_drum and as_turned.drum.theta == turned.theta
    assert plain.same_drum is None


def test_the_drums_of_two_pads_are_not_mixed_up(start):
    worker, answers = start()
    one, other = refined(worker, answers, stroke(ONE, 1), stroke(ANOTHER, 2, pad=PAD + 1))
    assert (one.same_drum, other.same_drum) == (None, None)
    strokes = stroke(ONE, 3, one.drum), stroke(ANOTHER, 4, other.drum, pad=PAD + 1)
    found = refined(worker, answers, *strokes)
    assert [answer.drum.theta for answer in found] == [one.drum.theta, other.drum.theta]
    assert all(answer.same_drum for answer in found)


def test_a_drum_stays_known_where_the_next_stroke_comes_before_its_refined_answer(start):
    """What is on the pad then is the network's answer, which has no partials."""
    worker, answers = start()
    first = refined(worker, answers, stroke(ONE, 1))[0]
    jobs = [stroke(AT_THE_RIM, 2, first.drum), stroke(ONE, 3)]
    worker.submit(jobs[0])
    network = answers.get(timeout=60)
    worker.submit(replace(jobs[1], on_pad=network.drum))  # interrupts or follows the refinement
    last = [answers.get(timeout=60) for _ in range(2)][-1]
    while last.job.hit != 3 or last.stage == "network":
        last = answers.get(timeout=60)
    assert last.same_drum and last.drum.theta.omega == pytest.approx(first.drum.theta.omega)


def test_an_interrupted_refinement_leaves_what_is_known_consistent(patient):
    drums, encoder = PadDrums(), shipped_encoder()

    def answers(job, stopped):
        return drums_for(job, encoder, lambda: None, stopped, drums)

    first = list(answers(stroke(ONE, 1), lambda: False))[-1].drum
    known = drums.before(stroke(ONE, 2, first))
    assert (known.drum, len(known.strokes)) == (first, 1)
    abandoned = answers(stroke(ANOTHER, 3, first), lambda: True)
    assert next(abandoned).stage == "network"  # a newer hit is waiting: it is not refined at all
    assert drums.before(stroke(ONE, 4, first)) is known
    stopped = list(answers(stroke(AT_THE_RIM, 5, first), lambda: True))[-1]  # at once
    assert stopped.same_drum and stopped.stage == "body"
    assert stopped.drum.theta.omega == pytest.approx(first.theta.omega)
    after = drums.before(stroke(ONE, 6, stopped.drum))
    assert (after.drum, len(after.strokes)) == (stopped.drum, 2)
    last = list(answers(stroke(ONE, 7, stopped.drum), lambda: False))[-1]
    assert last.same_drum and last.stage == "partials"
    assert last.drum.theta.omega == pytest.approx(first.theta.omega)


def test_what_was_known_before_a_hit_counts_for_all_its_parts():
    drums = PadDrums()
    first = learned(drums, stroke(ONE, 1))
    for _ in range(3):  # longer and longer parts
        job = stroke(ONE, 2, first)
        assert [s is not None for s in drums.before(job).strokes] == [True]
        second = learned(drums, job, same_drum=True)
    assert len(drums.before(stroke(ONE, 3, second)).strokes) == 2


def test_a_match_that_was_undone_is_not_the_drum_on_the_pad():
    drums = PadDrums()
    first = learned(drums, stroke(ONE, 1))
    learned(drums, stroke(ANOTHER, 2, first), same_drum=False)
    known = drums.before(stroke(ONE, 3, first))
    assert known.drum == first and known.strokes == ()  # by its partials alone


def test_the_networks_answers_to_a_roll_are_the_drum_that_was_known_before():
    drums, network = PadDrums(), Drum(TOM)
    first = learned(drums, stroke(ONE, 1))
    for hit in range(2, 2 + 2 * MOST_INFERRED):
        last = network.with_value("tau", 0.01 * hit)
        drums.infers(stroke(ONE, hit), last)
    assert drums.before(stroke(ONE, 100, last)).drum == first
    assert drums.before(stroke(ONE, 101, network.with_value("tau", 1.5))) is None  # it was turned
    assert drums.before(stroke(ONE, 102, last, pad=PAD + 1)) is None
