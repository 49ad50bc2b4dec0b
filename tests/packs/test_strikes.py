from dataclasses import replace

import numpy as np
import pytest

from matcher.kits.kit import CURVES, Kit, velocity_to_gain
from matcher.live.noise import TOLERANCE_DB
from matcher.packs.options import PackOptions
from matcher.packs.strikes import CEILING, Strikes
from tests.packs.players import app_strike, compare

OPTIONS = PackOptions(layers=2, round_robins=2)


def test_a_strike_is_what_the_voices_play(kit):
    strikes = Strikes(kit, OPTIONS)
    assert strikes.scale == 1
    for strike in strikes:
        app = app_strike(kit, strike.pad, strike.high, strike.robin, len(strike.x) / 48000)
        assert strike.gain == velocity_to_gain(
            CURVES[kit.pads[strike.pad].curve], strike.high / 127
        )
        # 1e-4: what fades at its end is 96 dB below full scale
        assert np.abs(strike.gain * strike.x - app).max() < 1e-4


def test_every_pad_has_its_layers_and_round_robins(kit):
    rows = [(s.pad, s.high, s.robin) for s in Strikes(kit, OPTIONS)]
    assert rows == [(p, v, r) for p in (0, 3, 4) for v in (64, 127) for r in (0, 1)]
    assert len(rows) == len(Strikes(kit, OPTIONS))


def test_round_robins_are_as_loud_and_differ(kit):
    a, b = [s.x for s in Strikes(kit, OPTIONS) if s.pad == 3 and s.high == 127]
    correlation, level_db = compare(a, b)
    assert correlation < 0.9999
    assert abs(level_db) < 2 * TOLERANCE_DB


def test_a_drum_without_noise_has_one_round_robin(kit):
    plain = kit.pads[0].drum._replace(attack_powers=None)
    assert {s.n_robins for s in Strikes(kit.with_pad(0, drum=plain), OPTIONS) if s.pad == 0} == {1}


def test_what_would_clip_turns_all_pads_down_together(kit):
    loud = Strikes(kit.with_pad(0, gain_db=12.0, pan=-1.0), OPTIONS)
    assert loud.scale < 0.5
    sounds, plain = list(loud), list(Strikes(kit, OPTIONS))
    assert max(np.abs(s.x).max() for s in sounds) == pytest.approx(CEILING, rel=1e-3)
    for a, b in zip(sounds, plain):
        if a.pad != 0:
            np.testing.assert_allclose(a.x, loud.scale * b.x, atol=1e-6)


def test_a_kit_without_drums_is_refused():
    with pytest.raises(ValueError, match="no pad of the kit has a drum"):
        Strikes(Kit("Nothing"), OPTIONS)


@pytest.mark.parametrize("layers", range(1, 17))
def test_layers_share_all_velocities(layers):
    pairs = PackOptions(layers=layers).layer_velocities
    assert [v for low, high in pairs for v in range(low, high + 1)] == list(range(1, 128))
    assert len(pairs) == layers


@pytest.mark.parametrize(
    "wrong", [{"layers": 0}, {"layers": 17}, {"round_robins": 9}, {"sample_rate": 100}, {"bits": 8}]
)
def test_options_that_are_not_allowed(wrong):
    with pytest.raises(ValueError, match="allowed is"):
        replace(PackOptions(), **wrong)
