import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from matcher.physics.theta import PAPER, Preset, Theta
from training import study
from training.dataset import SHARD
from training.distances import NAMES
from training.jtfs import shared_phi
from training.metric import factor, jacobian
from training.studies import paper, paper_tables
from training.studies.paper import GROUPS, MODELS, TEST_SOUNDS, PaperStudy

PITCH = ("unknown", "known")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The study at a fiftieth of the authors' sounds, without a run."""
    monkeypatch.setattr(paper, "RESULTS", tmp_path / "none.npz")
    return PaperStudy(0.02, tmp_path, workers=1)


@pytest.mark.parametrize("model", MODELS)
def test_every_run_has_the_authors_settings(small, model):
    config = small.config(model, "unknown", 3)
    assert (config.epochs, config.learning_rate, config.schedule) == (70, 1e-3, "constant")
    assert (config.optimiser, config.dropout, config.clip, config.power) == ("adam", 0.2, 1, 2)
    assert config.batch_size == (64 if config.loss in ("mss", "jtfs") else 256)
    assert (config.recipe.preset, config.recipe.augmented) == ("paper", 0)
    assert (config.seed, config.model_seed) == (0, 3)


def test_an_epoch_is_a_share_of_25_600_sounds(small, tmp_path):
    assert small.config("P", "unknown", 0).epoch_sounds == 512
    whole = PaperStudy(1.0, tmp_path, 1)
    assert whole.config("P", "unknown", 0).epoch_sounds == 25_600
    assert whole.shards * SHARD == pytest.approx(82_224, rel=0.01)
    assert PaperStudy(0.01, tmp_path, 1).config("P", "known", 0).epoch_sounds == 256


def test_lambda_ends_where_it_should(small):
    assert small.config("PNP", "known", 0).damping_start == 1e20
    assert small.config("PNP, lambda 0", "known", 0).damping_start == 0
    assert small.config("PNP, lambda from the largest eigenvalue", "known", 0).damping_start is None
    assert small.config("PNP, lambda scheduled", "known", 0).damping_fall ** 25 == pytest.approx(
        1e-20
    )


def test_the_order_of_the_runs(small, monkeypatch):
    trained = []
    monkeypatch.setattr(small, "train", lambda *run: trained.append(run))
    small.all(range(2), PITCH, None)
    assert trained[:4] == [
        ("P", "unknown", 0), ("PNP", "unknown", 0), ("P", "unknown", 1), ("PNP", "unknown", 1),
    ]  # fmt: skip
    assert len(trained) == len(set(trained)) == 2 * sum(map(len, GROUPS))
    assert {model for model, *_ in trained} == set(MODELS) - {"JTFS"}
    trained.clear()
    small.all(range(1), ("known",), "JTFS")
    assert trained == [("JTFS", "known", 0)]


def test_runs_have_folders_of_their_own(small):
    folders = {small.folder_of(*run, seed) for group in GROUPS for run in group for seed in (0, 1)}
    assert len(folders) == 2 * sum(map(len, GROUPS))


@pytest.mark.parametrize("scale", [0.0, 0.005, 1.5, float("nan")])
def test_a_wrong_scale(scale, tmp_path):
    with pytest.raises(ValueError, match=r"scale is .*, allowed is 0.01 to 1"):
        PaperStudy(scale, tmp_path, 1)


def test_a_run_of_other_settings_is_not_continued(small):
    run = small.folder_of("P", "unknown", 0)
    run.mkdir()
    config = asdict(small.config("P", "unknown", 1))
    torch.save({"config": json.dumps(config), "history": []}, run / "checkpoint.pt")
    with pytest.raises(ValueError, match="was begun with other settings; remove it"):
        small.train("P", "unknown", 0)


def finish(small, model, seed, far, nu_hat, pitch="unknown"):
    """Write what a run leaves behind that is done."""
    run = small.folder_of(model, pitch, seed)
    run.mkdir()
    row = {"epoch": 1, "damping": 3.0, "training_seconds": 2.0 if model == "P" else 3.0}
    arrays = dict.fromkeys(NAMES, np.full(len(nu_hat), far))
    arrays |= {"nu": np.zeros_like(nu_hat), "nu_hat": nu_hat, "history": json.dumps([row])}
    np.savez(run / "test.npz", **arrays)


def test_differences_are_those_of_pairs(small):
    nu_hat = np.full((8, 5), 0.1)
    for seed, far in enumerate((5.0, 9.0)):
        finish(small, "P", seed, far, nu_hat)
        finish(small, "PNP", seed, far - 1 - seed, nu_hat)
    P, PNP = paper_tables.result_rows(small, "unknown", 2)
    assert P["JTFS"] == "7.000 ± 2.828"
    assert P["JTFS, less P"] == ""
    assert PNP["JTFS, less P"] == "-1.500 ± 0.707"
    assert PNP["lambda, last"] == "3"
    assert paper_tables.result_rows(small, "known", 2) == []
    assert paper_tables.time_rows(small, 2)[1]["over P"] == 1.5


