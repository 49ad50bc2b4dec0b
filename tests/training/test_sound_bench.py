from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from training import config, dataset, sound_bench, sound_source
from training.trainer import Trainer

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(sound_bench, "REPEATS", 1)
    for module in (sound_bench, sound_source):
        monkeypatch.setattr(module, "ALONE", 2)
    for module in (dataset, config):
        monkeypatch.setattr(module, "SHARD", 8)


def test_every_part_has_a_rate_in_batches_and_one_by_one():
    rows = [*sound_bench.sound_rows(CPU, count=8), sound_bench.shard_row(CPU)]
    assert len(rows) == 6
    for row in rows:
        assert list(row) == ["sounds a second", "cpu", "one process"]
        assert row["cpu"] > 0 and row["one process"] > 0


def trainer_of(device, precision="32-true"):
    config = sound_bench.settings(torch.device(device), precision)
    return Trainer(config, Path(), Fabric(accelerator=device, devices=1))


def test_training_has_a_rate_alone_and_beside_the_sounds(monkeypatch):
    monkeypatch.setitem(sound_bench.BATCH, "cpu", 4)
    monkeypatch.setattr(sound_bench, "SHARDS", 2)
    trainer = trainer_of("cpu")
    assert all(rate > 0 for rate in sound_bench.training_rates(trainer))
    assert all(torch.isfinite(p).all() for p in trainer.model.parameters())


@pytest.mark.cuda
def test_a_gpu_trains_while_it_makes_sounds(monkeypatch):
    monkeypatch.setitem(sound_bench.BATCH, "cuda", 4)
    device = torch.device("cuda")
    rows = sound_bench.sound_rows(device, count=8)
    assert all(row["cuda"] > 0 for row in rows)
    trainer = trainer_of("cuda", "bf16-mixed")
    assert all(rate > 0 for rate in sound_bench.training_rates(trainer))
    kinds = {row["GPU"] for row in sound_bench.profile_rows(trainer)}
    assert {"convolutions", "Fourier transforms", "idle"} <= kinds
