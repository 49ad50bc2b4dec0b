"""Power of a drum's modes in the bins and frames of a log-CQT, without a sound being made.

Each mode is a line that decays, seen through each bin's Gaussian, and powers are added as if modes
never beat and no bin took time: some hundred times as fast as rendering and transforming. What that
leaves out hardly changes with the drum's parameters, which is what it is for.
"""

from functools import lru_cache

import numpy as np

from matcher.compiled import native
from matcher.matching.features import BINS_PER_OCTAVE, SAMPLE_RATE, LogCqt
from matcher.physics import drum, modal
from matcher.physics.drum import Drum

REACH = 5.0  # sigma of a bin's Gaussian at which it is cut
SILENT = 1e-12  # of the power of all modes at the onset


def mode_power(drum_: Drum, cqt: LogCqt, n_frames: int) -> np.ndarray:
    """Mean power of the body, struck with force 1, in its modes' own scale, (bins, n_frames)."""
    modes = drum.faded_modes(drum_, SAMPLE_RATE, 1.0)
    edges, spread = _frames_and_bins(cqt)
    rises = np.zeros(n_frames)
    pull = np.ones(len(modes.omega), np.float32)
    if drum_.tension > 0:
        pull, weight = drum.gliding(drum_, SAMPLE_RATE)
        pull, middle = pull[0], (edges[1 : n_frames + 1] + edges[:n_frames]) / 2
        energy = (weight * modes.gain**2) @ np.exp(-2 * modes.sigma[:, None] * middle)
        rises = np.minimum(drum_.tension * energy, modal.HIGHEST_RISE)
    out = np.zeros((cqt.n_bins, n_frames))
    hz = modes.omega / (2 * np.pi)
    _add(modes.gain**2, hz, modes.sigma, pull, rises, edges, cqt.f_min, spread, out)
    return out


@lru_cache(8)
def _frames_and_bins(cqt: LogCqt) -> tuple[np.ndarray, float]:
    """Borders of its frames, s, and the sigma of its Gaussians as a share of their centre."""
    return cqt.edges / SAMPLE_RATE, cqt.bandwidth * (2 ** (1 / BINS_PER_OCTAVE) - 1)


@native(fastmath=True)
def _add(power, hz, sigma, pull, rises, edges, f_min, spread, out):
    """Add modes, each of some power at the onset, to out (bins, frames)."""
    floor = SILENT * np.sum(power)
    gauss = np.zeros(out.shape[0])
    for k in range(len(power)):
        before, low, high, seen = 1.0, 0, 0, -1.0
        for j in range(out.shape[1]):
            after = np.exp(-2 * sigma[k] * edges[j + 1])
            mean = power[k] * (before - after) / (2 * sigma[k] * (edges[j + 1] - edges[j]))
            before = after
            if mean < floor:
                break
            f = hz[k] * np.sqrt(1 + pull[k] * rises[j])
            if f != seen:
                seen = f
                low = int(np.ceil(BINS_PER_OCTAVE * np.log2(f / (1 + REACH * spread) / f_min)))
                high = int(BINS_PER_OCTAVE * np.log2(f / (1 - REACH * spread) / f_min)) + 1
                low, high = max(low, 0), min(max(high, 0), out.shape[0])
                for b in range(low, high):
                    centre = f_min * 2 ** (b / BINS_PER_OCTAVE)
                    z = (f - centre) / (spread * centre)
                    gauss[b] = np.exp(-z * z)
            for b in range(low, high):
                out[b, j] += mean * gauss[b]
