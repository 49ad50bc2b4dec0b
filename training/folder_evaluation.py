"""An evaluation on a folder of recordings, as text: twins of all stages, or equal strokes."""

from dataclasses import dataclass, replace
from pathlib import Path

from training import gallery, hits, known_drums, positions, recordings, report, strokes
from training.hits import Hit
from training.markdown import table


@dataclass(frozen=True)
class Settings:
    """What is evaluated, and how."""

    folder: Path
    model: Path
    effort: str  # of refining, the name of one of effort.EFFORTS
    part: str = "all"  # one of hits.PARTS
    count: int | None = None  # recordings, or pairs of strokes; None: all
    patience: int = 0  # evaluations of CMA-ES; 0: none
    jtfs: bool = False  # whether JTFS judges as well
    workers: int = 2

    def task(self, hit: Hit) -> recordings.Task:
        """How one recording is matched."""
        return recordings.Task(hit.path, self.model, self.effort, self.patience, None, self.jtfs)

    def stroke(self, hit: Hit, earlier: list[Hit] | tuple = ()) -> known_drums.Task:
        """How one stroke is matched, alone or with its drum known from earlier ones."""
        paths = tuple(other.path for other in earlier)
        return known_drums.Task(hit.path, self.model, self.effort, paths)


def of_stages(settings: Settings) -> str:
    """Tables of what each stage of matching reaches.

    Raises:
        ValueError: As hits.read.
    """
    part = hits.read(settings.folder, settings.part)
    chosen = hits.sample(part, settings.count)
    file = gallery.build([hit.path for hit in part], settings.workers)
    tasks = [replace(settings.task(hit), gallery=file) for hit in chosen]
    yardsticks = positions.yardsticks(chosen, part, settings.workers)
    rows = recordings.evaluate(tasks, settings.workers)
    results = [
        report.Result(hit, row, part, yardstick)
        for hit, row, yardstick in zip(chosen, rows, yardsticks)
    ]
    sections = [
        f"{len(chosen)} of {len(part)} recordings. Medians, in brackets their bootstrap intervals "
        "over drums, then 90th percentiles of the distances from the recordings:",
        table(report.distance_rows(results)),
        "Partials, lines and identity, as shares of the recordings, and the time until each stage:",
        table(report.measure_rows(results)),
        *_positions(results, part),
    ]
    patience = report.patience_rows(results)
    return "\n\n".join([*sections, *([table(patience)] if patience else [])])


def of_strokes(settings: Settings) -> str:
    """Tables of how well equal strokes agree, by instrument and over all.

    Raises:
        ValueError: As hits.read, or there are no pairs.
    """
    part = hits.read(settings.folder, settings.part)
    sections = []
    kinds = {"Round robins": strokes.round_robins, "Microphones": strokes.microphones}
    for title, pairs_of in kinds.items():
        pairs = sample_pairs(pairs_of(part), settings.count)
        if pairs:
            said = f"{title}, each stroke matched alone, and with its drum known from other strokes"
            sections += [f"{said}:", table(_agreement(pairs, part, settings))]
    if not sections:
        raise ValueError(f"{settings.folder}/hits.csv lists no two strokes on one drum; it needs "
                         f"the columns {', '.join(hits.OF_STROKES)}")  # fmt: skip
    return "\n\n".join(sections)


def sample_pairs(pairs: list[strokes.Pair], count: int | None) -> list[strokes.Pair]:
    """A seeded sample of pairs in which each instrument and drum has its share."""
    numbered = [replace(first, hit=str(i)) for i, (first, _) in enumerate(pairs)]
    return [pairs[int(hit.hit)] for hit in hits.sample(numbered, count)]


def _agreement(pairs: list[strokes.Pair], part: list[Hit], settings: Settings) -> list[dict]:
    """A row for each instrument; a side is a stroke and the pair that it is of."""
    alone = {hit: settings.stroke(hit) for pair in pairs for hit in pair}
    known = {
        (hit, pair): settings.stroke(hit, others)
        for hit, pair in _sides(pairs)
        if (others := strokes.earlier(hit, pair, part))
    }
    wrong = {
        side: replace(task, path=other.path, only_recognised=True)
        for side, task in known.items()
        if (other := strokes.on_another_drum(side[0], part))
    }
    tasks = [task for sides in (alone, known, wrong) for task in sides.values()]
    matched = known_drums.match(tasks, settings.workers)

    def matches_alone(pair: strokes.Pair) -> strokes.Matches:
        return matched[alone[pair[0]]], matched[alone[pair[1]]]

    def matches_known(pair: strokes.Pair) -> strokes.Matches | None:
        tasks = [known.get((hit, pair)) for hit in pair]
        return (matched[tasks[0]], matched[tasks[1]]) if all(tasks) else None

    rows = []
    for name, group in report.groups(pairs, lambda pair: pair[0].instrument).items():
        ways = {"alone": matches_alone, "drum known": matches_known}
        rows.append({
            "instrument": name,
            **strokes.agreement(group, ways),
            "no other strokes": sum(matches_known(pair) is None for pair in group),
            "recognised": _share_of_same(group, known, matched),
            "another drum taken for it": _share_of_same(group, wrong, matched),
        })  # fmt: skip
    return rows


def _sides(pairs: list[strokes.Pair]) -> list[tuple[Hit, strokes.Pair]]:
    return [(hit, pair) for pair in pairs for hit in pair]


def _share_of_same(pairs: list[strokes.Pair], tasks: dict, matched: dict) -> str:
    """The share of tasks, of the sides that have one, whose strokes are on the known drum."""
    sides = [side for side in _sides(pairs) if side in tasks]
    same = [matched[tasks[side]]["same_drum"] for side in sides]
    return strokes.share(same, [hit.shell for hit, _ in sides])


def _positions(results: list[report.Result], part: list[Hit]) -> list[str]:
    rows = report.position_rows(results)
    if not rows:
        return ["No positions: hits.csv has no repeated strokes on several drums of one kind."]
    lone = positions.lone_instruments(part)
    said = f" There is only one {', one '.join(lone)}: left out." if lone else ""
    return [
        "Position: 0 is as far as another stroke on the same drum, 1 as far as another drum of "
        f"its kind.{said}",
        table(rows),
        "Distances of other strokes and other drums, by which positions are measured:",
        table(report.yardstick_rows(results)),
    ]
