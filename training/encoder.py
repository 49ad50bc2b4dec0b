"""The encoder: EfficientNet-B0 on log-CQT, with the head of the paper (ICASSP 2023, section 4)."""

import torch
from torch import nn
from torchvision.models import efficientnet_b0

N_PARAMETERS = 5
HEAD_SCALE = 0.2  # an untrained network stays near the middle of the ranges


class Encoder(nn.Module):
    """Features (batch, 2, bins, frames) -> nu (batch, 5) in (-1, 1).

    BatchNorm2d -> EfficientNet-B0 -> linear without bias -> BatchNorm1d -> tanh. A third input
    channel, made here, holds the position of each bin: pooling over frequency would lose it, and
    pitch is a position. If the pitch is known, positions are relative to it, and it is passed on
    to the output. Sounds hardly repeat in training, so B0's dropout and stochastic depth are off.

    Args:
        n_bins: Bins of the features.
    """

    def __init__(self, n_bins: int):
        super().__init__()
        self.register_buffer("place", torch.linspace(-1, 1, n_bins).view(1, 1, n_bins, 1))
        self.normalise = nn.BatchNorm2d(2)
        self.backbone = efficientnet_b0(dropout=0.0, stochastic_depth_prob=0.0)
        width = self.backbone.classifier[1].in_features
        self.backbone.classifier = nn.Linear(width, N_PARAMETERS, bias=False)
        self.head = nn.BatchNorm1d(N_PARAMETERS)
        nn.init.constant_(self.head.weight, HEAD_SCALE)

    def forward(self, features: torch.Tensor, pitch: torch.Tensor | None = None) -> torch.Tensor:
        """Infer parameters.

        Args:
            features: (batch, 2, bins, frames).
            pitch: The first of nu where it is known, (batch,).

        Returns:
            nu (batch, 5); the first is the known pitch.
        """
        place = self.place.expand(features.shape[0], 1, -1, features.shape[3])
        if pitch is not None:
            place = place - pitch[:, None, None, None]
        x = torch.cat([self.normalise(features), place], dim=1)  # (batch, 3, bins, frames)
        nu = torch.tanh(self.head(self.backbone(x)))
        return nu if pitch is None else torch.cat([pitch[:, None], nu[:, 1:]], dim=1)
