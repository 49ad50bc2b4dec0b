from functools import partial

import pytest

from training import bench, dataset


def test_every_loss_without_a_spectrum_has_a_pace(monkeypatch, tmp_path):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    monkeypatch.setattr(bench, "LOSSES", ("p", "pnp", "proxy"))
    monkeypatch.setattr(dataset, "SHARD", 64)  # sounds; one batch
    once = partial(bench.seconds_per_sound, repeats=1)
    monkeypatch.setattr(bench, "seconds_per_sound", once)
    seconds = bench.loss_seconds()
    assert list(seconds) == ["p", "pnp", "proxy"]
    assert all(value > 0 for value in seconds.values())


def test_a_time_is_the_best_after_the_first():
    calls = []
    assert bench.best(lambda: calls.append(1), repeats=3) >= 0
    assert len(calls) == 4


def test_it_takes_no_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        bench.main(["--fast"])
    assert stop.value.code == 2
