import numpy as np
import pytest
import torch

from matcher.physics.theta import PRESETS
from tests.conftest import DATA
from training.jtfs import JTFS, SCALE, Phi
from training.synth import render, render_with_tangents

SIGNALS = ("low_tom", "bright", "chirp")


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA / "jtfs.npz") as kept:
        return dict(kept)


@pytest.fixture(scope="module")
def jtfs():
    return {F: JTFS(F=F) for F in (24, 2)}


@pytest.fixture(scope="module")
def phi64():
    return Phi().double()


def sounds(preset, count, seed):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(-1, 1, (count, 5))), PRESETS[preset]


@pytest.mark.parametrize("F", [24, 2])
def test_paths_are_those_of_the_reference(jtfs, reference, F):
    np.testing.assert_array_equal(jtfs[F].keys, reference[f"keys_F{F}"])


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(
    ("F", "name", "allowed"), [(24, "F24_converged", 2e-3), (24, "F24", 4e-2), (2, "F2", 4e-2)]
)
def test_coefficients_are_those_of_the_reference(jtfs, reference, signal, F, name, allowed):
    S = jtfs[F](torch.from_numpy(reference[f"{signal}_x"])[None])[0].numpy()
    expected, second = reference[f"{signal}_{name}"], jtfs[F].keys[:, 2] >= 0
    for order, paths in (("second order", second), ("the rest", ~second)):
        paths = paths & np.isfinite(expected)  # of first order, there is no converged value
        if paths.any():
            error = np.linalg.norm(S[paths] - expected[paths]) / np.linalg.norm(expected[paths])
            print(f"{signal} {name}, {order}: {error:.1e}")
            assert error <= allowed


@pytest.mark.parametrize("count", [2, pytest.param(20, marks=pytest.mark.long)])
def test_tangents_are_slopes(phi64, count):
    nu, preset = sounds("paper", count, seed=40)
    worst = 0.0
    for n in nu:
        x, dx = render_with_tangents(n[None], preset)
        tangents = phi64.jvp(x, dx)[1][0]
        for direction, tangent in zip(torch.eye(5, dtype=torch.float64), tangents):
            error = np.inf
            for step in (1e-7, 1e-4):  # the long one where the slope drowns in rounding
                ends = [phi64(render(n[None] + s * direction, preset)) for s in (step, -step)]
                slope = (ends[0] - ends[1])[0] / (2 * step)
                error = min(error, (torch.linalg.norm(tangent - slope) / slope.norm()).item())
            worst = max(worst, error)
    print(f"largest relative error of a tangent {worst:.1e}")
    assert worst <= 1e-3


def test_autograd_gives_the_same_derivative(phi64):
    nu, preset = sounds("live", 1, seed=41)
    x, dx = render_with_tangents(nu, preset)
    x.requires_grad_()
    weights = torch.from_numpy(np.random.default_rng(0).standard_normal(len(phi64.keys)))
    (phi64(x) @ weights).sum().backward()
    by_jvp = phi64.jvp(x.detach(), dx)[1] @ weights  # (1, 5)
    torch.testing.assert_close((dx * x.grad[:, None]).sum(-1), by_jvp, rtol=1e-6, atol=1e-9)


def test_a_batch_is_its_sounds(jtfs):
    x = render(sounds("paper", 3, seed=42)[0].float(), PRESETS["paper"])
    whole, each = jtfs[24](x), torch.cat([jtfs[24](one[None]) for one in x])
    torch.testing.assert_close(whole, each, rtol=1e-4, atol=1e-9)


def test_a_delay_and_a_gain_are_seen_as_they_should(jtfs):
    x = render(sounds("paper", 1, seed=43)[0].float(), PRESETS["paper"])
    x[:, 60000:] = 0
    S, later, louder = jtfs[24](x), jtfs[24](x.roll(1000, 1)), jtfs[24](2 * x)
    torch.testing.assert_close(louder, 2 * S, rtol=1e-4, atol=1e-9)
    # Means over all time do not know when.
    torch.testing.assert_close(later, S, rtol=2e-2, atol=S.mean().item() / 100)


def test_silence_is_nothing_and_can_be_differentiated(jtfs):
    x = torch.zeros(1, 65536, requires_grad=True)
    S = jtfs[24](x)
    S.sum().backward()
    assert S.abs().max() < 1e-12
    assert torch.isfinite(x.grad).all()


def test_spins_tell_rising_from_falling(jtfs):
    t = np.arange(65536) / 22050
    rising = np.sin(2 * np.pi * 100 * (2 ** (2 * t) - 1)) * np.hanning(65536)
    up, down = (
        jtfs[24](torch.from_numpy(x.astype(np.float32))[None])[0]
        for x in (rising, rising[::-1].copy())
    )
    n_fr = jtfs[24].keys[:, 2]
    plus, minus = (n_fr >= 1) & (n_fr <= 6), n_fr >= 7
    assert (up[plus].sum() > up[minus].sum()) != (down[plus].sum() > down[minus].sum())
    torch.testing.assert_close(up[plus], down[minus], rtol=2e-2, atol=up.mean().item() / 50)


def test_the_scale_is_one_over_the_median(jtfs):
    nu, preset = sounds("paper", 40, seed=44)
    S = torch.cat([jtfs[24](render(n[None].float(), preset)) for n in nu])
    assert 1 / S[:, 1:].median().item() == pytest.approx(SCALE, rel=0.25)


@pytest.mark.cuda
def test_on_a_gpu(jtfs, reference):
    x = torch.from_numpy(reference["low_tom_x"])[None].expand(4, -1)
    torch.testing.assert_close(JTFS().cuda()(x.cuda()).cpu(), jtfs[24](x), rtol=1e-3, atol=1e-9)


def test_the_gradient_is_that_of_finite_differences():
    torch.manual_seed(5)
    scattering = JTFS(n_samples=1024, J=7, J_fr=3, Q=4, F=2).double()
    x = torch.randn(1, 1024, dtype=torch.double, requires_grad=True)
    direction, weights = torch.randn(1, 1024).double(), torch.randn(len(scattering.keys)).double()
    (slope,) = torch.autograd.grad(scattering(x) @ weights, x)
    with torch.no_grad():
        ahead, behind = (scattering(x + h * direction) @ weights for h in (1e-5, -1e-5))
    torch.testing.assert_close(
        (slope * direction).sum(), ((ahead - behind) / 2e-5)[0], rtol=1e-5, atol=0
    )
