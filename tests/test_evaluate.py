import shutil

import numpy as np
import pytest

from matcher.matching import shipped_encoder
from matcher.theta import PRESETS, Theta
from tests.conftest import DATA, draw
from training import evaluate, recordings


def test_errors_in_natural_units():
    truth = draw("live", 10, seed=15)
    guess = Theta(2 * truth.omega, 1.1 * truth.tau, 10 * truth.p, truth.D / 100, truth.alpha - 0.02)
    errors = evaluate.natural_errors(truth, guess)
    expected = {"omega": 1200, "tau": 10, "p": 1, "D": 2, "alpha": 0.02}
    for name, value in expected.items():
        assert errors[name] == pytest.approx([value] * 10)


def test_on_fresh_sounds():
    guess, truth = evaluate.infer_sounds(shipped_encoder(), 60, augmented=False)
    rows = evaluate.parameter_rows(guess, truth, PRESETS["live"])
    assert [row["parameter"] for row in rows] == [*Theta._fields, "mean"]
    assert rows[-1]["MSE"] == pytest.approx(np.mean([row["MSE"] for row in rows[:-1]]))
    assert rows[-1]["MSE"] < 0.1


def test_distances_are_nothing_for_the_truth_and_less_for_the_model_than_for_others():
    guess, truth = evaluate.infer_sounds(shipped_encoder(), 8, augmented=False)
    same, near, far = (
        evaluate.distance_rows(nu, truth, PRESETS["live"], workers=1)
        for nu in (truth, guess, truth[::-1].copy())
    )
    for rows in zip(same, near, far):
        assert [row["distance"] for row in rows] == [rows[0]["distance"]] * 3
        means = [row["mean"] for row in rows]
        assert means[0] < 1e-3 < means[1] < means[2]
        assert rows[1]["error"] == pytest.approx(rows[1]["deviation"] / np.sqrt(8))


def test_a_folder_of_recordings(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path / "cache"))
    for name in ("tom_low.flac", "rim.flac"):
        shutil.copy(DATA / name, tmp_path)
    listing = "file,instrument,is_drum\ntom_low.flac,tom,1\nrim.flac,rim,0\n"
    (tmp_path / "hits.csv").write_text(listing)
    arguments = ["--folder", str(tmp_path), "--workers", "1", "--patience", "1000"]
    assert evaluate.main([*arguments, "--budget-ms", "5000"]) == 0
    each, summary = capsys.readouterr().out.split("\n\n")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in each.splitlines()]
    assert len(rows) == 3  # the rim is not a drum
    row = dict(zip(rows[0], rows[2]))
    assert (row["file"], row["instrument"]) == ("tom_low.flac", "tom")
    assert float(row["attack"]) < float(row["body"]) < float(row["network"])
    assert 0 < float(row["CMA-ES 1000"]) < float(row["network"])
    assert float(row["attack JTFS"]) > 0 and float(row["attack multi-resolution STFT"]) > 0
    assert f"| tom | 1 | {row['network']} | {row['body']} |" in summary


def test_a_folder_without_a_list(tmp_path):
    shutil.copy(DATA / "tabla_closed_76ms.flac", tmp_path)
    assert recordings.drums(tmp_path) == [(tmp_path / "tabla_closed_76ms.flac", "all")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--count", "0"], "count is 0, allowed is 1 or more"),
        (["--budget-ms", "nan"], "budget-ms is nan, allowed is 10 to 60000"),
        (["--patience", "-1"], "patience is -1, allowed is 0 or more"),
        (["--model", "none.onnx"], "none.onnx cannot be read"),
    ],
)
def test_wrong_arguments(arguments, sentence, capsys):
    assert evaluate.main(arguments) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_without_drums(tmp_path, capsys):
    assert evaluate.main(["--folder", str(tmp_path)]) == 2
    assert "holds no drum recordings" in capsys.readouterr().err
