import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from training import study
from training.config import Config
from training.distances import NAMES
from training.encoder import Encoder
from training.studies import figures, metric_quality, settings
from training.studies.experiment import Study
from training.studies.results import result_rows, save_figures
from training.studies.settings import LOSSES, PITCH, VARIANTS


@pytest.fixture
def small(tmp_path):
    """A study that has its files and paces, and no run."""
    for name in ("metric.pt", "phi.pt", "secants.npz"):
        (tmp_path / name).write_bytes(b"made before")
    paces = dict.fromkeys(("p", "pnp", "mss", "jtfs", "proxy"), 0.01)
    (tmp_path / "pace.json").write_text(json.dumps(paces))
    return Study(10.0, tmp_path, workers=1)


@pytest.mark.parametrize("pitch", PITCH)
@pytest.mark.parametrize("name", [*LOSSES, *VARIANTS])
def test_every_run_is_one_that_training_allows(small, pitch, name):
    config = small.config(pitch, (LOSSES | VARIANTS)[name])
    assert config.pitch == pitch
    assert config.recipe.preset == "paper"
    assert Config.from_dict(json.loads(json.dumps(asdict(config)))) == config


def test_runs_have_folders_of_their_own(small):
    names = [f"{name}-{pitch}" for pitch in PITCH for name in ("warm", *LOSSES, *VARIANTS)]
    folders = {small.folder_of(name) for name in names}
    assert len(folders) == len(names)
    assert not any(set(folder.name) & set(" ,'") for folder in folders)


def test_fresh_sounds_are_not_those_of_the_warm_start():
    assert settings.FRESH["first_shard"] >= settings.WARM_SHARDS


def finish(small, name: str, far: np.ndarray) -> None:
    """Write what a run leaves behind that is done, with these distances of its test sounds."""
    run, config = small.folder_of(f"{name}-unknown"), small.config("unknown", LOSSES[name])
    run.mkdir()
    row = {"epoch": 1, "sounds": 6000, "validation_loss": 0.01, "damping": 3.0, "seconds": 70.0}
    history = [row, row | {"epoch": 2, "damping": 1.0}]
    encoder = Encoder(config.recipe.features.n_bins)
    state = {"config": json.dumps(asdict(config)), "model": encoder.state_dict()}
    torch.save(state | {"history": history}, run / "checkpoint.pt")
    nu = np.zeros((len(far), 5))
    np.savez(run / "test.npz", nu=nu, nu_hat=nu, **dict.fromkeys(NAMES, far))


def test_results_of_what_is_there(small):
    far = np.linspace(1, 3, 100)
    finish(small, "P", far)
    (row,) = result_rows(small, "unknown")
    assert row["model"] == "P"
    error = far.std(ddof=1) / 10
    assert row["JTFS"] == f"2.000 ± {error:.3f} ({far.std(ddof=1):.2f})"
    assert row["minutes"] == pytest.approx(1.0)
    assert result_rows(small, "known") == []


def test_figures_of_what_is_there(small, tmp_path):
    finish(small, "P", np.linspace(1, 3, 100))
    finish(small, "clipped PNP", np.linspace(1, 2, 100))
    quantiles = {
        name: [[0.5, 1, 2, 0.3]] * len(metric_quality.STEPS) for name in metric_quality.METRICS
    }
    (tmp_path / "reach.json").write_text(json.dumps(quantiles))
    save_figures(small, tmp_path / "docs")
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "docs").iterdir()}
    names = ("JTFS", "multi-resolution", "lambda", "reach")
    assert set(pictures) == {f"study-{name}.png" for name in names}
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())


def test_the_distances_of_a_figure_are_those_measured():
    measured = {
        "unknown": {"P": (2.0, 0.1), "clipped PNP": (1.5, 0.05)},
        "known": {"clipped PNP": (1.0, 0.02)},
    }
    (axes,) = figures.distances(measured, "JTFS").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["P", "clipped PNP"]
    drawn = [container.lines[0].get_xdata().tolist() for container in axes.containers]
    assert drawn == [[2.0, 1.5], [1.0]]
    (bars,) = axes.containers[0].lines[2]
    np.testing.assert_allclose(np.array(bars.get_segments())[:, :, 0], [[1.8, 2.2], [1.4, 1.6]])


def test_wrong_minutes(capsys):
    assert study.main(["--minutes", "0"]) == 2
    assert "training.study: minutes is 0.0, allowed is above 0" in capsys.readouterr().err
