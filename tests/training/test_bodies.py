import numpy as np
import pytest
import torch

from matcher.matching.encoder import SHIPPED
from matcher.matching.features import SAMPLE_RATE
from matcher.matching.inferred import drum_of_nu, nu_of_drum
from matcher.physics.drum import Drum
from tests.conftest import DATA, TOM, sound
from training import mixed_shards
from training.answers import Answers, find_answers, weight_of
from training.bodies import BodyShards
from training.dataset import Recipe, Shards, make_stroke
from training.log_cqt_metric import full, log_cqt_at, metric_factor
from training.mixed_shards import MixedShards, variant

BODY = nu_of_drum(Drum(TOM, (0.3, 0.2), 900.0, 0.1))


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Shards of eight sounds."""
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    for module in ("dataset", "bodies", "mixed_shards"):
        monkeypatch.setattr(f"training.{module}.SHARD", 8)
    return BodyShards(Recipe(), 1, "train")


def test_a_shard_holds_the_bodies_of_its_sounds(few):
    shard, again = few[1], few[1]
    assert all(np.array_equal(a, b) for a, b in zip(shard, again))
    nu, log_cqt, observed = Shards(few.recipe, 1, "train")[1]
    np.testing.assert_array_equal(shard.log_cqt, log_cqt)
    np.testing.assert_array_equal(shard.observed, observed)
    np.testing.assert_allclose(shard.nu[:, :5], nu, atol=1e-6)
    drums = [make_stroke(few.recipe, 1, "train", 8 + i)[0] for i in range(8)]
    np.testing.assert_allclose(shard.nu, [nu_of_drum(d) for d in drums], atol=1e-6)
    np.testing.assert_array_equal(shard.weight, 1)


def test_the_metric_predicts_how_far_the_log_cqt_moves():
    """Secants of 0.03, so that a step of that size along one number is predicted well."""
    M = full(torch.from_numpy(metric_factor(BODY)[None]))[0].numpy()
    here = log_cqt_at(BODY)
    for i in range(9):
        there = BODY + 0.03 * np.eye(9)[i]
        moved = np.linalg.norm(log_cqt_at(there) - here) / np.linalg.norm(here)
        assert np.sqrt(0.03**2 * M[i, i]) == pytest.approx(moved, rel=1e-3)


def recordings(tmp_path) -> Answers:
    clip = sound(drum_of_nu(BODY), 1.0)
    answers = Answers(
        [clip, clip / 2], np.stack([BODY, BODY]), np.array([0.2, 0.3]), np.array([0.8, 0.4]),
        ["a.wav", "b.wav"],
    )  # fmt: skip
    answers.save(tmp_path / "answers.npz")
    return answers


def test_answers_come_back_from_their_file(tmp_path):
    answers = recordings(tmp_path)
    back = Answers.load(tmp_path / "answers.npz")
    assert back.names == answers.names
    np.testing.assert_array_equal(back.nu, answers.nu)
    np.testing.assert_allclose(back.clips[1], answers.clips[1], atol=1e-3)


def test_a_broken_file_of_answers_is_one_sentence(tmp_path):
    (tmp_path / "none.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ValueError, match=r"none.npz is not a file of training.answers"):
        Answers.load(tmp_path / "none.npz")


def test_a_share_of_the_sounds_is_recordings(few, tmp_path):
    recordings(tmp_path)
    mixed = MixedShards(few, tmp_path / "answers.npz", 0.5)
    shard, plain = mixed[0], few[0]
    np.testing.assert_array_equal(shard.nu[4:], plain.nu[4:])
    np.testing.assert_allclose(shard.nu[:4, 2:], np.tile(BODY[2:], (4, 1)), atol=1e-6)
    assert sorted(set(shard.weight[:4])) == pytest.approx([0.4 / 0.6, 0.8 / 0.6])
    assert mixed.folder != few.folder
    assert all(np.array_equal(a, b) for a, b in zip(shard, mixed[0]))


def test_a_transposed_recording_has_the_transposed_body(tmp_path, monkeypatch):
    answers = recordings(tmp_path)
    monkeypatch.setattr(mixed_shards, "PLAIN", 1.0)
    clip, nu = variant(answers, 0, np.random.default_rng(3))
    assert abs(nu[0] - BODY[0]) > 0.01
    same = sound(drum_of_nu(nu), 1.0)
    n = SAMPLE_RATE // 4
    clip, same = (x[:n] / np.linalg.norm(x[:n]) for x in (clip, same))
    assert clip @ same > 0.98


def test_a_near_and_certain_answer_weighs_most():
    sure = weight_of(0.1, (0.01,) * 5)
    assert sure > weight_of(0.1, (0.5,) * 5) > weight_of(0.5, (0.5,) * 5) > 0
    assert weight_of(0.1, None) == pytest.approx(0.45)
    assert weight_of(1.3, None) == 0


@pytest.mark.slow
def test_the_body_of_a_recording_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUM_MATCHER_CACHE", str(tmp_path))
    found = find_answers([DATA / "tom_low.flac"], SHIPPED, 1)
    assert found.distance[0] < 0.5 and 0 < found.weight[0] < 1
    assert np.abs(found.clips[0]).max() == pytest.approx(1)
