import numpy as np
import pytest

from matcher.matching import weights
from matcher.matching.features import SAMPLE_RATE
from matcher.takes import signature


def ping(hz: float, decay_s: float = 0.1, seconds: float = 0.5) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (np.sin(2 * np.pi * hz * t) * np.exp(-t / decay_s)).astype(np.float32)


def test_the_level_of_a_hit_makes_no_difference():
    x = ping(200)
    loud, soft = (signature.features(signature.cells(g * x, 0, len(x))) for g in (1.0, 0.01))
    np.testing.assert_allclose(loud, soft, atol=1e-3)


def test_the_level_is_that_of_the_beginning():
    x = ping(200)
    loud, soft = (signature.cells(g * x, 0, len(x)).level for g in (1.0, 0.1))
    assert loud / soft == pytest.approx(10, rel=1e-3)


def test_the_loudest_band_is_that_of_the_tone():
    cells = signature.cells(ping(440), 0, SAMPLE_RATE)
    band = int(np.argmax(cells.bands.sum(axis=1)))
    low = signature.CQT.frequencies[band * signature.POOLED]
    assert low * 2 ** (-1 / 12) < 440 < low * 2 ** (3 / 12)


def test_what_hums_before_a_hit_is_taken_off():
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    hum = 0.3 * np.sin(2 * np.pi * 150 * t).astype(np.float32)
    onset, hit = SAMPLE_RATE // 2, ping(1000)
    x = hum.copy()
    x[onset : onset + len(hit)] += hit[: len(x) - onset]
    band = int(np.argmin(np.abs(signature.CQT.frequencies[:: signature.POOLED] - 150)))
    with_hum = signature.cells(x, onset, len(x)).bands[band - 1 : band + 2, 3:].max()
    assert with_hum < 0.3 * np.sqrt(0.5)


def test_frames_after_the_next_hit_are_not_observed():
    cells = signature.cells(ping(200), 0, round(0.05 * SAMPLE_RATE))
    assert cells.observed[0] == 1
    assert cells.observed[-1] == 0
    assert not np.any(cells.amplitude[:, cells.observed < 0.5])


def test_silence_has_a_signature_without_nan():
    row = signature.features(signature.cells(np.zeros(1000, np.float32), 0, 1000))
    assert np.isfinite(signature.signatures(row[None])).all()


def test_signatures_have_length_one():
    rows = [signature.features(signature.cells(ping(hz), 0, SAMPLE_RATE)) for hz in (80, 200, 900)]
    assert np.linalg.norm(signature.signatures(np.array(rows)), axis=1) == pytest.approx(1)


def test_weights_for_other_features_are_refused(tmp_path):
    values = signature.shipped_weights()
    other = signature.contract() | {"floor": 0.5}
    path = tmp_path / "other.json"
    path.write_text(weights.to_text(values, signature.WEIGHTS, other))
    with pytest.raises(ValueError, match="other features"):
        weights.read(path, signature.WEIGHTS, signature.contract())


def test_hits_are_compared_in_parts_as_they_are_together(monkeypatch):
    rows = np.array([signature.features(signature.cells(ping(hz), 0, SAMPLE_RATE))
                     for hz in (80, 90, 200, 210, 900)])  # fmt: skip
    whole = signature.signatures(rows)
    monkeypatch.setattr(signature, "AT_ONCE", 2)
    np.testing.assert_allclose(signature.signatures(rows), whole, atol=1e-5)  # float32
