"""Where a run's sounds come from: made one by one by processes, or in batches by the device.

Both ways give shards on the device, one after the other, and make the next one while the network
trains. Batches are made by a thread and a CUDA stream of their own, always the same: tables that
are made with the first shard are read by the following ones.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import torch
from threadpoolctl import threadpool_limits

from training import dataset
from training.batch_sounds import DeviceShards
from training.batch_synth import to_device
from training.dataset import Recipe, Shards, make_clip
from training.loader import shard_loader
from training.timing import best

ALONE = 64  # sounds that one process makes where ways are compared: three seconds


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def faster_way(recipe: Recipe, device: torch.device, devices: int) -> str:
    """Measure which way makes sounds faster.

    Without CUDA it is cpu: of two cores one process made 21 sounds a second, batches 15.5.

    Args:
        recipe: How the sounds are made.
        device: Where batches are made.
        devices: How many devices make batches, while all cores make sounds one by one.

    Returns:
        cpu or device.
    """
    if device.type != "cuda":
        return "cpu"
    alone, batched = one_by_one_rate(recipe) * cores(), batched_rate(recipe, device) * devices
    return "device" if batched > alone else "cpu"


def one_by_one_rate(recipe: Recipe) -> float:
    """Sounds a second of one process."""

    def make():
        for i in range(ALONE):
            recipe.features(make_clip(recipe, 0, "train", i)[1])

    with threadpool_limits(1):
        return ALONE / best(make, 1)


def batched_rate(recipe: Recipe, device: torch.device) -> float:
    """Sounds a second of batches."""
    shards = DeviceShards(recipe, 0, "train", device)
    return dataset.SHARD / best(
        lambda: _finish(*_begin(lambda: shards[0], device, None)), 1, device
    )


def stream(
    shards: Shards,
    order: Sequence[int],
    way: str,
    workers: int,
    device: torch.device,
    also: Callable | None = None,
) -> Iterator[tuple]:
    """Shards on the device, one after the other.

    Args:
        shards: The split.
        order: Indices of the shards.
        way: cpu or device.
        workers: Processes that make sounds one by one; 0 makes them in this one.
        device: Where they are wanted.
        also: What is computed of nu (SHARD, 5) of each; it may wait for the device, since it has to
            wait for the sounds alone.

    Returns:
        An iterator over the index of each shard, its fields and what `also` gave, tensors. Work has
        begun.
    """
    if way == "device":
        made = DeviceShards(shards.recipe, shards.seed, shards.split, device)
        return _made_ahead(made, order, also)
    loader = iter(shard_loader(shards, order, workers))
    return (
        (index, *_finish(*_begin(partial(_brought, fields, device), device, also)))
        for index, *fields in loader
    )


def shared(fabric, shards: Shards, order: Sequence[int], way: str, workers: int) -> list:
    """Shards on the device of each process, of which every process makes its part.

    Args:
        fabric: The processes and their devices.
        shards: The split.
        order: Indices of the shards.
        way: cpu or device.
        workers: As in `stream`.

    Returns:
        The fields of each shard.
    """
    rank, world, device = fabric.global_rank, fabric.world_size, fabric.device
    mine = stream(shards, order[rank::world], way, workers, device)
    made = {index: fields for index, fields, _ in mine}
    if world > 1:
        for place, index in enumerate(order):
            fields = [field.cpu() for field in made[index]] if index in made else None
            made[index] = _brought(fabric.broadcast(fields, place % world), device)
    return [made[index] for index in order]


def channels(log_cqt: torch.Tensor, observed: torch.Tensor) -> torch.Tensor:
    """The input of the encoder.

    Args:
        log_cqt: (sounds, bins, frames) float16, from a shard.
        observed: (sounds, frames) float16, from a shard.

    Returns:
        (sounds, 2, bins, frames) float32, channels last.
    """
    log_cqt, observed = log_cqt.float(), observed.float()
    x = torch.stack([log_cqt, observed[:, None].expand_as(log_cqt)], dim=1)
    return x.contiguous(memory_format=torch.channels_last)


def _made_ahead(shards: DeviceShards, order: Sequence[int], also) -> Iterator[tuple]:
    """As `stream`; each shard is made while the one before is used."""
    pool = ThreadPoolExecutor(1)
    begun = (
        pool.submit(_begin, partial(shards.__getitem__, i), shards.device, also) for i in order
    )

    def take(following):
        for index in order:
            made = following.result()
            following = next(begun, None)
            yield index, *_finish(*made)
        pool.shutdown()

    return take(next(begun, None))


def _brought(fields, device: torch.device) -> list[torch.Tensor]:
    return [to_device(field, device) for field in fields]


@cache
def _sound_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def _begin(make: Callable, device: torch.device, also: Callable | None):
    """Make a shard in the stream of all sounds; other streams go on.

    Returns:
        Its fields, what `also` gave, and the event after which the device has them; None if it has
        them now.
    """
    if device.type != "cuda":
        fields = make()
        return fields, also and also(fields[0]), None
    with torch.cuda.stream(_sound_stream(device)):
        fields = make()
        extra = also and also(fields[0])
        return fields, extra, torch.cuda.current_stream(device).record_event()


def _finish(fields, extra, made):
    """Let the caller's stream wait until the device has the fields of a shard."""
    if made is not None:
        here = torch.cuda.current_stream(fields[0].device)
        here.wait_event(made)
        for tensor in (*fields, extra):
            if tensor is not None:
                tensor.record_stream(here)  # its memory is not given away while it is read
    return fields, extra
