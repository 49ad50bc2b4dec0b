"""Joint time-frequency scattering and its tangents, fast enough for a laptop.

Of Anden, Lostanlen and Mallat (IEEE TSP 2019), on kymatio's filters: bands |x * psi_n1|, wavelets
along time (n2) and along the bands n1 (n_fr, both spins), modulus, mean over all time, low-pass of
width F along n1. A band is kept at a rate a little above its own width and only while the clip
lasts; along n1 only the rows are computed that the result needs.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from kymatio.scattering1d.filter_bank import gauss_1d, scattering_filter_factory
from torch import nn
from torch.fft import fft, ifft, irfft, rfft

SCALE = 7.7e4  # c of Phi: one over the median of S over 1,000 `paper` sounds

# Where a filter is cut, as a share of its peak, and a band's rate over the width that is left.
CUT_1, OVERSAMPLING_1 = 1e-3, 1.3
CUT_2, OVERSAMPLING_2 = 3e-3, 1.3
ROW_WIDTH = 9.0  # a wavelet along n1 is computed every 1 / (ROW_WIDTH sigma) bands, rounded to 2^n
NEGLIGIBLE = 1e-3  # rows that weigh less are left out
TIME_REACH = 6.0  # standard deviations in time that a band is followed beyond the clip
CHUNK = 2**17  # numbers at a time in the last modulus: what a core's cache holds
TINY = 1e-36  # keeps a modulus differentiable at zero, and clear of denormal numbers


class _Band(NamedTuple):
    """What psi_n2 keeps of the first-order bands below n1."""

    n2: int
    n1: int
    bins: slice  # of their spectra
    rate: int  # samples over the padded clip
    samples: slice  # of them, those that the clip reaches


class JTFS(nn.Module):
    """x (batch, n_samples) -> S (batch, paths): means over the clip with as many zeros around it.

    J, Q: octaves, and filters an octave, of the bands. J_fr: octaves of the wavelets along them. F:
    width of the low-pass along them, in bands. `keys` (paths, 3) names each path (n1, n2, n_fr):
    (-1, -1, -1) is the mean of x, (n1, n_fr, -1) are of first order; n_fr 0 is the low-pass, then
    come positive spins, then negative ones. `.to(device, dtype)` as with any module.
    """

    def __init__(self, n_samples=65536, J=13, J_fr=5, Q=12, F=24):
        super().__init__()
        self.n_samples, self.n_padded, self.n_frames = n_samples, 2 * n_samples, 2 * n_samples >> J
        phi, psi1, psi2 = scattering_filter_factory(self.n_padded, J, (Q, 1), 2**J)
        _add(self, "phi", phi["levels"][0][: self.n_frames // 2 + 1])
        self.rates = self._add_first_order(psi1, psi2)
        along = _filters_along(len(psi1), J_fr, F)
        self.first = _Rows(along, len(psi1), spins=1)
        keys = [np.array([[-1, -1, -1]]), np.insert(self.first.keys, 2, -1, axis=1)]
        self.bands, self.second = [], nn.ModuleList()
        for n2, psi in enumerate(psi2):
            n1 = sum(band["j"] < psi["j"] for band in psi1)
            if n1:
                self.bands.append(self._add_band(n2, psi, n1, psi1[n1 - 1]["sigma"]))
                self.second.append(_Rows(along, n1, spins=2))
                keys.append(np.insert(self.second[-1].keys, 1, n2, axis=1))
        self.keys = np.concatenate(keys)  # (paths, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (batch, n_samples) -> S (batch, paths)."""
        return self._scatter(x[:, None])[:, 0]

    def jvp(self, x: torch.Tensor, dx: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x (batch, n_samples), dx (batch, directions, n_samples) -> S (batch, paths), dS."""
        S = self._scatter(torch.cat([x[:, None], dx], dim=1))
        return S[:, 0], S[:, 1:]

    def _scatter(self, x):
        """x (batch, 1 + directions, n_samples): a signal and its tangents; S likewise."""
        pad = (self.n_padded - self.n_samples) // 2
        X = fft(nn.functional.pad(x, (pad, pad)), norm="forward")
        spectra = [self._first_order(X, rate) for rate in self.rates]
        S1 = torch.cat([u[..., : len(self.phi)] for u in spectra], dim=2) * self.phi
        S1 = irfft(S1, n=self.n_frames, norm="forward")  # (batch, 1 + d, n1, frames)
        S = [X[..., :1].real, self.first(torch.complex(S1, 0 * S1)) / self.n_frames]
        for band, rows in zip(self.bands, self.second):
            S.append(rows(self._second_order(spectra, band)) / band.rate)
        return torch.cat(S, dim=-1)

    def _first_order(self, X, rate):
        """Spectra of |x * psi_n1| of the bands kept at `rate`, (batch, 1 + d, bands, bins)."""
        at, psi = getattr(self, f"at{rate}"), getattr(self, f"psi{rate}")  # (bands, rate)
        return rfft(_modulus(ifft(X[..., at] * psi, norm="forward")), norm="forward")

    def _second_order(self, spectra, band):
        """|x * psi_n1| * psi_n2, (batch, 1 + d, n1, samples) complex."""
        parts, left = [], band.n1
        for u in spectra:
            parts.append(u[:, :, :left, band.bins])
            left -= parts[-1].shape[2]
            if not left:
                break
        Y = torch.cat(parts, dim=2) * getattr(self, f"psi2_{band.n2}")
        return ifft(Y, n=band.rate, norm="forward")[..., band.samples]

    def _add_first_order(self, psi1, psi2):
        """For each rate: the filters kept at it, cut to as many bins, and where these stand."""
        cut, rates = [_support(psi, CUT_1) for psi in psi1], []
        for psi, (low, high) in zip(psi1, cut):
            heard = [2 * _support(p, CUT_2)[1] for p in psi2 if p["j"] > psi["j"]]  # by psi_n2
            rates.append(_good_size(max([OVERSAMPLING_1 * (high - low), *heard])))
        rates = np.minimum.accumulate(np.minimum(rates, self.n_padded))
        for rate in set(rates):
            of_rate = np.flatnonzero(rates == rate)
            at = np.array([cut[i][0] + np.arange(rate) for i in of_rate]) % self.n_padded
            psi = np.array([psi1[i]["levels"][0][bins] for i, bins in zip(of_rate, at)])
            self.register_buffer(f"at{rate}", torch.from_numpy(at), persistent=False)
            _add(self, f"psi{rate}", psi)
        return sorted(set(rates.tolist()), reverse=True)

    def _add_band(self, n2, psi, n1, sigma1):
        low, high = _support(psi, CUT_2)
        low = max(low, 1)  # analytic: kymatio's JTFS drops what a Morlet has below zero
        rate = min(_good_size(OVERSAMPLING_2 * (high - low)), self.n_padded)
        _add(self, f"psi2_{n2}", psi["levels"][0][low:high])
        spread = TIME_REACH * math.hypot(1 / psi["sigma"], 1 / sigma1) / (2 * math.pi)  # samples
        first = max(0, math.floor((0.25 - spread / self.n_padded) * rate))
        return _Band(n2, n1, slice(low, high), rate, slice(first, rate - first))


class Phi(JTFS):
    """Phi = log1p(SCALE S): x (batch, n_samples) -> (batch, paths - 1), to compare sounds by.

    Without the mean of x, which has a sign. `keys` are those of the paths that are left.
    """

    def __init__(self, **settings):
        super().__init__(**settings)
        self.keys = self.keys[1:]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (batch, n_samples) -> Phi (batch, paths - 1)."""
        return torch.log1p(SCALE * super().forward(x)[:, 1:])

    def jvp(self, x: torch.Tensor, dx: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x (batch, n_samples), dx (batch, directions, n_samples) -> Phi, dPhi."""
        S, dS = (s[..., 1:] for s in super().jvp(x, dx))
        return torch.log1p(SCALE * S), SCALE * dS / (1 + SCALE * S)[:, None]


@cache
def shared_phi() -> Phi:
    """One Phi with the settings it has by default, for all who ask in this process."""
    return Phi()


class _Along(NamedTuple):
    """Filters along n1, in space: psi[0] is the low-pass of the same octaves, phi has width F."""

    psi: np.ndarray  # (1 + J_fr + 1, n) complex
    sigma: list
    phi: np.ndarray  # (n,)
    coarse: int  # bands between the paths of the low-pass
    fine: int  # bands between the other paths


def _filters_along(n1: int, J_fr: int, F: int) -> _Along:
    n = 2**J_fr * math.ceil((n1 + 8 * min(F, 2**J_fr)) / 2**J_fr)  # zeros behind, as kymatio
    low, _, psi = scattering_filter_factory(n, J_fr, (1, 1), 2**J_fr)
    return _Along(
        psi=np.fft.ifft([f["levels"][0] for f in (low, *psi)]),
        sigma=[f["sigma"] for f in (low, *psi)],
        phi=np.fft.ifft(gauss_1d(n, 0.1 / F)).real,
        coarse=2**J_fr,
        fine=2 ** math.floor(math.log2(F)),
    )


class _Rows(nn.Module):
    """Wavelets along n1, modulus, sum over time, low-pass along n1."""

    def __init__(self, along: _Along, n1: int, spins: int):
        super().__init__()
        h, weights, self.keys = _rows(along, n1, spins)
        _add(self, "h", np.stack([h.real, h.imag]))  # (2, rows, n1)
        _add(self, "weights", weights)  # (spins rows, paths)

    def forward(self, Y):
        """Y (batch, 1 + d, n1, samples) complex -> sums over samples, (batch, 1 + d, paths)."""
        chunk = max(64, CHUNK // (self.h.shape[1] * len(Y)))
        sums = sum(self._sums(y) for y in Y.split(chunk, dim=-1))
        return sums[..., : len(self.weights)] @ self.weights

    def _sums(self, Y):
        """Y (batch, 1 + d, n1, samples) -> (batch, 1 + d, 2 rows): one spin, then the other."""
        (hr, hi), yr, yi = self.h, Y[:, 0].real.contiguous(), Y[:, 0].imag.contiguous()
        rr, ri, ir, ii = hr @ yr, hr @ yi, hi @ yr, hi @ yi  # (batch, rows, samples)
        zr, zi = torch.cat([rr - ii, rr + ii], dim=1), torch.cat([ri + ir, ri - ir], dim=1)
        modulus = torch.sqrt(zr * zr + zi * zi + TINY)
        S = modulus.sum(-1)[:, None]  # (batch, 1, 2 rows)
        if Y.shape[1] == 1:
            return S
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


def _rows(along: _Along, n1: int, spins: int):
    """h (rows, n1) complex, weights (spins rows, paths), keys (paths, 2) of (n1, n_fr)."""
    n, n_fr = len(along.phi), len(along.psi)
    inputs = np.arange(n1)
    h, paths = [], []  # paths: n_fr, first row, weights (rows, places)
    for i, (psi, sigma) in enumerate(zip(along.psi, along.sigma)):
        if i == 0:
            places = np.arange(0, n1, along.coarse)  # kymatio's names of these paths
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


def _modulus(z):
    """|z| of z[:, 0], and beside it the tangents d|z| = Re(conj(z) dz) / |z| of the others."""
    z = torch.view_as_real(z)
    modulus = torch.sqrt(z[:, :1].square().sum(-1) + TINY)
    if z.shape[1] == 1:
        return modulus
    tangents = (z[:, :1] * z[:, 1:]).sum(-1) / modulus
    return torch.cat([modulus, tangents], dim=1)


def _support(psi, cut: float) -> tuple[int, int]:
    """First and last bin, excluded, where a filter is above `cut`; below zero where it wraps."""
    response, middle = psi["levels"][0], round(psi["xi"] * len(psi["levels"][0]))
    around = np.flatnonzero(np.abs(np.roll(response, len(response) // 2 - middle)) > cut)
    return tuple(around[[0, -1]] + middle - len(response) // 2 + [0, 1])


def _good_size(n: float) -> int:
    """The next 2^k or 3 2^k: quick to transform, and few different ones."""
    power = 2 ** math.ceil(math.log2(n))
    return power * 3 // 4 if power * 3 // 4 >= n else power


def _add(module, name, values):
    values = torch.from_numpy(np.ascontiguousarray(values)).to(torch.get_default_dtype())
    module.register_buffer(name, values, persistent=False)
