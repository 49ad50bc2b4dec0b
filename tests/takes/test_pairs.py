import numpy as np
import pytest

from matcher.matching import weights
from matcher.matching.features import SAMPLE_RATE
from matcher.takes import pairs, signature


def measured(strokes):
    """levels, observed, signatures and clear of strokes (samples,)."""
    cells = [signature.cells(x.astype(np.float32), 0, len(x)) for x in strokes]
    z = signature.signatures(np.array([signature.features(c) for c in cells]))
    levels = np.array([signature.log_levels(c) for c in cells])
    return levels, np.array([c.observed for c in cells]), z, np.ones(len(cells), bool)


def tom(hz: float, seed: int, seconds: float = 0.5) -> np.ndarray:
    """A stroke: tones of a circular membrane (Rayleigh 1894), and a stick."""
    t, rng = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE, np.random.default_rng(seed)
    tones = [(1.0, 1.0, 0.15), (1.59, 0.4, 0.1), (2.14, 0.3, 0.07), (2.65, 0.15, 0.05)]
    x = sum(rng.uniform(0.7, 1.3) * g * np.exp(-t / d) * np.sin(2 * np.pi * hz * ratio * t)
            for ratio, g, d in tones)  # fmt: skip
    return x + 0.3 * rng.standard_normal(len(t)) * np.exp(-t / 0.01)


@pytest.fixture(scope="module")
def two_toms():
    """Six strokes on each of two toms, three semitones apart."""
    return measured([tom(hz, i) for i, hz in enumerate(6 * [110.0] + 6 * [110 * 2 ** (3 / 12)])])


def test_toms_three_semitones_apart_are_two_drums(two_toms):
    d = pairs.distances(*two_toms)
    same = np.equal.outer(np.arange(12) < 6, np.arange(12) < 6)
    np.fill_diagonal(same, False)
    assert d[same].mean() < 0.2
    assert d[np.arange(12) < 6][:, 6:].mean() > 0.6


def test_distances_are_symmetric_probabilities(two_toms):
    d = pairs.distances(*two_toms)
    np.testing.assert_allclose(d, d.T, atol=1e-5)  # float32
    assert d.min() >= 0
    assert d.max() <= 1
    assert not np.diagonal(d).any()


def test_shifted_spectra_agree_where_the_shift_is_that_of_the_pitch(two_toms):
    levels, observed, _, _ = two_toms
    agree = pairs._agreement(levels, observed > 0.5, slice(None))
    assert np.all(agree <= 1 + 1e-5)
    np.testing.assert_allclose(agree[0][np.arange(12), np.arange(12)], 1, atol=1e-5)
    assert agree[:, 0, 6].argmax() == 3  # semitones


def test_it_makes_no_difference_how_many_are_looked_at_at_once(two_toms, monkeypatch):
    whole = pairs.distances(*two_toms)
    monkeypatch.setattr(pairs, "AT_ONCE", 5)
    np.testing.assert_allclose(pairs.distances(*two_toms), whole, atol=1e-5)  # float32


def test_silent_hits_have_distances_without_nan():
    silent = measured([np.zeros(2000), np.zeros(300), tom(100, 0)])
    assert np.isfinite(pairs.distances(*silent)).all()


def test_weights_are_refused_for_other_signatures(tmp_path):
    path = tmp_path / "pairs.json"
    other = pairs.contract() | {"signature": 16}
    path.write_text(weights.to_text(pairs.shipped_weights(), pairs.WEIGHTS, other))
    with pytest.raises(ValueError, match="other features"):
        weights.read(path, pairs.WEIGHTS, pairs.contract())
