"""The drum in torch, batched and differentiable: the same laws as matcher.physics.ftm and modal."""

import numpy as np
import torch

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import ftm, modal
from matcher.physics.theta import Preset, Theta

COLUMN = 256  # samples, about sqrt(N_SAMPLES): exp(z (a COLUMN + b)) = exp(z a COLUMN) exp(z b)
INAUDIBLE = 1e-12  # shape of a mode with a node where the drum is struck; it is left out


def theta_from_nu(nu: torch.Tensor, preset: Preset) -> Theta:
    """The parameters in natural units.

    Args:
        nu: (..., 5) in [-1, 1].
        preset: The ranges of nu.

    Returns:
        Fields (...).
    """
    values = []
    for row, share in zip(preset.parameters, nu.unbind(-1)):
        log = row.scale == "log"
        low, high = (np.log(v) if log else v for v in (row.low, row.high))
        value = low + (share + 1) / 2 * (high - low)
        values.append(torch.exp(value) if log else value)
    return Theta(*values)


def modes(theta: Theta, strike=ftm.STRIKE, n_modes: int = ftm.N_MODES) -> ftm.Modes:
    """Decay rates, angular frequencies and amplitudes, as matcher.physics.ftm.modes.

    Args:
        theta: Fields (batch,).
        strike: A pair of floats or of tensors (batch,). With floats, modes that have a node there
            are left out.
        n_modes: Modes along each side.

    Returns:
        Fields (batch, modes), in the order of matcher.physics.ftm.modes.
    """
    omega, tau, p, D, alpha = (v[:, None] for v in theta)  # (batch, 1)
    m, k, shape = _audible(omega, strike, n_modes)
    beta = alpha + 1 / alpha
    q = _excess(alpha, m, k)
    sigma = (1 + p * beta * q) / tau
    stiff = omega**2 * (1 + q) * (1 + D**2 * beta**2 * q)
    omega_mk = torch.sqrt(stiff + q * (1 - p * beta) ** 2 / tau**2)
    return ftm.Modes(sigma, omega_mk, shape / (omega_mk * alpha))


def _audible(omega, strike, n_modes):
    """Indices m and k (modes,) and the shape (batch or 1, modes) of modes that are struck."""
    m, k = (torch.arange(1, n_modes + 1).to(omega) for _ in range(2))
    m, k = m.repeat_interleave(n_modes), k.repeat(n_modes)
    x1, x2 = (
        torch.as_tensor(x, dtype=omega.dtype, device=omega.device).reshape(-1, 1) for x in strike
    )  # (batch or 1, 1)
    shape = torch.sin(m * np.pi * x1) ** 2 * torch.sin(k * np.pi * x2) ** 2
    if any(torch.is_tensor(x) for x in strike):
        return m, k, shape
    audible = shape[0] > INAUDIBLE
    return m[audible], k[audible], shape[:, audible]


def _excess(alpha, m, k):
    """matcher.physics.ftm.excess of the modes m, k (modes,) for alpha (batch, 1)."""
    return (alpha**2 * (m**2 - 1) + k**2 - 1) / (1 + alpha**2)


