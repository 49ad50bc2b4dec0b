import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import numpy as np
import psutil
import pytest
import torch
from lightning_fabric import Fabric

from training import fit
from training.dataset import SHARD
from training.encoder import Encoder
from training.fit import Config, Trainer, learning_rate, load_checkpoint
from training.losses import Damping
from training.metric import UPPER, load_table

TINY = {
    "recipe": {"features": {"f_min": 40.0, "n_bins": 24, "n_frames": 8, "growth": 1.3}},
    "epochs": 8,
    "shards_per_epoch": 1,
    "distinct_shards": 2,
    "batch_size": 256,
}


def command(run, *arguments):
    return [sys.executable, "-m", "training.fit", "--run", str(run), *map(str, arguments)]


def losses(run) -> list[tuple]:
    with open(run / "log.csv", newline="") as file:
        return [(r["epoch"], r["train_loss"], r["validation_mse"]) for r in csv.DictReader(file)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    (folder / "tiny.json").write_text(json.dumps(TINY))
    return folder


@pytest.fixture(scope="module")
def uninterrupted(cache):
    environment = os.environ | {"DRUM_MATCHER_CACHE": str(cache)}
    arguments = command(cache / "whole", "--config", cache / "tiny.json")
    subprocess.run(arguments, env=environment, check=True)
    return cache / "whole"


def test_killed_five_times_and_resumed_it_ends_the_same(cache, uninterrupted):
    environment = os.environ | {"DRUM_MATCHER_CACHE": str(cache)}
    run, dice = cache / "killed", random.Random(10)
    for kill in range(6):
        resume = (run / "checkpoint.pt").exists()
        arguments = ["--resume"] if resume else ["--config", cache / "tiny.json"]
        process = subprocess.Popen(command(run, *arguments), env=environment)
        if kill == 5:
            assert process.wait() == 0
        else:
            time.sleep(dice.uniform(4, 9))
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert losses(run) == losses(uninterrupted)
    ends = [load_checkpoint(folder)["model"] for folder in (run, uninterrupted)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_it_learns(uninterrupted):
    rows = losses(uninterrupted)
    assert float(rows[-1][1]) < 0.95 * float(rows[0][1])  # after 32 steps


def test_a_run_is_not_overwritten(cache, uninterrupted, capsys, monkeypatch):
    before = losses(uninterrupted)
    assert fit.main(["--run", str(uninterrupted), "--config", str(cache / "tiny.json")]) == 2
    assert "holds a run already; --resume it" in capsys.readouterr().err
    assert losses(uninterrupted) == before


def test_a_checkpoint_holds_no_code(uninterrupted):
    state = torch.load(uninterrupted / "checkpoint.pt", weights_only=True)
    assert Config.from_dict(json.loads(state["config"])).epochs == 8


def test_config_and_back():
    config = Config(batch_size=32, seed=7)
    assert Config.from_dict(json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"epoch": 3}, "unknown key 'epoch' in Config, allowed: recipe, epochs"),
        ({"recipe": {"pitch": 3}}, "unknown key 'pitch' in Recipe"),
        ({"recipe": {"features": {"hop": 3}}}, "unknown key 'hop' in LogCqt"),
        ({"recipe": {"preset": "loud"}}, "preset is 'loud', allowed is one of: paper, live"),
        ({"batch_size": 100}, "batch_size is 100, allowed is a divisor of 1024"),
        ({"epochs": 0}, "epochs is 0, allowed is above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"loss": "mse"}, "loss is 'mse', allowed is one of: p, pnp, mss, jtfs, proxy"),
        ({"pitch": "given"}, "pitch is 'given', allowed is one of: known, unknown"),
        ({"damping": "none"}, "damping is 'none', allowed is one of: constant, scheduled"),
        ({"clip": 0}, "clip is 0, allowed is above 0, up to 1"),
        ({"loss": "proxy"}, "network is ''; give a file that training.surrogate wrote"),
        ({"loss": "pnp", "table": "none.npz"}, "none.npz is not a table of training.metric"),
        ({"loss": "pnp", "seed": 1}, "the table is of preset live, seed 0; the run is of live, 1"),
        ({"warm_start": "/nowhere/run"}, "no checkpoint.pt in /nowhere/run"),
    ],
)
def test_a_wrong_config_is_one_sentence(values, sentence, tmp_path, capsys):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(values))
    assert fit.main(["--run", str(tmp_path / "run"), "--config", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"training.fit: {sentence}")
    assert not (tmp_path / "run").exists()


def test_an_unknown_option_ends_with_status_2(capsys):
    with pytest.raises(SystemExit) as stop:
        fit.main(["--epoch", "3"])
    assert stop.value.code == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_a_device_that_is_not_here(tmp_path, capsys):
    assert fit.main(["--run", str(tmp_path / "run"), "--accelerator", "cuda"]) == 2
    assert "training.fit: Fabric cannot start: " in capsys.readouterr().err


def test_devices_share_a_batch_evenly(tmp_path, capsys):
    assert fit.main(["--run", str(tmp_path / "run"), "--devices", "3"]) == 2
    assert "devices is 3, allowed is a divisor of batch_size (64)" in capsys.readouterr().err


def test_resume_keeps_the_settings_of_the_run(tmp_path, capsys):
    assert fit.main(["--run", str(tmp_path), "--resume", "--epochs", "3"]) == 2
    assert "--resume keeps the settings of the run" in capsys.readouterr().err


def test_resume_without_a_run(tmp_path, capsys):
    assert fit.main(["--run", str(tmp_path / "none"), "--resume"]) == 2
    assert "no checkpoint.pt" in capsys.readouterr().err


def test_a_broken_checkpoint(tmp_path, capsys):
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    assert fit.main(["--run", str(tmp_path), "--resume"]) == 2
    assert "is not a checkpoint of training.fit, or is broken" in capsys.readouterr().err


def test_learning_rate_rises_then_falls_to_nothing():
    config = Config()
    rates = [learning_rate(config, step) for step in range(config.steps)]
    top = int(np.argmax(rates))
    assert max(rates) == pytest.approx(config.learning_rate, rel=1e-3)
    assert (np.diff(rates[:top]) > 0).all()
    assert (np.diff(rates[top:]) <= 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_the_encoder_starts_by_saying_little_and_stays_inside():
    torch.manual_seed(0)
    encoder = Encoder(n_bins=96)
    nu = encoder(torch.randn(16, 2, 96, 32)).detach()
    assert nu.shape == (16, 5)
    assert 0.1 < float(nu.std()) < 0.3
    encoder.head.weight.data.fill_(100.0)
    assert float(encoder(torch.randn(16, 2, 96, 32)).detach().abs().max()) <= 1


def test_a_known_pitch_is_handed_through():
    torch.manual_seed(0)
    encoder = Encoder(n_bins=96)
    x, pitch = torch.randn(4, 2, 96, 32), torch.tensor([-0.5, 0.0, 0.5, 0.5])
    nu = encoder(x, pitch)
    torch.testing.assert_close(nu[:, 0], pitch)
    assert not torch.allclose(nu[:, 1:], encoder(x, -pitch)[:, 1:])


@pytest.fixture(scope="module")
def table(cache):
    """A table of two shards, with an M that P-loss is not."""
    job, _, R = load_table("live")
    path = cache / "table.npz"
    job.save(path, R[: 2 * SHARD][(slice(None), *UPPER)].astype(np.float32))
    return path


PNP = ["--loss", "pnp", "--epochs", "4", "--learning-rate", "1e-4"]


def pnp_run(cache, uninterrupted, table, name, *more):
    arguments = ["--config", cache / "tiny.json", *PNP, "--table", table]
    start = ["--warm-start", uninterrupted]
    return command(cache / name, *arguments, *start, *more)


def test_pnp_goes_on_from_a_warm_start_and_outlives_a_kill(cache, uninterrupted, table):
    environment = os.environ | {"DRUM_MATCHER_CACHE": str(cache)}
    subprocess.run(pnp_run(cache, uninterrupted, table, "pnp"), env=environment, check=True)
    process = subprocess.Popen(pnp_run(cache, uninterrupted, table, "pnp-killed"), env=environment)
    while not (cache / "pnp-killed" / "checkpoint.pt").exists():
        time.sleep(0.1)
    children = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert children
    assert not psutil.wait_procs(children, timeout=20)[1]  # no worker is left behind
    resume = command(cache / "pnp-killed", "--resume")
    subprocess.run(resume, env=environment, check=True)
    assert losses(cache / "pnp-killed") == losses(cache / "pnp")
    state = load_checkpoint(cache / "pnp")
    assert state["earlier"][0]["sounds"] == load_checkpoint(uninterrupted)["history"][-1]["sounds"]
    damping = [row["damping"] for row in state["history"]]
    watched = [row["validation_loss"] for row in state["history"]]
    for i, improved in enumerate(watched[k] < min(watched[:k], default=np.inf) for k in range(3)):
        factor = Damping.LOWER if improved else Damping.RAISE
        assert damping[i + 1] == pytest.approx(factor * damping[i])


def test_a_refused_epoch_gives_the_best_weights_back(cache, uninterrupted, table):
    config = Config.from_dict(
        TINY | {"loss": "pnp", "table": str(table), "warm_start": str(uninterrupted)}
    )
    trainer = Trainer(config, cache / "refused", Fabric(accelerator="cpu", devices=1))
    trainer._damp(1.0)
    best = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    for parameter in trainer.model.parameters():
        parameter.data += 1.0
    damping = trainer.objective.damping.value
    trainer._damp(2.0)
    assert trainer.objective.damping.value == damping * Damping.RAISE
    assert all(torch.equal(v, best[name]) for name, v in trainer.model.state_dict().items())


def half_batches_gradient(folder, result):
    """What one of two processes does."""
    os.environ["DRUM_MATCHER_CACHE"] = str(folder)
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", strategy="ddp", devices=2)
    config = Config.from_dict(TINY | {"warm_start": str(folder / "whole")})
    fabric.launch()
    trainer = Trainer(config, folder / "ddp", fabric)
    trainer.model.train()
    trainer.backward(0, trainer.train[0], np.arange(32) + 32 * fabric.global_rank)
    if fabric.global_rank == 0:
        torch.save([p.grad for p in trainer.model.parameters()], result)


def test_two_processes_give_the_gradient_of_two_half_batches(
    cache, uninterrupted, monkeypatch, tmp_path
):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(cache))
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29541"}
    script = (
        "import sys; from pathlib import Path; from tests.test_fit import half_batches_gradient; "
        "half_batches_gradient(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(cache), str(tmp_path / "gradient.pt")],
            env=environment | {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": "2"},
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    both = torch.load(tmp_path / "gradient.pt", weights_only=True)

    config = Config.from_dict(TINY | {"warm_start": str(uninterrupted)})
    trainer = Trainer(config, tmp_path, Fabric(accelerator="cpu", devices=1))
    trainer.model.train()
    for half in range(2):
        trainer.backward(0, trainer.train[0], np.arange(32) + 32 * half)
    for gradient, parameter in zip(both, trainer.model.parameters(), strict=True):
        expected = parameter.grad / 2
        assert (gradient - expected).norm() <= 5e-3 * expected.norm() + 1e-6  # float32
