from pathlib import Path

import numpy as np
import pytest

from training import report
from training.hits import Hit
from training.report import Result

STAGES = ("network", "body")
HITS = [
    Hit(Path(f"{drum}{i}.wav"), instrument, "kit", drum)
    for drum, instrument in (("a", "tom"), ("b", "tom"), ("k", "kick"))
    for i in range(2)
]


def result(number: int, distance: float, twin=(100.0,), nearest=None, yardstick=True) -> Result:
    """A recording whose two stages have the same twin."""
    stage = {"judges": {"MFCC": distance}, "ms": 10.0 * number, "lines": list(twin)}
    if nearest is not None:
        stage["nearest"] = nearest
    row = {
        "lines": [100.0, 200.0],
        "stands_out": number < 3,
        "stages": dict.fromkeys(STAGES, stage),
    }
    ends = {"same": {"MFCC": 2.0}, "other": {"MFCC": 4.0}} if yardstick else None
    return Result(HITS[number], row, HITS, ends)


@pytest.fixture
def results() -> list[Result]:
    return [result(i, float(i)) for i in range(6)]


def cells(rows: list[dict], instrument: str, column: str) -> list[str]:
    return [row[column] for row in rows if row["instrument"] == instrument]


def test_medians_by_instrument_and_over_all_with_intervals_of_several_drums(results):
    rows = report.distance_rows(results)
    assert cells(rows, "tom", "MFCC") == ["1.5 (0.5 to 2.5), 2.7"] * 2
    assert cells(rows, "kick", "MFCC") == ["4.5, 4.9"] * 2  # one drum has no interval
    assert cells(rows, "all", "recordings") == [6, 6]
    assert cells(rows, "all", "stage") == list(STAGES)


def test_positions_are_of_recordings_with_a_yardstick(results):
    results = [*results[:4], *(result(i, 9.0, yardstick=False) for i in (4, 5))]
    rows = report.position_rows(results)
    assert {row["instrument"] for row in rows} == {"tom"}
    assert cells(rows, "tom", "MFCC")[0].startswith("-0.25 (")  # median of -1, -1/2, 0 and 1/2
    assert cells(report.yardstick_rows(results), "tom", "MFCC")[1].startswith("4 (")
    assert report.position_rows(results[4:]) == []


def test_partials_are_counted_by_how_far_they_are_off():
    off = [0, 20, 50, 200, 800, np.nan]
    twins = [() if np.isnan(cents) else (100 * 2 ** (cents / 1200),) for cents in off]
    rows = report.measure_rows([result(i, 1.0, twin) for i, twin in enumerate(twins)])
    row = next(row for row in rows if row["instrument"] == "all")
    assert row["partial stands out"] == 3
    shares = [row[f"partial within {cents} cents"][:4] for cents in (10, 30, 100)]
    assert shares == ["0.17", "0.33", "0.50"]
    assert row["over 700 off"][:4] == "0.33"  # a twin without any line is as far off
    assert row["five strongest lines"][:4] == "0.17"  # half of the lines of two recordings
    assert row["time, ms"] == "25"


def test_a_twin_is_identified_among_all_recordings_of_the_part():
    nearest = [0, 0, 3, 5]
    rows = report.measure_rows([result(i, 1.0, nearest=n) for i, n in enumerate(nearest)])
    assert rows[0]["identified"][:4] == "0.25" and rows[0]["same drum"][:4] == "0.75"
    assert "identified" not in report.measure_rows([result(0, 1.0)])[0]


def test_a_stage_that_was_not_reached_counts_nothing(results):
    results[0].row["stages"] = {"network": results[0].row["stages"]["network"]}
    assert cells(report.distance_rows(results), "tom", "MFCC")[1].startswith("2 (")
    assert np.isnan(results[0].distance("body", "MFCC"))
    assert np.isnan(results[0].off_cents("body"))


def test_the_patient_search_has_a_table_where_there_was_one(results):
    assert report.patience_rows(results) == []
    for i, entry in enumerate(results):
        entry.row["CMA-ES 1000"] = float(i)
    assert cells(report.patience_rows(results), "kick", "CMA-ES 1000") == ["4.5"]
