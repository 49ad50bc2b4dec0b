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
import pytest
import torch

from training import fit
from training.encoder import Encoder
from training.fit import Config, learning_rate, load_checkpoint

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
        return [(r["epoch"], r["train_mse"], r["validation_mse"]) for r in csv.DictReader(file)]


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
    assert fit.main(["--run", str(tmp_path / "run"), "--device", "cuda"]) == 2
    assert "there is no CUDA here" in capsys.readouterr().err


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
