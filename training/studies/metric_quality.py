"""The quality of each metric of PNP: how far from nu it holds, and how it ranks real errors."""

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
# nu, lengths of d; from where tangents hold to the error of an encoder that has just started
STEPS = (1e-3, 1e-2, 0.03, 0.1, 0.3)
# sounds; of `agreement`: correlations within some 0.05
SOUNDS = 512


def reach(
    preset: str,
    secants: np.ndarray,
    metric_network: MetricNetwork,
    phi_network: PhiNetwork,
    count: int = 200,
) -> dict[str, list]:
    """How |dPhi|^2 as each metric predicts it compares with the truth, at growing STEPS.

    Args:
        preset: Name of the preset whose shipped table is used.
        secants: R of the same sounds from secants, (sounds, 5, 5).
        metric_network: Of the preset.
        phi_network: Of the preset.
        count: Sounds, held out from the networks, each with one random direction.

    Returns:
        {metric: (steps, 4)}: the 10th percentile, the median and the 90th percentile of predicted
        over true, and the median of |predicted / true - 1|.
    """
    made = load_table(preset)
    d = np.random.default_rng(0).standard_normal(made.nu.shape)
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    in_range = (np.abs(made.nu + max(STEPS) * d) <= 1).all(1)
    sounds = np.flatnonzero(in_range & held_out(len(made.nu)))[:count]
    nu, R, S, d = made.nu[sounds], made.R[sounds], secants[sounds], d[sounds]
    ratios = {name: [] for name in METRICS}
    with torch.no_grad():
        M = metric_network(torch.from_numpy(nu).float()).double().numpy()
        for length, true in zip(STEPS, _true_squares(nu, d, preset)):
            rise = phi_network(torch.from_numpy(nu + length * d).float()) - phi_network(
                torch.from_numpy(nu).float()
            )
            predicted = {
                "M": np.square(R @ (length * d)[..., None]).sum((1, 2)),
                "M of secants": np.square(S @ (length * d)[..., None]).sum((1, 2)),
                "network of M": length**2 * np.einsum("ni,nij,nj->n", d, M, d),
                "network of Phi": rise.square().sum(1).numpy(),
            }
            for name, values in predicted.items():
                ratios[name].append(_quantiles(values / true))
    return ratios


def _true_squares(nu: np.ndarray, d: np.ndarray, preset: str) -> np.ndarray:
    """|Phi(g(nu + length d)) - Phi(g(nu))|^2 in float64, (steps, sounds)."""
    phi, ranges = Phi().double(), PRESETS[preset]

    def features(nu):
        return [phi(render(torch.from_numpy(one)[None], ranges)) for one in nu]

    at_nu = features(nu)
    return np.array([
        [(end - start).square().sum().item() for end, start in zip(features(nu + s * d), at_nu)]
        for s in STEPS
    ])  # fmt: skip


def _quantiles(ratio: np.ndarray) -> list[float]:
    error = float(np.median(np.abs(ratio - 1)))
    return [*np.quantile(ratio, [0.1, 0.5, 0.9]).tolist(), error]


def reach_rows(ratios: dict[str, list]) -> list[dict]:
    """A table row for each of STEPS, a column for each metric, from what `reach` returns."""
    rows = []
    for i, length in enumerate(STEPS):
        row = {"|d|": length}
        for name, values in ratios.items():
            low, middle, high, error = values[i]
            row[name] = f"{middle:.3g} ({low:.2g} to {high:.2g}), off by {100 * error:.2g} %"
        rows.append(row)
    return rows


def agreement(
    preset: str,
    nu_hat: np.ndarray,
    nu: np.ndarray,
    metric_network: MetricNetwork,
    phi_network: PhiNetwork,
    workers: int = 2,
) -> list[dict]:
    """How well each metric predicts the distance of sounds where an encoder errs.

    Args:
        preset: Name of the preset whose shipped table is used.
        nu_hat: What the encoder inferred, (sounds, 5).
        nu: The truth, (sounds, 5): the first validation sounds of the table.
        metric_network: Of the preset.
        phi_network: Of the preset.
        workers: Processes that render and compare sounds.

    Returns:
        A row for each metric: Spearman's and Pearson's correlation of its distance with the true
        one, and the median of their ratio.
    """
    true = sound_distances(nu_hat, nu, PRESETS[preset], workers)["JTFS"]
    d = nu_hat - nu
    at, at_hat = (torch.from_numpy(v).float() for v in (nu, nu_hat))
    predicted = {"P": np.linalg.norm(d, axis=1)}
    with torch.no_grad():
        for name, M in _metrics(preset, metric_network(at)).items():
            squared = np.einsum("ni,nij,nj->n", d, M.double().numpy(), d)
            predicted[name] = np.sqrt(np.maximum(squared, 0))
        predicted["network of Phi"] = (phi_network(at_hat) - phi_network(at)).norm(dim=1).numpy()
    return [
        {
            "metric": name,
            "Spearman": float(spearmanr(values, true)[0]),
            "Pearson": float(np.corrcoef(values, true)[0, 1]),
            "predicted / true, median": float(np.median(values / true)),
        }
        for name, values in predicted.items()
    ]


def _metrics(preset: str, learned: torch.Tensor) -> dict[str, torch.Tensor]:
    """M (sounds, 5, 5) of the validation sounds whose M a network gave as `learned`, by name."""
    made = load_table(preset)
    R = made.validation[: len(learned)]
    M = torch.from_numpy(np.swapaxes(R, 1, 2) @ R)
    largest = np.linalg.svd(made.R, compute_uv=False)[:, 0] ** 2
    tenth, median = (float(np.quantile(largest, q)) for q in (0.1, 0.5))
    return {
        "M": M,
        "M, clipped at its median": clip_eigenvalues(M, median),
        "M, clipped at its 10th percentile": clip_eigenvalues(M, tenth),
        "network of M, clipped at the same": clip_eigenvalues(learned, tenth),
    }
