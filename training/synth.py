"""The drum in torch, batched and differentiable: the same laws as in matcher.physics."""

import numpy as np
import torch

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import ftm, modal
from matcher.physics.parameters import HARD_HZ
from matcher.physics.theta import Preset, Theta
from training.bank import Recorded, audible, closed_form, fade, fill

COLUMN = 256  # samples, about sqrt(N_SAMPLES): exp(z (a COLUMN + b)) = exp(z a COLUMN) exp(z b)


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
    m, k, shape = audible(theta.omega, strike, n_modes)
    _, sigma, _, omega = closed_form(theta, m, k)
    return ftm.Modes(sigma, omega, shape / (omega * theta.alpha[:, None]))


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
    gain = gain * fade(omega, sample_rate)
    rotation = torch.complex(-sigma, omega)[..., None] / sample_rate  # (batch, modes, 1) a sample
    columns = torch.arange(-(-n_samples // COLUMN), device=nu.device) * COLUMN
    across = gain[..., None] * torch.exp(rotation * columns)  # (batch, modes, columns)
    along = torch.exp(rotation * torch.arange(COLUMN, device=nu.device))  # (batch, modes, COLUMN)
    left = torch.cat([across.real, across.imag], dim=1).to(nu.dtype)  # (batch, 2 modes, columns)
    right = torch.cat([along.imag, along.real], dim=1).to(nu.dtype)
    x = (left.transpose(1, 2) @ right).flatten(1)[:, :n_samples]
    peak = x.abs().amax(dim=1, keepdim=True)
    return x / torch.where(peak > 0, peak, 1)


def render_gliding(
    nu: torch.Tensor, preset: Preset, tension: torch.Tensor, strike=ftm.STRIKE,
    mallet_hz: torch.Tensor | None = None, recorded: Recorded | None = None,
    n_samples: int = N_SAMPLES, sample_rate: float = SAMPLE_RATE,
) -> torch.Tensor:  # fmt: skip
    """Render drums whose pitch glides after a hard strike, as matcher.physics.drum.render_body.

    It computes n_samples * modes numbers for each sound, many times more than `render`.

    Args:
        nu: (batch, 5).
        preset: The ranges of nu.
        tension: As in matcher.physics.drum.Drum, (batch,).
        strike: A pair of floats or of tensors (batch,).
        mallet_hz: As in Drum, (batch,); a hard mallet by default.
        recorded: Partials of the drums; by default they are membranes.
        n_samples: Length.
        sample_rate: Hz.

    Returns:
        (batch, n_samples) with the type of nu, each with peak 1.
    """
    theta = theta_from_nu(nu.double(), preset)
    mallet_hz = torch.full_like(theta.omega, HARD_HZ) if mallet_hz is None else mallet_hz.double()
    rows = fill(theta, strike, mallet_hz[:, None], recorded, sample_rate)
    step = modal.GLIDE / sample_rate
    n_blocks = -(-n_samples // modal.GLIDE)
    starts = step * torch.arange(n_blocks, dtype=torch.float64, device=nu.device)
    decay = torch.exp(-rows.sigma[..., None] * starts)  # (batch, rows, blocks)
    energy = ((rows.weight * rows.start.abs() ** 2)[..., None] * decay**2).sum(dim=1)
    rise = tension.double()[:, None] * energy
    rise = torch.where(rise < modal.LEAST_RISE, 0, rise).clamp(max=modal.HIGHEST_RISE)
    rest = rows.omega[..., None]
    room = (modal.HIGHEST_TURN * sample_rate - rest).clamp(min=0)
    stretch = torch.sqrt(1 + rise[:, None] * rows.pull[..., None])
    now = rest + torch.minimum(rest * (stretch - 1), room)
    phase = step * (torch.cumsum(now, dim=-1) - now)  # at the start of each block
    z = rows.start[..., None] * decay * torch.exp(1j * phase)
    one = torch.exp(torch.complex(-rows.sigma[..., None].expand_as(now), now) / sample_rate)
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
