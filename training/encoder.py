"""The encoder: EfficientNet-B0 on log-CQT, with the head of the paper (ICASSP 2023, section 4)."""

import torch
from torch import nn
from torchvision.models import efficientnet_b0

N_PARAMETERS = 5
HEAD_SCALE = 0.2  # an untrained network stays near the middle of the ranges
PITCH_JOINS = ("input", "output")  # where a known pitch may join


class Encoder(nn.Module):
    """Features (batch, 2, bins, frames) -> nu (batch, 5) in (-1, 1).

    BatchNorm2d -> EfficientNet-B0 -> linear without bias -> BatchNorm1d -> tanh. A third input
    channel, made here, holds the position of each bin: pooling over frequency would lose it, and
    pitch is a position. If the pitch is known, it is passed on to the output, and where it joins at
    the input, positions are relative to it. Where sounds hardly repeat in training, B0 needs
    neither dropout nor stochastic depth.

    Args:
        n_bins: Bins of the features.
        dropout: Probability of B0's dropout and of its stochastic depth.
        head_scale: Standard deviation of the outputs before tanh, as training begins.
        pitch_joins: One of PITCH_JOINS.
    """

    def __init__(
        self,
        n_bins: int,
        dropout: float = 0.0,
        head_scale: float = HEAD_SCALE,
        pitch_joins: str = "input",
    ):
        super().__init__()
        self.pitch_joins = pitch_joins
        self.register_buffer("place", torch.linspace(-1, 1, n_bins).view(1, 1, n_bins, 1))
        self.normalise = nn.BatchNorm2d(2)
        self.backbone = efficientnet_b0(stochastic_depth_prob=dropout)
        width = self.backbone.classifier[1].in_features
        self.backbone.avgpool = nn.Sequential(self.backbone.avgpool, nn.Dropout(dropout))
        self.backbone.classifier = nn.Linear(width, N_PARAMETERS, bias=False)
        self.head = nn.BatchNorm1d(N_PARAMETERS)
        nn.init.constant_(self.head.weight, head_scale)

    def forward(self, features: torch.Tensor, pitch: torch.Tensor | None = None) -> torch.Tensor:
        """Infer parameters.

        Args:
            features: (batch, 2, bins, frames).
            pitch: The first of nu where it is known, (batch,).

        Returns:
            nu (batch, 5); the first is the known pitch.
        """
        place = self.place.expand(features.shape[0], 1, -1, features.shape[3])
        if pitch is not None and self.pitch_joins == "input":
            place = place - pitch[:, None, None, None]
        x = torch.cat([self.normalise(features), place], dim=1)  # (batch, 3, bins, frames)
        nu = torch.tanh(self.head(self.backbone(x)))
        return nu if pitch is None else torch.cat([pitch[:, None], nu[:, 1:]], dim=1)
