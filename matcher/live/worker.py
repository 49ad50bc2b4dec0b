"""From a clip of a hit to the drum for its pad, in two threads.

`drums_for` is the whole signal path. One thread takes every clip to the network's answer; another
refines that answer by comparing sounds, and stops when a newer clip is waiting.
"""

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from matcher.kits.kit import for_pad
from matcher.matching import refine
from matcher.matching.effort import EFFORTS
from matcher.matching.encoder import Encoder
from matcher.matching.hear import Clip, hear
from matcher.matching.known import KnownDrum
from matcher.matching.task import STAGES, Refined, stage_of
from matcher.physics.drum import Drum

REFINED_S = 0.3  # s: shorter clips are not refined
EFFORT = EFFORTS["live"]  # for the part of a hit that was observed
MOST_INFERRED = 16  # answers of the network for a pad: a roll of hits too short to be refined
NICENESS = 5  # of the refining thread on Linux: audio and the network's answers come first


@dataclass(frozen=True)
class Job:
    """A part of a hit to be matched."""

    hit: int  # number of the hit
    pad: int
    revision: int  # of the state when the hit began
    observed_part: str  # name of the part: "100 ms", "full"
    clip: Clip
    received_at: float  # time.monotonic when the end of the observed part was received
    on_pad: Drum | None = None  # what was on the pad when the hit began


@dataclass(frozen=True)
class Answer:
    """A drum that matches a hit."""

    job: Job
    drum: Drum
    stage: str  # one of STAGES
    distance: float | None  # log-CQT distance; None if it was not measured
    spread: tuple[float, ...] | None  # of theta, as matching.confidence defines it
    no_drum_reason: str  # why the sound may not be a drum; empty if it is plausible
    # whether it is another stroke on the drum that was on the pad; None where that is not known
    same_drum: bool | None = None


class PadDrums:
    """What earlier hits told of the drums on the pads.

    `infers` is called in the inferring thread, the others in the refining one.
    """

    def __init__(self):
        self._learned: dict[int, _Learned] = {}  # of each pad
        # of each pad: hits and the network's drums, whose refined ones may come after the next hit
        self._inferred: dict[int, tuple[tuple[int, Drum], ...]] = {}
        self._hit, self._before = 0, None  # the hit that is refined, and what was known before it

    def infers(self, job: Job, drum: Drum) -> None:
        """The network's answer to a job goes to its pad."""
        inferred = (*self._inferred.get(job.pad, ()), (job.hit, drum))
        self._inferred[job.pad] = inferred[-MOST_INFERRED:]

    def before(self, job: Job) -> KnownDrum | None:
        """What was known of the drum on a job's pad before its hit; None where there is none."""
        if job.hit != self._hit:
            learned = self._learned.get(job.pad)
            if learned is not None and self._is_on_pad(learned, job):
                known = learned.known
            else:  # another drum, or it was turned since
                known = job.on_pad and KnownDrum.of_kit(job.on_pad)
            self._hit, self._before = job.hit, known
        return self._before

    def learn(self, job: Job, drum: Drum, refined: Refined) -> None:
        """Remember the answer to a job; drum: as it is put on the pad."""
        known = self.before(job) if refined.same_drum else None
        known = known or KnownDrum(drum, refined.found)
        known = known.with_stroke(refined.stroke, drum, refined.found)
        earlier = self._learned.get(job.pad)
        drums = earlier.drums if earlier is not None and earlier.hit == job.hit else ()
        self._learned[job.pad] = _Learned(job.hit, known, (*drums, drum))

    def _is_on_pad(self, learned: "_Learned", job: Job) -> bool:
        """Whether a job's pad had an answer to the hit that was learned from, or to a later one."""
        inferred = self._inferred.get(job.pad, ())
        since = [drum for hit, drum in inferred if learned.hit <= hit < job.hit]
        return job.on_pad in (*learned.drums, *since)


class _Learned(NamedTuple):
    """What is known of the drum on a pad, and from which hit on."""

    hit: int
    known: KnownDrum
    drums: tuple[Drum, ...]  # the refined answers to that hit


