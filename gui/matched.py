"""What a pad was matched to, and how: kept beside the kit, undone with it, never saved."""

from dataclasses import dataclass, field

from gui.panels.match import Hit
from matcher.kits.kit import drum_of, drum_values
from matcher.live.live import Clip, answered
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.match import Match, to_analysis_rate
from matcher.matching.refine import Refined, candidates, stages_of
from matcher.physics.drum import Drum
from matcher.physics.theta import Theta

N_ANSWERS = 3  # that differ, for one hit
BUDGET_S = 0.5  # for the body of each, and as much for its attack
ANSWERS = {"network": "network", "body": "body", "attack": "with attack"}  # stages in words


@dataclass(frozen=True)
class Matched:
    """What a pad was matched to."""

    values: dict  # kit.DRUM: fields of the pad
    hit: Hit | None = None
    heard: Theta | None = None  # as the network heard it
    stages: tuple[tuple[str, float | None, float | None], ...] = ()  # name, s heard, distance
    number: int = 0  # of the hit; 0: it came from no microphone
    spread: tuple[float, ...] | None = None  # of theta, as matcher.matching.confidence has it
    no_drum_reason: str = ""  # why it may be no drum
    others: tuple[Refined, ...] = field(default=(), repr=False)  # answers that differ, with this

    @property
    def theta(self) -> Theta:
        """The five physical parameters."""
        return self.values["theta"]

    @property
    def drum(self) -> Drum:
        """All that its sound is made of."""
        return drum_of(self.values)

    @property
    def words(self) -> str:
        """Its stages, in words: the first and the last two."""
        rows = []
        for name, heard_s, distance in self.stages:
            heard = "" if heard_s is None else f"{heard_s:.2f} s: "
            rows.append(
                f"{heard}{ANSWERS[name]}" + ("" if distance is None else f" {distance:.2f}")
            )
        if len(rows) > 3:
            rows[1:-2] = ["…"]
        return " → ".join(rows)


def of_event(event: dict, clip: Clip | None, before: Matched | None, number: int) -> Matched:
    """A `theta` event of the engine; before: the answer before it, of the same hit."""
    hit = None
    if clip is not None:
        ended = len(clip.samples) < 0.99 * clip.sample_rate * N_SAMPLES / SAMPLE_RATE
        hit = Hit(clip.samples, clip.sample_rate, ended)
    stage = (event["by"], event["observed_s"], event["distance"])
    stages = tuple(s for s in before.stages if s[1] <= stage[1]) if before else ()
    network = event["by"] == "network"
    heard = Theta(**event["theta"]) if network else before and before.heard
    spread = event["spread"]
    if spread is None and before is not None:
        spread = before.spread
    return Matched(answered(event), hit, heard, (*stages, stage), number, spread, event["doubt"])


def of_match(match: Match) -> Matched:
    """A match of a recording."""
    stages = tuple((stage.name, None, stage.distance) for stage in match.stages)
    hit = Hit(match.hit, match.sample_rate, match.ends_in_hit)
    heard = match.stages[0].drum.theta
    return Matched(
        drum_values(match.drum), hit, heard, stages, 0, match.spread, match.no_drum_reason
    )


def find_others(matched: Matched) -> tuple[Refined, ...]:
    """Answers to its hit that differ, nearest first; it takes some seconds."""
    clip = to_analysis_rate(matched.hit.samples, matched.hit.sample_rate)
    ended = matched.hit.ended
    stages = stages_of(clip, matched.heard or matched.theta, matched.drum, ended, matched.spread)
    return tuple(candidates(clip, stages, N_ANSWERS, ended, BUDGET_S))
