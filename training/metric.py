"""The metric of PNP for training sounds: M = J^T J, where J is the Jacobian of Phi o g.

    python -m training.metric --preset live --count 4096 -o training/tables/live.npz
    python -m training.metric --preset live --count 4096 --step 0.1 -o secants.npz
    python -m training.metric --preset paper --F 2 -o paper-2.npz
    python -m training.metric --preset paper --count 100000 --scheduler tcp://host:8786 -o big.npz

With --step, J holds secants over nu +- step instead of tangents: the metric at the scale of an
encoder's error. F is the width of Phi's low-pass along the bands, in bands. A killed run continues
where it was. A table holds R, upper triangular with R^T R = M, from the QR decomposition of J: M
squares the small singular values of J below what numbers can hold, R does not. It holds validation
sounds as well, for adaptive damping.
"""

import json
import sys
import zipfile
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch

from matcher.physics.theta import PRESETS, Preset
from matcher.recording import save_atomically
from training import command, jobs
from training.dataset import SHARD
from training.jtfs import Phi, shared_phi
from training.synth import render, render_with_tangents

UPPER = np.triu_indices(5)  # the order of the 15 numbers of a triangle


def jacobian(nu: torch.Tensor, preset: Preset, phi: Phi) -> tuple[torch.Tensor, torch.Tensor]:
    """Phi of sounds and its Jacobian.

    Args:
        nu: (batch, 5).
        preset: The ranges of nu.
        phi: The features.

    Returns:
        Phi(g(nu)) (batch, paths) and J (batch, paths, 5).
    """
    value, tangents = phi.jvp(*render_with_tangents(nu, preset))
    return value, tangents.transpose(1, 2)


def secants(nu: torch.Tensor, preset: Preset, phi: Phi, step: float) -> torch.Tensor:
    """Slopes of Phi o g over a finite step.

    Args:
        nu: (batch, 5).
        preset: The ranges of nu.
        phi: The features.
        step: The slopes are between nu - step and nu + step, both clamped to [-1, 1].

    Returns:
        (batch, paths, 5), as J.
    """
    columns = []
    for direction in torch.eye(5, dtype=nu.dtype, device=nu.device):
        ends = [(nu + s * direction).clamp(-1, 1) for s in (step, -step)]
        rise = phi(render(ends[0], preset)) - phi(render(ends[1], preset))  # (batch, paths)
        columns.append(rise / ((ends[0] - ends[1]) @ direction)[:, None])
    return torch.stack(columns, dim=-1)


def factor(J: torch.Tensor) -> torch.Tensor:
    """R (batch, 5, 5) float64, upper triangular with diagonal >= 0, from J (batch, paths, 5)."""
    R = torch.linalg.qr(J.double(), mode="r").R
    return R * torch.where(R.diagonal(dim1=1, dim2=2) < 0, -1.0, 1.0)[..., None]


@dataclass(frozen=True)
class Metric(jobs.Job):
    """The upper triangle of R (15,) for each sound."""

    step: float = 0.0  # nu; of secants, 0 for tangents
    F: int = 24  # bands, width of Phi's low-pass along them

    VERSION: ClassVar = 1

    def phi(self) -> Phi:
        """Phi with this F."""
        return shared_phi(self.F)

    def row(self, nu: torch.Tensor, phi: Phi) -> np.ndarray:
        """The upper triangle of R (15,) for nu (1, 5)."""
        preset = PRESETS[self.preset]
        J = secants(nu, preset, phi, self.step) if self.step else jacobian(nu, preset, phi)[1]
        return factor(J)[0].float().numpy()[UPPER]


class Table(NamedTuple):
    """The metric of the first training and validation sounds of a seed."""

    job: Metric  # that made the training sounds
    nu: np.ndarray  # (count, 5)
    R: np.ndarray  # (count, 5, 5) float64
    validation: np.ndarray  # R of validation sounds, (sounds, 5, 5) float64


def make_table(path: Path, job: Metric, count: int, n_validation: int, executor) -> None:
    """Compute a table and write it; shards that the cache holds are not computed again.

    Args:
        path: The file to write.
        job: Preset, seed, step and F; its split is "train".
        count: Training sounds.
        n_validation: Validation sounds.
        executor: As jobs.executor gives it.
    """
    rows = {
        "R": jobs.run(job, count, executor),
        "validation": jobs.run(replace(job, split="validation"), n_validation, executor),
    }
    about = json.dumps({"version": job.VERSION, **asdict(job)})
    save_atomically(path, lambda file: np.savez_compressed(file, about=about, **rows))


def load_table(source: Path | str) -> Table:
    """Read a table.

    Args:
        source: A file, or the name of a preset for the table that ships with it.

    Raises:
        ValueError: The file is not a table of this version.
    """
    path = files("training") / "tables" / f"{source}.npz" if source in PRESETS else Path(source)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            R, validation = map(full, (kept["R"], kept["validation"]))
        version = about.pop("version")
        job = Metric(**about)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a table of training.metric, or is broken") from error
    if version != job.VERSION:
        raise ValueError(f"{path} is of version {version}, allowed is {job.VERSION}; make it again")
    return Table(job, jobs.sounds(job, len(R)), R, validation)


def full(upper: np.ndarray) -> np.ndarray:
    """Upper triangular matrices (sounds, 5, 5) float64 from their triangles (sounds, 15)."""
    R = np.zeros((len(upper), 5, 5))
    R[(slice(None), *UPPER)] = upper
    return R


@command.entry_point("training.metric")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.metric", __doc__)
    jobs.add_arguments(parser, count=4096)
    parser.add_argument("--step", type=float, default=0.0, help="of secants, in nu; 0: tangents")
    parser.add_argument("--F", type=int, default=24, help="of Phi, in bands; default 24")
    parser.add_argument("--validation", type=int, default=SHARD, help=f"sounds; default {SHARD}")
    parser.add_argument("-o", dest="out", type=Path, required=True, help="the table to write")
    arguments = parser.parse_args(argv)
    jobs.check(arguments)
    if not 0 <= arguments.step <= 1:
        raise ValueError(f"step is {arguments.step}, allowed is 0 to 1")
    command.check_at_least(arguments, validation=1, F=1)
    job = Metric(arguments.preset, arguments.seed, step=arguments.step, F=arguments.F)
    with jobs.executor(arguments.workers, arguments.scheduler) as pool:
        make_table(arguments.out, job, arguments.count, arguments.validation, pool)


if __name__ == "__main__":
    sys.exit(main())
