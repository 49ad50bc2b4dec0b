import shutil

import auraloss
import numpy as np
import pytest
import torch

from matcher.matching.effort import EFFORTS
from matcher.matching.encoder import SHIPPED
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE, normalise
from matcher.matching.hear import analysed
from matcher.matching.match import match_file, shipped_encoder
from matcher.matching.task import STAGES, Refined
from matcher.physics import drum
from matcher.physics.theta import PRESETS, Theta
from tests.conftest import DATA, draw
from training import confidence, evaluate, recordings
from training.judges import JUDGES
from training.studies import robustness


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


def test_distances_are_nothing_for_the_truth_and_less_for_the_model_than_for_others(in_process):
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


def rows_of(text: str) -> list[dict]:
    """The rows of a Markdown table."""
    head, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")]
                       for line in text.splitlines())  # fmt: skip
    return [dict(zip(head, line)) for line in lines]


def test_a_folder_of_recordings(tmp_path, capsys, monkeypatch, in_process):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path / "cache"))
    for name in ("tom_low.flac", "rim.flac"):
        shutil.copy(DATA / name, tmp_path)
    listing = "file,instrument,is_drum\ntom_low.flac,tom,1\nrim.flac,rim,0\n"
    (tmp_path / "hits.csv").write_text(listing)
    arguments = ["--folder", str(tmp_path), "--patience", "1000", "--effort", "patient"]
    assert evaluate.main(arguments) == 0
    said, distances, _, measures, positions, patience = capsys.readouterr().out.split("\n\n")
    assert said.startswith("1 of 1 recordings.")  # the rim is not a drum
    rows = rows_of(distances)
    assert [row["stage"] for row in rows] == list(STAGES)
    for name in JUDGES:
        network, *_, last = (float(row[name].split(",")[0]) for row in rows)
        assert 0 < last < network
    rows = rows_of(measures)
    assert [row["identified"] for row in rows] == ["1.00"] * len(rows)  # there is no other
    assert rows[-1]["partial within 100 cents"] == "1.00"
    assert positions.startswith("No positions: hits.csv has no repeated strokes")
    assert 0 < float(rows_of(patience)[0]["CMA-ES 1000"]) < network


def test_equal_strokes_are_matched_to_one_drum(tmp_path, capsys, monkeypatch, in_process):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path / "cache"))
    rows = ["file,instrument,is_drum,kit,drum,mic,stroke,velocity_layer,round_robin,hit"]
    for name, layers in (("tom_low", (1, 1, 2)), ("tom_high", (1, 1))):
        for number, layer in enumerate(layers, 1):  # the same recording again and again
            file = f"{name}{number}"
            shutil.copy(DATA / f"{name}.flac", tmp_path / f"{file}.flac")
            rows.append(f"{file}.flac,tom,1,kit,{name},close,t,{layer},{number},{file}")
    (tmp_path / "hits.csv").write_text("\n".join(rows))
    arguments = ["--folder", str(tmp_path), "--strokes", "--effort", "patient"]
    assert evaluate.main(arguments) == 0
    said, pairs = capsys.readouterr().out.split("\n\n")
    assert said.startswith("Round robins, each stroke matched alone, and with its drum known")
    (row,) = rows_of(pairs)  # there is one microphone
    assert (row["pairs"], row["drums"]) == ("2", "2")
    assert row["alone: pitch within 50 cents"] == "1.00 (1.00 to 1.00)"
    assert row["alone: decay, %"] == "0 (0 to 0)"
    assert row["no other strokes"] == "1"  # on the high tom
    assert row["drum known: pitch within 50 cents"] == row["recognised"] == "1.00"
    assert row["another drum taken for it"] == "0.00"


