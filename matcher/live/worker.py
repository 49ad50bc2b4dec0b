"""From a clip of a hit to the drum for its pad, in two threads.

`drums_for` is the whole way. One thread takes every clip as far as the network's answer; another
goes on from there on the sound itself, and stops when something newer is waiting.
"""

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from matcher.kits.kit import for_pad
from matcher.matching import refine
from matcher.matching.encoder import Encoder
from matcher.matching.hear import Clip, hear
from matcher.physics.drum import Drum

REFINED_S = 0.3  # s: a hit of which less was observed is not refined
BUDGET_S = 0.25  # s for the body, and as much for the attack
NICENESS = 5  # of refining on Linux: audio and the network's answers come first


@dataclass(frozen=True)
class Job:
    """So much of a hit."""

    hit: int  # its number
    pad: int
    revision: int  # of the state at the hit
    observed_part: str  # in words
    clip: Clip
    received_at: float  # time.monotonic when the last of the clip was received


@dataclass(frozen=True)
class Answer:
    """A drum for a hit."""

    job: Job
    drum: Drum
    stage: str  # one of refine.STAGES
    distance: float | None  # log-CQT, where it was measured
    spread: tuple[float, ...] | None  # of theta, as matching.confidence defines it
    no_drum_reason: str  # why it may be no drum


def drums_for(
    job: Job, encoder: Encoder, best: Callable[[], Answer | None], stopped: Callable[[], bool]
) -> Iterator[Answer]:
    """The live signal path: a clip of a hit -> its drums, the network's first, then a refined one.

    Args:
        job: the clip and where it came from.
        encoder: the network.
        best: called before refining; the refined answer to a shorter clip of this hit, or None.
        stopped: asked between two steps of refining; True ends it early.

    Raises:
        ValueError: where the clip is silent, or the network gives no numbers.
    """
    clip = job.clip
    heard = hear(clip, encoder)
    yield Answer(job, for_pad(Drum(heard.theta)), refine.STAGES[0], None, None,
                 heard.no_drum_reason)  # fmt: skip
    before = best()
    known = None if before is None else before.drum
    stages = refine.refine(heard.x, heard.theta, clip.ended, BUDGET_S, stopped, known)
    found = stages[-1]
    # a known drum is also reported where nothing nearer is found: this much was observed of it
    if found.drum != stages[0].drum or before is not None:
        stage = found.name if found.drum.attack_powers is None else refine.STAGES[-1]
        spread = before.spread if found.spread is None and before else found.spread
        drum = for_pad(found.drum)
        yield Answer(job, drum, stage, found.distance, spread, heard.no_drum_reason)


class Worker:
    """Takes jobs, gives answers, each nearer to its hit than the one before.

    Args:
        encoder: called for the network of each job.
        put: called with each answer, in the worker's threads; False where the hit wants no more.
        fail: called with a sentence where a job failed.
        refines: whether to go on from the network's answers.
    """

    def __init__(
        self, encoder: Callable[[], Encoder], put: Callable[[Answer], bool],
        fail: Callable[[str], None], refines: Callable[[], bool] = lambda: True,
    ):  # fmt: skip
        self._encoder, self._put, self._fail, self._refines = encoder, put, fail, refines
        self._jobs, self._to_refine = queue.SimpleQueue(), queue.SimpleQueue()
        self._best: dict[int, Answer] = {}  # of the newest hit that was refined
        self._last_done = -1  # hits up to this number want no more answers
        for target in (self._infer_jobs, self._refine_jobs):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()

    def submit(self, job: Job) -> None:
        """Have a hit answered by what was observed of it."""
        self._jobs.put(job)

    def close(self) -> None:
        """Answer no more."""
        self._last_done = sys.maxsize
        self._jobs.put(None)
        self._to_refine.put(None)

    def _infer_jobs(self) -> None:
        while (job := self._jobs.get()) is not None:
            answers = drums_for(
                job, self._encoder(), lambda job=job: self._best.get(job.hit), self._has_newer
            )
            try:
                first = next(answers)
                if job.hit not in self._best:
                    self._answer(first)
            except Exception as error:  # whatever it was, the next hit is matched
                self._fail(f"the model could not match a hit: {error}")
                continue
            if job.clip.observed_s >= REFINED_S and self._refines():
                self._to_refine.put((job, answers))

    def _refine_jobs(self) -> None:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # its priority is as low already
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        refine.prepare()
        while (waiting := self._to_refine.get()) is not None:
            while self._has_newer():  # what was observed last counts
                waiting = self._to_refine.get()
                if waiting is None:
                    return
            job, answers = waiting
            if job.hit <= self._last_done:
                continue
            try:
                for answer in answers:
                    self._answer(answer)
            except Exception as error:  # the network's answer stays
                self._fail(f"a hit could not be refined: {error}")

    def _has_newer(self) -> bool:
        return not self._to_refine.empty()

    def _answer(self, answer: Answer) -> None:
        hit = answer.job.hit
        if hit <= self._last_done:
            return
        if not self._put(answer):
            self._last_done = max(self._last_done, hit)
        elif answer.stage != refine.STAGES[0]:
            self._best = {hit: answer}
