import numpy as np
import pytest

from matcher.live import detector
from matcher.live.calibration import set_up
from matcher.live.detector import Settings
from matcher.physics import drum
from matcher.physics.theta import Theta

RATE = 48000
TOM = Theta(2 * np.pi * 110, 0.3, 0.02, 0.01, 0.8)
STARTS = (0.8, 1.9, 3.1, 4.2)


def hits(level_db: float, noise_db: float, seed: int = 0) -> np.ndarray:
    """Four hits of a tom, each somewhat softer than the loudest, over noise (RMS)."""
    rng = np.random.default_rng(seed)
    x = 10 ** (noise_db / 20) * rng.standard_normal(6 * RATE)
    tom = drum.render(TOM, RATE, 1.5)
    for i, start in enumerate(STARTS):
        x[round(start * RATE) :][: len(tom)] += 10 ** ((level_db - 4 * i) / 20) * tom
    return x.astype(np.float32)


@pytest.mark.parametrize(("level_db", "noise_db"), [(-6, -80), (-30, -85), (-36, -70), (-3, -40)])
def test_calibrated_detection_finds_the_hits_and_nothing_else(level_db, noise_db):
    advice = set_up(hits(level_db, noise_db), RATE)
    assert advice.hits == len(STARTS)
    assert not advice.clipped
    assert level_db + advice.gain_db == pytest.approx(-3, abs=1.5)
    x = 10 ** (advice.gain_db / 20) * hits(level_db, noise_db, seed=1)
    found = detector.detect(detector.make_detector(advice.settings, RATE)[0], x)
    onsets = [hit.onset / RATE for hit in found if not hit.reason]
    np.testing.assert_allclose(onsets, STARTS, atol=0.003)


def test_other_settings_are_kept():
    settings = set_up(hits(-6, -80), RATE, Settings(scan_ms=5, cancel=0.9)).settings
    assert (settings.scan_ms, settings.cancel) == (5, 0.9)


def test_a_clipped_input_is_reported():
    assert set_up(np.clip(hits(6, -80), -1, 1), RATE).clipped


@pytest.mark.parametrize("noise_db", [-300, -60])
def test_an_input_without_hits_is_refused(noise_db):
    noise = 10 ** (noise_db / 20) * np.random.default_rng(0).standard_normal(3 * RATE)
    with pytest.raises(ValueError, match="no hit stands out"):
        set_up(noise.astype(np.float32), RATE)
