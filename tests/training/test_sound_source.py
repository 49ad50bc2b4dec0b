"""Where a run's sounds come from."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from matcher.matching.features import LogCqt
from training import config, dataset, sound_source, trainer
from training.batch_sounds import DeviceShards
from training.config import Config
from training.dataset import Recipe, Shards
from training.runs import load_checkpoint
from training.sound_source import faster_way, shared, stream
from training.surrogate import MetricNetwork
from training.trainer import Trainer

CPU = torch.device("cpu")
TINY = Recipe(features=LogCqt(f_min=40.0, n_bins=24, bandwidth=0.85, n_frames=8, growth=1.3))
RUN = {
    "recipe": replace(TINY, augmented=0.3),
    "epochs": 2,
    "shards_per_epoch": 2,
    "distinct_shards": 4,
    "batch_size": 4,
}


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    for module in (dataset, config, trainer):
        monkeypatch.setattr(module, "SHARD", 8)
    monkeypatch.setattr(trainer, "EVALUATION_BATCH", 4)


@pytest.mark.parametrize("workers", [0, 2])
def test_sounds_one_by_one_are_those_of_their_shards(small, workers):
    shards = Shards(TINY, 1, "train")
    order = [2, 0, 1]
    for index, fields, _ in stream(shards, tuple(order), "cpu", workers, CPU):
        assert index == order.pop(0)
        for field, expected in zip(fields, shards[index], strict=True):
            assert np.array_equal(field.numpy(), expected)
    assert not order


def check_batches(device):
    shards, order = Shards(TINY, 1, "train"), [2, 0, 2, 1]
    made = DeviceShards(TINY, 1, "train", device)
    expected = {index: made[index] for index in set(order)}
    for index, fields, _ in stream(shards, tuple(order), "device", 0, device):
        assert index == order.pop(0)
        assert all(torch.equal(a, b) for a, b in zip(fields, expected[index], strict=True))
    assert not order


def test_batches_are_those_of_their_shards(small):
    check_batches(CPU)


@pytest.mark.cuda
def test_batches_of_a_stream_beside(small):
    check_batches(torch.device("cuda"))


def test_the_next_shard_is_begun_while_one_is_used(small, monkeypatch):
    begun = []
    monkeypatch.setattr(DeviceShards, "__getitem__", lambda _, i: begun.append(i) or [i])
    shards = stream(Shards(TINY, 1, "train"), [5, 6, 7, 8], "device", 0, CPU, lambda nu: -nu)
    for index, fields, extra in shards:
        assert (index, -index) == (*fields, extra)
        while begun[-1] < min(index + 1, 8):
            time.sleep(0.01)  # until the thread has come to it
        assert begun[-1] == min(index + 1, 8)  # one ahead


def test_an_error_of_the_thread_reaches_the_run(small, monkeypatch):
    monkeypatch.setattr(DeviceShards, "__getitem__", lambda _, i: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        next(stream(Shards(TINY, 1, "train"), [0], "device", 0, CPU))


@pytest.mark.parametrize(("alone", "batched", "way"), [(10, 79, "cpu"), (10, 81, "device")])
def test_a_gpu_makes_sounds_where_it_is_faster_than_all_cores(monkeypatch, alone, batched, way):
    monkeypatch.setattr(sound_source, "cores", lambda: 16)
    monkeypatch.setattr(sound_source, "one_by_one_rate", lambda recipe: alone)
    monkeypatch.setattr(sound_source, "batched_rate", lambda recipe, device: batched)
    assert faster_way(TINY, torch.device("cuda"), 2) == way
    assert faster_way(TINY, CPU, 2) == "cpu"


@pytest.mark.cuda
def test_both_ways_are_measured(small, monkeypatch):
    monkeypatch.setattr(sound_source, "ALONE", 2)
    assert faster_way(TINY, torch.device("cuda"), 1) in ("cpu", "device")


def run_of(folder, accelerator="cpu", **settings):
    folder.mkdir(exist_ok=True)
    made = Trainer(Config(**(RUN | settings)), folder, Fabric(accelerator=accelerator, devices=1))
    if (folder / "checkpoint.pt").exists():
        made.resume()
    return made


def check_resuming(tmp_path, monkeypatch, accelerator, **settings):
    """A run in batches that stops after its first epoch ends as one that does not."""
    whole = run_of(tmp_path / "whole", accelerator, sounds="device", **settings)
    whole.fit()
    stopped = run_of(tmp_path / "stopped", accelerator, sounds="device", **settings)
    monkeypatch.setattr(stopped, "_sentence", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stopped.fit()
    resumed = run_of(tmp_path / "stopped", accelerator, **settings)
    assert resumed.config.sounds == "device"
    resumed.fit()
    for name in ("train_loss", "validation_mse"):
        assert [r[name] for r in resumed.history] == [r[name] for r in whole.history]
    ends = [load_checkpoint(tmp_path / name)["model"] for name in ("whole", "stopped")]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize("drawn", [None, pytest.param(12, marks=pytest.mark.slow)])
def test_a_resumed_run_in_batches_ends_the_same(small, tmp_path, monkeypatch, drawn):
    check_resuming(tmp_path, monkeypatch, "cpu", sounds_per_epoch=drawn)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_resumed_run_on_a_gpu_ends_the_same(small, tmp_path, monkeypatch, precision):
    check_resuming(tmp_path, monkeypatch, "cuda", precision=precision)


def pnp_by_network(folder):
    """Settings of a run whose metric is learned."""
    MetricNetwork(15, "live").save(folder / "m.pt")
    return {"loss": "pnp", "metric": "network", "network": str(folder / "m.pt")}


def test_the_metric_of_a_shard_is_that_of_its_batches(small, tmp_path, monkeypatch):
    monkeypatch.setattr("training.objective.SHARD", 8)
    made = run_of(tmp_path / "run", sounds="device", **pnp_by_network(tmp_path))
    index, shard, metric = next(made._in_order(0))
    losses = [made.backward(index, shard, np.arange(4), given) for given in (metric, None)]
    torch.testing.assert_close(*losses)


@pytest.mark.cuda
@pytest.mark.parametrize("loss", ["p", "pnp", "pnp by network"])
def test_an_epoch_never_waits_for_the_gpu(small, tmp_path, monkeypatch, loss):
    monkeypatch.setattr("training.objective.SHARD", 8)
    settings = pnp_by_network(tmp_path) if loss == "pnp by network" else {"loss": loss}
    made = run_of(tmp_path / "run", "cuda", sounds="device", **settings)
    device, also = made.fabric.device, made.objective.of_shard
    shards = list(stream(made.train, [0, 1, 2, 3], "device", 0, device, also))
    made._train_epoch(0, iter(shards[:2]), lambda n: None)  # cuDNN and the optimiser begin
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        made._train_epoch(1, iter(shards[2:]), lambda n: None)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.cuda
def test_a_gpu_rounds_matrix_products_to_float32():
    """TensorFloat-32 has too few digits for the log-CQT and the metric."""
    assert not torch.backends.cuda.matmul.allow_tf32


def share(folder):
    """What each of two processes does: make three shards together, and evaluate."""
    os.environ["DRUM_MATCHER_CACHE"] = str(folder)
    torch.set_num_threads(1)
    for module in (dataset, config, trainer):
        module.SHARD = 8
    trainer.EVALUATION_BATCH = 4
    fabric = Fabric(accelerator="cpu", strategy="ddp", devices=2)
    fabric.launch()
    made = Trainer(Config(**(RUN | {"devices": 2})), folder / "run", fabric)
    result, counted = {}, []
    for kind in (Shards, DeviceShards):
        make = kind.__getitem__
        kind.__getitem__ = lambda self, i, make=make: counted.append(i) or make(self, i)
    for way in ("cpu", "device"):
        counted.clear()
        result[way] = shared(fabric, made.train, [0, 1, 2], way, 0)
        result[f"{way} made"] = list(counted)
    result["evaluation"] = made.evaluate(result["cpu"][0])
    torch.save(result, folder / f"{fabric.global_rank}.pt")


@pytest.mark.slow
def test_two_processes_share_the_work(small, tmp_path):
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29542"}
    script = (
        "import sys; from pathlib import Path; "
        "from tests.training.test_sound_source import share; share(Path(sys.argv[1]))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            env=environment | {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": "2"},
            cwd=Path(__file__).parents[2],
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    alone = run_of(tmp_path / "alone")
    for way in ("cpu", "device"):
        assert (first[f"{way} made"], second[f"{way} made"]) == ([0, 2], [1])  # once
        expected = shared(alone.fabric, alone.train, [0, 1, 2], way, 0)
        for mine, theirs, other in zip(first[way], second[way], expected, strict=True):
            for fields in zip(mine, theirs, other, strict=True):
                assert torch.equal(fields[0], fields[2]) and torch.equal(fields[1], fields[2])
    assert torch.equal(first["evaluation"], second["evaluation"])
    torch.testing.assert_close(first["evaluation"], alone.evaluate(first["cpu"][0]))
