"""The part of joint time-frequency scattering along frequency: wavelets and low-pass along n1.

Only the rows are computed that the result needs.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from kymatio.scattering1d.filter_bank import gauss_1d, scattering_filter_factory
from torch import nn
from torch.autograd.function import once_differentiable

ROW_WIDTH = 9.0  # a wavelet along n1 is computed every 1 / (ROW_WIDTH sigma) bands, rounded to 2^n
NEGLIGIBLE = 1e-3  # of the heaviest row's weight; lighter rows are left out
CHUNK = 2**17  # numbers at a time in the last modulus: they fit the cache of a core
MIN_CHUNK = 64  # samples at a time at least
TINY = 1e-36  # keeps a modulus differentiable at zero, and clear of denormal numbers


class FrequencyFilters(NamedTuple):
    """Impulse responses along n1: psi[0] is the low-pass of the same octaves, phi has width F."""

    psi: np.ndarray  # (1 + J_fr + 1, n) complex
    sigma: list[float]  # bandwidths of psi, cycles per band
    phi: np.ndarray  # (n,)
    coarse: int  # bands from one path of the low-pass to the next
    fine: int  # bands from one path of the wavelets to the next


def frequency_filters(n1: int, J_fr: int, F: int) -> FrequencyFilters:
    """The filters for n1 bands; J_fr and F as in JTFS."""
    n = 2**J_fr * math.ceil((n1 + 8 * min(F, 2**J_fr)) / 2**J_fr)  # zeros behind, as in kymatio
    low, _, psi = scattering_filter_factory(n, J_fr, (1, 1), 2**J_fr)
    return FrequencyFilters(
        psi=np.fft.ifft([f["levels"][0] for f in (low, *psi)]),
        sigma=[f["sigma"] for f in (low, *psi)],
        phi=np.fft.ifft(gauss_1d(n, 0.1 / F)).real,
        coarse=2**J_fr,
        fine=2 ** math.floor(math.log2(F)),
    )


class FrequencyScattering(nn.Module):
    """Wavelets along n1, modulus, sum over time, low-pass along n1.

    Args:
        along: The filters.
        n1: Bands.
        spins: 1 for real input, 2 to tell rising from falling.
    """

    def __init__(self, along: FrequencyFilters, n1: int, spins: int):
        super().__init__()
        h, weights, self.keys = _rows(along, n1, spins)
        add_buffer(self, "h", np.stack([h.real, h.imag]))  # (2, rows, n1)
        add_buffer(self, "weights", weights)  # (spins rows, paths)

    def forward(self, Y):
        """Sums over samples (batch, 1 + d, paths) of Y (batch, 1 + d, n1, samples) complex."""
        chunk = max(MIN_CHUNK, CHUNK // (self.h.shape[1] * len(Y)))
        sums = sum(self._sums(y) for y in Y.split(chunk, dim=-1))
        return sums[..., : len(self.weights)] @ self.weights

    def _sums(self, Y):
        """Sums of the modulus, (batch, 1 + d, 2 rows): one spin, then the other."""
        hr, hi = self.h
        if Y.shape[1] == 1:
            return _ModulusSums.apply(Y[:, 0], hr, hi)[:, None]
        zr, zi = _both_spins(Y[:, 0], hr, hi)
        modulus = torch.sqrt(zr * zr + zi * zi + TINY)
        S = modulus.sum(-1)[:, None]  # (batch, 1, 2 rows)
        # d|z| = Re(conj(z) dz) / |z| with dz = h dY: sum over samples first, over n1 last.
        e = torch.cat([zr / modulus, zi / modulus], dim=1)  # (batch, 4 rows, samples)
        dY = torch.cat([Y[:, 1:].real, Y[:, 1:].imag], dim=1)  # (batch, 2 d, n1, samples)
        g = e @ dY.flatten(1, 2).transpose(1, 2)  # (batch, 4 rows, 2 d n1)
        g = g.unflatten(2, (2, -1, Y.shape[2])).unflatten(1, (2, 2, -1))
        real = g[:, 0, :, :, 0] + g[:, 1, :, :, 1]  # (batch, spins, rows, d, n1)
        imag = g[:, 1, :, :, 0] - g[:, 0, :, :, 1]
        spin = torch.tensor([1.0, -1.0]).to(real).view(2, 1, 1, 1)
        dS = (hr[:, None] * real + spin * hi[:, None] * imag).sum(-1)  # (batch, spins, rows, d)
        return torch.cat([S, dS.permute(0, 3, 1, 2).flatten(2)], dim=1)


class _ModulusSums(torch.autograd.Function):
    """Y (batch, n1, samples) complex, h (rows, n1) -> sums of |h Y| and |conj(h) Y| over samples.

    As torch would differentiate it, but with fewer passes over the largest arrays of all.
    """

    @staticmethod
    def forward(ctx, Y, hr, hi):
        zr, zi = _both_spins(Y, hr, hi)
        modulus = (zr * zr).addcmul_(zi, zi).add_(TINY).sqrt_()
        ctx.save_for_backward(zr.div_(modulus), zi.div_(modulus), hr, hi)
        return modulus.sum(-1)  # (batch, 2 rows)

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        er, ei, hr, hi = ctx.saved_tensors
        r1, r2 = (er * slope[..., None]).chunk(2, dim=1)
        i1, i2 = (ei * slope[..., None]).chunk(2, dim=1)
        real = hr.T @ (r1 + r2) + hi.T @ (i1 - i2)
        return torch.complex(real, hr.T @ (i1 + i2) + hi.T @ (r2 - r1)), None, None


def _both_spins(Y, hr, hi):
    """h Y and conj(h) Y, one above the other: real and imaginary parts, (b, 2 rows, samples)."""
    yr, yi = Y.real.contiguous(), Y.imag.contiguous()
    rr, ri, ir, ii = hr @ yr, hr @ yi, hi @ yr, hi @ yi  # (batch, rows, samples)
    return torch.cat([rr - ii, rr + ii], dim=1), torch.cat([ri + ir, ri - ir], dim=1)


def _rows(along: FrequencyFilters, n1: int, spins: int):
    """h (rows, n1) complex, weights (spins rows, paths), keys (paths, 2) of (n1, n_fr)."""
    n, n_fr = len(along.phi), len(along.psi)
    inputs = np.arange(n1)
    h, paths = [], []  # paths: first row, weights (rows, places), places
    for i, (psi, sigma) in enumerate(zip(along.psi, along.sigma)):
        if i == 0:
            places = np.arange(0, n1, along.coarse)  # as kymatio names these paths
            rows, weights = places // along.coarse * along.fine, np.eye(len(places))
        else:
            step = min(along.fine, 2 ** max(0, math.floor(-math.log2(ROW_WIDTH * sigma))))
            rows, places = np.arange(0, n, step), np.arange(0, n1, along.fine)
            weights = step * along.phi[(places - rows[:, None]) % n]
            share = np.abs(psi[(rows[:, None] - inputs) % n]).max(1) * np.abs(weights).max(1)
            keep = share > NEGLIGIBLE * share.max()
            rows, weights = rows[keep], weights[keep]
        paths.append((sum(map(len, h)), weights, places))
        h.append(psi[(rows[:, None] - inputs) % n])
    total = sum(map(len, h))
    columns, keys = [], []
    for spin in range(spins):
        for i in range(spin, n_fr):  # the low-pass has one spin
            first, weights, places = paths[i]
            column = np.zeros((spins * total, len(places)))
            start = spin * total + first
            column[start : start + len(weights)] = weights
            columns.append(column)
            keys.append(np.stack([places, np.full(len(places), i + spin * (n_fr - 1))], axis=1))
    return np.concatenate(h), np.concatenate(columns, axis=1), np.concatenate(keys)


def add_buffer(module: nn.Module, name: str, values: np.ndarray) -> None:
    """Give a module a tensor that follows it to a device and is not saved with its weights."""
    values = torch.from_numpy(np.ascontiguousarray(values)).to(torch.get_default_dtype())
    module.register_buffer(name, values, persistent=False)
