import json
from dataclasses import asdict

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export import to_onnx
from export.__main__ import main
from matcher.matching.encoder import Encoder
from matcher.physics.theta import PRESETS, Theta
from training import encoder as torch_encoder
from training.config import Config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run as training.fit leaves it, with weights that nobody trained."""
    folder = tmp_path_factory.mktemp("run")
    config = Config()
    torch.manual_seed(11)
    model = torch_encoder.Encoder(config.recipe.features.n_bins)
    with torch.no_grad():  # batch statistics that a trained model would have, so that nu spreads
        model.train()
        for _ in range(3):
            model(3 + 2 * torch.randn(8, 2, 108, 48))
    history = [{"epoch": 1, "sounds": 1024, "validation_mse": 0.3, "seconds": 36.0}]
    state = {"config": json.dumps(asdict(config)), "model": model.state_dict(), "history": history}
    torch.save(state, folder / "checkpoint.pt")
    return folder


@pytest.fixture(scope="module")
def exported(run):
    assert main([str(run), "-o", str(run / "model.onnx")]) == 0
    return run / "model.onnx"


def test_onnx_runtime_gives_what_torch_gives(run, exported):
    config, encoder, _ = to_onnx.load_run(run)
    difference = to_onnx.check_parity(encoder, Encoder(exported), config, 256)
    print(f"largest difference in nu over 256 sounds: {difference:.1e}")
    assert 0 < difference <= 1e-4


def test_the_file_stands_alone(exported):
    model = onnx.load(exported, load_external_data=False)
    assert not any(t.HasField("data_location") and t.data_location for t in model.graph.initializer)
    assert {node.domain for node in model.graph.node} == {""}
    assert {entry.domain for entry in model.opset_import} == {""}
    assert exported.stat().st_size < 17e6


def test_a_batch_has_nu_and_each_parameter_by_name(exported):
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(12).normal(3, 2, (7, 2, 108, 48)).astype(np.float32)
    nu, *values = session.run(["nu", *Theta._fields], {"features": x})
    assert nu.shape == (7, 5)
    expected = PRESETS["live"].from_nu(nu)
    for name, value in zip(Theta._fields, values):
        assert value.shape == (7,)
        assert np.allclose(value, getattr(expected, name), rtol=1e-4), name


def test_the_metadata_says_what_the_model_is(exported):
    contract = Encoder(exported).contract
    assert contract.preset.name == "live"
    assert contract.cqt == Config().recipe.features
    assert contract.training["sounds"] == 1024
    assert contract.licence == "GPL-3.0-or-later"
    for mine, table in zip(contract.preset.parameters, PRESETS["live"].parameters):
        assert mine == table


def test_a_folder_without_a_run(tmp_path, capsys):
    assert main([str(tmp_path), "-o", str(tmp_path / "model.onnx")]) == 2
    assert "no checkpoint.pt" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_model_that_differs_from_torch_is_not_written(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(to_onnx, "TOLERANCE", -1.0)
    assert main([str(run), "-o", str(tmp_path / "model.onnx")]) == 2
    assert "ONNX Runtime differs from torch" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
