"""The log-CQT in torch, batched on any device: the twin of matcher.matching.features.LogCqt."""

import torch

from matcher.matching.features import EPSILON, FLOOR, LogCqt
from training.synth import normalised


class BatchLogCqt:
    """A LogCqt of many clips at once.

    Args:
        cqt: Its settings.
        device: Where it runs.
        dtype: Of the clips and of what it returns.
    """

    def __init__(self, cqt: LogCqt, device, dtype: torch.dtype = torch.float32):
        def put(array):
            return torch.from_numpy(array).to(device)

        self.cqt = cqt
        self._edges = put(cqt.edges)
        self._plan = [
            (put(bins), put(take), put(window).to(dtype), put(pool).to(dtype))
            for bins, take, window, pool in cqt.plan
        ]

    def observed(self, lengths: torch.Tensor) -> torch.Tensor:
        """Share of each frame that is covered by clips of so many samples.

        Args:
            lengths: (batch,).

        Returns:
            (batch, frames) float32.
        """
        share = (lengths[:, None] - self._edges[:-1]) / self._edges.diff()
        return share.clamp(0, 1).float()

    def magnitude(self, x: torch.Tensor) -> torch.Tensor:
        """Transform clips; a sine of amplitude 1 gives 1.

        Args:
            x: (batch, samples) from the onset, zero where a clip has ended. They are padded with
                zeros to the window, or truncated.

        Returns:
            C, (batch, bins, frames).
        """
        clips = x[:, : self.cqt.n_samples]
        spectra = torch.fft.rfft(clips, self.cqt.n_samples + self.cqt.padding)
        power = x.new_empty(len(x), self.cqt.n_bins, self.cqt.n_frames)
        for bins, take, window, pool in self._plan:
            band = torch.view_as_real(torch.fft.ifft(spectra[:, take] * window))
            squares = band.square().sum(dim=-1)  # (batch, bins, size)
            power[:, bins] = squares @ pool
        return power.clamp(min=EPSILON).sqrt()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Clips (batch, samples) -> log1p(C / FLOOR) of each with a peak of 1, as `magnitude`."""
        return torch.log1p(self.magnitude(normalised(x)) / FLOOR)

    def features(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The encoder's input for clips (batch, samples) of so many samples, (batch,).

        Returns:
            (batch, 2, bins, frames).
        """
        log_cqt = self(x)
        observed = self.observed(lengths).to(log_cqt.dtype)
        return torch.stack([log_cqt, observed[:, None].expand_as(log_cqt)], dim=1)
