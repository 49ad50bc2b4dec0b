"""The bank of a drum in torch, batched and differentiable: the twin of matcher.physics.bank."""

from typing import NamedTuple

import numpy as np
import torch

from matcher.physics import ftm, modal, partials
from matcher.physics.bank import (
    EARLY_STEP_S,
    GLIDE_AMPLITUDE,
    LEAST_GAIN,
    LEAST_STRAIN,
    N_EARLY,
    QUIETEST,
)

INAUDIBLE = 1e-12  # shape of a mode with a node where the drum is struck; it is left out


class Recorded(NamedTuple):
    """Partials of recorded drums, and how far their sounds are taken as recorded."""

    partials: torch.Tensor  # (batch, partials, 6), the fields of Partial; m = 0: there is none
    glide_s: torch.Tensor  # (batch,), s, as Drum's
    as_recorded: torch.Tensor  # (batch,), A of matcher.physics.bank


class Rows(NamedTuple):
    """What rings, as the rows of matcher.physics.bank, each field (batch, rows)."""

    sigma: torch.Tensor
    omega: torch.Tensor
    start: torch.Tensor  # complex, faded out towards the Nyquist frequency
    pull: torch.Tensor
    weight: torch.Tensor


def fill(theta, strike, mallet_hz, recorded, sample_rate) -> Rows:
    """As matcher.physics.bank.fill, for a strike of force 1.

    Args:
        theta: Fields (batch,) float64.
        strike: A pair of floats or of tensors (batch,).
        mallet_hz: (batch, 1), Hz.
        recorded: Recorded; None for membranes.
        sample_rate: Hz.

    Returns:
        The membrane's modes; with `recorded` then the partials, and the glide's row.
    """
    m, k, shape = audible(theta.omega, strike, ftm.N_MODES)
    q, sigma, _, omega = closed_form(theta, m, k)
    gain = _mode_gain(theta, shape, omega, mallet_hz)
    start = gain * fade(omega, sample_rate)
    strain = ((1 + q) * start**2).sum(dim=1, keepdim=True).clamp(min=LEAST_STRAIN)
    pull = (1 + q) * (theta.omega[:, None] / omega) ** 2
    modes = Rows(sigma, omega, start.to(torch.complex128), pull, (1 + q) / strain)
    if recorded is None:
        return modes
    own = recorded.partials.double()
    A = recorded.as_recorded.double()[:, None].expand(own.shape[:2])
    A = torch.where(own[..., 0] > 0, A, 0)  # (batch, partials)
    membrane_peak = _peak(gain.to(torch.complex128), sigma, omega)
    rows, ratio = _partial_rows(theta, strike, mallet_hz, own, A, membrane_peak, strain)
    start = rows.start * fade(rows.omega, sample_rate)
    A, sounds = A.amax(dim=1, keepdim=True), A > 0
    left = (1 - A) * ~_is_parent(m, k, own, sounds)
    modes = modes._replace(
        start=left * ratio**-A * modes.start, weight=left * ratio ** (2 * A) * modes.weight
    )
    silent = torch.zeros_like(A)
    glide = Rows(
        1 / recorded.glide_s.double()[:, None], silent, silent + GLIDE_AMPLITUDE + 0j, silent,
        A / GLIDE_AMPLITUDE**2,
    )  # fmt: skip
    rows = rows._replace(start=sounds * start, weight=sounds * rows.weight)
    return Rows(*(torch.cat(column, dim=1) for column in zip(modes, rows, glide)))


