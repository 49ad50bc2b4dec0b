"""Tables of an evaluation on recordings: medians with their intervals, by instrument and over all.

A cell such as "0.25 (0.24 to 0.27)" is a median or a share with its bootstrap interval over drums;
there is none of a single drum.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training import lines
from training.bootstrap import mean_interval, median_interval
from training.hits import Hit
from training.markdown import with_interval
from training.positions import position
from training.recordings import stage_names

NEAR_CENTS = (10, 30, 100)  # cents by which the strongest partial is off at most
FAR_CENTS = 700  # cents, a fifth: another partial


@dataclass(frozen=True)
class Result:
    """A recording, its row of recordings.evaluate, and what the row is measured by."""

    hit: Hit
    row: dict
    gallery: list[Hit]  # all recordings that the twin was looked for among
    yardstick: dict | None = None  # as positions.yardsticks

    def distance(self, stage: str, judge: str) -> float:
        """Of the stage's twin, by a judge; NaN where the stage was not reached."""
        return self.stage(stage).get("judges", {}).get(judge, np.nan)

    def position(self, stage: str, judge: str) -> float:
        """Likewise, on the scale from another stroke to another drum."""
        return position(self.distance(stage, judge), self.yardstick, judge)

    def off_cents(self, stage: str) -> float:
        """How far the strongest partial of the twin is from the recording's; NaN without one."""
        if not self.stage(stage) or not self.row["lines"]:
            return np.nan
        twin = self.stage(stage)["lines"]
        return abs(lines.cents(twin[0], self.row["lines"][0])) if twin else np.inf

    def lines_found(self, stage: str) -> float:
        """Share of the recording's strongest lines that the twin has; NaN without any."""
        found = self.stage(stage)
        return lines.share_found(self.row["lines"], found["lines"]) if found else np.nan

    def nearest(self, stage: str) -> Hit | None:
        """The recording of the gallery that is nearest to the twin, if it was looked for."""
        number = self.stage(stage).get("nearest")
        return None if number is None else self.gallery[number]

    def stage(self, name: str) -> dict:
        """What the row has of a stage; empty where it was not reached."""
        return self.row["stages"].get(name, {})


def groups(members: list, instrument: Callable) -> dict[str, list]:
    """Members by instrument(member), and all of them where there are several instruments."""
    by_instrument = {}
    for member in members:
        by_instrument.setdefault(instrument(member), []).append(member)
    return by_instrument | ({"all": members} if len(by_instrument) > 1 else {})


def distance_rows(results: list[Result]) -> list[dict]:
    """Median distance with its interval, then the 90th percentile, for each stage and judge."""

    def cell(group: list[Result], stage: str, judge: str) -> str:
        values = [result.distance(stage, judge) for result in group]
        return f"{_median(group, values)}, {np.nanquantile(values, 0.9):.3g}"

    return _by_judge(results, _judges(results), cell)


def position_rows(results: list[Result]) -> list[dict]:
    """Median position with its interval, for each stage and judge; empty without yardsticks.

    Recordings without a yardstick are left out, and by each judge those of which it finds other
    drums no farther than other strokes.
    """
    measured = [result for result in results if result.yardstick]
    if not measured:
        return []

    def cell(group: list[Result], stage: str, judge: str) -> str:
        return _median(group, [result.position(stage, judge) for result in group])

    return _by_judge(measured, list(measured[0].yardstick["same"]), cell)


def yardstick_rows(results: list[Result]) -> list[dict]:
    """What positions are measured by: the median distances of other strokes and other drums."""
    measured = [result for result in results if result.yardstick]
    rows = []
    for name, group in _by_instrument(measured).items():
        for end, label in (("same", "another stroke"), ("other", "another drum")):
            row = {"instrument": name, "recordings": len(group), "of": label}
            for judge in group[0].yardstick[end]:
                row[judge] = _median(group, [r.yardstick[end][judge] for r in group])
            rows.append(row)
    return rows


def measure_rows(results: list[Result]) -> list[dict]:
    """Shares of recordings whose twin has their partial, lines and identity, and the time."""
    rows = []
    for name, group in _by_instrument(results).items():
        for stage in stage_names([result.row for result in group]):
            rows.append(_stage_row(name, group, stage))
    return rows


def _judges(results: list[Result]) -> list[str]:
    """The judges that results have."""
    return list(next(iter(results[0].row["stages"].values()))["judges"])


def patience_rows(results: list[Result]) -> list[dict]:
    """Medians of the patient search's log-CQT distances; empty where there was none."""
    columns = [name for name in results[0].row if name.startswith("CMA-ES")]
    return [
        {"instrument": name, "recordings": len(group)}
        | {column: _median(group, [r.row[column] for r in group]) for column in columns}
        for name, group in _by_instrument(results).items()
        if columns
    ]


def _share(group: list[Result], values: list[float]) -> str:
    """The mean of values in [0, 1], such as whether something is so, with its interval."""
    if np.all(np.isnan(values)):
        return ""
    return with_interval(
        np.nanmean(values), mean_interval(values, [r.hit.shell for r in group]), ".2f"
    )


def _stage_row(name: str, group: list[Result], stage: str) -> dict:
    off = [result.off_cents(stage) for result in group]
    row = {"instrument": name, "recordings": len(group), "stage": stage}
    row["partial stands out"] = sum(result.row["stands_out"] for result in group)
    for near in NEAR_CENTS:
        row[f"partial within {near} cents"] = _share(group, _below(off, near))
    row[f"over {FAR_CENTS} off"] = _share(group, [1 - v for v in _below(off, FAR_CENTS)])
    row["five strongest lines"] = _share(group, [r.lines_found(stage) for r in group])
    found = [r.nearest(stage) for r in group]
    if any(found):
        own = [float(hit is not None and hit.path == r.hit.path) for hit, r in zip(found, group)]
        drum = [float(hit is not None and hit.shell == r.hit.shell) for hit, r in zip(found, group)]
        row |= {"identified": _share(group, own), "same drum": _share(group, drum)}
    row["time, ms"] = f"{np.nanmedian([r.stage(stage).get('ms', np.nan) for r in group]):.0f}"
    return row


def _by_instrument(results: list[Result]) -> dict[str, list[Result]]:
    return groups(results, lambda result: result.hit.instrument)


def _by_judge(
    results: list[Result], names: list[str], cell: Callable[[list[Result], str, str], str]
) -> list[dict]:
    return [
        {"instrument": name, "recordings": len(group), "stage": stage}
        | {judge: cell(group, stage, judge) for judge in names}
        for name, group in _by_instrument(results).items()
        for stage in stage_names([result.row for result in group])
    ]


def _median(group: list[Result], values: list[float]) -> str:
    if np.all(np.isnan(values)):
        return ""
    return with_interval(
        np.nanmedian(values), median_interval(values, [r.hit.shell for r in group])
    )


def _below(values: list[float], limit: float) -> list[float]:
    return [np.nan if np.isnan(value) else float(value <= limit) for value in values]
