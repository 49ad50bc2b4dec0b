"""How a run is computed, and that it cannot change while the run goes on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from training import fit, how
from training.config import Config
from training.encoder import Encoder
from training.surrogate import COMPONENTS, PhiNetwork
from training.trainer import Trainer

SMALL = {"recipe": {"features": {"f_min": 40.0, "n_bins": 24, "n_frames": 8, "growth": 1.3}}}
ROW = {"epoch": 1, "sounds": 1024, "seconds": 1.0}


def trainer_of(settings, run):
    config = Config.from_dict(SMALL | settings)
    return Trainer(config, run, Fabric(accelerator="cpu", devices=1))


def begun(settings, run):
    """A run with a checkpoint, as after its first epoch."""
    run.mkdir()
    trainer = trainer_of(settings, run)
    trainer.decide_sounds()
    trainer.history, trainer.best = [ROW], None
    trainer._save()
    return trainer


def write_table(path, scale=1.0):
    """The shipped table with its metric scaled."""
    with np.load("training/tables/live.npz") as shipped:
        np.savez(path, **{k: shipped[k] * scale if k == "R" else shipped[k] for k in shipped})


def write_network(path, seed=0):
    torch.manual_seed(seed)
    PhiNetwork(COMPONENTS, "live").save(path)


def files_of(kind, tmp_path):
    path = tmp_path / ("table.npz" if kind == "table" else "phi.pt")
    write = write_table if kind == "table" else write_network
    write(path)
    return path, write, {"loss": "pnp" if kind == "table" else "proxy", kind: str(path)}


@pytest.mark.parametrize("kind", ["table", "network"])
def test_another_file_of_the_same_name_is_refused(kind, tmp_path, monkeypatch, capsys, request):
    monkeypatch.chdir(request.config.rootpath)
    path, write, settings = files_of(kind, tmp_path)
    assert len(getattr(begun(settings, tmp_path / "run").config, f"{kind}_sha256")) == 64
    trainer_of(settings, tmp_path / "run").resume()
    write(path, 2)
    with pytest.raises(ValueError, match=f"{kind}_sha256 is .*, but the run in .* has"):
        trainer_of(settings, tmp_path / "run").resume()
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    assert fit.main(["--run", str(tmp_path / "run"), "--resume"]) == 2
    sentence = f"training.fit: {path} has changed since the run began: its SHA-256 is "
    assert capsys.readouterr().err.startswith(sentence)
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before


def test_a_run_that_was_begun_without_hashes_goes_on(tmp_path, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    _, _, settings = files_of("table", tmp_path)
    trainer = begun(settings, tmp_path / "run")
    trainer.config = replace(trainer.config, table_sha256="")
    trainer._save()
    trainer_of(settings, tmp_path / "run").resume()


@pytest.mark.parametrize(
    ("option", "value"),
    [("precision", "bf16-mixed"), ("devices", "1"), ("sounds", "device"), ("accelerator", "cpu")],
)
def test_resume_does_not_change_how_a_run_is_computed(option, value, tmp_path, capsys):
    begun({}, tmp_path / "run")
    assert fit.main(["--run", str(tmp_path / "run"), "--resume", f"--{option}", value]) == 2
    assert f"--resume keeps the run's settings; leave out --{option}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"precision": "bf16-mixed"}, "precision is bf16-mixed, but the run in .* has 32-true"),
        ({"sounds": "device"}, "sounds is device, but the run in .* has cpu"),
    ],
)
def test_a_study_does_not_change_how_its_run_is_computed(change, sentence, tmp_path):
    begun({}, tmp_path / "run")
    with pytest.raises(ValueError, match=sentence):
        trainer_of(change, tmp_path / "run").resume()


def test_a_run_keeps_the_way_of_its_sounds(tmp_path):
    assert begun({"sounds": "device"}, tmp_path / "run").config.sounds == "device"
    trainer = trainer_of({}, tmp_path / "run")
    trainer.resume()
    assert trainer.config.sounds == "device"


def test_a_run_of_an_earlier_version_had_one_way_of_sounds():
    assert Config.from_json("{}").sounds == "cpu"


def test_devices_are_as_many_as_the_settings_say(tmp_path):
    with pytest.raises(ValueError, match="devices is 2, but there are 1"):
        trainer_of({"devices": 2}, tmp_path)


def test_the_learning_rate_grows_with_the_root_of_the_batch():
    assert Config(batch_size=64).peak_rate == 5e-4
    assert Config(batch_size=1024).peak_rate == pytest.approx(2e-3)
    assert Config(batch_size=1024, learning_rate=1e-3).peak_rate == 1e-3


def types_in(model, x):
    """{name: type of what goes into it} of an encoder's parts, and what comes out of all."""
    parts = {
        "normalise": model.normalise,
        "convolution": model.backbone.features[3],
        "pooling": model.backbone.avgpool,
        "linear": model.backbone.classifier,
        "head": model.head,
    }
    types = {}
    for name, part in parts.items():
        part.register_forward_pre_hook(
            lambda module, inputs, name=name: types.update({name: inputs[0].dtype})
        )
    return types, model(x)


