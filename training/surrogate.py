"""Small networks of nu that replace what is slow to compute: M, and Phi o g itself.

    python -m training.surrogate metric --preset live -o metric.pt        learns M of a table
    python -m training.surrogate phi --preset live --count 20000 -o phi.pt

M is learned as its matrix logarithm, so that every prediction is positive definite. Phi o g is
learned as its principal components: distances of the outputs approximate those of sounds as far
apart as an encoder errs, not those of close neighbours. A fifth of the sounds is held out, and the
errors on it are printed.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn.functional import silu

from matcher.physics.theta import PRESETS, Preset
from matcher.recording import save_atomically
from training import command, jobs
from training.jtfs import Phi
from training.metric import UPPER, load_table
from training.synth import render

WIDTH = 256  # units of a layer
DEPTH = 4  # residual layers
WAVES = 4  # half periods over the range of nu; sines and cosines up to this frequency are inputs
STEPS = 6000  # of the optimiser; a minute or two on two cores
BATCH = 512  # sounds
LEARNING_RATE = 2e-3  # maximum of the one-cycle schedule
WEIGHT_DECAY = 1e-2  # of AdamW
FLOOR = 1.0  # eigenvalues of M below it are raised to it: damping exceeds them anyway
COMPONENTS = 64  # principal components of Phi that a network predicts
HELD_OUT = 5  # one sound of so many is held out


class Surrogate(nn.Module):
    """A residual network, nu (batch, 5) -> (batch, outputs), which keeps their mean and scale.

    Args:
        n_outputs: Numbers that it predicts.
        preset: Name of the preset whose nu it takes.
    """

    def __init__(self, n_outputs: int, preset: str):
        super().__init__()
        self.preset = preset
        self.enter = nn.Linear(5 * (1 + 2 * WAVES), WIDTH)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH))
        self.leave = nn.Linear(WIDTH, n_outputs)
        self.register_buffer("mean", torch.zeros(n_outputs))
        self.register_buffer("scale", torch.ones(n_outputs))

    def forward(self, nu: torch.Tensor) -> torch.Tensor:
        """Predict (batch, outputs) from nu (batch, 5)."""
        angles = nu[..., None] * torch.arange(1, WAVES + 1).to(nu) * (np.pi / 2)  # (batch, 5, w)
        h = self.enter(torch.cat([nu, angles.sin().flatten(1), angles.cos().flatten(1)], dim=1))
        for layer in self.layers:
            h = h + silu(layer(silu(h)))
        return self.leave(h) * self.scale + self.mean

    def save(self, path: Path) -> None:
        """Write the network, whole or not at all."""
        state = {"kind": type(self).__name__, "preset": self.preset, "model": self.state_dict()}
        save_atomically(path, lambda file: torch.save(state, file))

    @classmethod
    def load(cls, path: Path, preset: Preset) -> "Surrogate":
        """Read a network that `save` wrote.

        Args:
            path: The file.
            preset: Whose nu the network has to take.

        Returns:
            The network, frozen.

        Raises:
            ValueError: The file is no network, or one of another kind or preset.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            kind, of_preset = state["kind"], state["preset"]
            network = cls(len(state["model"]["mean"]), of_preset)
            network.load_state_dict(state["model"])
        except Exception as error:  # torch raises many types for a file that is not its own
            raise ValueError(f"{path} is not a network of training.surrogate") from error
        if (kind, of_preset) != (cls.__name__, preset.name):
            raise ValueError(
                f"{path} is a {kind} of {of_preset}, allowed is a {cls.__name__} of {preset.name}"
            )
        return network.requires_grad_(False).eval()


class PhiNetwork(Surrogate):
    """nu (batch, 5) -> principal components of Phi(g(nu)) (batch, COMPONENTS), in Phi's scale."""


class MetricNetwork(Surrogate):
    """nu (batch, 5) -> M (batch, 5, 5)."""

    def forward(self, nu: torch.Tensor) -> torch.Tensor:
        """Predict M (batch, 5, 5) from nu (batch, 5)."""
        logarithm = torch.zeros(len(nu), 5, 5, dtype=nu.dtype, device=nu.device)
        upper = super().forward(nu)  # (batch, 15)
        logarithm[:, UPPER[0], UPPER[1]] = upper
        logarithm[:, UPPER[1], UPPER[0]] = upper
        return torch.linalg.matrix_exp(logarithm)


def log_metric(R: np.ndarray) -> np.ndarray:
    """Matrix logarithms of M = R^T R, with eigenvalues of at least FLOOR.

    Args:
        R: (sounds, 5, 5).

    Returns:
        Their upper triangles, (sounds, 15).
    """
    _, s, vectors = np.linalg.svd(R)  # M = V s^2 V^T
    logarithm = np.log(np.maximum(s**2, FLOOR))[:, None] * np.swapaxes(vectors, 1, 2) @ vectors
    return logarithm[:, UPPER[0], UPPER[1]]


@dataclass(frozen=True)
class PhiRows(jobs.Job):
    """Phi(g(nu)) (paths,) for each sound."""

    VERSION: ClassVar = 1

    def row(self, nu: torch.Tensor, phi: Phi) -> np.ndarray:
        """Phi (paths,) for nu (1, 5)."""
        return phi(render(nu, PRESETS[self.preset]))[0].numpy()


