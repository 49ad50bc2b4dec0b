import numpy as np
import pytest

from matcher.matching.features import SAMPLE_RATE
from training import lines

T = np.arange(SAMPLE_RATE) / SAMPLE_RATE
NOISE = np.random.default_rng(0).standard_normal(len(T))


def tones(levels: dict, decay: float = 0.2) -> np.ndarray:
    return np.exp(-T / decay) * sum(a * np.sin(2 * np.pi * hz * T) for hz, a in levels.items())


def test_lines_come_strongest_first_and_to_a_few_cents():
    x = tones({51.3: 0.4, 97.0: 1.0, 310.0: 0.5, 2500.0: 0.2})
    found = lines.strongest(x, 4)
    np.testing.assert_allclose(lines.cents(found, [97, 310, 51.3, 2500]), 0, atol=8)
    assert len(lines.strongest(x, 2)) == 2


def test_lines_are_apart_and_within_the_range():
    found = np.sort(lines.strongest(tones({15: 9, 200: 1, 204: 0.8, 9000: 9}, 0.5) + NOISE, 10))
    assert np.diff(lines.cents(found, 100)).min() >= lines.APART_CENTS - 1
    assert found[0] >= lines.LOW_HZ and found[-1] <= lines.HIGH_HZ


def test_the_attack_counts_nothing():
    x = tones({150: 1})
    click = x + 50 * (T < 0.03) * np.sin(2 * np.pi * 700 * T)
    assert lines.strongest(click, 1) == pytest.approx(lines.strongest(x, 1))


def test_a_tone_stands_out_and_noise_does_not():
    assert lines.stands_out(tones({97: 1}))
    assert not lines.stands_out(NOISE)


@pytest.mark.parametrize("x", [tones({97: 1})[: SAMPLE_RATE // 20], np.zeros(SAMPLE_RATE)])
def test_a_short_or_silent_hit_has_no_lines(x):
    assert lines.strongest(x, 5) == [] and not lines.stands_out(x)


def test_the_share_of_lines_within_thirty_cents():
    recording = [100.0, 200.0, 300.0, 400.0, 500.0]
    near = 2 ** (29 / 1200)
    twin = [777.0, 100 * near, 200 / near, 300 * 2 ** (31 / 1200)]
    assert lines.share_found(recording, twin) == pytest.approx(2 / 5)
    assert lines.share_found(recording, recording) == 1
    assert lines.share_found(recording, []) == 0
    assert np.isnan(lines.share_found([], twin))
