import json
import warnings
from dataclasses import asdict

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export import precision, to_onnx
from export.__main__ import main
from export.precision import reduce_precision
from matcher.matching.encoder import SHIPPED, Encoder
from matcher.matching.inferred import N_INFERRED
from matcher.physics.theta import PRESETS
from training import encoder as torch_encoder
from training.body_encoder import ANSWERS, BodyEncoder
from training.config import Config
from training.dataset import make_clip


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
    with warnings.catch_warnings():
        warnings.simplefilter("error")
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
    assert b".py" not in exported.read_bytes()  # no paths of the machine that made it


def infer(path, count):
    """nu and probability of a model, for so many random features."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(12).normal(3, 2, (count, 2, 108, 48)).astype(np.float32)
    return session.run(["nu", "probability"], {"features": x})


def test_a_network_of_theta_has_one_answer_for_each_of_a_batch(exported):
    nu, probability = infer(exported, 7)
    assert (nu.shape, probability.shape) == ((7, 1, 5), (7, 1))
    assert np.abs(nu).max() < 1 and np.all(probability == 1)


def test_a_network_of_bodies_has_several(tmp_path):
    """As torch gives them; also in batches of another size than it was exported with."""
    config = Config(infers="body", trunk="mobilenet_v3_large")
    torch.manual_seed(3)
    encoder = BodyEncoder(108, config.trunk).eval()
    history = [{"epoch": 1, "sounds": 1024, "validation_mse": 0.3, "seconds": 36.0}]
    kept = {"config": json.dumps(asdict(config)), "model": encoder.state_dict()}
    torch.save(kept | {"history": history}, tmp_path / "checkpoint.pt")
    assert main([str(tmp_path), "-o", str(tmp_path / "body.onnx")]) == 0
    nu, probability = infer(tmp_path / "body.onnx", 3)
    assert (nu.shape, probability.shape) == ((3, ANSWERS, N_INFERRED), (3, ANSWERS))
    assert Encoder(tmp_path / "body.onnx").contract.infers_strike


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


def test_a_model_that_differs_from_torch_is_not_written(
    run, exported, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(to_onnx, "_graph", lambda *arguments: onnx.load(exported))
    monkeypatch.setitem(to_onnx.TOLERANCE, "fp32", -1.0)
    assert main([str(run), "-o", str(tmp_path / "model.onnx")]) == 2
    assert "ONNX Runtime differs from torch" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_run_in_bfloat16_is_exported_in_float32(run, tmp_path):
    state = torch.load(run / "checkpoint.pt")
    weights = {k: v.bfloat16() if v.is_floating_point() else v for k, v in state["model"].items()}
    torch.save(state | {"model": weights}, tmp_path / "checkpoint.pt")
    _, encoder, _ = to_onnx.load_run(tmp_path)
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    assert encoder(torch.randn(2, 2, 108, 48)).dtype == torch.float32


def size_and_differences(kind, model, path):
    """Bytes over those of float32, and differences in nu on some sounds."""
    recipe = Config().recipe
    onnx.save(reduce_precision(onnx.load(model), kind, recipe, 0), path)
    encoders, nu = (Encoder(path), Encoder(model)), []
    for i in range(8):
        x = recipe.features.features(make_clip(recipe, 0, "test", i)[1])
        nu.append([encoder.nu(x)[0][0, :5] for encoder in encoders])
    nu = np.array(nu)  # (sounds, 2, 5)
    return path.stat().st_size / model.stat().st_size, np.abs(nu[:, 0] - nu[:, 1])


def test_fp16_halves_the_file_and_hardly_changes_nu(exported, tmp_path):
    size, difference = size_and_differences("fp16", exported, tmp_path / "fp16.onnx")
    assert size < 0.53
    assert 0 < difference.max() < 1e-2


def test_int8_is_two_fifths_of_the_file_and_nu_stays_near(tmp_path, capfd, caplog, monkeypatch):
    monkeypatch.setattr(precision, "CALIBRATION_SOUNDS", 8)
    size, difference = size_and_differences("int8", SHIPPED, tmp_path / "int8.onnx")
    assert size < 0.4
    assert 0 < difference.mean() < 0.1
    assert not any(capfd.readouterr())
    assert not caplog.records


def test_an_untrained_model_cannot_be_calibrated(run, tmp_path, exported, monkeypatch, capsys):
    def fail(*arguments, **settings):
        raise ValueError("zero range")

    monkeypatch.setattr(precision, "CALIBRATION_SOUNDS", 2)
    monkeypatch.setattr(precision, "quantize_static", fail)
    monkeypatch.setattr(to_onnx, "_graph", lambda *arguments: onnx.load(exported))
    output = ["-o", str(tmp_path / "model.onnx")]
    assert main([str(run), *output, "--precision", "int8"]) == 2
    assert "export: the model cannot be calibrated for int8" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main([str(run), *output, "--precision", "fp16"]) == 0
    assert Encoder(tmp_path / "model.onnx").contract.training["precision"] == "fp16"
