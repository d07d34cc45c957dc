"""Tensors between layers as fixed-point numbers: one step for the whole network, a power of two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from evonas.architecture.precision import Precision
from evonas.nets.distributed import extent, first_images

DECAY = 0.999  # of the largest number seen, from one tensor to the next
SEEN = 4  # images of a batch that are looked at
DEVIATIONS = 8.0  # from zero, in root mean squares of a tensor, that a number may lie; what is beyond is clipped
LEAST = 2.0**-40  # that range never falls below, so that tensors of zeros have a step, too


class Stream(nn.Module):
    """Rounds tensors to ``step * round(clip(x / step, low, high))``, halves to even; gradients pass unchanged.

    The range is the power of two that holds the largest number of the network's tensors. Since the step is one for all,
    sums, pools and concatenations of rounded tensors need no other scale, and what a device adds are whole numbers.
    In training the largest number is that of the last tensors, some images of each; :meth:`measuring` sets it for good.
    """

    largest: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("largest", torch.tensor(LEAST))
        self.is_measuring = False

    def forward(self, x: Tensor, stream: Precision) -> Tensor:
        """Round a tensor of any shape ``(n, …)``; while measuring, only look at it."""
        if self.training or self.is_measuring:
            self._look(x)
        if self.is_measuring:
            return x
        rounded: Tensor = _Round.apply(x, self._range(), stream.levels)  # type: ignore[no-untyped-call]
        return rounded

    @torch.no_grad()
    def _look(self, x: Tensor) -> None:
        some = x if self.is_measuring else first_images(x, SEEN)
        largest, deviation = extent(some, of_all=not self.is_measuring)
        magnitude = torch.minimum(largest, DEVIATIONS * deviation).nan_to_num()
        self.largest.copy_(torch.maximum(self.largest * (1.0 if self.is_measuring else DECAY), magnitude))

    def _range(self) -> Tensor:
        largest = self.largest.clamp_min(LEAST)
        return largest / torch.frexp(largest).mantissa  # exactly a power of two

    def step(self, stream: Precision) -> float:
        """What one unit of a tensor is worth."""
        return float(self._range()) * 2 / stream.levels

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Within it, tensors are looked at and not rounded; the range is then theirs."""
        self.largest.fill_(LEAST)
        self.is_measuring = True
        try:
            yield
        finally:
            self.is_measuring = False


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor, largest: Tensor, levels: int) -> Tensor:
        del ctx
        step = largest * (2 / levels)
        return (x / step).clamp_(-levels // 2, levels // 2 - 1).round_().mul_(step)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor, None, None]:
        del ctx
        return grad, None, None
