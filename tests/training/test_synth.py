import numpy as np
import pytest
import torch

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import drum, ftm, modal
from matcher.physics.theta import PRESETS
from tests.physics.recorded import recorded
from training import synth
from training.bank import Recorded


def draw(count, seed):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 5))


def float64_sum(theta, strike=ftm.STRIKE):
    modes = modal.fade_out(ftm.modes(theta, strike), SAMPLE_RATE)
    t = np.arange(N_SAMPLES) / SAMPLE_RATE
    x = sum(g * np.exp(-s * t) * np.sin(w * t) for s, w, g in zip(*modes))
    return x / np.abs(x).max()


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float64, 1e-6), (torch.float32, 10**-2.5)])
def test_it_is_the_instruments_sound(preset, dtype, allowed):
    nu = draw(20, seed=50)
    x = synth.render(torch.from_numpy(nu).to(dtype), preset).numpy()
    for n, rendered in zip(nu, x):
        assert np.abs(rendered - float64_sum(preset.from_nu(n))).max() <= allowed
        played = drum.render(preset.from_nu(n), SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
        assert np.abs(rendered - played).max() <= max(allowed, 1e-5)  # the bank is float32


def test_theta_is_the_presets():
    for preset in PRESETS.values():
        nu = draw(10, seed=51)
        theta = synth.theta_from_nu(torch.from_numpy(nu), preset)
        for name, values in preset.from_nu(nu)._asdict().items():
            np.testing.assert_allclose(getattr(theta, name), values, rtol=1e-12)


def test_every_sound_has_its_own_strike():
    nu, strike = draw(3, seed=52), np.random.default_rng(0).uniform(0.2, 0.5, (2, 3))
    x = synth.render(torch.from_numpy(nu), PRESETS["paper"], torch.from_numpy(strike))
    for i in range(3):
        expected = float64_sum(PRESETS["paper"].from_nu(nu[i]), strike[:, i])
        np.testing.assert_allclose(x[i], expected, atol=1e-6)


def test_tangents_are_slopes():
    nu, preset = torch.from_numpy(draw(4, seed=53)), PRESETS["live"]
    x, dx = synth.render_with_tangents(nu, preset)
    torch.testing.assert_close(x, synth.render(nu, preset))
    for i, direction in enumerate(torch.eye(5, dtype=torch.float64)):
        errors = []
        for step in (1e-7, 1e-4):  # the long one where the slope drowns in rounding
            ends = [synth.render(nu + s * direction, preset) for s in (step, -step)]
            slope = (ends[0] - ends[1]) / (2 * step)
            errors.append(torch.linalg.norm(dx[:, i] - slope, dim=1) / slope.norm(dim=1))
        assert torch.minimum(*errors).max() < 1e-3


def test_where_no_mode_is_struck_there_is_silence():
    nu = torch.tensor([[1.0, 0, 0, 0, 0]])
    x = synth.render(nu, PRESETS["live"], (0.0, 0.0))
    assert (x == 0).all()


@pytest.mark.cuda
def test_on_a_gpu():
    nu, preset = torch.from_numpy(draw(4, seed=54)), PRESETS["live"]
    there = synth.render(nu.cuda(), preset).cpu()
    torch.testing.assert_close(there, synth.render(nu, preset), atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_tension_and_mallet_are_the_instruments(dtype):
    nu, preset = draw(4, seed=54), PRESETS["live"]
    nu[:, 0] *= 0.5  # no pitch near the ends of the range
    tension, mallet_hz = np.array([0.03, 0.3, 1.0, 0.3]), np.array([800.0, 3000.0, 600.0, 20000.0])
    strike = np.array([[0.4, 0.3, 0.2, 0.4], [0.4, 0.45, 0.3, 0.4]])
    glided = synth.render_gliding(
        torch.from_numpy(nu).to(dtype), preset, torch.from_numpy(tension),
        torch.from_numpy(strike), torch.from_numpy(mallet_hz),
    )  # fmt: skip
    assert glided.dtype == dtype
    for i, x in enumerate(glided.numpy()):
        theta = preset.from_nu(nu[i])
        body = drum.Drum(theta, tuple(strike[:, i]), mallet_hz[i], tension[i])
        played = drum.render(body, SAMPLE_RATE, N_SAMPLES / SAMPLE_RATE)
        assert np.abs(x - played).max() <= 0.01, i  # the bank glides in float32 to the end


def batch(drums: list[drum.Drum], as_recorded) -> Recorded:
    """Partials of drums, as many as the first one has or fewer."""
    n = len(drums[0].partials)
    own = np.array([[*one.partials, *[(0,) * 6] * (n - len(one.partials))] for one in drums])
    glide_s = np.array([one.glide_s for one in drums])
    return Recorded(*map(torch.from_numpy, (own, glide_s, np.array(as_recorded))))


def own_drums(tension: float, strike=None) -> list[drum.Drum]:
    """Drums as recorded: hard and soft mallets, another glide, fewer partials, none."""
    drums = [recorded(seed, tension, mallet_hz) for seed, mallet_hz in
             enumerate((3000.0, 800.0, 20000.0, 3000.0, 3000.0))]  # fmt: skip
    drums[1] = drums[1]._replace(glide_s=0.03)
    drums[3] = drums[3]._replace(partials=drums[3].partials[5:9])
    drums[4] = drums[4]._replace(partials=())
    return drums if strike is None else [one._replace(strike=strike) for one in drums]


def render_all(drums, shares, n_samples, strike=None):
    live = PRESETS["live"]
    nu = torch.from_numpy(np.stack([live.to_nu(one.theta) for one in drums]))
    strike = torch.tensor([one.strike for one in drums]).double().T if strike is None else strike
    tension, mallet_hz = (
        torch.tensor([getattr(one, name) for one in drums]) for name in ("tension", "mallet_hz")
    )
    own = batch(drums, shares)
    return synth.render_gliding(nu, live, tension, strike, mallet_hz, own, n_samples)


# In one second the bank's float32 rotations drift by some 1e-4 rad where the pitch glides, and the
# onset's tension is rounded: -50 dB. Without tension every block begins anew.
@pytest.mark.parametrize(("tension", "allowed"), [(0.0, 3e-5), (0.4, 3e-3)])
@pytest.mark.parametrize("share", [0.0, 1e-3, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("strike", [None, (0.5, 0.35)])
def test_partials_are_the_instruments(tension, allowed, share, strike):
    drums = own_drums(tension, strike)
    x = render_all(drums, [share] * len(drums), SAMPLE_RATE, strike).numpy()
    for one, rendered in zip(drums, x):
        played = drum.render_body(one, SAMPLE_RATE, SAMPLE_RATE, 1.0, share)
        assert np.abs(rendered - played / np.abs(played).max()).max() <= allowed


def test_every_drum_has_its_own_share():
    drums = own_drums(0.2)
    shares = [0.2, 1.0, 0.0, 0.5, 1.0]
    x = render_all(drums, shares, 4096)
    for i, share in enumerate(shares):
        alone = render_all(drums, [share] * len(drums), 4096)
        torch.testing.assert_close(x[i], alone[i])


def test_slopes_through_partials_are_those_of_differences():
    (whole,) = drums = own_drums(0.3)[1:2]
    nu = torch.from_numpy(PRESETS["live"].to_nu(whole.theta))[None]
    strike = torch.tensor(whole.strike).double()[:, None]
    own, tension = batch(drums, [0.6]), torch.tensor([whole.tension])

    def rendered(nu):
        mallet_hz = torch.tensor([whole.mallet_hz])
        return synth.render_gliding(nu, PRESETS["live"], tension, strike, mallet_hz, own, 4096)

    for i, direction in enumerate(torch.eye(5, dtype=torch.float64)):
        _, slope = torch.func.jvp(rendered, (nu,), (direction[None],))
        difference = (rendered(nu + 1e-7 * direction) - rendered(nu - 1e-7 * direction)) / 2e-7
        assert torch.linalg.norm(slope - difference) < 1e-3 * torch.linalg.norm(slope), i
    nu.requires_grad_()
    rendered(nu).square().sum().backward()
    assert torch.isfinite(nu.grad).all() and (nu.grad != 0).all()


def test_without_tension_the_gliding_drum_is_the_linear_one():
    nu, preset = torch.from_numpy(draw(2, seed=55)), PRESETS["live"]
    x = synth.render_gliding(nu, preset, torch.zeros(2), n_samples=8192)
    torch.testing.assert_close(x, synth.render(nu, preset, n_samples=8192), rtol=0, atol=1e-6)


def test_the_slope_of_tension_is_that_of_differences():
    nu, preset = torch.from_numpy(draw(1, seed=56)), PRESETS["live"]

    def glided(tension):
        return synth.render_gliding(nu, preset, tension, n_samples=8192)

    at, along = torch.full((1,), 0.3, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    _, slope = torch.func.jvp(glided, (at,), (along,))
    difference = (glided(at + 1e-6) - glided(at - 1e-6)) / 2e-6
    torch.testing.assert_close(slope, difference, rtol=1e-3, atol=1e-3 * float(slope.abs().max()))
