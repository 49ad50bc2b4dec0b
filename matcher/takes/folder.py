"""Single recordings of a folder as the hits of a take, grouped by drum."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr

from matcher.matching.match import MatchOptions, match_file
from matcher.takes import drums, grouping
from matcher.takes.drums import FoundDrum, MeasuredHit
from matcher.takes.hits import Take, TakeHit, peak_of

SOUNDS = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")
MOST_FILES = 2000  # of a folder: more is no kit
GAP_S = 0.1  # s of silence between the recordings
WORDS = "soft|softer|softest|medium|med|hard|harder|hardest|loud|quiet|ghost|accent|ppp?|mp|mf|fff?"
# what only says which stroke on a drum it is: v1, vl2, rr3, v1of2, layer4, velocity 100, soft
LAYER = re.compile(
    rf"^(?:(?:v|vl|vel|velocity|rr|roundrobin|layer|lyr|hit|take)\d+(?:of\d+)?|{WORDS})$"
)
NUMBER = re.compile(r"^\d+$")
BY = ("auto", "name", "sound")


def read(
    folder: Path, by: str = "auto", progress: Callable[[float], None] = lambda _: None
) -> tuple[Take, list[MeasuredHit], list[FoundDrum]]:
    """Read the recordings of a folder, one hit each, the loudest.

    Args:
        folder: the folder; its subfolders are read too.
        by: one of BY: what tells that recordings are of one drum. "auto": the names, and where they
            differ by a plain number alone, the sound.
        progress: called with the share that is read after each file; may raise to end it.

    Returns:
        The recordings one after another as a take, its hits, and its drums.

    Raises:
        ValueError: in one sentence, if there is none, or one of them cannot be read or has no hit.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give one with recordings of single hits")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS)
    if not files:
        raise ValueError(f"{folder} holds no recordings; allowed are {', '.join(SOUNDS)}")
    if len(files) > MOST_FILES:
        raise ValueError(f"{folder} holds {len(files)} recordings, allowed are {MOST_FILES}")
    clips = []
    for path in files:
        clips.append(match_file(path, MatchOptions()).hit)
        progress(len(clips) / len(files))
    take = _as_take(clips)
    measured = drums.measure(take)
    names = [name_of(path.relative_to(folder)) for path in files]
    return take, measured, drums.of_labels(measured, labels(names, measured, by))


def _as_take(clips) -> Take:
    """Clips one after another, at the highest of their rates."""
    rate = int(max(clip.sample_rate for clip in clips))
    parts, hits, now = [], [], 0
    for clip in clips:
        x = clip.samples
        if clip.sample_rate != rate:
            x = soxr.resample(x, clip.sample_rate, rate)
        gap = np.zeros(round(GAP_S * rate), np.float32)
        parts += [gap, x]
        now += len(gap)
        hits.append(TakeHit(now, now + len(x), clip.ended, peak_of(x, rate), 1.0))
        now += len(x)
    return Take(np.concatenate(parts).astype(np.float32), rate, tuple(hits))


def name_of(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a name says of a drum: (words, plain numbers), without what tells the stroke."""
    words = [w for part in path.with_suffix("").parts for w in re.split(r"[\s_.\-()]+", part)]
    words = [w for w in map(str.lower, words) if w and not LAYER.match(w)]
    plain = tuple(w for w in words if not NUMBER.match(w))
    return plain, tuple(w for w in words if NUMBER.match(w))


def labels(names, measured: list[MeasuredHit], by: str) -> np.ndarray:
    """The drum of each recording, (recordings,) from 0.

    Args:
        names: of the recordings, as name_of gives them.
        measured: the recordings.
        by: one of BY.
    """
    distances = drums.distances(measured)
    if by == "sound":
        return grouping.group(distances)
    found, count = np.zeros(len(names), int), 0
    bases = defaultdict(list)
    for i, name in enumerate(names):
        bases[name if by == "name" else name[0]].append(i)
    for own in bases.values():
        same = len({names[i][1] for i in own}) == 1
        within = np.zeros(len(own), int) if same else grouping.group(distances[np.ix_(own, own)])
        found[own] = count + within
        count += int(within.max()) + 1
    return found
