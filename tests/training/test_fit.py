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
from training.config import Config
from training.encoder import Encoder
from training.losses import Damping
from training.runs import load_checkpoint
from training.trainer import Trainer, learning_rate

EPOCHS = 6
TINY = {
    "recipe": {
        "augmented": 0.1,  # augmented sounds take six times as long to make
        "features": {"f_min": 40.0, "n_bins": 24, "n_frames": 8, "growth": 1.3},
    },
    "epochs": EPOCHS,
    "shards_per_epoch": 1,
    "distinct_shards": 2,
    "batch_size": 256,
}


def command(run, *arguments):
    return [sys.executable, "-m", "training.fit", "--run", str(run), *map(str, arguments)]


def losses(run) -> list[tuple]:
    with open(run / "log.csv", newline="") as file:
        return [(r["epoch"], r["train_loss"], r["validation_mse"]) for r in csv.DictReader(file)]


def epochs(run) -> int:
    return len(losses(run)) if (run / "log.csv").exists() else 0


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


@pytest.mark.slow
def test_killed_some_times_and_resumed_it_ends_the_same(cache, uninterrupted, kills):
    environment = os.environ | {"DRUM_MATCHER_CACHE": str(cache)}
    run, dice = cache / "killed", random.Random(10)
    for kill in range(kills + 1):
        done = epochs(run)
        arguments = ["--resume"] if done else ["--config", cache / "tiny.json"]
        process = subprocess.Popen(command(run, *arguments), env=environment)
        if kill == kills:
            assert process.wait() == 0
        else:
            while epochs(run) == done:
                assert process.poll() is None
                time.sleep(0.05)
            time.sleep(dice.uniform(0, 0.4))  # somewhere in the next epoch
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert epochs(run) < EPOCHS
    assert losses(run) == losses(uninterrupted)
    ends = [load_checkpoint(folder)["model"] for folder in (run, uninterrupted)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_it_learns(uninterrupted):
    rows = losses(uninterrupted)
    assert float(rows[-1][1]) < 0.95 * float(rows[0][1])  # after 24 steps


def test_a_run_is_not_overwritten(cache, uninterrupted, capsys, monkeypatch):
    before = losses(uninterrupted)
    assert fit.main(["--run", str(uninterrupted), "--config", str(cache / "tiny.json")]) == 2
    assert "holds a run already; --resume it" in capsys.readouterr().err
    assert losses(uninterrupted) == before


def test_a_checkpoint_holds_no_code(uninterrupted):
    state = torch.load(uninterrupted / "checkpoint.pt", weights_only=True)
    assert Config.from_json(state["config"]).epochs == EPOCHS


@pytest.mark.parametrize("settings", [{}, {"damping_start": 0.0, "model_seed": 3}])
def test_config_and_back(settings):
    config = Config(batch_size=32, seed=7, **settings)
    assert Config.from_json(json.dumps(asdict(config))) == config


@pytest.mark.parametrize(("kept", "start"), [(0.0, None), (10.0, 10.0)])
def test_lambda_of_an_earlier_version_starts_where_it_did(kept, start):
    """0 stood for the largest eigenvalue, and a configuration had no optimiser."""
    values = asdict(Config()) | {"damping_start": kept}
    del values["optimiser"]
    assert Config.from_json(json.dumps(values)).damping_start == start


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
        ({"optimiser": "sgd"}, "optimiser is 'sgd', allowed is one of: adamw, adam"),
        ({"schedule": "steps"}, "schedule is 'steps', allowed is one of: cosine, constant"),
        ({"pitch_joins": "both"}, "pitch_joins is 'both', allowed is one of: input, output"),
        ({"dropout": 1.0}, "dropout is 1.0, allowed is 0 to below 1"),
        ({"head_scale": 0}, "head_scale is 0, allowed is above 0"),
        ({"F": 0}, "F is 0, allowed is above 0"),
        ({"model_seed": -1}, "model_seed is -1, allowed is 0 or more"),
        ({"model_seed": "x"}, "model_seed is 'x', allowed is of type int"),
        ({"damping_fall": 1.5}, "damping_fall is 1.5, allowed is above 0, up to 1"),
        ({"sounds_per_epoch": 100}, "sounds_per_epoch is 100, allowed is a multiple of batch_size"),
        (
            {"sounds_per_epoch": 2048, "distinct_shards": 1},
            "sounds_per_epoch is 2048, allowed is a multiple of batch_size (64) up to the 1024",
        ),
        ({"clip": 0}, "clip is 0, allowed is above 0, up to 1"),
        ({"epochs": "3"}, "epochs is '3', allowed is of type int"),
        ({"recipe": None}, "recipe is None, allowed is an object of keys and values"),
        ({"seed": -1}, "seed is -1, allowed is 0 or more"),
        ({"loss": "proxy"}, "network is ''; a file of training.surrogate is for loss proxy"),
        ({"loss": "pnp", "network": "m.pt"}, "network is 'm.pt'; a file of training.surrogate"),
        ({"table": "t.npz"}, "table is 't.npz', but only loss pnp has one"),
        ({"loss": "pnp", "table": "/none.npz"}, "/none.npz is not a table of training.metric"),
        ({"loss": "pnp", "seed": 1}, "the table is of preset live, seed 0, F 24; the run is of"),
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
    assert "devices is 3, allowed is a divisor of shards_per_epoch (10)" in capsys.readouterr().err


def test_resume_keeps_the_settings_of_the_run(tmp_path, capsys):
    given = ["--seed", "0", "--epochs", "40", "--smoke"]
    assert fit.main(["--run", str(tmp_path), "--resume", *given]) == 2
    sentence = "--resume keeps the run's settings; leave out --epochs, --seed, --smoke"
    assert sentence in capsys.readouterr().err


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
    assert max(rates) == pytest.approx(config.peak_rate, rel=1e-3)
    assert (np.diff(rates[:top]) > 0).all()
    assert (np.diff(rates[top:]) <= 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_a_constant_learning_rate_is_constant():
    config = Config(schedule="constant")
    assert {learning_rate(config, step) for step in range(config.steps)} == {config.peak_rate}


def test_adam_has_one_rate_and_no_weight_decay(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    config = Config.from_dict(TINY | {"optimiser": "adam"})
    trainer = Trainer(config, tmp_path, Fabric(accelerator="cpu", devices=1))
    (group,) = trainer.optimiser.param_groups
    assert (group["rate"], group["weight_decay"]) == (1, 0)
    assert len(group["params"]) == len(list(trainer.model.parameters()))


def drawn(tmp_path, model_seed, epoch):
    """Which sounds an epoch of 512 draws from 2,048."""
    settings = {"sounds_per_epoch": 512, "model_seed": model_seed}
    config = Config.from_dict(TINY | settings)
    trainer = Trainer(config, tmp_path, Fabric(accelerator="cpu", devices=1))
    sounds = [np.zeros((2048, 5))]
    batches = []
    trainer.backward = lambda index, shard, batch, metric: (
        batches.append((index, batch)) or torch.zeros(())
    )
    trainer._train_epoch(epoch, sounds, lambda n: None)
    assert [index for index, _ in batches] == [0, 0]
    return np.concatenate([batch for _, batch in batches])


def test_an_epoch_may_draw_its_sounds(tmp_path):
    first, second = drawn(tmp_path, 0, 0), drawn(tmp_path, 0, 1)
    assert len(set(first)) == 512  # none twice
    assert max(first) >= 1024  # from all shards
    assert set(first) != set(second)
    assert (first == drawn(tmp_path, 0, 0)).all()
    assert set(first) != set(drawn(tmp_path, 1, 0))


def test_a_run_that_draws_its_sounds_ends_the_same_after_a_stop(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(cache))
    settings = {"sounds_per_epoch": 256, "batch_size": 128, "epochs": 2, "dropout": 0.2}
    config = Config.from_dict(TINY | settings | {"optimiser": "adam", "schedule": "constant"})

    def run(name, resume=False):
        (tmp_path / name).mkdir(exist_ok=True)
        trainer = Trainer(config, tmp_path / name, Fabric(accelerator="cpu", devices=1))
        if resume:
            trainer.resume()
        return trainer

    run("whole").fit()
    stopped = run("stopped")
    monkeypatch.setattr(stopped, "_sentence", lambda: 1 / 0)  # after the first checkpoint
    with pytest.raises(ZeroDivisionError):
        stopped.fit()
    assert epochs(tmp_path / "stopped") == 1
    run("stopped", resume=True).fit()
    assert losses(tmp_path / "stopped") == losses(tmp_path / "whole")


def test_a_run_ends_early_where_its_time_is_over(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(cache))
    config = Config.from_dict(TINY | {"sounds_per_epoch": 256, "batch_size": 128, "epochs": 3})
    fabric = Fabric(accelerator="cpu", devices=1)
    trainer = Trainer(config, tmp_path, fabric)
    assert len(trainer.fit(hours=1e-9)) == 1  # begun before the time was over
    again = Trainer(config, tmp_path, fabric)
    again.resume()
    assert len(again.fit(hours=1e-9)) == 1
    assert len(again.fit()) == 3


def test_the_seed_of_a_model_leaves_the_sounds_as_they_are(tmp_path):
    fabric = Fabric(accelerator="cpu", devices=1)
    a, b, c = (
        Trainer(Config.from_dict(TINY | {"model_seed": seed}), tmp_path, fabric)
        for seed in (None, 1, 0)
    )
    assert a.train == b.train
    weights = [t.model.backbone.classifier.weight.detach() for t in (a, b, c)]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])


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


def test_a_pitch_that_joins_at_the_output_is_not_told_to_the_network():
    torch.manual_seed(0)
    encoder = Encoder(n_bins=96, pitch_joins="output")
    x, pitch = torch.randn(4, 2, 96, 32), torch.tensor([-0.5, 0.0, 0.5, 0.5])
    encoder.eval()
    nu = encoder(x, pitch)
    torch.testing.assert_close(nu[:, 0], pitch)
    torch.testing.assert_close(nu[:, 1:], encoder(x)[:, 1:])


def test_dropout_is_for_training_alone():
    torch.manual_seed(0)
    encoder, x = Encoder(n_bins=96, dropout=0.5), torch.randn(4, 2, 96, 32)
    assert not torch.allclose(encoder(x), encoder(x))
    encoder.eval()
    torch.testing.assert_close(encoder(x), encoder(x))
    assert encoder.state_dict().keys() == Encoder(n_bins=96).state_dict().keys()


PNP = ["--loss", "pnp", "--damping", "adaptive", "--epochs", "3", "--learning-rate", "1e-4"]


def pnp_run(cache, uninterrupted, name, *more):
    arguments = ["--config", cache / "tiny.json", *PNP, "--warm-start", uninterrupted]
    return command(cache / name, *arguments, *more)


@pytest.mark.slow
def test_pnp_continues_from_a_warm_start_and_survives_a_kill(cache, uninterrupted):
    environment = os.environ | {"DRUM_MATCHER_CACHE": str(cache)}
    subprocess.run(pnp_run(cache, uninterrupted, "pnp"), env=environment, check=True)
    process = subprocess.Popen(pnp_run(cache, uninterrupted, "pnp-killed"), env=environment)
    while not (cache / "pnp-killed" / "checkpoint.pt").exists():
        time.sleep(0.1)
        assert process.poll() is None
    children = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert children
    assert not psutil.wait_procs(children, timeout=60)[1]  # no worker is left behind
    resume = command(cache / "pnp-killed", "--resume")
    subprocess.run(resume, env=environment, check=True)
    assert losses(cache / "pnp-killed") == losses(cache / "pnp")
    state = load_checkpoint(cache / "pnp")
    assert state["earlier"][0]["sounds"] == load_checkpoint(uninterrupted)["history"][-1]["sounds"]
    damping = [row["damping"] for row in state["history"]]
    watched = [row["validation_loss"] for row in state["history"]]
    lower, higher = (pytest.approx(factor) for factor in (Damping.LOWER, Damping.RAISE))
    for i in range(2):
        factor = damping[i + 1] / damping[i]
        assert factor in (lower, higher)
        if i and watched[i] > min(watched[:i]):
            assert factor == higher


def test_a_refused_epoch_gives_the_best_weights_back(cache, uninterrupted):
    settings = {"loss": "pnp", "damping": "adaptive", "warm_start": str(uninterrupted)}
    config = Config.from_dict(TINY | settings)
    trainer = Trainer(config, cache / "refused", Fabric(accelerator="cpu", devices=1))
    trainer.warm_start()
    trainer.objective.damping.best = 1.0
    trainer._remember()
    best = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    for parameter in trainer.model.parameters():
        parameter.data += 1.0
    damping = trainer.objective.damping.value
    trainer._damp(2.0)
    assert trainer.objective.damping.value == damping * Damping.RAISE
    assert all(torch.equal(v, best[name]) for name, v in trainer.model.state_dict().items())
    trainer._damp(float("nan"))
    assert trainer.objective.damping.value == damping * Damping.RAISE**2


@pytest.mark.parametrize(("keeps", "epoch"), [("last", 3), ("best", 2)])
def test_a_run_ends_with_the_weights_of_the_epoch_that_it_keeps(cache, keeps, epoch):
    config = Config.from_dict(TINY | {"epochs": 3, "keeps": keeps})
    trainer = Trainer(config, cache / keeps, Fabric(accelerator="cpu", devices=1))
    one = next(trainer.model.parameters())
    for number, mse in ((1, 0.3), (2, 0.1), (3, 0.2)):
        one.data[:] = number
        trainer.history.append({"validation_mse": mse, "validation_loss": 0.0})
        trainer._keep()
    assert (one == epoch).all()


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"recipe": {"preset": "paper", **TINY["recipe"]}}, "preset is paper, but live in"),
        ({"recipe": {"features": {**TINY["recipe"]["features"], "growth": 1.1}}}, "features is"),
        ({"pitch": "known"}, "pitch is known, but unknown in"),
    ],
)
def test_a_warm_start_of_other_inputs_is_refused(uninterrupted, tmp_path, capsys, other, sentence):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(TINY | {"warm_start": str(uninterrupted)} | other))
    assert fit.main(["--run", str(tmp_path / "run"), "--config", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"training.fit: {sentence}")


@pytest.mark.slow
def test_two_processes_train_to_one_end(cache, uninterrupted):
    environment = os.environ | {"DRUM_MATCHER_CACHE": str(cache)}
    more = ["--devices", "2", "--shards-per-epoch", "2", "--epochs", "2"]
    arguments = pnp_run(cache, uninterrupted, "both", *more)
    done = subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True)
    assert done.stderr.count("epoch 2/2: 4,096 sounds") == 1  # one of them speaks
    assert len(load_checkpoint(cache / "both")["history"]) == 2


