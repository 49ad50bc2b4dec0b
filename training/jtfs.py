"""Joint time-frequency scattering and its tangents, fast enough for a laptop.

Source: Anden, Lostanlen and Mallat, "Joint Time-Frequency Scattering" (IEEE TSP 2019). With the
filters of kymatio: bands |x * psi_n1|, wavelets along time (n2) and along the bands n1 (n_fr, both
spins), modulus, mean over all time, low-pass of width F along n1. A band is kept at a rate a little
above its own width and only while the clip lasts.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from kymatio.scattering1d.filter_bank import scattering_filter_factory
from torch import nn
from torch.fft import fft, ifft, irfft, rfft

from training.jtfs_frequency import TINY, FrequencyScattering, add_buffer, frequency_filters

SCALE = 7.7e4  # c of Phi: one over the median of S over 1,000 `paper` sounds
CUT_1 = 1e-3  # of its peak, where a first-order filter is cut
CUT_2 = 3e-3  # of its peak, where a second-order filter is cut
OVERSAMPLING = 1.3  # rate of a band over the width of its cut filter: little of the modulus folds
TIME_REACH = 6.0  # standard deviations in time that a band is followed beyond the clip


class _Band(NamedTuple):
    """Where the wavelet psi_n2 and the first-order bands below n1 meet."""

    n2: int
    n1: int
    bins: slice  # of the spectra of the bands, which psi_n2 passes
    rate: int  # samples in the padded clip
    samples: slice  # the samples that the clip reaches


class JTFS(nn.Module):
    """x (batch, n_samples) -> S (batch, paths): means over the clip with as many zeros around it.

    `keys` (paths, 3) names each path (n1, n2, n_fr): (-1, -1, -1) is the mean of x, (n1, n_fr, -1)
    are of first order; n_fr 0 is the low-pass, then come positive spins, then negative ones.

    Args:
        n_samples: Length of x.
        J: Octaves of the bands.
        J_fr: Octaves of the wavelets along the bands.
        Q: Filters per octave.
        F: Width of the low-pass along the bands, in bands.
    """

    def __init__(self, n_samples=65536, J=13, J_fr=5, Q=12, F=24):
        super().__init__()
        self.n_samples, self.n_padded, self.n_frames = n_samples, 2 * n_samples, 2 * n_samples >> J
        phi, psi1, psi2 = scattering_filter_factory(self.n_padded, J, (Q, 1), 2**J)
        add_buffer(self, "phi", phi["levels"][0][: self.n_frames // 2 + 1])
        self.rates = self._add_first_order(psi1, psi2)
        along = frequency_filters(len(psi1), J_fr, F)
        self.first = FrequencyScattering(along, len(psi1), spins=1)
        keys = [np.array([[-1, -1, -1]]), np.insert(self.first.keys, 2, -1, axis=1)]
        self.bands, self.second = [], nn.ModuleList()
        for n2, psi in enumerate(psi2):
            n1 = sum(band["j"] < psi["j"] for band in psi1)
            if n1:
                self.bands.append(self._add_band(n2, psi, n1, psi1[n1 - 1]["sigma"]))
                self.second.append(FrequencyScattering(along, n1, spins=2))
                keys.append(np.insert(self.second[-1].keys, 1, n2, axis=1))
        self.keys = np.concatenate(keys)  # (paths, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """S (batch, paths) of x (batch, n_samples)."""
        return self._scatter(x[:, None])[:, 0]

    def jvp(self, x: torch.Tensor, dx: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """S and its derivatives along directions.

        Args:
            x: (batch, n_samples).
            dx: (batch, directions, n_samples).

        Returns:
            S (batch, paths) and dS (batch, directions, paths).
        """
        S = self._scatter(torch.cat([x[:, None], dx], dim=1))
        return S[:, 0], S[:, 1:]

    def _scatter(self, x):
        """S (batch, 1 + d, paths) of signals and d tangents each, x (batch, 1 + d, n_samples)."""
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
        """Add for each rate the filters of its bands, cut to as many bins, and their indices."""
        cut, rates = [_support(psi, CUT_1) for psi in psi1], []
        for psi, (low, high) in zip(psi1, cut):
            passed = [2 * _support(p, CUT_2)[1] for p in psi2 if p["j"] > psi["j"]]  # by psi_n2
            rates.append(_good_size(max([OVERSAMPLING * (high - low), *passed])))
        rates = np.minimum.accumulate(np.minimum(rates, self.n_padded))
        for rate in set(rates):
            bands = np.flatnonzero(rates == rate)
            at = np.array([cut[i][0] + np.arange(rate) for i in bands]) % self.n_padded
            psi = np.array([psi1[i]["levels"][0][bins] for i, bins in zip(bands, at)])
            self.register_buffer(f"at{rate}", torch.from_numpy(at), persistent=False)
            add_buffer(self, f"psi{rate}", psi)
        return sorted(set(rates.tolist()), reverse=True)

    def _add_band(self, n2, psi, n1, sigma1):
        low, high = _support(psi, CUT_2)
        low = max(low, 1)  # analytic: kymatio's JTFS drops the negative frequencies of a Morlet
        rate = min(_good_size(OVERSAMPLING * (high - low)), self.n_padded)
        add_buffer(self, f"psi2_{n2}", psi["levels"][0][low:high])
        spread = TIME_REACH * math.hypot(1 / psi["sigma"], 1 / sigma1) / (2 * math.pi)  # samples
        first = max(0, math.floor((0.25 - spread / self.n_padded) * rate))
        return _Band(n2, n1, slice(low, high), rate, slice(first, rate - first))


class Phi(JTFS):
    """Phi = log1p(SCALE S), (batch, paths - 1): the features that sounds are compared by.

    The mean of x, which has a sign, is left out; `keys` are those of the other paths.

    Args:
        settings: As of JTFS.
    """

    def __init__(self, **settings):
        super().__init__(**settings)
        self.keys = self.keys[1:]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Phi (batch, paths - 1) of x (batch, n_samples)."""
        return torch.log1p(SCALE * super().forward(x)[:, 1:])

    def jvp(self, x: torch.Tensor, dx: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Phi and its derivatives along directions.

        Args:
            x: (batch, n_samples).
            dx: (batch, directions, n_samples).

        Returns:
            Phi (batch, paths - 1) and dPhi (batch, directions, paths - 1).
        """
        S, dS = (s[..., 1:] for s in super().jvp(x, dx))
        return torch.log1p(SCALE * S), SCALE * dS / (1 + SCALE * S)[:, None]


@cache
def shared_phi(F: int = 24) -> Phi:
    """The Phi of this width of its low-pass that all callers in this process share."""
    return Phi(F=F)


def _modulus(z):
    """|z| of z[:, 0], then the tangents d|z| = Re(conj(z) dz) / |z| of the others."""
    z = torch.view_as_real(z)
    modulus = torch.sqrt(z[:, :1].square().sum(-1) + TINY)
    if z.shape[1] == 1:
        return modulus
    tangents = (z[:, :1] * z[:, 1:]).sum(-1) / modulus
    return torch.cat([modulus, tangents], dim=1)


def _support(psi, cut: float) -> tuple[int, int]:
    """First bin where a filter is above `cut`, negative if it wraps, and the one after the last."""
    response, middle = psi["levels"][0], round(psi["xi"] * len(psi["levels"][0]))
    around = np.flatnonzero(np.abs(np.roll(response, len(response) // 2 - middle)) > cut)
    return tuple(around[[0, -1]] + middle - len(response) // 2 + [0, 1])


def _good_size(n: float) -> int:
    """The next 2^k or 3 2^k: fast to transform, and few different sizes."""
    power = 2 ** math.ceil(math.log2(n))
    return power * 3 // 4 if power * 3 // 4 >= n else power