def _partial_rows(theta, strike, mallet_hz, own, A, membrane_peak, strain) -> tuple[Rows, ...]:
    """Rows of the partials before they fade out, and the ratio of the peaks, (batch, 1).

    own: (batch, partials, 6). A: (batch, partials). membrane_peak, strain: (batch, 1).
    """
    m, k, cents, decay_ratio, gain_db, phase = own.unbind(-1)
    m, k = m.clamp(min=1), k.clamp(min=1)
    shape = _shape(m, k, strike)
    q, sigma, undamped, omega = closed_form(theta, m, k)  # of the parents
    own_omega = torch.sqrt(undamped) * 2 ** (cents / 1200)
    own_sigma = sigma * torch.where(decay_ratio > 0, decay_ratio, 1)
    soft = partials.softness(own_omega, mallet_hz).clamp(max=partials.MOST_SOFTNESS)
    unit = partials.gain(shape, theta.omega[:, None], theta.alpha[:, None])
    recorded = (A > 0) * 10 ** (gain_db / 20) * unit * torch.exp(-soft + 1j * phase)
    ratio = (membrane_peak / _peak(recorded, own_sigma, own_omega)).clamp(min=QUIETEST)
    takes_place = _loudest(own) == torch.arange(own.shape[1]).to(own.device)
    of_mode = takes_place * (1 - A) * ratio**-A * _mode_gain(theta, shape, omega, mallet_hz)
    pull = (1 + q) * (theta.omega[:, None] / omega) ** 2
    rows = Rows(
        torch.exp((1 - A) * torch.log(sigma) + A * torch.log(own_sigma)),
        torch.exp((1 - A) * torch.log(omega) + A * torch.log(own_omega)),
        of_mode + A * ratio ** (1 - A) * recorded,
        pull ** (1 - A),
        takes_place * (1 - A) * ratio ** (2 * A) * (1 + q) / strain,
    )
    return rows, ratio


def _peak(start, sigma, omega):
    """About the peak of the sound of rows (batch, rows), as matcher.physics.bank has it."""
    seconds = EARLY_STEP_S * torch.arange(1, N_EARLY + 1).to(sigma)
    turned = torch.exp((-sigma + 1j * omega)[..., None] * seconds)  # (batch, rows, samples)
    early = torch.einsum("br,brt->bt", start, turned).imag
    return early.abs().amax(dim=1, keepdim=True).clamp(min=LEAST_GAIN)


def _loudest(own):
    """Index of the loudest partial with the same parent as each, (batch, partials)."""
    m, k, level = own[..., 0], own[..., 1], own[..., 4]
    sibling = (m[:, :, None] == m[:, None]) & (k[:, :, None] == k[:, None])
    return torch.where(sibling, level[:, None], -torch.inf).argmax(dim=2)


def _mode_gain(theta, shape, omega, mallet_hz):
    """Gain of modes of this shape and frequency that a mallet strikes, before they fade out."""
    soft = partials.softness(omega, mallet_hz)
    return shape * torch.exp(-soft) / (omega * theta.alpha[:, None])


def _is_parent(m, k, own, sounds):
    """Whether modes m, k (modes,) are parents of partials that sound, (batch, modes)."""
    same = (own[:, None, :, 0] == m[:, None]) & (own[:, None, :, 1] == k[:, None])
    return (same & sounds[:, None]).any(dim=2)


def closed_form(theta, m, k):
    """q, and matcher.physics.ftm.closed_form, of modes m, k (modes,) or (batch, modes)."""
    omega, tau, p, D, alpha = (v[:, None] for v in theta)  # (batch, 1)
    beta = alpha + 1 / alpha
    q = ftm.mode_excess(alpha, m, k)
    sigma = (1 + p * beta * q) / tau
    undamped = omega**2 * (1 + q) * (1 + D**2 * beta**2 * q)
    return q, sigma, undamped, torch.sqrt(undamped + q * (1 - p * beta) ** 2 / tau**2)


def audible(like, strike, n_modes):
    """Indices m and k (modes,) and the shape (batch or 1, modes) of modes that are struck."""
    m, k = (torch.arange(1, n_modes + 1).to(like) for _ in range(2))
    m, k = m.repeat_interleave(n_modes), k.repeat(n_modes)
    shape = _shape(m, k, strike)
    if any(torch.is_tensor(x) for x in strike):
        return m, k, shape
    audible = shape[0] > INAUDIBLE
    return m[audible], k[audible], shape[:, audible]


def _shape(m, k, strike):
    """matcher.physics.ftm.shape of modes m, k, (batch or 1, modes)."""
    x1, x2 = (torch.as_tensor(x).to(m).reshape(-1, 1) for x in strike)  # (batch or 1, 1)
    return torch.sin(m * np.pi * x1) ** 2 * torch.sin(k * np.pi * x2) ** 2


def fade(omega, sample_rate):
    """Gain of matcher.physics.modal.fade_out: 1 up to FADE of the Nyquist frequency, 0 above it."""
    share = ((omega / (np.pi * sample_rate) - modal.FADE) / (1 - modal.FADE)).clamp(0, 1)
    return torch.where(share < 1, torch.cos(np.pi / 2 * share) ** 2, 0)
