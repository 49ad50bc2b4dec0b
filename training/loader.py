"""Shards of training sounds, made ahead by processes of their own."""

from collections.abc import Sequence

import torch
from torch.utils.data import DataLoader

from training.dataset import Shards
from training.workers import end_with_parent

AHEAD = 2  # shards that each process holds ready


def shard_loader(shards: Shards, order: Sequence[int], workers: int) -> DataLoader:
    """An iterable of (index, nu, log_cqt, observed), one shard after the other.

    Args:
        shards: Where they come from.
        order: Indices of the shards.
        workers: Processes that render sounds, at most; 0 renders in this one.
    """
    workers = min(workers, len(order))
    return DataLoader(
        _Numbered(shards),
        batch_size=None,
        sampler=order,
        num_workers=workers,
        collate_fn=_as_is,
        worker_init_fn=end_with_parent,
        prefetch_factor=AHEAD if workers else None,
        generator=torch.Generator(),  # or it would draw from what orders the sounds of an epoch
    )


class _Numbered:
    """Shards with their indices: (index, nu, log_cqt, observed)."""

    def __init__(self, shards: Shards):
        self.shards = shards

    def __getitem__(self, index: int):
        return index, *self.shards[index]


def _as_is(shard):
    return shard
