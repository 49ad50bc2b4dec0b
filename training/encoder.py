"""The encoder: EfficientNet-B0 on log-CQT, with the head of the paper (ICASSP 2023, section 4)."""

from collections.abc import Callable

import torch
from torch import nn
from torchvision.models import efficientnet_b0, mobilenet_v3_large

N_PARAMETERS = 5
HEAD_SCALE = 0.2  # an untrained network stays near the middle of the ranges
PITCH_JOINS = ("input", "output")  # where a known pitch may join
# name: what makes it with a dropout, and the width of what it has pooled
TRUNKS = {
    "efficientnet_b0": (lambda dropout: efficientnet_b0(stochastic_depth_prob=dropout), 1280),
    "mobilenet_v3_large": (lambda dropout: mobilenet_v3_large(), 960),  # half as expensive on a CPU
}


class Trunk(nn.Module):
    """BatchNorm2d and a network for images: features -> whatever its last layer makes of them.

    A third input channel, made here, holds the position of each bin: pooling over frequency would
    lose it, and pitch is a position.

    Args:
        n_bins: Bins of the features.
        dropout: Probability of the dropout before the last layer and of stochastic depth.
        last: Makes the last layer, given the width of what was pooled.
        kind: One of TRUNKS.
    """

    def __init__(self, n_bins: int, dropout: float, last: Callable, kind: str):
        super().__init__()
        make, width = TRUNKS[kind]
        self.register_buffer("place", torch.linspace(-1, 1, n_bins).view(1, 1, n_bins, 1))
        self.normalise = nn.BatchNorm2d(2)
        self.backbone = make(dropout)
        self.backbone.avgpool = nn.Sequential(self.backbone.avgpool, nn.Dropout(dropout))
        self.backbone.classifier = last(width)
        self.width = width

    def pooled(self, features: torch.Tensor, centre: torch.Tensor | None = None) -> torch.Tensor:
        """What `last` gives.

        Args:
            features: (batch, 2, bins, frames).
            centre: Where positions of bins are counted from, (batch,); the middle by default.
        """
        place = self.place.expand(features.shape[0], 1, -1, features.shape[3])
        if centre is not None:
            place = place - centre[:, None, None, None]
        x = torch.cat([self.normalise(features), place], dim=1)  # (batch, 3, bins, frames)
        return self.backbone(x)


class Encoder(Trunk):
    """Features (batch, 2, bins, frames) -> nu (batch, 5) in (-1, 1).

    BatchNorm2d -> EfficientNet-B0 -> linear without bias -> BatchNorm1d -> tanh. If the pitch is
    known, it is passed on to the output, and where it joins at the input, positions of bins are
    relative to it.

    Args:
        n_bins: Bins of the features.
        dropout: As in Trunk.
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
        super().__init__(n_bins, dropout, _linear, "efficientnet_b0")
        self.pitch_joins = pitch_joins
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
        nu = torch.tanh(self.head(self.pooled(features, pitch if self._joins_early else None)))
        return nu if pitch is None else torch.cat([pitch[:, None], nu[:, 1:]], dim=1)

    @property
    def _joins_early(self) -> bool:
        return self.pitch_joins == "input"


def _linear(width: int) -> nn.Linear:
    return nn.Linear(width, N_PARAMETERS, bias=False)
