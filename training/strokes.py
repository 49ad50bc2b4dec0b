"""Whether equal strokes, and one stroke in several microphones, are matched to the same drum."""

from collections import defaultdict
from collections.abc import Callable
from itertools import combinations

import numpy as np

from training.bootstrap import mean_interval, median_interval
from training.hits import Hit
from training.lines import cents
from training.markdown import with_interval

AGREE_CENTS = 50.0  # cents of pitch by which two matches of one drum may differ: half a semitone

Pair = tuple[Hit, Hit]


def round_robins(hits: list[Hit]) -> list[Pair]:
    """All pairs of strokes on one drum, of one kind, microphone and velocity layer."""
    return _pairs(hits, lambda hit: hit.series, lambda a, b: a.round_robin != b.round_robin)


def microphones(hits: list[Hit]) -> list[Pair]:
    """All pairs of recordings of one hit in two microphones."""
    return _pairs(hits, lambda hit: hit.hit, lambda a, b: a.mic != b.mic)


def agreement(pairs: list[Pair], matches: dict[str, Callable[[Pair], tuple[dict, dict]]]) -> dict:
    """How well pairs of matches agree in pitch and decay.

    Args:
        pairs: At least one.
        matches: {how two strokes are matched: the matches of a pair}; a match has "pitch_hz" and
            "tau_s".

    Returns:
        A row with two columns for each way: the share of pairs whose pitches are within
        AGREE_CENTS, and the median of |ln ratio| of their decays in %, with intervals.
    """
    shells = [a.shell for a, _ in pairs]
    row = {"pairs": len(pairs), "drums": len(set(shells))}
    for way, match in matches.items():
        found = [match(pair) for pair in pairs]
        off = [abs(float(cents(a["pitch_hz"], b["pitch_hz"]))) for a, b in found]
        same = [float(value <= AGREE_CENTS) for value in off]
        decay = [100 * abs(float(np.log(a["tau_s"] / b["tau_s"]))) for a, b in found]
        row |= {
            f"{way}: pitch within {AGREE_CENTS:.0f} cents": with_interval(
                np.mean(same), mean_interval(same, shells), ".2f"
            ),
            f"{way}: decay, %": with_interval(
                np.median(decay), median_interval(decay, shells), ".0f"
            ),
        }
    return row


def _pairs(hits: list[Hit], group: Callable[[Hit], object], differ: Callable) -> list[Pair]:
    groups = defaultdict(list)
    for hit in hits:
        if hit.drum:
            groups[group(hit)].append(hit)
    return [pair for some in groups.values() for pair in combinations(some, 2) if differ(*pair)]
