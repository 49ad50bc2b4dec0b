import librosa
import numpy as np
import pytest

from training import mel


@pytest.fixture
def noise():
    return np.random.default_rng(0).standard_normal(mel.LENGTH).astype(np.float32)


def test_agrees_with_librosa(noise):
    x = noise[: mel.RATE]
    theirs = librosa.feature.melspectrogram(
        y=x, sr=mel.RATE, n_fft=mel.N_FFT, hop_length=mel.HOP, n_mels=mel.N_MELS
    )
    frames = theirs.shape[1] - 3  # the last ones differ by their padding
    ours = mel.log_mel(x)[:, :frames]
    np.testing.assert_allclose(ours, 10 * np.log10(theirs[:, :frames]), atol=1e-3)


def test_the_mel_scale_is_linear_to_one_kilohertz():
    assert mel.hz_to_mel(1000) == 15 and mel.hz_to_mel(200) == pytest.approx(3)
    assert mel.hz_to_mel(6400) == pytest.approx(42)
    hz = np.linspace(0, 20000, 50)
    np.testing.assert_allclose(mel.mel_to_hz(mel.hz_to_mel(hz)), hz, atol=1e-6)


def test_a_change_of_level_is_as_many_decibels_and_all_in_the_zeroth_coefficient(noise):
    a, b = mel.log_mel(noise), mel.log_mel(noise / 2)
    half = 20 * np.log10(2)
    assert mel.log_mel_distance(a, b) == pytest.approx(half, abs=1e-3)
    assert mel.mfcc_distance(a, b) == pytest.approx(half * np.sqrt(mel.N_MELS), abs=0.02)
    assert mel.log_mel_distance(a, a) == 0 and mel.mfcc_distance(a, a) == 0


def test_many_are_compared_at_once(noise):
    sounds = [mel.log_mel(gain * noise) for gain in (1, 0.5, 0.1)]
    at_once = mel.log_mel_distance(sounds[0], np.array(sounds))
    np.testing.assert_allclose(at_once, [mel.log_mel_distance(sounds[0], b) for b in sounds])
    assert at_once[0] < at_once[1] < at_once[2]


def test_what_is_below_the_floor_of_both_counts_nothing_and_what_one_does_alone_counts(noise):
    short = mel.log_mel(noise[: mel.RATE // 2])
    hiss = mel.log_mel(1e-6 * noise)
    assert mel.log_mel_distance(short, np.maximum(short, hiss)) < 1e-3
    assert mel.log_mel_distance(short, mel.log_mel(noise)) > mel.FLOOR_DB
