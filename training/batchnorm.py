"""BatchNorm's averages, estimated anew after training."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def estimate_averages(model: nn.Module, inputs: Iterable[tuple]) -> None:
    """Set the averages that evaluation uses to those of the present weights.

    Averages over the last steps lag behind weights that move fast: with a momentum of 0.1, by some
    ten steps. Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
    Generalization" (UAI 2018), section 3.2.

    Args:
        model: Is left in evaluation mode; without dropout while the averages are taken.
        inputs: Arguments of the model, a tuple for each batch; all batches weigh the same.
    """
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    with torch.compiler.set_stance("force_eager"):  # few batches, and other code
        for arguments in inputs:
            model(*arguments)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
        norm.eval()
