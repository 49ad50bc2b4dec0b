"""Whether equal strokes, and one stroke in several microphones, are matched to the same drum."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from training.bootstrap import mean_interval, median_interval
from training.hits import Hit
from training.lines import cents
from training.markdown import with_interval
from training.positions import other_drums

AGREE_CENTS = 50.0  # cents of pitch by which two matches of one drum may differ: half a semitone
MOST_EARLIER = 2  # strokes that a drum is known from, as in matching.known

Pair = tuple[Hit, Hit]
Matches = tuple[dict, dict]  # of a pair, each with "pitch_hz" and "tau_s"


def round_robins(hits: list[Hit]) -> list[Pair]:
    """All pairs of strokes on one drum, of one kind, microphone and velocity layer."""
    return _pairs(hits, lambda hit: hit.series, lambda a, b: a.round_robin != b.round_robin)


def microphones(hits: list[Hit]) -> list[Pair]:
    """All pairs of recordings of one hit in two microphones."""
    return _pairs(hits, lambda hit: hit.hit, lambda a, b: a.mic != b.mic)


def earlier(hit: Hit, pair: Pair, hits: list[Hit]) -> list[Hit]:
    """Strokes that the drum of a stroke is known from, before either of its pair is matched.

    Args:
        hit: One of the pair.
        pair: The pair.
        hits: All strokes.

    Returns:
        At most MOST_EARLIER on the same drum, of the same microphone and kind of stroke and any
        velocity layer, neither of the pair; the same ones for every pair that has none of them.
    """
    same = [
        h for h in hits
        if (h.drum, h.mic, h.stroke) == (hit.drum, hit.mic, hit.stroke) and h not in pair
    ]  # fmt: skip
    return sorted(same, key=_draw)[:MOST_EARLIER]


def on_another_drum(hit: Hit, hits: list[Hit]) -> Hit | None:
    """A seeded stroke on another drum, of the same instrument and microphone; None without any."""
    return min(other_drums(hit, hits), key=lambda other: _draw(hit, other), default=None)


def agreement(pairs: list[Pair], matches: dict[str, Callable[[Pair], Matches | None]]) -> dict:
    """How well pairs of matches agree in pitch and decay.

    Args:
        pairs: At least one.
        matches: {how two strokes are matched: the matches of a pair, or None where there are none}.

    Returns:
        A row with two columns for each way: the share of pairs whose pitches are within
        AGREE_CENTS, and the median of |ln ratio| of their decays in %, with intervals. Pairs
        without matches are left out.
    """
    row = {"pairs": len(pairs), "drums": len({a.shell for a, _ in pairs})}
    for way, match in matches.items():
        found = [(pair[0].shell, both) for pair in pairs if (both := match(pair))]
        shells = [shell for shell, _ in found]
        same = [float(_off_cents(both) <= AGREE_CENTS) for _, both in found]
        decay = [100 * abs(float(np.log(a["tau_s"] / b["tau_s"]))) for _, (a, b) in found]
        row |= {
            f"{way}: pitch within {AGREE_CENTS:.0f} cents": share(same, shells),
            f"{way}: decay, %": _median(decay, shells),
        }
    return row


def share(values: Sequence[bool | float], shells: list[str]) -> str:
    """The mean of values in [0, 1] with its interval over drums; empty without any."""
    if not values:
        return ""
    return with_interval(np.mean(values), mean_interval(values, shells), ".2f")


def _median(values: list[float], shells: list[str]) -> str:
    if not values:
        return ""
    return with_interval(np.median(values), median_interval(values, shells), ".0f")


def _off_cents(both: Matches) -> float:
    return abs(float(cents(both[0]["pitch_hz"], both[1]["pitch_hz"])))


def _draw(*hits: Hit) -> int:
    """A number by which some hits come in random order; it depends on their names alone."""
    return zlib.crc32(" ".join(hit.path.name for hit in hits).encode())


def _pairs(hits: list[Hit], group: Callable[[Hit], object], differ: Callable) -> list[Pair]:
    groups = defaultdict(list)
    for hit in hits:
        if hit.drum:
            groups[group(hit)].append(hit)
    return [pair for some in groups.values() for pair in combinations(some, 2) if differ(*pair)]
