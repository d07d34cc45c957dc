"""Operations without weights: pools, sums, concatenations, channels cut and padded."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor

from evonas.architecture.graph import Op


def run_op(op: Op, inputs: list[Tensor], segments: int) -> Tensor:
    """Run an operation without weights; ``segments`` are those of its first input's channels."""
    first = inputs[0]
    match op.kind:
        case "skip" | "add":
            return sum(inputs[1:], start=first)
        case "concat":
            return torch.cat(inputs, dim=1)
        case "max_pool" | "avg_pool":
            return _pool(op, first)
        case "align":
            return _align(first, op.channels, segments)
        case "splice":
            return _splice(first, inputs[1])
        case "zeros":
            _, _, height, width = first.shape
            return _zeros(first, op.channels, -(-height // op.stride[0]), -(-width // op.stride[1]))
        case _:
            raise ValueError(f"unknown kind of operation {op.kind!r} in {op.name}")


def _pool(op: Op, x: Tensor) -> Tensor:
    is_tiling = op.kernel == op.stride
    if op.kind == "max_pool":
        return F.max_pool2d(x, op.kernel, op.stride, op.padding, ceil_mode=is_tiling)
    return F.avg_pool2d(x, op.kernel, op.stride, op.padding, ceil_mode=is_tiling, count_include_pad=False)


def _splice(part: Tensor, whole: Tensor) -> Tensor:
    """Put the part's channels in the place of the first ones, and shuffle; also where groups are of unequal size."""
    n_part, channels = part.shape[1], whole.shape[1]
    groups = -(-channels // n_part)
    places = (torch.arange(channels, device=part.device) % groups).argsort(stable=True)  # of each channel in the output
    return torch.cat([part, whole[:, n_part:]], dim=1).index_select(1, places.argsort())


def _align(x: Tensor, channels: int, segments: int) -> Tensor:
    """Cut or zero-pad each segment's channels, so that a segment keeps meaning the same node."""
    _, before, height, width = x.shape
    if before == channels:
        return x
    target = channels // segments
    parts = [part[:, :target] for part in torch.split(x, before // segments, dim=1)]
    if channels > before:
        missing = _zeros(x, target - before // segments, height, width)
        parts = [part for kept in parts for part in (kept, missing)]
    return torch.cat(parts, dim=1)


def _zeros(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    """With the channels of a pixel side by side where they are so in ``like``: mixed, they would be sorted anew."""
    shape, is_last = (len(like), channels, height, width), like.stride(1) == 1
    zeros = like.new_empty(shape)
    return zeros.to(memory_format=torch.channels_last if is_last else torch.contiguous_format).zero_()