def check_bfloat16(device):
    torch.manual_seed(0)
    plain = Encoder(n_bins=48).to(device)
    x = torch.randn(8, 2, 48, 16, device=device)
    expected = plain(x).detach()
    config = Config(precision="bf16-mixed")
    model = how.prepared(plain, config, torch.device(device), 1)
    types, nu = types_in(model, x)
    assert types.pop("convolution") == torch.bfloat16
    assert set(types.values()) == {torch.float32} and nu.dtype == torch.float32
    assert 0 < float((nu.detach() - expected).std() / expected.std()) < 0.5
    nu.square().mean().backward()
    assert {p.grad.dtype for p in model.parameters()} == {torch.float32}
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
    assert model.state_dict().keys() == Encoder(n_bins=48).state_dict().keys()


def test_bfloat16_is_for_the_convolutions_alone():
    check_bfloat16("cpu")


def small_network():
    """Something with convolutions where an encoder has them."""
    torch.manual_seed(0)
    network = nn.Module()
    network.backbone = nn.Module()
    network.backbone.features = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.SiLU())
    return network


@pytest.mark.slow
def test_compiled_convolutions_are_the_same_ones():
    config, cpu = Config(execution="compiled"), torch.device("cpu")
    eager, compiled = small_network(), how.prepared(small_network(), config, cpu, 1)
    assert compiled.state_dict().keys() == eager.state_dict().keys()
    for rows in (8, 4):
        x = torch.randn(rows, 2, 12, 12)
        y = [network.backbone.features(x) for network in (eager, compiled)]
        torch.testing.assert_close(*y)
        for values in y:
            values.square().mean().backward()
    gradients = ([p.grad for p in network.parameters()] for network in (eager, compiled))
    torch.testing.assert_close(*gradients)


def test_without_a_compiler_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr(how.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="needs a C\\+\\+ compiler"):
        how.prepared(small_network(), Config(execution="compiled"), torch.device("cpu"), 1)


@pytest.mark.cuda
def test_bfloat16_on_a_gpu():
    check_bfloat16("cuda")


def test_several_gpus_normalise_together(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    plain = Encoder(n_bins=24)
    keys, weight = plain.state_dict().keys(), plain.head.weight
    model = how.prepared(plain, Config(), torch.device("cuda"), 2)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) > 40 and all(isinstance(m, nn.SyncBatchNorm) for m in norms)
    assert model.state_dict().keys() == keys and model.head.weight is weight
    alone = how.prepared(Encoder(n_bins=24), Config(), torch.device("cpu"), 2)
    assert not any(isinstance(m, nn.SyncBatchNorm) for m in alone.modules())
