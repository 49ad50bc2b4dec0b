from dataclasses import asdict

import numpy as np
import soundfile

from matcher.matching import spectrogram
from matcher.matching.features import LogCqt, normalise
from matcher.matching.hear import to_analysis_rate
from tests.conftest import DATA

EXACT = LogCqt(**asdict(spectrogram._CQT) | {"oversampling": 1.5})


def exact_levels(x):
    level = 20 * np.log10(EXACT.magnitude(normalise(x)) + 1e-9)
    return level - level.max()


def test_means_along_straight_lines_look_like_exact_ones():
    away = []
    for name in ("kick_kit", "tom_low", "tabla_open", "snare_rim_shot"):
        x, rate = soundfile.read(DATA / f"{name}.flac", dtype="float32")
        x = to_analysis_rate(x, rate)
        shown = [np.maximum(each, -spectrogram.RANGE_DB)
                 for each in (spectrogram.levels(x), exact_levels(x))]  # fmt: skip
        away.append(np.abs(shown[0] - shown[1]).ravel())
    away = np.concatenate(away)
    print(f"99.9 % of the cells differ by at most {np.quantile(away, 0.999):.2f} dB, "
          f"the others by {away.max():.1f} dB")  # fmt: skip
    assert np.quantile(away, 0.999) < 0.3
    assert away.max() < 3


def test_a_frame_has_the_mean_of_its_samples():
    size, length = 4096, spectrogram._CQT.n_samples + spectrogram._CQT.padding
    (pool,) = spectrogram._CQT._poolings(np.array([size]), length)
    np.testing.assert_allclose(np.ones(size) @ pool, 1, rtol=1e-5)
    edges = spectrogram._CQT.edges * size / length
    middles = (edges[:-1] + edges[1:]) / 2
    np.testing.assert_allclose(np.arange(size) @ pool, middles, rtol=1e-5)
