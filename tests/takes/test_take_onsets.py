import numpy as np
import pytest

from matcher.matching import onset
from matcher.takes import onsets
from tests.takes import composed

RATE = 48000


def measured_of(x, rate=RATE):
    return onset.measure([np.asarray(x, np.float32)], rate)


def ringing(hz, decay_s, seconds=2.0):
    t = np.arange(round(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * hz * t) * np.exp(-t / decay_s)


def placed(*sounds, seconds=3.0):
    """Sounds that begin at a time: (s, amplitude, samples)."""
    x = 1e-5 * np.random.default_rng(0).standard_normal(round(seconds * RATE))
    for at, gain, sound in sounds:
        start = round(at * RATE)
        x[start : start + len(sound)] += gain * sound[: len(x) - start]
    return x


@pytest.mark.parametrize("tones", [(120, 150, 0.5), (70, 85, 0.6)])
def test_beats_of_a_ringing_drum_are_no_hits(tones):
    low, high, decay_s = tones
    x = placed((0.5, 0.4, ringing(low, decay_s) + ringing(high, decay_s)))
    measured = measured_of(x)
    found = onsets.find(measured, RATE)
    assert len(onset.find_hits(measured, RATE)) > 4
    assert [hit.onset / RATE for hit in found] == pytest.approx([0.5], abs=0.01)


def test_what_is_found_does_not_depend_on_the_level():
    x, _ = composed.take()
    loud = onsets.find(measured_of(x, composed.RATE), composed.RATE)
    soft = onsets.find(measured_of(0.003 * x, composed.RATE), composed.RATE)
    assert [hit.onset for hit in loud] == pytest.approx([hit.onset for hit in soft], abs=100)


@pytest.mark.parametrize("n", [0, 10, 100, 5000])
def test_a_recording_of_any_length_can_be_looked_at(n):
    x = np.zeros(n)
    x[n // 2 :] = 0.5 * np.random.default_rng(0).standard_normal(n - n // 2)
    assert len(onsets.find(measured_of(x), RATE)) <= 1


def test_features_are_finite_for_rates_whose_upper_bands_are_empty():
    x, _ = composed.take(names=composed.DRUMS[:1])
    for rate in (8000, 96000):
        measured = measured_of(x, rate)
        logits = onset.logits(measured, rate)
        rows = onsets.features(measured, logits, onsets.candidates(measured, logits))
        assert rows.shape[1] == onsets.N_FEATURES and np.isfinite(rows).all()
