import pytest

from matcher.matching.encoder import SHIPPED
from tests.conftest import DATA
from training import known_drums
from training.known_drums import Task

LOW, HIGH = (DATA / f"{name}.flac" for name in ("tom_low", "tom_high"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch, in_process):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))


def test_a_drum_is_recognised_and_another_one_is_not():
    tasks = alone, again, _ = [
        Task(LOW, SHIPPED, "normal"),
        Task(LOW, SHIPPED, "normal", (LOW,)),
        Task(HIGH, SHIPPED, "normal", (LOW,), only_recognised=True),
    ]
    rows = known_drums.match(tasks, 1)
    assert [rows[task]["same_drum"] for task in tasks] == [None, True, False]
    assert rows[again]["pitch_hz"] == pytest.approx(rows[alone]["pitch_hz"], rel=1e-6)


def test_a_known_drum_gives_way_to_another_one():
    first = known_drums._known_drum((LOW,), SHIPPED, "normal")
    known = known_drums._known_drum((LOW, HIGH), SHIPPED, "normal")
    assert len(known.strokes) == 1
    assert known.found.pitch_hz > 1.2 * first.found.pitch_hz
    assert len(known_drums._known_drum((LOW, LOW), SHIPPED, "normal").strokes) == 2


def test_rows_are_kept_apart_by_what_the_drum_is_known_from(tmp_path):
    tasks = [Task(LOW, SHIPPED, "normal", earlier) for earlier in ((), (LOW,), (HIGH,))]
    rows = known_drums.match(tasks, 1)
    kept = tmp_path / "strokes"
    assert len(list(kept.iterdir())) == 3
    for path in kept.iterdir():
        path.write_text('{"kept": true}')
    assert known_drums.match(tasks, 1) == {task: {"kept": True} for task in tasks}
    assert rows[tasks[2]]["same_drum"] is False
