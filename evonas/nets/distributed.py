"""Processes that train one supernet together: each takes a share of every batch, and gradients are averaged.

It is what torch's DistributedDataParallel computes, without its wrapper: a step uses few of a supernet's parameters,
and other ones each time. Every process draws the same batch and the same paths, so that only gradients, the sums of
batch norms and the extent of tensors that are rounded have to be sent, and the result is that of one process with the
whole batch, up to the order of sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor, nn

PATIENCE = timedelta(hours=24)  # helpers wait while images are read and the run is set up


@contextmanager
def process_group(word: str) -> Iterator[str]:
    """Join the processes that torchrun started; yields the first one's ``word``. All leave together."""
    if torch.cuda.is_available():  # gloo sums what lies on GPUs, too
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    dist.init_process_group("gloo", timeout=PATIENCE)
    try:
        said = [word]
        dist.broadcast_object_list(said, src=0)
        yield said[0]
        dist.barrier()
    finally:
        dist.destroy_process_group()


def is_grouped() -> bool:
    """Whether this process is one of several that train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def leads() -> bool:
    """Whether this process writes what all of them share."""
    return not is_grouped() or dist.get_rank() == 0


def share(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """This process's part of a batch; all of it if it is alone.

    Raises:
        ValueError: The batch cannot be shared equally, and a mean of means would be another one.
    """
    if not is_grouped():
        return images, labels
    n, rank = dist.get_world_size(), dist.get_rank()
    if len(images) % n:
        raise ValueError(f"a batch of {len(images)} images cannot be shared equally by {n} processes")
    return images[rank::n], labels[rank::n]


def first_images(x: Tensor, n: int) -> Tensor:
    """What this process has of the first ``n`` images of a batch; see :func:`share`."""
    if is_grouped():
        n = len(range(dist.get_rank(), n, dist.get_world_size()))
    return x[:n]


def extent(x: Tensor, *, of_all: bool) -> tuple[Tensor, Tensor]:
    """The largest magnitude and the root mean square of numbers; of all processes' numbers, if so."""
    largest = x.abs().amax() if x.numel() else x.new_zeros(())
    moments = torch.stack([x.square().sum(), x.new_tensor(float(x.numel()))])
    if of_all and is_grouped():
        dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        dist.all_reduce(moments)
    return largest, (moments[0] / moments[1]).sqrt()


def average_gradients(parameters: Sequence[nn.Parameter], loss: float) -> float:
    """Average the gradients over all processes, in place; the mean of their losses."""
    if not is_grouped():
        return loss
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    device = gradients[0].device if gradients else None
    flat = torch.cat([torch.tensor([loss], device=device), *(gradient.flatten() for gradient in gradients)])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start = 1
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
    return float(flat[0])


def batch_norm(x: Tensor, gamma: Tensor | None, beta: Tensor | None, *, epsilon: float) -> Tensor:
    """Normalise by the statistics of the whole batch, wherever its images are.

    Args:
        x: ``(n, channels, height, width)``, this process's images.
        gamma, beta: ``(channels,)``, or None.
        epsilon: Added to the variance.
    """
    if not is_grouped():
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=epsilon)
    n = x.numel() // x.shape[1] * dist.get_world_size()
    mean = _summed(x.sum(dim=(0, 2, 3))) / n
    centred = x - mean.view(1, -1, 1, 1)
    variance = _summed((centred**2).sum(dim=(0, 2, 3))) / n
    y: Tensor = centred * (variance + epsilon).rsqrt().view(1, -1, 1, 1)
    if gamma is not None:
        y = y * gamma.view(1, -1, 1, 1)
    return y if beta is None else y + beta.view(1, -1, 1, 1)


def _summed(x: Tensor) -> Tensor:
    total: Tensor = _Summed.apply(x)  # type: ignore[no-untyped-call]
    return total


class _Summed(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        del ctx
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        del ctx
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total
