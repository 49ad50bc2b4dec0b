"""Distances of sounds: joint time-frequency scattering, and multi-resolution STFT."""

from functools import cache

import auraloss
import numpy as np
import torch

from matcher.physics.theta import PRESETS, Preset
from training import jobs
from training.jtfs import shared_phi
from training.synth import render

CHUNK = 16  # sounds in one task of a worker; some seconds, so that workers end together
NAMES = ("JTFS", "multi-resolution STFT")


def sound_distances(
    nu_hat: np.ndarray, nu: np.ndarray, preset: Preset, workers: int = 2
) -> dict[str, np.ndarray]:
    """Distances of the sounds of inferred parameters from those of the true ones.

    Args:
        nu_hat: The guess, (sounds, 5).
        nu: The truth, (sounds, 5).
        preset: The ranges of nu.
        workers: Processes.

    Returns:
        {name: (sounds,)} for each of NAMES, as jtfs_distance and stft_distance define them.
    """
    chunks = [slice(i, i + CHUNK) for i in range(0, len(nu), CHUNK)]
    tasks = [(nu_hat[c], nu[c], preset.name) for c in chunks]
    done = jobs.each(_distances, tasks, workers, "distances")
    return dict(zip(NAMES, np.concatenate(done, axis=1)))


def mean_and_error(values: np.ndarray) -> dict[str, float]:
    """Mean, standard deviation and standard error of the mean of values (sounds,)."""
    deviation = float(np.std(values, ddof=1))
    return {
        "mean": float(np.mean(values)),
        "deviation": deviation,
        "error": deviation / len(values) ** 0.5,
    }


@torch.no_grad()
def jtfs_distance(*, guess: np.ndarray, truth: np.ndarray) -> float:
    """L2 norm of Phi(guess) - Phi(truth).

    Args:
        guess: (N_SAMPLES,) at the rate of the analysis.
        truth: Likewise.
    """
    x, y = (shared_phi()(torch.from_numpy(clip)[None].float()) for clip in (guess, truth))
    return torch.linalg.norm(x - y).item()


@torch.no_grad()
def stft_distance(*, guess: np.ndarray, truth: np.ndarray) -> float:
    """Multi-resolution STFT distance: auraloss with its defaults (Steinmetz and Reiss 2020).

    Spectral convergence is relative to the truth: the two clips must not be swapped.

    Args:
        guess: (N_SAMPLES,) at the rate of the analysis.
        truth: Likewise.
    """
    x, y = (torch.from_numpy(clip)[None, None].float() for clip in (guess, truth))
    return _stft()(x, y).item()


@torch.no_grad()
def _distances(task: tuple[np.ndarray, np.ndarray, str]) -> np.ndarray:
    """Distances (len(NAMES), sounds) of some sounds: nu_hat, nu and the preset."""
    (nu_hat, nu, preset), rows = task, []
    for pair in zip(nu_hat, nu):
        guess, truth = (
            render(torch.from_numpy(n).float()[None], PRESETS[preset])[0].numpy() for n in pair
        )
        pair = {"guess": guess, "truth": truth}
        rows.append((jtfs_distance(**pair), stft_distance(**pair)))
    return np.array(rows).T


@cache
def _stft():
    return auraloss.freq.MultiResolutionSTFTLoss()
