import numpy as np
import pytest
import torch

from matcher.matching import weights
from matcher.matching.features import SAMPLE_RATE
from matcher.takes import signature
from training import take_draws, take_grouping
from training.performances import BEFORE, RATE
from training.take_scenes import Sound


def hits(count: int, seed: int) -> list[signature.Cells]:
    rng = np.random.default_rng(seed)
    t = np.arange(SAMPLE_RATE // 3) / SAMPLE_RATE
    cells = []
    for _ in range(count):
        x = np.sin(2 * np.pi * rng.uniform(60, 3000) * t) * np.exp(-t / rng.uniform(0.02, 0.3))
        x = (x + 0.01 * rng.standard_normal(len(t))).astype(np.float32)
        cells.append(signature.cells(x, 0, len(x)))
    return cells


def test_features_are_the_same_in_pytorch():
    cells = hits(6, 0)
    rows = torch.tensor(np.array([take_grouping.row_of(c) for c in cells])).float()
    ours = np.array([signature.features(c) for c in cells])
    # rows are kept as float16, 5e-4 of 1
    np.testing.assert_allclose(take_grouping.features(rows).numpy(), ours, atol=1e-3)


def test_signatures_are_the_same_in_pytorch_whatever_takes_are_beside():
    torch.manual_seed(0)
    net = take_grouping.SignatureNet().eval()
    torch.nn.init.normal_(net.change.weight, std=0.2)
    x = np.array([signature.features(c) for c in hits(12, 1)])
    takes = np.repeat([3, 8], (5, 7))
    z = net(torch.tensor(x), torch.tensor(takes)).detach().numpy()
    values = net.values()
    assert {k: v.shape for k, v in values.items()} == signature.WEIGHTS
    alone = [signature.signatures(x[takes == take], values) for take in (3, 8)]
    np.testing.assert_allclose(np.concatenate(alone), z, atol=1e-5)  # float32


def test_weights_come_back_from_their_file(tmp_path):
    values = take_grouping.SignatureNet().values()
    path = tmp_path / "signature.json"
    path.write_text(weights.to_text(values, signature.WEIGHTS, signature.contract()))
    found = weights.read(path, signature.WEIGHTS, signature.contract())
    assert all(np.array_equal(found[name], values[name]) for name in signature.WEIGHTS)


def test_a_take_that_is_captured_anew_keeps_what_is_observed_and_is_transposed_as_a_whole():
    rows = torch.tensor(np.array([take_grouping.row_of(c) for c in hits(4, 2)])).float()
    again = take_grouping.captured_anew(rows, np.random.default_rng(5))
    n = signature.CQT.n_frames
    assert torch.equal(again[:, -n:], rows[:, -n:])

    def loudest(r):
        bins = r[:, :-n].reshape(len(r), signature.CQT.n_bins, n)
        return bins.sum(dim=2).argmax(dim=1)

    moved = (loudest(again) - loudest(rows)).numpy()
    assert moved.std() <= 1  # the microphone's curve may move a broad peak
    assert abs(np.median(moved)) >= 1


@pytest.fixture
def pool():
    t = np.arange(RATE // 3) / RATE
    ping = np.concatenate([np.zeros(BEFORE), np.exp(-t / 0.08) * np.sin(2 * np.pi * 200 * t)])
    strokes = [Sound((g * ping).astype(np.float32), BEFORE, "a", "a", True) for g in (1.0, 0.5)]
    return {"a/x/close": strokes}


def test_a_line_is_one_drum_at_several_pitches(pool):
    line = take_draws.draw_line(pool["a/x/close"], np.random.default_rng(1))
    found = []
    for strokes in line.values():
        pitches = []
        for sound in strokes:
            x = sound.x[sound.onset : sound.onset + RATE // 5]
            spectrum = np.abs(np.fft.rfft(x, 2**19))[:6000]  # up to 549 Hz
            pitches.append(12 * np.log2(spectrum.argmax() * RATE / 2**19))
        assert np.ptp(pitches) < 0.8  # semitones: strokes on one drum are a few cents apart
        found.append(np.mean(pitches))
    low, high = take_draws.STEP_SEMITONES
    assert np.all(np.diff(found) > low - 0.4)
    assert np.all(np.diff(found) < high + 0.4)


def test_modelled_strokes_are_of_one_pitch_and_differ_in_force():
    strokes = take_draws.modelled(np.random.default_rng(3), 6)
    peaks = [float(np.abs(x).max()) for x in strokes]
    assert all(np.isfinite(x).all() for x in strokes)
    assert max(peaks) > 1.5 * min(peaks) > 0


def test_takes_depend_on_their_number_alone(pool):
    one, other = (take_draws.draw(pool, np.random.default_rng((1, 7)))[0] for _ in range(2))
    np.testing.assert_array_equal(one, other)
