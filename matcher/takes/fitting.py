"""One drum from several of its hits: one body, and each hit its own amplitudes and attack.

The clearest of the loud hits is refined as a match is. Frequencies and decays of its partials are
then those that all chosen hits share, and what differs from hit to hit is averaged. Of the drums
that come out, the one that is nearest to all chosen hits is kept, each hit at the force that suits
it best.
"""

from dataclasses import dataclass, replace

import numpy as np

from matcher.kits.kit import for_pad
from matcher.matching import partials, recorded, refine
from matcher.matching.attack_fit import CQT as WHOLE_CQT
from matcher.matching.attack_fit import WholeBand
from matcher.matching.blas import one_blas_thread
from matcher.matching.effort import effort_named
from matcher.matching.encoder import Encoder
from matcher.matching.features import normalise
from matcher.matching.hear import Clip, analysed, hear, whole_band
from matcher.matching.known import SAME
from matcher.matching.partials import Partials, Stroke
from matcher.matching.task import Refined
from matcher.physics.drum import Drum
from matcher.takes.strength import FEW_FORCES, Heard

MOST_STROKES = 5  # hits that a drum is fitted to: more take longer and tell little more
SHORTEST_S = 0.05  # s of a hit that tells of its drum, where there are longer ones
ENOUGH_S = 0.8  # s of a hit that is as clear as any
LOUD = 0.5  # of the level of the loudest hit: such hits show how the drum sounds when struck hard
SMALLEST = 1e-9  # amplitude and power whose logarithm is taken


@dataclass(frozen=True, eq=False)
class Struck:
    """A hit that is known to be on the drum that is fitted."""

    clip: Clip
    level: float  # of the hit, on any scale that all hits share
    clearness: float = 1.0  # 0 to 1: how little else sounds in it
    typical: float = 0.0  # distance from the middle of its group


@dataclass(frozen=True, eq=False)
class Fitted:
    """A drum fitted to hits."""

    drum: Drum
    fitted: tuple[int, ...]  # indices of the hits that it was fitted to, the reference first
    distances: tuple[float, ...]  # log-CQT, of those hits from the drum at the best force


def choose(struck: list[Struck]) -> list[int]:
    """Indices of the hits to fit: a loud reference first, then others of several strengths."""
    level = np.array([hit.level for hit in struck])
    score = np.array([_score(hit) for hit in struck])
    loud = np.flatnonzero(level >= LOUD * np.quantile(level, 0.9))
    if not len(loud):
        loud = np.arange(len(struck))
    chosen = [int(loud[np.argmax(score[loud])])]
    order = np.argsort(level)
    for part in np.array_split(order, MOST_STROKES - 1):
        left = [int(i) for i in part if i not in chosen]
        if left:
            best = max(left, key=lambda i: score[i])
            if score[best] > 0.25 * score[chosen[0]]:
                chosen.append(best)
    return chosen


def _score(hit: Struck) -> float:
    seconds = hit.clip.observed_s
    length = min(seconds, ENOUGH_S) / ENOUGH_S * (1 if seconds >= SHORTEST_S else 0.1)
    return length * hit.clearness / (1 + hit.typical)


@one_blas_thread
def fit(struck: list[Struck], encoder: Encoder, effort: str = "normal") -> Fitted:
    """Fit a drum to its hits.

    Args:
        struck: the hits, at least one, none of them silent.
        encoder: the network.
        effort: one of effort.EFFORTS, how much to do for the reference.
    """
    chosen = choose(struck)
    clips = [analysed(struck[i].clip) for i in chosen]
    ended = [struck[i].clip.ended for i in chosen]
    heard = hear(struck[chosen[0]].clip, encoder)
    stages = refine.refine(
        heard.x, heard.drum, ended[0], effort_named(effort), whole=heard.whole
    )  # fmt: skip
    candidates = [stages[-1].drum]
    if stages[-1].stroke is not None:
        found = _together(stages[-1], clips[1:], ended[1:])
        wholes = [_whole(struck[i].clip) for i in chosen]
        if len(found.hz):
            candidates += _with_partials(stages[-1].drum, found, wholes)
    hits, drums = Heard(clips, ended), [for_pad(drum_) for drum_ in candidates]
    best = min(drums, key=lambda drum_: np.mean(hits.distances(drum_, FEW_FORCES)))
    return Fitted(best, tuple(chosen), hits.distances(best))


def _together(last: Refined, clips: list[np.ndarray], ended: list[bool]) -> Partials:
    """What the reference and those strokes share that are on its drum by their partials.

    The first row of amplitudes is the reference's.
    """
    strokes, found = [last.stroke], last.found
    for clip, end in zip(clips, ended):
        stroke = partials.analyse(Stroke(clip, end))
        there = partials.in_stroke(found, stroke._replace(glide=found.glide))
        if there.explained >= SAME * stroke.alone.explained:
            strokes.append(stroke)
    if len(strokes) > 1:
        found = partials.together(strokes, found).at(found.pitch_hz)
    return found


def _with_partials(drum_: Drum, found: Partials, wholes: list[WholeBand]) -> list[Drum]:
    """Drums with these partials: as the reference excites them, and as the strokes do on average.

    Args:
        drum_: of the reference, without partials or with others.
        found: the partials, with a row of amplitudes for each stroke, the reference first.
        wholes: the hits that the attack is fitted to.
    """
    membrane = recorded.membrane_of(drum_, found, None)
    drums = list(recorded.of_drum(drum_, membrane, found, 0, wholes[0]))
    if len(wholes) == 1:
        return drums
    amplitudes = np.abs(found.amplitudes)
    mean = np.exp(np.mean(np.log(np.maximum(amplitudes, SMALLEST)), axis=0))
    phase = found.amplitudes[0] / np.maximum(amplitudes[0], SMALLEST)
    average = replace(found, amplitudes=(mean * phase)[None])
    for own in (found, average):
        fits = [next(recorded.of_drum(drum_, membrane, own, 0, whole), None) for whole in wholes]
        if None not in fits:
            drums.append(_average_attack(fits))
    return drums


def _average_attack(drums: list[Drum]) -> Drum:
    """The first of drums that differ in their attack, with the average attack."""
    powers = np.array([drum_.attack_powers for drum_ in drums])  # (drums, bands, decays)
    mean = np.mean(np.sqrt(powers), axis=0) ** 2
    wires = float(np.exp(np.mean(np.log([drum_.wires_s for drum_ in drums]))))
    return drums[0]._replace(attack_powers=tuple(map(tuple, mean.tolist())), wires_s=wires)


def _whole(clip: Clip) -> WholeBand:
    whole = normalise(whole_band(clip))
    return WholeBand(whole[: WHOLE_CQT.n_samples], clip.ended)
