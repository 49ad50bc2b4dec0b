import numpy as np
import pytest
import torch

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import attack, drum
from matcher.physics.parameters import HARD_HZ
from matcher.physics.theta import LIVE
from training import batch_synth
from training.batch_sounds import draw_strokes
from training.batch_synth import Strokes

COUNT = 12


@pytest.fixture(scope="module")
def strokes() -> Strokes:
    rng = np.random.default_rng(60)
    strokes = draw_strokes(rng.uniform(-1, 1, (COUNT, 5)), np.full(COUNT, True), LIVE, rng)
    assert 2 < (strokes.tension > 0).sum() < COUNT - 2
    assert 2 < strokes.attack_powers.any(axis=(1, 2)).sum() < COUNT - 2
    assert 2 < (strokes.mallet_hz < HARD_HZ).sum() < COUNT - 2
    return strokes


def drums(strokes: Strokes) -> list[drum.Drum]:
    """The same strokes for matcher."""
    rows = zip(strokes.nu, strokes.strike.T, *strokes[2:])
    return [
        drum.Drum(LIVE.from_nu(nu), tuple(strike), mallet_hz, tension, powers)
        for nu, strike, mallet_hz, tension, powers in rows
    ]


def played(one: drum.Drum) -> np.ndarray:
    return drum.render(one, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)


def plain(strokes: Strokes, *kept: str) -> Strokes:
    """The strokes without mallet, tension and attack, but for what is kept."""
    without = {
        "mallet_hz": np.full(COUNT, HARD_HZ),
        "tension": np.zeros(COUNT),
        "attack_powers": np.zeros_like(strokes.attack_powers),
    }
    return strokes._replace(**{k: v for k, v in without.items() if k not in kept})


# Sums of a hundred modes in float32 that the kernel of matcher adds one after another. Where the
# pitch glides its rotations drift to the end, by some 1e-4 rad a second, as those of no other.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("kept", "allowed"),
    [((), 3e-5), (("mallet_hz",), 3e-5), (("attack_powers",), 3e-5), (("tension",), 1e-2)],
    ids=["modes", "mallet", "attack", "tension"],
)
def test_each_part_is_the_instruments(strokes, kept, allowed, dtype):
    part = plain(strokes, *kept)
    x = batch_synth.render(part, LIVE, "cpu", dtype)
    assert x.dtype == dtype and x.shape == (COUNT, N_SAMPLES)
    for i, (one, rendered) in enumerate(zip(drums(part), x.numpy())):
        assert np.abs(rendered - played(one)).max() <= allowed, i


def test_all_parts_together_are_the_instruments(strokes):
    x = batch_synth.render(strokes, LIVE, "cpu").numpy()
    for i, (one, rendered) in enumerate(zip(drums(strokes), x)):
        assert np.abs(rendered - played(one)).max() <= 1e-2, i
        assert np.abs(rendered).max() == pytest.approx(1, abs=1e-6)


def test_float32_glides_as_float64(strokes):
    tense = plain(strokes, "tension")
    x = batch_synth.render(tense, LIVE, "cpu").double()
    exact = batch_synth.render(tense, LIVE, "cpu", torch.float64)
    torch.testing.assert_close(x, exact, rtol=0, atol=5e-5)  # a turn of 3 rad times 64, rounded


def test_the_noise_is_the_instruments(strokes):
    powers = strokes.attack_powers
    x = batch_synth.render_attacks(torch.from_numpy(powers).float()).numpy()
    for one, rendered in zip(powers, x):
        expected = attack.render(one, SAMPLE_RATE, N_SAMPLES)
        np.testing.assert_allclose(rendered, expected, rtol=0, atol=2e-6)


def test_a_stroke_does_not_depend_on_the_others(strokes):
    x = batch_synth.render(strokes, LIVE, "cpu")
    part = batch_synth.render(strokes.part(slice(3, 7)), LIVE, "cpu")
    torch.testing.assert_close(part, x[3:7], rtol=0, atol=1e-6)


def test_silence_stays_silent(strokes):
    silent = plain(strokes)._replace(strike=np.zeros((2, COUNT)))
    assert (batch_synth.render(silent, LIVE, "cpu") == 0).all()


@pytest.mark.cuda
def test_on_a_gpu(strokes):
    there = batch_synth.render(strokes, LIVE, "cuda").cpu()
    torch.testing.assert_close(there, batch_synth.render(strokes, LIVE, "cpu"), rtol=0, atol=5e-5)
