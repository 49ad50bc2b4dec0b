"""How far the sounds of two sets of parameters are apart."""

from functools import cache

import auraloss
import numpy as np
import torch

from matcher.physics.theta import PRESETS, Preset
from training import jobs
from training.jtfs import shared_phi
from training.synth import render

CHUNK = 16  # sounds a worker takes at a time
NAMES = ("JTFS", "multi-resolution STFT")


def sound_distances(nu_hat, nu, preset: Preset, workers: int = 2) -> dict[str, np.ndarray]:
    """nu_hat, nu (sounds, 5) -> distances (sounds,) of their sounds, by NAMES.

    JTFS: the L2 norm of Phi(g(nu_hat)) - Phi(g(nu)). Multi-resolution STFT: auraloss as it comes.
    """
    chunks = [slice(i, i + CHUNK) for i in range(0, len(nu), CHUNK)]
    with jobs.executor(workers) as pool:
        done = pool.map(
            _distances, [nu_hat[c] for c in chunks], [nu[c] for c in chunks],
            [preset.name] * len(chunks),
        )  # fmt: skip
        return dict(zip(NAMES, np.concatenate(list(done), axis=1)))


def mean_and_error(values: np.ndarray) -> dict[str, float]:
    """Mean, standard deviation and standard error of the mean."""
    deviation = float(np.std(values, ddof=1))
    return {
        "mean": float(np.mean(values)),
        "deviation": deviation,
        "error": deviation / len(values) ** 0.5,
    }


@torch.no_grad()
def clip_distances(*, guess: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Distances, by NAMES, of two clips (N_SAMPLES,) at the analysis rate.

    The multi-resolution STFT is relative to the truth: it matters which is which.
    """
    x, y = (torch.from_numpy(clip)[None].float() for clip in (guess, truth))
    jtfs = torch.linalg.norm(shared_phi()(x) - shared_phi()(y)).item()
    return jtfs, _stft()(x[:, None], y[:, None]).item()


@torch.no_grad()
def _distances(nu_hat: np.ndarray, nu: np.ndarray, preset: str) -> np.ndarray:
    """(len(NAMES), sounds)."""
    torch.set_num_threads(1)
    rows = []
    for pair in zip(nu_hat, nu):
        guess, truth = (
            render(torch.from_numpy(n).float()[None], PRESETS[preset])[0].numpy() for n in pair
        )
        rows.append(clip_distances(guess=guess, truth=truth))
    return np.array(rows).T


@cache
def _stft():
    return auraloss.freq.MultiResolutionSTFTLoss()
