"""An evaluation on a folder of recordings, as text: twins of all stages, or equal strokes."""

from dataclasses import dataclass, replace
from pathlib import Path

from training import gallery, hits, positions, recordings, report, strokes
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
            sections += [f"{title}, each stroke matched alone:", table(_agreement(pairs, settings))]
    if not sections:
        raise ValueError(f"{settings.folder}/hits.csv lists no two strokes on one drum; it needs "
                         f"the columns {', '.join(hits.OF_STROKES)}")  # fmt: skip
    return "\n\n".join(sections)


def sample_pairs(pairs: list[strokes.Pair], count: int | None) -> list[strokes.Pair]:
    """A seeded sample of pairs in which each instrument and drum has its share."""
    numbered = [replace(first, hit=str(i)) for i, (first, _) in enumerate(pairs)]
    return [pairs[int(hit.hit)] for hit in hits.sample(numbered, count)]


def _agreement(pairs: list[strokes.Pair], settings: Settings) -> list[dict]:
    both = sorted({hit for pair in pairs for hit in pair}, key=lambda hit: hit.path)
    rows = recordings.evaluate([settings.task(hit) for hit in both], settings.workers)
    last = {hit: list(row["stages"].values())[-1] for hit, row in zip(both, rows)}

    def alone(pair: strokes.Pair) -> tuple[dict, dict]:
        return last[pair[0]], last[pair[1]]

    return [
        {"instrument": name} | strokes.agreement(group, {"alone": alone})
        for name, group in report.groups(pairs, lambda pair: pair[0].instrument).items()
    ]


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
