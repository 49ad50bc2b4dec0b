"""The network for real drums: how likely each pitch is, and the body at any one pitch.

A drum's sound may be read in several ways: at the lowest tone, an octave above it, at a tone that
rings longer. So the pitch is a distribution over a grid, as in Kim et al., "CREPE" (ICASSP 2018),
and whatever else is inferred depends on which pitch is meant.
"""

import torch
from torch import nn
from torch.nn.functional import max_pool1d, silu

from matcher.matching.inferred import N_INFERRED
from training.encoder import Trunk

N_PITCHES = 144  # on the grid over nu from -1 to 1, half a semitone each in the preset live
BLUR = 1.0  # steps of the grid, standard deviation of the truth in training
NEAR = 2  # steps on both sides of a peak that the exact pitch is the mean of
APART = 3  # steps between two answers, at least
ANSWERS = 4  # pitches that an exported network answers with
WIDTH = 256  # units beside the trunk


class BodyEncoder(Trunk):
    """Features (batch, 2, bins, frames) -> a distribution of the pitch, and a body at a pitch.

    Args:
        n_bins: Bins of the features.
        trunk: One of encoder.TRUNKS.
    """

    def __init__(self, n_bins: int, trunk: str):
        super().__init__(n_bins, 0.0, nn.Identity, trunk)
        self.register_buffer("grid", torch.linspace(-1, 1, N_PITCHES))
        self.pitch = nn.Linear(self.width, N_PITCHES)
        self.of_sound = nn.Linear(self.width, WIDTH)
        self.of_pitch = nn.Linear(N_PITCHES, WIDTH, bias=False)
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, N_INFERRED - 1)

    def forward(
        self, features: torch.Tensor, pitch: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is trained.

        Args:
            features: (batch, 2, bins, frames).
            pitch: nu of the pitch that is meant, (batch,).

        Returns:
            Logits of the pitches of the grid (batch, N_PITCHES), and nu (batch, N_INFERRED) at
            `pitch`.
        """
        x = self.pooled(features)
        return self.pitch(x), self._body(self.of_sound(x), pitch)

    def answers(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What a sound is likely to be.

        Args:
            features: (batch, 2, bins, frames).

        Returns:
            nu (batch, ANSWERS, N_INFERRED), the likeliest first, and the probability that the pitch
            is near to each, (batch, ANSWERS).
        """
        x = self.pooled(features)
        pitch, share = peaks(self.pitch(x).softmax(1), self.grid)
        there = self.of_sound(x)[:, None].expand(-1, ANSWERS, -1)
        return self._body(there, pitch), share

    def _body(self, of_sound: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
        """nu (..., N_INFERRED) of of_sound (..., WIDTH) at pitch (...)."""
        x = silu(of_sound + self.of_pitch(blurred(pitch, self.grid)))
        x = silu(self.hidden(x))
        return torch.cat([pitch[..., None], torch.tanh(self.head(x))], dim=-1)


def blurred(pitch: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """A pitch (...) as weights of the grid's pitches (..., N_PITCHES), which sum to 1."""
    steps = (grid - pitch[..., None]) * ((N_PITCHES - 1) / 2)
    return torch.softmax(-0.5 * (steps / BLUR) ** 2, dim=-1)


def peaks(probability: torch.Tensor, grid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The likeliest pitches.

    Args:
        probability: Of each pitch of the grid, (batch, N_PITCHES).
        grid: nu (N_PITCHES,).

    Returns:
        nu of ANSWERS peaks, APART or more, the likeliest first, each between the pitches of the
        grid; and the probability of all pitches within NEAR of each; (batch, ANSWERS) both.
    """
    padded = nn.functional.pad(probability, (NEAR, NEAR))
    windows = torch.stack(
        [padded[:, i : i + N_PITCHES] for i in range(2 * NEAR + 1)], dim=-1
    )  # (batch, pitches, 2 NEAR + 1)
    near = windows.sum(-1)
    highest = max_pool1d(near[:, None], 2 * APART - 1, 1, APART - 1)[:, 0]
    share, place = torch.where(near >= highest, near, near * 0).topk(ANSWERS, dim=1)
    steps = torch.arange(-NEAR, NEAR + 1, device=grid.device, dtype=grid.dtype)
    offset = (windows * steps).sum(-1) / near.clamp_min(1e-12)
    pitch = grid[place] + offset.gather(1, place) * (2 / (N_PITCHES - 1))
    return pitch.clamp(-1, 1), share
