import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from matcher.matching.encoder import Encoder
from tests.conftest import DATA
from training import ship
from training.config import Config
from training.dataset import VERSION


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))


def test_the_stages_follow_each_other():
    names = [stage.name for stage in ship.STAGES]
    assert len(set(names)) == len(names)
    for i, stage in enumerate(ship.STAGES):
        assert stage.after in ("", *names[:i])
        assert not {"warm_start"} & set(stage.settings)
        for smoke in ({}, ship.SMOKE):
            Config.from_dict(stage.settings | smoke)


def notes(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("checkpoint.pt"))}


@pytest.mark.slow
def test_the_whole_survives_a_kill_and_says_how_it_was_made(tmp_path, capsys):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for name in ("tom_low.flac", "tabla_open.flac"):
        shutil.copy(DATA / name, recordings)
    arguments = ["--recordings", str(recordings), "--part", "all", "--smoke", "--workers", "0"]
    arguments += ["-o", str(tmp_path / "tiny.onnx")]
    runs = tmp_path / "runs" / "ship-smoke"
    process = subprocess.Popen([sys.executable, "-m", "training.ship", *arguments])
    while not notes(runs):
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert ship.main(arguments) == 0
    assert "nu within" in capsys.readouterr().out

    training = Encoder(tmp_path / "tiny.onnx").contract.training
    p, pnp, recorded = training["stages"]
    assert [stage["after"] for stage in training["stages"]] == ["", "p", "pnp"]
    assert (pnp["loss"], pnp["sounds"], pnp["seed"], pnp["model_seed"]) == ("pnp", 2048, 0, 0)
    assert pnp["config"]["recipe"]["features"]["n_bins"] == 24
    assert pnp["sounds_version"] == VERSION
    assert (p["sha256_of_answers"], training["recordings"]) == (None, 2)
    answers = (runs / "recordings-answers.npz").read_bytes()
    assert recorded["sha256_of_answers"] == hashlib.sha256(answers).hexdigest()
    (code,) = pnp["code"]
    assert (code["torch"], code["numpy"]) == (torch.__version__, np.__version__)
    assert code["dirty"] in (True, False, None)
    assert pnp["losses"]["first"]["validation_loss"] > 0
    assert set(pnp["losses"]["last"]) == {"train_loss", "validation_mse", "validation_loss"}
    assert pnp["hours"] >= 0
    assert str(tmp_path) not in json.dumps(training)

    before = notes(runs)
    assert ship.main(arguments) == 0
    assert notes(runs) == before  # nothing was trained again


def test_a_stage_of_other_settings_is_not_continued(tmp_path):
    stage = ship.STAGES[0]
    ship._note(stage, Config(), tmp_path / "ship" / "p", None)
    sentence = r"stage p in .*ship was begun with config epochs 40, now it is 3; remove"
    with pytest.raises(ValueError, match=sentence):
        ship._note(stage, Config(epochs=3), tmp_path / "ship" / "p", None)


def test_each_code_that_trained_a_stage_is_noted(tmp_path):
    for code in ({"commit": "a"}, {"commit": "a"}, {"commit": "b"}, None):
        ship._note(ship.STAGES[0], Config(), tmp_path / "p", code)
    noted = json.loads((tmp_path / "p" / "ship.json").read_text())
    assert noted["code"] == [{"commit": "a"}, {"commit": "b"}]


def test_without_git_no_commit_is_known(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    code = ship._code()
    assert (code["commit"], code["dirty"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--smoke"], "--smoke needs -o FILE: its model must not replace the one that ships"),
        (["-o", "none/model.onnx"], "there is no folder none to write none/model.onnx to"),
        (["--workers", "-1"], "workers is -1, allowed is 0 or more"),
        ([], f"{DATA}/hits.csv names no kits; without them part can only be all"),
    ],
)
def test_wrong_arguments(arguments, sentence, capsys):
    assert ship.main(["--recordings", str(DATA), *arguments]) == 2
    assert capsys.readouterr().err == f"training.ship: {sentence}\n"
