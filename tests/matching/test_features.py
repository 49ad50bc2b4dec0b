import itertools

import librosa
import numpy as np
import pytest
import scipy.fft

from matcher.matching import features
from matcher.matching.features import DISTANCE, N_SAMPLES, SAMPLE_RATE, distance
from matcher.matching.hear import analysed
from training.dataset import Recipe

ENCODER = Recipe().features
CQTS = {"encoder": ENCODER, "distance": DISTANCE}
T = np.arange(N_SAMPLES) / SAMPLE_RATE
HOP = 64  # samples: hop size of librosa's transform
COMPARED = 106  # bins: librosa refuses the two nearest to the Nyquist frequency


@pytest.fixture(params=CQTS.values(), ids=CQTS)
def cqt(request):
    return request.param


def full_rate(cqt, x, bin_):
    """One bin by definition: Gaussian filter at the full rate, RMS of each frame, in float64."""
    padded = np.concatenate([x, np.zeros(2**17 - len(x))])
    f = np.arange(len(padded)) * SAMPLE_RATE / len(padded)
    centre = cqt.frequencies[bin_]
    sigma = cqt.bandwidth * centre * (2 ** (1 / 12) - 1)
    gauss = np.exp(-0.5 * ((f - centre) / sigma) ** 2) * (f < SAMPLE_RATE / 2)
    power = np.abs(scipy.fft.ifft(2 * gauss * scipy.fft.fft(padded))) ** 2
    total = np.concatenate([[0], np.cumsum(power)])
    return np.sqrt(np.diff(np.interp(cqt.edges, np.arange(len(total)), total)) / np.diff(cqt.edges))


def test_the_transform_of_the_distance_is_as_documented():
    assert DISTANCE.frequencies[[0, 12, 95]] == pytest.approx([40, 80, 40 * 2 ** (95 / 12)])
    assert np.diff(DISTANCE.edges) == pytest.approx([1024] * 64)
    assert (DISTANCE.bandwidth, features.FLOOR) == (0.6, 1e-3)


@pytest.mark.parametrize("bin_", [0, 20, 50, 80, 95])
def test_agrees_with_the_definition_at_the_full_rate(cqt, bin_):
    x = np.random.default_rng(5).standard_normal(N_SAMPLES) * np.exp(-T)
    expected = full_rate(cqt, x, bin_)
    assert np.abs(cqt.magnitude(x)[bin_] - expected).max() <= 5e-3 * expected.max()


def test_agrees_with_the_definition_where_silence_follows_a_hit(matches):
    """The logarithm amplifies what an approximation leaves in silence."""
    match = matches["kick_heavy_clipped.flac"]
    clip = features.normalise(analysed(match.hit))
    bins = [0, 10, 30, 60, 90]
    expected = np.log1p(np.stack([full_rate(DISTANCE, clip, b) for b in bins]) / 1e-3)
    error = np.linalg.norm(DISTANCE(clip)[bins] - expected) / np.linalg.norm(expected)
    assert error <= 2e-3


@pytest.mark.parametrize("bin_", [12, 40, 70, 90])
def test_a_sine_of_amplitude_1_gives_1(cqt, bin_):
    x = np.sin(2 * np.pi * cqt.frequencies[bin_] * T)
    middle = cqt.magnitude(x)[:, cqt.n_frames // 2]
    assert middle.argmax() == bin_
    assert middle[bin_] == pytest.approx(1, abs=0.01)


def pooled_librosa(x):
    """librosa's transform with the encoder's bins, RMS of its frames, (COMPARED, frames)."""
    c = np.abs(
        librosa.cqt(
            np.pad(x, (0, N_SAMPLES - len(x))), sr=SAMPLE_RATE, hop_length=HOP,
            fmin=ENCODER.f_min, n_bins=COMPARED, bins_per_octave=12,
        )
    )  # fmt: skip
    edges = np.round(ENCODER.edges / HOP).astype(int)
    return np.stack(
        [np.sqrt(np.mean(c[:, a:b] ** 2, axis=1)) for a, b in itertools.pairwise(edges)], 1
    )


@pytest.mark.slow
def test_agrees_with_librosa_on_recordings(matches):
    correlations = []
    for match in matches.values():
        clip = features.normalise(analysed(match.hit))
        ours, theirs = ENCODER.magnitude(clip)[:COMPARED], pooled_librosa(clip)
        gain = np.sum(ours * theirs, axis=1) / np.sum(theirs**2, axis=1)  # one gain per bin
        ours, theirs = (np.log1p(c / features.FLOOR) for c in (ours, theirs * gain[:, None]))
        correlations.append(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1])
    print(f"correlation: median {np.median(correlations):.4f}, lowest {min(correlations):.4f}")
    assert np.median(correlations) >= 0.97
    assert min(correlations) >= 0.9


@pytest.mark.parametrize("hz", [30, 55, 111, 440, 1234, 5000, 9000])
def test_the_peak_bin_of_a_sine_agrees_with_librosa(hz):
    x = np.sin(2 * np.pi * hz * T)
    last = ENCODER.n_frames * 3 // 4
    assert abs(ENCODER(x)[:, last].argmax() - pooled_librosa(x)[:, last].argmax()) <= 1


def test_a_batch_of_clips_is_transformed_as_each_clip_alone(cqt):
    clips = np.random.default_rng(2).standard_normal((2, 3, 30000)).astype(np.float32)
    together = cqt.magnitude(clips)
    assert together.shape == (2, 3, cqt.n_bins, cqt.n_frames)
    # 5e-6: float32 rounding of the squares of peaks of 4 and more
    np.testing.assert_allclose(together[1, 2], cqt.magnitude(clips[1, 2]), rtol=1e-3, atol=5e-6)


def test_features_do_not_depend_on_the_level():
    x = np.random.default_rng(6).standard_normal(5000).astype(np.float32)
    assert np.allclose(ENCODER(x), ENCODER(0.01 * x), atol=1e-3)


def test_observed_tells_a_short_clip_from_a_damped_drum():
    short = ENCODER.features(np.ones(N_SAMPLES // 4, np.float32))
    damped = ENCODER.features(np.r_[np.ones(N_SAMPLES // 4), np.zeros(3 * N_SAMPLES // 4)])
    assert np.array_equal(short[0], damped[0])
    assert (damped[1] == 1).all()
    assert short[1, 0].sum() < ENCODER.n_frames
    share = np.sum(short[1, 0] * np.diff(ENCODER.edges)) / N_SAMPLES
    assert share == pytest.approx(0.25, abs=1e-6)


def test_features_of_silence_are_near_zero_and_finite():
    x = ENCODER.features(np.zeros(1000, np.float32))
    assert np.isfinite(x).all()
    assert x[0].max() < 0.01


def test_distance():
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((2, N_SAMPLES)) * np.exp(-3 * T)
    assert distance(x, x) == 0
    assert distance(x, 0.1 * x) < 1e-5
    assert distance(x, np.zeros(10)) == pytest.approx(1, abs=1e-3)
    assert 0 < distance(x, x + 0.01 * y) < distance(x, x + 0.1 * y) < distance(x, y)