def test_results_outlive_their_runs(small, tmp_path, monkeypatch):
    finish(small, "P", 0, 5.0, np.full((8, 5), 0.1))
    finish(small, "P", 1, 7.0, np.full((8, 5), 0.1))
    rows, path = paper_tables.result_rows(small, "unknown", 2), tmp_path / "runs.npz"
    assert small.save_results(path) == 2
    other = PaperStudy(0.03, tmp_path / "other", 1)
    finish(other, "P", 0, 1.0, np.full((8, 5), 0.1))
    assert other.save_results(path) == 1  # beside those of other scales
    monkeypatch.setattr(paper, "RESULTS", path)
    fresh = PaperStudy(0.02, tmp_path / "fresh", 1)
    assert paper_tables.result_rows(fresh, "unknown", 2) == rows
    finish(fresh, "P", 1, 9.0, np.full((8, 5), 0.1))  # what was run here goes before
    assert fresh.done("P", "unknown", 2)[1]["JTFS"][0] == 9
    assert fresh.save_results(path) == 2


def test_one_seed_has_no_deviation(small):
    finish(small, "PNP", 0, 5.0, np.full((8, 5), 0.1))
    (row,) = paper_tables.result_rows(small, "unknown", 1)
    assert row["JTFS"] == "5.000"
    assert row["JTFS, less P"] == ""


def test_errors_where_the_metric_is_high(small, monkeypatch):
    M = np.zeros((TEST_SOUNDS, 5, 5))
    M[:, range(5), range(5)] = np.arange(TEST_SOUNDS)[:, None]
    monkeypatch.setattr(small, "test_metric", lambda: M)
    even = np.full((TEST_SOUNDS, 5), 0.1)
    finish(small, "P", 0, 1.0, even)
    falling = np.where(np.arange(TEST_SOUNDS)[:, None] < TEST_SOUNDS / 2, 0.2, 0.05) * np.ones(5)
    finish(small, "PNP", 0, 1.0, falling)
    rows = paper_tables.suppression_rows(small, "unknown", 1)
    assert [row["parameter"] for row in rows] == list(Theta._fields)
    assert rows[0]["P, highest / lowest"] == "1.00"
    assert rows[0]["PNP, highest / lowest"] == "0.25"
    assert (rows[0]["PNP / P, lowest"], rows[0]["PNP / P, highest"]) == ("2.00", "0.50")
    assert paper_tables.suppression_rows(small, "known", 1) == []


def test_the_metric_grows_by_orders_of_magnitude_as_alpha_goes_to_0():
    """The authors' alpha begins at 0 and reaches 1.2e-5 among their sounds; D is low here."""
    narrow = [replace(row, low=1e-5) if row.name == "alpha" else row for row in PAPER.parameters]
    preset, largest = Preset("narrow", tuple(narrow)), {}
    for alpha in (0.05, 1e-3, 1.2e-5):
        nu = torch.tensor([[0.0, 0.0, -0.9, -0.9, preset["alpha"].to_nu(alpha)]])
        with torch.no_grad():
            J = jacobian(nu.float(), preset, shared_phi(2))[1]
        largest[alpha] = torch.linalg.svdvals(factor(J))[0, 0].item() ** 2
    print({alpha: f"largest eigenvalue {value:.1e}" for alpha, value in largest.items()})
    assert 1e10 < largest[1.2e-5] < 1e14
    assert largest[1.2e-5] > 1e3 * max(largest[0.05], largest[1e-3])


def test_the_command_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    assert study.main(["--paper", "--scale", "0.07", "--tables"]) == 0  # nothing of it ships
    assert capsys.readouterr().out == ""
    assert study.main(["--paper", "--seeds", "0"]) == 2
    assert "training.study: seeds is 0, allowed is 1 or more" in capsys.readouterr().err
    assert study.main(["--paper", "--scale", "2"]) == 2
    assert "scale is 2.0, allowed is 0.01 to 1" in capsys.readouterr().err


def test_seeds_may_begin_later(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    trained = []
    monkeypatch.setattr(PaperStudy, "train", lambda _, *run: trained.append(run))
    command = ["--paper", "--scale", "0.07", "--model", "PNP", "--pitch", "known"]
    assert study.main([*command, "--first-seed", "2", "--seeds", "4"]) == 0
    assert trained == [("PNP", "known", 2), ("PNP", "known", 3)]
