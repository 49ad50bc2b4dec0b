import numpy as np
import pytest

from matcher.matching import attack_fit
from matcher.matching.attack_fit import RATE, WholeBand
from matcher.physics import attack, drum
from matcher.physics.drum import Drum
from tests.conftest import TOM

N_SAMPLES = attack_fit.CQT.n_samples
BODY = drum.render(Drum(TOM), RATE, N_SAMPLES / RATE)


def test_the_attack_beside_a_known_body_is_found():
    powers = np.zeros(attack.SHAPE)
    powers[4:9, 1] = 0.02
    whole = BODY + attack.render(powers, RATE, N_SAMPLES)
    found = WholeBand(whole, False).attack(BODY).powers
    assert found[4:9, :3].sum() == pytest.approx(0.1, rel=0.15)
    assert found.sum() == pytest.approx(found[4:9, :3].sum(), rel=1e-3)


def test_steady_noise_is_no_attack():
    level, found = 0.02, []
    for seed in range(1, 5):
        hiss = np.random.default_rng(seed).standard_normal(N_SAMPLES).astype(np.float32)
        found.append(WholeBand(BODY + level * hiss, False).attack(BODY).powers.sum())
    assert np.mean(found) < 0.3 * level**2


@pytest.mark.parametrize("wires_s", [0.1, 0.3, attack.NEVER_S])
def test_it_is_found_when_the_wires_stop(wires_s):
    powers = np.zeros(attack.SHAPE)
    bands = slice(5, 13, 2)  # neighbours would add up in amplitude
    powers[bands, 4] = 0.02  # 0.2 s: they are still loud when they stop
    whole = BODY + attack.render(powers, RATE, N_SAMPLES, wires_s)
    found = WholeBand(whole, False).attack(BODY)
    assert wires_s / 2 <= found.wires_s <= 2 * wires_s
    t = np.array([0.5, 1.0]) * min(wires_s, 0.3)
    there, wanted = (
        np.sum(attack.envelopes(of, t, until)[bands] ** 2, axis=0)
        for of, until in ((found.powers, found.wires_s), (powers, wires_s))
    )
    assert np.all(np.abs(np.log(there / wanted)) < np.log(2))  # the times tried are that coarse
    assert WholeBand(whole, False).attack(BODY, wires_s).wires_s == wires_s