def drums_for(
    job: Job, encoder: Encoder, best: Callable[[], Answer | None], stopped: Callable[[], bool],
    drums: PadDrums,
) -> Iterator[Answer]:  # fmt: skip
    """The live signal path: clip of a hit -> the network's drum, then a refined one.

    Args:
        job: the clip.
        encoder: the network.
        best: called before refining; returns the refined answer to a shorter clip of this hit, or
            None.
        stopped: called between two steps of refining; True ends it early.
        drums: what is known of the drums on the pads; it learns from the refined answer.

    Yields:
        The network's answer; then the refined one, if it is nearer to the hit or `best` gave one.

    Raises:
        ValueError: if the clip is silent, or the network gives NaN or infinite parameters.
    """
    clip = job.clip
    heard = hear(clip, encoder)
    first = for_pad(heard.drum)
    drums.infers(job, first)
    yield Answer(job, first, STAGES[0], None, None, heard.no_drum_reason)
    before = best()
    stages = refine.refine(
        heard.x, heard.drum, clip.ended, EFFORT, stopped, before and before.drum, heard.whole,
        drums.before(job),
    )  # fmt: skip
    found = stages[-1]
    # a drum is reported again even if it is not improved: more of the hit was observed
    if found.drum != stages[0].drum or before is not None:
        spread = before.spread if found.spread is None and before else found.spread
        drum, stage = for_pad(found.drum), stage_of(found.drum)
        drums.learn(job, drum, found)
        yield Answer(
            job, drum, stage, found.distance, spread, heard.no_drum_reason, found.same_drum
        )


class Worker:
    """Answers jobs in threads of its own; answers to a hit get nearer to it.

    Args:
        encoder: called for each job; returns the network.
        put: called with each answer in the worker's threads; returns False if the hit needs no more
            answers.
        fail: called with a sentence if a job fails.
        refines: called for each job; returns whether to refine the network's answer.
        prepared: called in a worker's thread once nothing is left to be compiled.
    """

    def __init__(
        self, encoder: Callable[[], Encoder], put: Callable[[Answer], bool],
        fail: Callable[[str], None], refines: Callable[[], bool] = lambda: True,
        prepared: Callable[[], None] = lambda: None,
    ):  # fmt: skip
        self._prepared = prepared
        self._encoder, self._put, self._fail, self._refines = encoder, put, fail, refines
        self._jobs, self._to_refine = queue.SimpleQueue(), queue.SimpleQueue()
        self._best: dict[int, Answer] = {}  # of the newest refined hit
        self._drums = PadDrums()
        self._last_done = -1  # hits up to this number need no more answers
        for target in (self._infer_jobs, self._refine_jobs):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()

    def submit(self, job: Job) -> None:
        """Queue a job; its answers come by `put`."""
        self._jobs.put(job)

    def close(self) -> None:
        """Stop both threads; no answer follows."""
        self._last_done = sys.maxsize
        self._jobs.put(None)
        self._to_refine.put(None)

    def _infer_jobs(self) -> None:
        while (job := self._jobs.get()) is not None:
            answers = drums_for(
                job, self._encoder(), lambda job=job: self._best.get(job.hit), self._has_newer,
                self._drums,
            )  # fmt: skip
            try:
                first = next(answers)
            except Exception as error:  # of any kind, so that the next hit is matched
                self._fail(f"the model could not match a hit: {error}")
                continue
            try:
                if job.hit not in self._best:
                    self._answer(first)
            except Exception as error:
                self._fail(f"a drum could not be put on its pad: {error}")
                continue
            if job.clip.observed_s >= REFINED_S and self._refines():
                self._to_refine.put((job, answers))

    def _refine_jobs(self) -> None:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # the priority is that low already
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        refine.prepare()
        self._prepared()
        while (waiting := self._to_refine.get()) is not None:
            while self._has_newer():  # only the newest clip is refined
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
        elif answer.stage != STAGES[0]:
            self._best = {hit: answer}