def half_batches_gradient(folder, result):
    """What one of two processes does."""
    os.environ["DRUM_MATCHER_CACHE"] = str(folder)
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", strategy="ddp", devices=2)
    two = {"warm_start": str(folder / "whole"), "devices": 2, "shards_per_epoch": 2}
    config = Config.from_dict(TINY | two)
    fabric.launch()
    trainer = Trainer(config, folder / "ddp", fabric)
    trainer.warm_start()
    trainer.model.train()
    trainer.backward(0, trainer.train[0], np.arange(32) + 32 * fabric.global_rank)
    if fabric.global_rank == 0:
        torch.save([p.grad for p in trainer.model.parameters()], result)


@pytest.mark.slow
def test_two_processes_give_the_gradient_of_two_half_batches(
    cache, uninterrupted, monkeypatch, tmp_path
):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(cache))
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29541"}
    script = (
        "import sys; from pathlib import Path; "
        "from tests.training.test_fit import half_batches_gradient; "
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
    trainer.warm_start()
    trainer.model.train()
    for half in range(2):
        trainer.backward(0, trainer.train[0], np.arange(32) + 32 * half)
    parameters = list(trainer.model.parameters())
    whole = torch.sqrt(sum(parameter.grad.square().sum() for parameter in parameters))
    for gradient, parameter in zip(both, parameters, strict=True):
        expected = parameter.grad / 2
        # float32: where a gradient is the small rest of large terms, rounding is of those
        assert (gradient - expected).norm() <= 5e-3 * expected.norm() + 1e-5 * whole
