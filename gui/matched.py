"""What a pad was matched to, and how: kept beside the kit, undone with it, never saved."""

from dataclasses import dataclass, field

from matcher.kits.kit import for_pad
from matcher.live.protocol import Answered
from matcher.live.report import ANOTHER_DRUM, SAME_DRUM
from matcher.matching.candidates import candidates, stages_of
from matcher.matching.effort import EFFORTS
from matcher.matching.hear import Clip, analysed, whole_band
from matcher.matching.match import Match
from matcher.matching.task import Refined
from matcher.physics.drum import Drum

N_CANDIDATES = 3  # drums that differ, for one hit
EFFORT = "normal"  # as the command line: the same file gives the same drum
STAGES = {  # in words
    "network": "network",
    "body": "body",
    "attack": "with attack",
    "partials": "own partials",
}
N_SHOWN = 3  # stages that have room: the first and the last two


@dataclass(frozen=True)
class Stage:
    """One step on the way to a matched drum."""

    name: str  # one of task.STAGES
    observed_s: float | None  # None: all of a recording
    distance: float | None  # log-CQT, where it was measured

    @property
    def words(self) -> str:
        """In words: "0.35 s: with attack 0.24"."""
        observed = "" if self.observed_s is None else f"{self.observed_s:.2f} s: "
        distance = "" if self.distance is None else f" {self.distance:.2f}"
        return f"{observed}{STAGES[self.name]}{distance}"


@dataclass(frozen=True)
class Matched:
    """The drum a pad was matched to, its hit, and how it was found."""

    drum: Drum
    clip: Clip | None = None  # the hit; None: a drum of the kit
    network: Drum | None = None  # what the network inferred
    stages: tuple[Stage, ...] = ()
    hit: int = 0  # the engine's number of the hit; 0: it came from no microphone
    spread: tuple[float, ...] | None = None  # of theta, as matching.confidence defines it
    no_drum_reason: str = ""  # why it may be no drum
    same_drum: bool | None = None  # as Answered: a stroke on the drum that was on the pad
    candidates: tuple[Refined, ...] = field(default=(), repr=False)  # that differ, with this one

    @property
    def words(self) -> str:
        """The first and the last two stages in words; whether it is the drum of before."""
        rows = [stage.words for stage in self.stages]
        if len(rows) > N_SHOWN:
            rows[1 : 1 - N_SHOWN] = ["…"]
        stages = " → ".join(rows)
        if self.same_drum is None:
            return stages
        return f"{stages}; {SAME_DRUM if self.same_drum else ANOTHER_DRUM}"


def of_answer(event: Answered, before: Matched | None) -> Matched:
    """From the engine's answer to a hit; before: from its last answer to the same hit, or None."""
    stage = Stage(event.stage, event.observed_s, event.distance)
    stages = tuple(s for s in before.stages if s.observed_s <= event.observed_s) if before else ()
    from_network = event.stage == "network"
    network = event.drum if from_network else before and before.network
    spread = before.spread if event.spread is None and before is not None else event.spread
    return Matched(
        event.drum, event.clip, network, (*stages, stage), event.hit, spread, event.no_drum_reason,
        event.same_drum,
    )  # fmt: skip


def of_match(match: Match) -> Matched:
    """From the match of a recording; stages that found no nearer drum are left out."""
    first, *later = match.stages
    nearer = [stage for before, stage in zip(match.stages, later) if stage.drum != before.drum]
    stages = tuple(Stage(stage.name, None, stage.distance) for stage in (first, *nearer))
    return Matched(
        for_pad(match.drum), match.hit, first.drum, stages, 0, match.spread, match.no_drum_reason
    )


def find_candidates(matched: Matched) -> tuple[Refined, ...]:
    """Different drums for the same hit, at other pitches or of other shape, nearest first.

    Takes some seconds.
    """
    x, ended = analysed(matched.clip), matched.clip.ended
    stages = stages_of(x, matched.network or matched.drum, matched.drum, ended, matched.spread)
    whole = whole_band(matched.clip)
    return tuple(candidates(x, stages, N_CANDIDATES, ended, EFFORTS[EFFORT], whole))
