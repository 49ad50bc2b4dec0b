"""Whether the distance of two sounds says how far apart their pitches are.

    python -m training.studies.pitch_intervals

The same drum, transposed by growing intervals: a distance that predicts them grows with each.
"""

import sys

import numpy as np
import torch
from scipy.stats import spearmanr

from matcher.physics.theta import PRESETS
from training import command, jobs
from training.bootstrap import mean_interval
from training.jtfs import shared_phi
from training.losses import multi_scale_stft_loss
from training.markdown import table, with_interval
from training.synth import render

PRESET = "paper"
SEMITONES = (0.25, 0.5, 1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24)  # up
SOUNDS = 96  # drums
SEED = 2
DISTANCES = ("multi-scale STFT", "JTFS")


def transposed(count: int, seed: int) -> np.ndarray:
    """nu of drums and of each by every interval higher, (count, 1 + intervals, 5)."""
    rng, omega = np.random.default_rng(seed), PRESETS[PRESET]["omega"]
    factors = 2 ** (np.array((0, *SEMITONES)) / 12)
    lowest = np.exp(rng.uniform(np.log(omega.low), np.log(omega.high / factors[-1]), count))
    nu = np.repeat(rng.uniform(-1, 1, (count, 1, 5)), len(factors), 1)
    nu[..., 0] = omega.to_nu(lowest[:, None] * factors)
    return nu


@torch.no_grad()
def distances(nu: np.ndarray) -> np.ndarray:
    """Distances of transposed sounds from the first, (DISTANCES, intervals).

    Args:
        nu: Of one drum, (1 + intervals, 5).
    """
    first, *others = (render(torch.from_numpy(row).float()[None], PRESETS[PRESET]) for row in nu)
    phi = shared_phi()
    at = phi(first)
    return np.array([
        [multi_scale_stft_loss(sound, first).item() for sound in others],
        [torch.linalg.norm(phi(sound) - at).item() for sound in others],
    ])  # fmt: skip


def agreement(found: np.ndarray) -> dict[str, float]:
    """How distances go with intervals.

    Args:
        found: Distances of one drum, (intervals,), from the smallest interval.

    Returns:
        Spearman's correlation, of all intervals and of those of an octave or more; and the share
        of larger intervals with a larger distance than the one before.
    """
    wide = np.array(SEMITONES) >= 12
    return {
        "all": spearmanr(SEMITONES, found).statistic,
        "an octave to two": spearmanr(np.array(SEMITONES)[wide], found[wide]).statistic,
        "rises": float(np.mean(np.diff(found) > 0)),
    }


@command.entry_point("training.studies.pitch_intervals")
def main(argv=None) -> None:
    """The command line."""
    parser = command.parser("training.studies.pitch_intervals", __doc__)
    command.add_workers(parser, "compare sounds")
    arguments = parser.parse_args(argv)
    found = jobs.each(distances, list(transposed(SOUNDS, SEED)), arguments.workers, "drums")
    rows = []
    for name, of_drums in zip(DISTANCES, np.swapaxes(found, 0, 1)):
        each = [agreement(one) for one in of_drums]
        row = {"distance": name}
        for key in each[0]:
            values = np.array([one[key] for one in each])
            row[key] = with_interval(
                float(values.mean()), mean_interval(values, np.arange(len(values))), ".2f"
            )
        rows.append(row)
    print(table(rows))


if __name__ == "__main__":
    sys.exit(main())
