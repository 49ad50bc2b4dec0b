"""From a hit that is being heard to the drum on its pad, in threads of their own.

One thread asks the network at once; another goes on from there on the sound itself, and stops when
something newer was heard.
"""

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from matcher.kits.kit import RANGE
from matcher.matching import refine
from matcher.matching.encoder import Encoder
from matcher.matching.features import SAMPLE_RATE
from matcher.matching.match import to_analysis_rate
from matcher.matching.plausibility import no_drum_reason
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

REFINED_S = 0.3  # a hit of which less was heard is not refined
BUDGET_S = 0.25  # for the body, and as much for the attack
NICENESS = 5  # of refining on Linux: audio and the network's answers come first


class Job(NamedTuple):
    """So much of a hit."""

    hit: int  # number of the hit
    pad: int
    stage: str  # in words
    final: bool  # no more of it will come
    ended: bool  # another hit ended it
    clip: np.ndarray  # (frames,) from the onset, and a little more than was observed
    sample_rate: float
    observed_s: float
    heard_at: float  # time.monotonic when the last of it was heard


class Answer(NamedTuple):
    """A drum for a hit."""

    job: Job
    drum: Drum
    by: str  # one of refine.STAGES
    distance: float | None = None  # log-CQT, where it was measured
    spread: tuple[float, ...] | None = None  # of theta, as matcher.matching.confidence has it
    no_drum_reason: str = ""  # why it may be no drum


class Worker:
    """Takes jobs, gives answers, each nearer to its hit than the one before.

    put: called with each answer, in threads of its own; False where the pad was changed by somebody
    since, and the hit wants no more answers. failed: called with a sentence. refining: whether to
    go on from the network's answers.
    """

    def __init__(
        self, encoder: Callable[[], Encoder], put: Callable[[Answer], bool],
        failed: Callable[[str], None], refining: Callable[[], bool] = lambda: True,
    ):  # fmt: skip
        self._encoder, self._put, self._failed, self._refining = encoder, put, failed, refining
        self._jobs, self._to_refine = queue.SimpleQueue(), queue.SimpleQueue()
        self._reached: dict[int, Answer] = {}  # of the newest hit, where it was refined
        self._over = -1  # no answers are wanted for this hit and those before
        for target in (self._match, self._refine):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()

    def submit(self, job: Job) -> None:
        """Have a hit answered by what was heard of it."""
        self._jobs.put(job)

    def close(self) -> None:
        """Answer no more."""
        self._over = sys.maxsize
        self._jobs.put(None)
        self._to_refine.put(None)

    def _match(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                theta = infer(self._encoder(), job.clip, job.sample_rate, job.observed_s)
            except Exception as error:  # of onnxruntime: one hit is lost, not all to come
                self._failed(f"the model could not match a hit: {error}")
                continue
            if job.hit not in self._reached:
                clip = analysed(job.clip, job.sample_rate, job.observed_s)
                self._answer(
                    Answer(job, Drum(theta), "network", no_drum_reason=no_drum_reason(clip))
                )
            if job.observed_s >= REFINED_S and self._refining():
                self._to_refine.put((job, theta))

    def _refine(self) -> None:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # it has given way already
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        refine.prepare()
        while (wanted := self._to_refine.get()) is not None:
            while not self._to_refine.empty():  # what was heard last counts
                newer = self._to_refine.get()
                if newer is None:
                    return
                wanted = newer
            job, theta = wanted
            if job.hit <= self._over:
                continue
            try:
                self._answer_refined(job, theta)
            except (ValueError, np.linalg.LinAlgError) as error:  # the network's answer stays
                self._failed(f"a hit could not be refined: {error}")

    def _answer_refined(self, job: Job, theta: Theta) -> None:
        clip = analysed(job.clip, job.sample_rate, job.observed_s)
        before = self._reached.get(job.hit)
        stages = refine.refine(
            clip, theta, job.ended or not job.final, BUDGET_S, stopped=self._newer,
            known=before and before.drum,
        )  # fmt: skip
        best = stages[-1]
        # what is known is also told when nothing nearer is found: this much was heard of it
        if best.drum != stages[0].drum or before is not None:
            name = best.name if best.drum.attack_powers is None else refine.STAGES[-1]
            spread = before.spread if best.spread is None and before else best.spread
            self._answer(Answer(job, best.drum, name, best.distance, spread, no_drum_reason(clip)))

    def _newer(self) -> bool:
        return not self._to_refine.empty()

    def _answer(self, answer: Answer) -> None:
        hit = answer.job.hit
        if hit <= self._over:
            return
        if not self._put(answer):
            self._over = max(self._over, hit)
        elif answer.by != "network":
            self._reached = {hit: answer}


def analysed(clip: np.ndarray, sample_rate: float, observed_s: float) -> np.ndarray:
    """What was observed of a clip (frames,), at the analysis rate."""
    return to_analysis_rate(clip, sample_rate)[: round(observed_s * SAMPLE_RATE)]


def infer(encoder: Encoder, clip: np.ndarray, sample_rate: float, observed_s: float) -> Theta:
    """Clip (frames,) from its onset, observed_s and a little more -> the nearest theta of a kit."""
    theta = encoder(analysed(clip, sample_rate, observed_s))
    return Theta(*map(float, RANGE.from_nu(np.clip(RANGE.to_nu(theta), -1, 1))))