def test_the_twin_is_the_guess_and_the_recording_the_truth(monkeypatch):
    """Spectral convergence is relative to the truth, so that the loss is not symmetric."""
    found = match_file(DATA / "tom_low.flac")
    stage = Refined(found.drum, 0.0, "network")
    monkeypatch.setattr(recordings.refine, "refine", lambda *arguments, **how: [stage])
    row = recordings._match(recordings.Task(DATA / "tom_low.flac", SHIPPED, "normal"))
    clip = normalise(analysed(found.hit))
    truth = torch.zeros(1, 1, N_SAMPLES)
    truth[0, 0, : len(clip)] = torch.from_numpy(clip)
    twin = drum.render(found.drum, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
    guess = torch.from_numpy(twin)[None, None]
    loss = auraloss.freq.MultiResolutionSTFTLoss()
    judged = row["stages"]["network"]["judges"]["multi-resolution STFT"]
    assert judged == pytest.approx(loss(guess, truth).item(), rel=0.01)
    assert judged != pytest.approx(loss(truth, guess).item(), rel=0.02)


def test_a_folder_without_a_list(tmp_path):
    shutil.copy(DATA / "tabla_closed_76ms.flac", tmp_path)
    assert recordings.drums(tmp_path) == [(tmp_path / "tabla_closed_76ms.flac", "all")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--count", "0"], "count is 0, allowed is 1 or more"),
        (["--folder", str(DATA), "--part", "apart"], "names no kits; without them part can only"),
        (["--folder", str(DATA), "--strokes"], "lists no two strokes on one drum; it needs the"),
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


def test_degraded_recordings_are_matched_and_kept(tmp_path, monkeypatch, in_process):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    task = robustness.Task(DATA / "tom_high.flac", SHIPPED, 0, 0.3)
    (row,) = robustness.measure([task], 1)
    assert list(row) == list(STAGES)
    assert 0 < row["attack"] < 1.2
    (kept,) = (tmp_path / "robustness").iterdir()
    kept.write_text('{"network": 1, "body": 2, "attack": 3}')
    assert robustness.measure([task], 1) == [{"network": 1, "body": 2, "attack": 3}]


@pytest.mark.parametrize("curve", robustness.CURVES, ids=lambda curve: curve.degrade.__name__)
def test_each_way_to_degrade_has_a_strength_that_changes_nothing_much(curve):
    x = np.random.default_rng(1).standard_normal(8000).astype(np.float32)
    changes = []
    for value in curve.values:
        y = curve.degrade(x, value)
        assert np.isfinite(y).all() and np.any(y)
        n = min(len(x), len(y))
        alike = np.dot(x[:n], y[:n]) / np.linalg.norm(x) / np.linalg.norm(y[:n])
        changes.append(1 - alike)
    assert -1e-5 < min(changes) < 0.01
    assert max(changes) > (1e-6 if curve.degrade is robustness.level else 0.01)


def test_clean_and_augmented_stand_side_by_side():
    rows = {
        k: [{"parameter": "tau", "unit": "%", "MSE": m}] for k, m in (("clean", 1), ("dull", 2))
    }
    assert evaluate.side_by_side(rows, ("parameter", "unit")) == [
        {"parameter": "tau", "unit": "%", "MSE, clean": 1, "MSE, dull": 2}
    ]


def test_what_refining_gains_on_sounds_whose_theta_is_known(
    tmp_path, capsys, monkeypatch, in_process
):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    monkeypatch.setattr(confidence, "EFFORT", "live")
    assert confidence.main(["--count", "8", "--workers", "1"]) == 0
    output = capsys.readouterr().out
    assert "8 clean sounds" in output and "8 augmented sounds" in output
    assert output.count("| omega | cents |") == 2
    assert len(list((tmp_path / "confidence").iterdir())) == 16
    assert confidence.main(["--count", "1"]) == 2
    assert "allowed is 8 or more" in capsys.readouterr().err


def test_confidence_is_such_that_its_share_of_errors_is_within():
    rng = np.random.default_rng(4)
    rows = []
    for _ in range(2000):
        deviation = 10 ** rng.uniform(-3, -1, 5)
        nu, inferred = rng.uniform(-0.5, 0.5, (2, 5))
        rows.append({
            "nu": nu, "network": inferred, "deviation": deviation, "distances": [0.5, 0.3],
            STAGES[-1]: nu + 3 * deviation * rng.standard_normal(5),
        })  # fmt: skip
    weights, shares = confidence.fit(rows)
    np.testing.assert_allclose(weights[:, 1], 1, atol=0.15)  # for the logarithm of the deviation
    np.testing.assert_allclose(shares, 0.68, atol=0.05)


def test_a_late_onset_does_not_make_a_clip_that_was_cut_off(monkeypatch):
    cut, refine = [], robustness.refine.refine

    def note_cut(x, theta, ends_in_hit, effort, **how):
        if effort.units > 0:
            cut.append(ends_in_hit)
        return refine(x, theta, ends_in_hit, EFFORTS["network"], **how)

    monkeypatch.setattr(robustness.refine, "refine", note_cut)
    for curve, value in ((0, 0.1), (2, 10.0), (2, -10.0)):
        robustness._match(robustness.Task(DATA / "tom_low.flac", SHIPPED, curve, value))
    assert cut == [True, False, False]
