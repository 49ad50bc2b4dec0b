import numpy as np
import pytest
import soxr
import torch

from matcher.matching.features import DISTANCE, N_SAMPLES, SAMPLE_RATE
from matcher.recording import Recording
from training.batch_cqt import BatchLogCqt
from training.dataset import Recipe

RECIPE = Recipe().features
# float32 rounds sums in another order: power is exact to some 1e-6 of the largest. Where C is
# below -80 dB, log1p(C / FLOOR) below SILENT, it is that rounding.
POWER = 4e-6  # of the largest
ALLOWED = 1e-3
SILENT, ALLOWED_THERE = 0.1, 0.03


@pytest.fixture(scope="module")
def clips(hits) -> list[np.ndarray]:
    """Recordings from their onset, of different lengths, and synthetic clips."""
    clips = []
    for row in hits:
        with Recording(row["path"]) as recording:
            x = recording.read(0, recording.n_frames)
        start = round(float(row["onset_s"]) * recording.sample_rate)
        clips.append(soxr.resample(x[start:], recording.sample_rate, SAMPLE_RATE))
    noise = np.random.default_rng(0).standard_normal(N_SAMPLES + 3000).astype(np.float32)
    sine = np.sin(2 * np.pi * 440 / SAMPLE_RATE * np.arange(N_SAMPLES)).astype(np.float32)
    return [*clips, 3 * noise, 1e-3 * sine, noise[:700], np.zeros(5000, np.float32)]


def padded(clips, dtype) -> torch.Tensor:
    rows = np.zeros((len(clips), max(map(len, clips))))
    for row, clip in zip(rows, clips):
        row[: len(clip)] = clip
    return torch.from_numpy(rows).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cqt", [RECIPE, DISTANCE], ids=["recipe", "distance"])
def test_it_is_the_log_cqt_of_each_clip(clips, cqt, dtype):
    log_cqt = BatchLogCqt(cqt, "cpu", dtype)(padded(clips, dtype))
    assert log_cqt.dtype == dtype
    for one, clip in zip(log_cqt.numpy(), clips):
        expected = cqt(clip)
        assert (np.abs(one - expected) <= np.where(expected > SILENT, ALLOWED, ALLOWED_THERE)).all()


def test_magnitudes_are_not_normalised(clips):
    magnitude = BatchLogCqt(RECIPE, "cpu").magnitude(padded(clips, torch.float32))
    for one, clip in zip(magnitude.numpy(), clips):
        power = RECIPE.magnitude(clip) ** 2
        np.testing.assert_allclose(one**2, power, rtol=0, atol=POWER * power.max())


def test_features_hold_what_was_observed(clips):
    lengths = torch.tensor([len(clip) for clip in clips])
    features = BatchLogCqt(RECIPE, "cpu").features(padded(clips, torch.float32), lengths)
    assert features.shape == (len(clips), 2, RECIPE.n_bins, RECIPE.n_frames)
    for one, clip in zip(features.numpy(), clips):
        np.testing.assert_allclose(one, RECIPE.features(clip), rtol=0, atol=ALLOWED)
        np.testing.assert_allclose(one[1, 0], RECIPE.observed(len(clip)), rtol=0, atol=1e-6)


@pytest.mark.cuda
def test_on_a_gpu(clips):
    x = padded(clips, torch.float32)
    there = BatchLogCqt(RECIPE, "cuda")(x.cuda()).cpu()
    torch.testing.assert_close(there, BatchLogCqt(RECIPE, "cpu")(x), rtol=0, atol=ALLOWED)
