import numpy as np
import pytest

from matcher.matching import descent, refine
from matcher.matching.features import SAMPLE_RATE
from matcher.physics import attack
from matcher.physics.drum import Drum
from tests.conftest import TOM, near, sound


@pytest.mark.parametrize("floors", [refine.ROUGH_FLOORS, refine.ALL_FLOORS])
def test_derivatives_by_gain_and_levels_are_those_of_the_model(floors):
    rng = np.random.default_rng(3)
    target = descent.Target(sound(Drum(TOM)), False)
    target.hear(floors)
    search = descent.Search(target, descent.start_of(TOM), lambda: False)
    attack_powers = rng.uniform(0.001, 0.1, attack.N_BANDS * attack.N_DECAYS)
    point = search.point(descent.start_of(TOM), gain=0.1, attack_powers=attack_powers)

    def moved(step, i=None):
        if i is None:
            return point.with_(gain=point.gain + step).residual
        more = attack_powers.copy()
        more[i] += step
        return point.with_(attack_powers=more).residual

    by_gain = -(moved(1e-3) - moved(-1e-3)) / 2e-3
    np.testing.assert_allclose(point.by_gain(), by_gain, atol=2e-3)
    rows = point.by_attack_powers()
    for i in (3, 27, 51):
        step = 1e-2 * attack_powers[i]
        expected = -(moved(step, i) - moved(-step, i)) / (2 * step)
        np.testing.assert_allclose(rows[i], expected, atol=2e-3 * np.abs(expected).max())


def test_derivatives_by_mode_power_lead_where_those_of_sounds_do():
    clip = sound(Drum(TOM, (0.3, 0.2), 800.0, 0.2))
    target = descent.Target(clip, False)
    target.hear(refine.BODY_FLOORS)
    start = descent.of_drum(Drum(near(TOM, 0.1), (0.4, 0.4), 2000.0, 0.1))
    search = descent.Search(target, start, lambda: False)
    point = search.point(start)
    exact, quick = (search._derivatives(point, by) for by in (True, False))
    uphill, nearly = exact @ point.residual, quick @ point.residual
    assert np.dot(uphill, nearly) > 0.8 * np.linalg.norm(uphill) * np.linalg.norm(nearly)


def test_exact_derivatives_are_those_of_each_sound():
    target = descent.Target(sound(Drum(TOM, (0.3, 0.2), 800.0, 0.2)), False)
    target.hear(refine.BODY_FLOORS)
    start = descent.of_drum(Drum(near(TOM, 0.1), (0.5, 0.4), 2000.0, 0.1))
    search = descent.Search(target, start, lambda: False)
    point = search.point(start)
    rows = search._derivatives(point, True)
    for i, name in enumerate(descent.NAMES):
        step = descent.STEP[i] if name != "x1" else -descent.STEP[i]  # x1 is as high as it may be
        beside = search.point(start + step * np.eye(len(start))[i], point.gain)
        expected = (point.residual - beside.residual) / step
        np.testing.assert_allclose(rows[i], expected, atol=2e-2 * np.abs(expected).max())


def test_steady_noise_is_background_and_a_tail_is_not():
    clean = sound(Drum(TOM), 2.0)
    hiss = np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    assert np.mean(descent.Target(clean + 0.02 * hiss, False).noise > 0) > 0.5
    assert not descent.Target(clean[: SAMPLE_RATE // 4], True).noise.any()
