"""What each metric of PNP is worth: how far from nu it holds, and what it tells of real errors."""

import numpy as np
import torch
from scipy.stats import spearmanr

from matcher.physics.theta import PRESETS
from training.distances import sound_distances
from training.jtfs import Phi
from training.losses import clip_eigenvalues
from training.metric import load_table
from training.surrogate import MetricNetwork, PhiNetwork, held_out
from training.synth import render

METRICS = ("M", "M of secants", "network of M", "network of Phi")
STEPS = (1e-3, 1e-2, 0.03, 0.1, 0.3)  # |d| at which metrics are compared with the truth
SOUNDS = 512  # of `agreement`


def reach(
    preset: str, S: np.ndarray, of_M: MetricNetwork, of_phi: PhiNetwork, count: int = 200
) -> dict[str, list]:
    """How |dPhi|^2 as each metric predicts it compares with the truth, at growing STEPS.

    S (sounds, 5, 5): as R of the preset's table, of secants. {metric: (steps, 4)}: over sounds of
    the table and random directions, the 10th percentile, the median and the 90th percentile of
    predicted over true, and the median of its distance from 1.
    """
    rng, ranges = np.random.default_rng(0), PRESETS[preset]
    made = load_table(preset)
    nu, R = made.nu, made.R
    d = rng.standard_normal(nu.shape)
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    in_range = (np.abs(nu + max(STEPS) * d) <= 1).all(1)
    sounds = np.flatnonzero(in_range & held_out(len(nu)))[:count]
    nu, R, S, d = nu[sounds], R[sounds], S[sounds], d[sounds]
    exact = Phi().double()
    ratios = {name: [] for name in METRICS}
    with torch.no_grad():
        heard = [exact(render(torch.from_numpy(n)[None], ranges)) for n in nu]
        M = of_M(torch.from_numpy(nu).float()).double().numpy()
        for length in STEPS:
            ends = torch.from_numpy(nu + length * d)
            true = [exact(render(e[None], ranges)) - h for e, h in zip(ends, heard)]
            true = np.array([difference.square().sum().item() for difference in true])
            step = of_phi(ends.float()) - of_phi(torch.from_numpy(nu).float())
            predicted = {
                "M": np.square(R @ (length * d)[..., None]).sum((1, 2)),
                "M of secants": np.square(S @ (length * d)[..., None]).sum((1, 2)),
                "network of M": length**2 * np.einsum("ni,nij,nj->n", d, M, d),
                "network of Phi": step.square().sum(1).numpy(),
            }
            for name, values in predicted.items():
                ratio = values / true
                off = np.median(np.abs(ratio - 1))
                ratios[name].append([*np.quantile(ratio, [0.1, 0.5, 0.9]).tolist(), float(off)])
    return ratios


def reach_rows(ratios: dict[str, list]) -> list[dict]:
    """A row for each of STEPS: what `reach` found, in one line for each metric."""
    rows = []
    for i, length in enumerate(STEPS):
        row = {"|d|": length}
        for name, values in ratios.items():
            low, middle, high, off = values[i]
            row[name] = f"{middle:.3g} ({low:.2g} to {high:.2g}), off by {100 * off:.2g} %"
        rows.append(row)
    return rows


def agreement(
    preset: str, nu_hat: np.ndarray, nu: np.ndarray,
    of_M: MetricNetwork, of_phi: PhiNetwork, workers: int = 2,
) -> list[dict]:  # fmt: skip
    """How well each metric tells the distance of sounds where an encoder errs.

    nu_hat, nu (sounds, 5): of the first validation sounds of the preset's table. A row for each
    metric: Spearman's and Pearson's correlation of its distance with the true one.
    """
    true = sound_distances(nu_hat, nu, PRESETS[preset], workers)["JTFS"]
    made = load_table(preset)
    R, d = made.validation[: len(nu)], nu_hat - nu
    largest = np.linalg.svd(made.R, compute_uv=False)[:, 0] ** 2
    tenth, median = (float(np.quantile(largest, q)) for q in (0.1, 0.5))
    at, at_hat = (torch.from_numpy(v).float() for v in (nu, nu_hat))
    with torch.no_grad():
        learned, step = of_M(at), of_phi(at_hat) - of_phi(at)
    M = torch.from_numpy(np.swapaxes(R, 1, 2) @ R)
    metrics = {
        "M": M,
        "M, clipped at its median": clip_eigenvalues(M, median),
        "M, clipped at its 10th percentile": clip_eigenvalues(M, tenth),
        "network of M, clipped at the same": clip_eigenvalues(learned, tenth),
    }
    told = {"P": np.linalg.norm(d, axis=1)}
    for name, values in metrics.items():
        squared = np.einsum("ni,nij,nj->n", d, values.double().numpy(), d)
        told[name] = np.sqrt(np.maximum(squared, 0))
    told["network of Phi"] = step.norm(dim=1).numpy()
    return [
        {
            "metric": name,
            "Spearman": float(spearmanr(values, true)[0]),
            "Pearson": float(np.corrcoef(values, true)[0, 1]),
            "told / true, median": float(np.median(values / true)),
        }
        for name, values in told.items()
    ]