def train(kind: type[Surrogate], preset: str, nu, values, seed: int = 0) -> Surrogate:
    """Train a network by least squares.

    Args:
        kind: Its class.
        preset: Name of the preset.
        nu: (sounds, 5).
        values: What Surrogate.forward has to predict, (sounds, outputs).
        seed: Of the weights and batches.

    Returns:
        The network, frozen.
    """
    nu, values = (torch.from_numpy(np.asarray(a, np.float32)) for a in (nu, values))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = kind(values.shape[1], preset)
        network.mean = values.mean(0)
        network.scale = (values - network.mean).std().expand(values.shape[1]).clone()
        optimiser = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, LEARNING_RATE, STEPS, pct_start=0.05
        )
        for _ in range(STEPS):
            batch = torch.randint(len(nu), (BATCH,))
            error = Surrogate.forward(network, nu[batch]) - values[batch]
            loss = (error / network.scale).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.requires_grad_(False).eval()


def held_out(count: int) -> np.ndarray:
    """Which of the first `count` sounds no network is trained on, (count,) bool."""
    return np.arange(count) % HELD_OUT == 0


def learn_metric(preset: str, nu: np.ndarray, R: np.ndarray) -> tuple[MetricNetwork, str]:
    """Train a network of M on four fifths of a table.

    Args:
        preset: Name of the preset.
        nu: (sounds, 5).
        R: Of the table, (sounds, 5, 5).

    Returns:
        The network, and a sentence on its errors on the other sounds.
    """
    out = held_out(len(nu))
    network = train(MetricNetwork, preset, nu[~out], log_metric(R[~out]))
    guess = network(torch.from_numpy(nu[out]).float()).double().numpy()
    truth = np.swapaxes(R[out], 1, 2) @ R[out]
    d = np.random.default_rng(0).standard_normal((len(guess), 5))
    quadratic = [np.einsum("ni,nij,nj->n", d, M, d) for M in (guess, truth)]
    ratio = np.abs(np.log(quadratic[0] / quadratic[1]))
    relative = np.linalg.norm(guess - truth, axis=(1, 2)) / np.linalg.norm(truth, axis=(1, 2))
    return network, (
        f"{len(guess)} sounds held out: median |M_hat - M| / |M| {np.median(relative):.2f}; "
        f"d^T M d of random directions within a factor of {np.exp(np.median(ratio)):.2f} (median), "
        f"{np.exp(np.quantile(ratio, 0.9)):.1f} (nine of ten)"
    )


def learn_phi(preset: str, nu: np.ndarray, phi: np.ndarray) -> tuple[PhiNetwork, str]:
    """Train a network of Phi o g on four fifths of the sounds.

    Args:
        preset: Name of the preset.
        nu: (sounds, 5).
        phi: Phi(g(nu)), (sounds, paths).

    Returns:
        The network, and a sentence on its errors on the other sounds.

    Raises:
        ValueError: There are fewer sounds than components.
    """
    out = held_out(len(nu))
    if (~out).sum() < COMPONENTS:
        raise ValueError(f"{len(nu)} sounds are too few, allowed is {2 * COMPONENTS} or more")
    mean = phi[~out].mean(0)
    _, _, axes = np.linalg.svd(phi[~out] - mean, full_matrices=False)
    components = (phi - mean) @ axes[:COMPONENTS].T  # (sounds, COMPONENTS)
    network = train(PhiNetwork, preset, nu[~out], components[~out])
    guess = network(torch.from_numpy(nu[out]).float()).numpy()
    errors = np.linalg.norm(guess - components[out], axis=1)
    outside = np.linalg.norm(phi - mean - components @ axes[:COMPONENTS], axis=1)[out]
    pairs = [np.linalg.norm(a[1:] - a[:-1], axis=1) for a in (guess, phi[out])]
    correlation = np.corrcoef(*pairs)[0, 1]
    return network, (
        f"{len(guess)} sounds held out: median distance of Phi_hat to Phi {np.median(errors):.2f}, "
        f"of Phi to its components {np.median(outside):.2f}, "
        f"of random pairs {np.median(pairs[1]):.2f}; "
        f"distances of pairs correlate by {correlation:.4f}"
    )


@command.entry_point("training.surrogate")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.surrogate", __doc__)
    parser.add_argument("of", choices=("metric", "phi"), help="what to learn")
    jobs.add_arguments(parser, count=20000)
    parser.add_argument("--table", help="of training.metric; default: the one that ships")
    parser.add_argument("-o", dest="out", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args(argv)
    jobs.check(arguments)
    if arguments.of == "metric":
        made = load_table(arguments.table or arguments.preset)
        if made.job.preset != arguments.preset:
            raise ValueError(f"the table is of {made.job.preset}, not of {arguments.preset}")
        network, report = learn_metric(arguments.preset, made.nu, made.R)
    else:
        job = PhiRows(arguments.preset, arguments.seed)
        with jobs.executor(arguments.workers, arguments.scheduler) as pool:
            rows = jobs.run(job, arguments.count, pool)
        network, report = learn_phi(job.preset, jobs.sounds(job, len(rows)), rows)
    network.save(arguments.out)
    print(report)


if __name__ == "__main__":
    sys.exit(main())
