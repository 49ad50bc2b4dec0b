"""The drum in torch, batched and differentiable: the same laws as in matcher.physics."""

import numpy as np
import torch

from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.physics import ftm, modal
from matcher.physics.parameters import HARD_HZ
from matcher.physics.theta import Preset, Theta
from training.bank import Recorded, Rows, audible, closed_form, fade, fill

COLUMN = 256  # samples, about sqrt(N_SAMPLES): exp(z (a COLUMN + b)) = exp(z a COLUMN) exp(z b)
GLIDE_COLUMN = 8  # samples, sqrt(modal.GLIDE): the same within a block of one tension


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
        Phases are computed in float64 whatever the type.
    """
    sigma, omega, gain = modes(theta_from_nu(nu.double(), preset), strike)
    gain = gain * fade(omega, sample_rate)
    return normalised(ring(sigma, omega, gain, n_samples, sample_rate, nu.dtype))


def ring(sigma, omega, gain, n_samples: int, sample_rate: float, dtype) -> torch.Tensor:
    """Sum damped sines, as matcher.physics.modal.render_modes, by a matrix product for each sound.

    Args:
        sigma: Decay rates, 1/s, (batch, modes) float64.
        omega: Angular frequencies, rad/s, likewise.
        gain: Amplitudes, likewise, faded out towards the Nyquist frequency.
        n_samples: Length.
        sample_rate: Hz.
        dtype: Type of the sum. Phases are computed in float64.

    Returns:
        (batch, n_samples) of this type, on the modes' own scale.
    """
    n_columns = -(-n_samples // COLUMN)
    columns, steps = (
        torch.arange(n, dtype=torch.float64, device=omega.device) for n in (n_columns, COLUMN)
    )
    columns, steps = columns * (COLUMN / sample_rate), steps / sample_rate  # s
    sigma, omega = sigma[..., None], omega[..., None]
    across = _rotated(gain[..., None] * torch.exp(-sigma * columns), omega * columns, dtype)
    along = _rotated(torch.exp(-sigma * steps), omega * steps, dtype)  # (batch, modes, COLUMN)
    left = torch.cat([across.real, across.imag], dim=1)  # (batch, 2 modes, columns)
    right = torch.cat([along.imag, along.real], dim=1)
    return (left.transpose(1, 2) @ right).flatten(1)[:, :n_samples]


def normalised(x: torch.Tensor) -> torch.Tensor:
    """Sounds (batch, samples), each with a peak of 1; silence stays as it is."""
    peak = x.abs().amax(dim=1, keepdim=True)
    return x / torch.where(peak > 0, peak, 1)


def render_gliding(
    nu: torch.Tensor, preset: Preset, tension: torch.Tensor, strike=ftm.STRIKE,
    mallet_hz: torch.Tensor | None = None, recorded: Recorded | None = None,
    n_samples: int = N_SAMPLES, sample_rate: float = SAMPLE_RATE,
) -> torch.Tensor:  # fmt: skip
    """Render drums whose pitch glides after a hard strike, as matcher.physics.drum.render_body.

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
    return normalised(glide(rows, tension.double(), n_samples, sample_rate, nu.dtype))


def glide(rows: Rows, tension, n_samples: int, sample_rate: float, dtype) -> torch.Tensor:
    """Sum rows whose tension rises with their energy, as matcher.physics.modal.add_gliding.

    Decay does not depend on the tension, so energy, frequency and phase at the start of each block
    are known at once; within a block a sample is a matrix product, as in `ring`.

    Args:
        rows: What rings, (batch, rows) float64.
        tension: As in matcher.physics.drum.Drum, (batch,) float64.
        n_samples: Length.
        sample_rate: Hz.
        dtype: Type of the sum and of rotations within a block. Phases are computed in float64.

    Returns:
        (batch, n_samples) of this type, on the modes' own scale.
    """
    step = modal.GLIDE / sample_rate
    n_blocks = -(-n_samples // modal.GLIDE)
    starts = step * torch.arange(n_blocks, dtype=torch.float64, device=tension.device)
    sigma, rest, pull = rows.sigma[:, None], rows.omega[:, None], rows.pull[:, None]
    decay = torch.exp(-sigma * starts[:, None])  # (batch, blocks, rows)
    energy = ((rows.weight * rows.start.abs() ** 2)[:, None] * decay**2).sum(dim=-1)
    rise = tension[:, None] * energy
    rise = torch.where(rise < modal.LEAST_RISE, 0, rise).clamp(max=modal.HIGHEST_RISE)[..., None]
    room = (modal.HIGHEST_TURN * sample_rate - rest).clamp(min=0)
    now = rest + torch.minimum(rest * (torch.sqrt(1 + rise * pull) - 1), room)
    phase = step * (torch.cumsum(now, dim=1) - now)  # at the start of each block
    start = torch.view_as_real(rows.start)[:, None]
    z = torch.complex(*start.to(dtype).unbind(-1)) * _rotated(decay, phase, dtype)
    one = _rotated(torch.exp(-sigma / sample_rate), now / sample_rate, dtype)
    return _roll(z, one).flatten(1)[:, :n_samples]


def _rotated(size, phase, dtype):
    """size exp(i phase), whose parts have this type; whole turns are left out in float64."""
    phase, size = torch.remainder(phase, 2 * np.pi).to(dtype), size.to(dtype)
    return torch.complex(size * torch.cos(phase), size * torch.sin(phase))


def _roll(z, one):
    """Sum over rows of Im(z one^t), t from 0 to modal.GLIDE - 1.

    Args:
        z: State at the start of each block, (batch, blocks, rows) complex.
        one: A sample's rotation in each block, likewise.

    Returns:
        (batch, blocks, modal.GLIDE).
    """
    back = one.conj().resolve_conj()
    along = [torch.full_like(one, 1j)]  # i back^b: as vectors of two, v and i conj(w) give Im(v w)
    for _ in range(GLIDE_COLUMN - 1):
        along.append(along[-1] * back)
    column = 1j * (along[-1] * back).conj()  # one^GLIDE_COLUMN
    across = [z]  # z one^(a GLIDE_COLUMN)
    for _ in range(modal.GLIDE // GLIDE_COLUMN - 1):
        across.append(across[-1] * column)
    left, right = (
        torch.view_as_real(torch.stack(factor, dim=2)).flatten(-2) for factor in (across, along)
    )  # (batch, blocks, a or b, 2 rows)
    return (left @ right.transpose(2, 3)).flatten(2)


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
