import pytest
import torch

from training import dataset, sound_bench
from training.batch_sounds import DeviceShards

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(sound_bench, "REPEATS", 1)
    monkeypatch.setattr(sound_bench, "ALONE", 2)
    for module in (dataset, sound_bench):
        monkeypatch.setattr(module, "SHARD", 8)


def test_every_part_has_a_rate_in_batches_and_one_by_one():
    rows = [*sound_bench.sound_rows(CPU, count=8), sound_bench.shard_row(CPU)]
    assert len(rows) == 6
    for row in rows:
        assert list(row) == ["sounds a second", "cpu", "one process"]
        assert row["cpu"] > 0 and row["one process"] > 0


def test_a_step_of_training_has_gradients(monkeypatch):
    monkeypatch.setitem(sound_bench.BATCH, "cpu", 4)
    training = sound_bench.Training(CPU)
    shard = DeviceShards(sound_bench.RECIPE, 0, "train", CPU)[0]
    assert training.rate(shard) > 0
    assert all(torch.isfinite(p.grad).all() for p in training.model.parameters())


@pytest.mark.cuda
def test_a_gpu_trains_while_it_makes_sounds():
    device = torch.device("cuda")
    rows = sound_bench.sound_rows(device, count=8)
    assert all(row["cuda"] > 0 for row in rows)
    assert sound_bench.busy_share(sound_bench.Training(device, torch.bfloat16)) > 0