def render(nu: torch.Tensor, preset: Preset, strike=ftm.STRIKE, n_samples: int = N_SAMPLES,
           sample_rate: float = SAMPLE_RATE) -> torch.Tensor:  # fmt: skip
    """Render sounds without tension: sums of damped sines.

    Args:
        nu: (batch, 5).
        preset: The ranges of nu.
        strike: A pair of floats or of tensors (batch,).
        n_samples: Length.
        sample_rate: Hz.

    Returns:
        (batch, n_samples) with the type of nu, each with peak 1, or silent where no mode is struck.
        Rotations are computed in float64 whatever the type.
    """
    sigma, omega, gain = modes(theta_from_nu(nu.double(), preset), strike)
    gain = gain * _fade(omega, sample_rate)
    rotation = torch.complex(-sigma, omega)[..., None] / sample_rate  # (batch, modes, 1) a sample
    columns = torch.arange(-(-n_samples // COLUMN), device=nu.device) * COLUMN
    across = gain[..., None] * torch.exp(rotation * columns)  # (batch, modes, columns)
    along = torch.exp(rotation * torch.arange(COLUMN, device=nu.device))  # (batch, modes, COLUMN)
    left = torch.cat([across.real, across.imag], dim=1).to(nu.dtype)  # (batch, 2 modes, columns)
    right = torch.cat([along.imag, along.real], dim=1).to(nu.dtype)
    x = (left.transpose(1, 2) @ right).flatten(1)[:, :n_samples]
    peak = x.abs().amax(dim=1, keepdim=True)
    return x / torch.where(peak > 0, peak, 1)


def render_gliding(nu: torch.Tensor, preset: Preset, tension: torch.Tensor, strike=ftm.STRIKE,
                   mallet_hz: torch.Tensor | None = None, n_samples: int = N_SAMPLES,
                   sample_rate: float = SAMPLE_RATE) -> torch.Tensor:  # fmt: skip
    """Render drums whose pitch glides after a hard strike, as matcher.physics.drum.render_body.

    It computes n_samples * modes numbers for each sound, many times more than `render`.

    Args:
        nu: (batch, 5).
        preset: The ranges of nu.
        tension: As in matcher.physics.drum.Drum, (batch,).
        strike: A pair of floats or of tensors (batch,).
        mallet_hz: As in Drum, (batch,); a hard mallet by default.
        n_samples: Length.
        sample_rate: Hz.

    Returns:
        (batch, n_samples) with the type of nu, each with peak 1.
    """
    theta = theta_from_nu(nu.double(), preset)
    sigma, omega, gain = modes(theta, strike)  # (batch, modes) each
    gain = gain * _fade(omega, sample_rate)
    if mallet_hz is not None:
        gain = gain * torch.exp(-0.5 * (omega / (2 * np.pi * mallet_hz.double()[:, None])) ** 2)
    m, k, _ = _audible(omega, strike, ftm.N_MODES)
    ratio = 1 + _excess(theta.alpha[:, None], m, k)
    weight = ratio * gain**2
    weight = weight / weight.sum(dim=1, keepdim=True)
    step = modal.GLIDE / sample_rate
    starts = step * torch.arange(-(-n_samples // modal.GLIDE), dtype=omega.dtype, device=nu.device)
    left = torch.exp(-2 * sigma[..., None] * starts)  # (batch, modes, blocks) of energy
    rise = tension.double()[:, None] * (weight[..., None] * left).sum(dim=1)
    rise = torch.where(rise < modal.LEAST_RISE, 0, rise).clamp(max=modal.HIGHEST_RISE)
    pull = (ratio * theta.omega[:, None] ** 2 / omega**2)[..., None]
    rest = omega[..., None]
    room = (modal.HIGHEST_TURN * sample_rate - rest).clamp(min=0)
    now = rest + torch.minimum(rest * (torch.sqrt(1 + rise[:, None] * pull) - 1), room)
    phase = step * (torch.cumsum(now, dim=-1) - now)  # at the start of each block
    z = gain[..., None] * torch.exp(torch.complex(-sigma[..., None] * starts, phase))
    one = torch.exp(torch.complex(-sigma[..., None].expand_as(now), now) / sample_rate)
    columns = []
    for _ in range(modal.GLIDE):
        columns.append(z.imag.sum(dim=1))
        z = z * one
    x = torch.stack(columns, dim=-1).flatten(1)[:, :n_samples]
    peak = x.abs().amax(dim=1, keepdim=True)
    return (x / torch.where(peak > 0, peak, 1)).to(nu.dtype)


def render_with_tangents(nu: torch.Tensor, preset: Preset, strike=ftm.STRIKE):
    """Render sounds and their derivatives by forward-mode differentiation.

    Args:
        nu: (batch, 5).
        preset: The ranges of nu.
        strike: As in `render`.

    Returns:
        x (batch, N_SAMPLES) and dx / dnu (batch, 5, N_SAMPLES).
    """

    def along(direction):
        return torch.func.jvp(
            lambda v: render(v, preset, strike), (nu,), (direction.expand_as(nu),)
        )

    directions = torch.eye(nu.shape[1], dtype=nu.dtype, device=nu.device)
    return torch.vmap(along, out_dims=(None, 1))(directions)


def _fade(omega, sample_rate):
    """Gain of matcher.physics.modal.fade_out: 1 up to FADE of the Nyquist frequency, 0 above it."""
    share = ((omega / (np.pi * sample_rate) - modal.FADE) / (1 - modal.FADE)).clamp(0, 1)
    return torch.where(share < 1, torch.cos(np.pi / 2 * share) ** 2, 0)
