"""Runs a frozen network in torch, bit for bit like every other runtime: integer sums, float sums in a fixed order.

Besides sums of a few branches, a network has two kinds of float sums, and their order is fixed here:

- an average pool adds the rows of its window from top to bottom, then the sums of the columns from left to right, and
  divides by the number of pixels within the image;
- an average over a whole image adds neighbours in pairs, then pairs of pairs, and so on; one that is left over moves
  up unchanged.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from numpy.typing import NDArray
from torch import Tensor, nn

from evonas.architecture.fitting import Sides
from evonas.architecture.graph import INPUT
from evonas.nets.execution.operations import run_op
from evonas.nets.frozen import Floats, FrozenConv, FrozenNetwork
from evonas.nets.quant.activation_rule import ActivationRule


class IntegerNetwork(nn.Module):
    """A frozen network as a module: pixels or other numbers in, logits out. It is not meant to be trained.

    Args:
        frozen: What to run.
    """

    def __init__(self, frozen: FrozenNetwork) -> None:
        super().__init__()
        self.frozen = frozen
        self.standards = nn.ParameterList([_constant(array[None]) for array in frozen.codes.standards or ()])
        self.convs = nn.ModuleDict({name: _Conv(conv) for name, conv in frozen.convs.items()})

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(n, classes)``.

        Args:
            images: ``(n, channels, height, width)``: pixels, uint8 or whole floats from 0 to 255; or numbers as the
                data set has them, where these are standardised.
        """
        numbers, codes = images.float(), self.frozen.codes
        if codes.standards is not None:
            if codes.level != "nothing":
                flat = numbers.flatten(1)
                level = sum_in_pairs(flat) / flat.shape[1] if codes.level == "mean" else flat.amax(1)
                numbers = numbers - level.view(-1, 1, 1, 1)
            numbers = numbers.clamp(min=codes.floor) if codes.floor is not None else numbers
            centre, density = self.standards
            numbers = ((numbers - centre) * density).clamp(codes.low, codes.high).round()
        return self.of_codes(numbers)

    @torch.no_grad()
    def of_codes(self, images: Tensor) -> Tensor:
        """Logits ``(n, classes)`` of images that are written in codes already, of any type."""
        architecture = self.frozen.architecture
        shapes = architecture.shapes
        written = images.float()
        tensors = {INPUT: written / self.frozen.codes.per_one}
        for op in architecture.ops:
            inputs = [tensors[name] for name in op.inputs]
            if op.kind == "conv":
                conv = self.convs[op.name]
                tensors[op.name] = conv(inputs[0] if self.frozen.convs[op.name].image is None else written)
            elif op.kind == "avg_pool":
                tensors[op.name] = average_pool(inputs[0], op.kernel, op.stride)
            else:
                tensors[op.name] = run_op(op, inputs, shapes[op.inputs[0]].segments)
            if op.name in architecture.is_rounded:
                low, high = self.frozen.stream_range
                step = written.new_tensor(self.frozen.step)
                tensors[op.name] = (tensors[op.name] / step).clamp(low, high).round() * step
        return tensors[architecture.ops[-1].name].flatten(1)


class _Conv(nn.Module):
    def __init__(self, conv: FrozenConv) -> None:
        super().__init__()
        self.conv = conv
        self.kernels = nn.ParameterList([_constant(values) for values, _ in conv.kernel.terms])
        self.scales = nn.ParameterList([_constant(scale.reshape(-1)) for _, scale in conv.kernel.terms])
        self.norms = nn.ParameterDict({str(place): _constant(norm) for place, norm in conv.norms.items()})
        self.bias = None if conv.bias is None else _constant(conv.bias)
        self.prelu = None if conv.prelu is None else _constant(conv.prelu)

    def forward(self, x: Tensor) -> Tensor:
        op, y = self.conv.op, x
        scale: Tensor | None = None
        for place, step in enumerate(op.steps):
            match step:
                case "norm" | "standardize":
                    factor, shift = _channels(self.norms[str(place)])
                    y = y * factor + shift
                case "quant":
                    y, scale = (F.relu(y), None) if self.conv.act is None else apply_rule(self.conv.act, y)
                case "conv":
                    y = self._convolve(y, scale)
                case "relu":
                    y = F.relu(y)
                case "pool":
                    y = average_image(y)
                case "shuffle":
                    y = F.channel_shuffle(y, op.groups)
                case "shortcut":
                    y = y + (x if op.stride == (1, 1) else average_pool(x, op.stride, op.stride))
                case "prelu":
                    assert self.prelu is not None
                    slope, before, after = _channels(self.prelu)
                    y = y + before
                    y = torch.where(y >= 0, y, slope * y) + after
        return y

    def _convolve(self, x: Tensor, act_scale: Tensor | None) -> Tensor:
        conv, op = self.conv, self.conv.op
        below, behind = op.padding_behind(x.shape[2], x.shape[3])
        if below or behind:
            x = F.pad(x, (0, behind, 0, below))
        is_whole = conv.kernel.levels > 0 and (conv.image is not None or conv.act is not None)
        total: Tensor | None = None
        for kernel, scale in zip(self.kernels, self.scales, strict=True):
            y = F.conv2d(x, kernel, None, op.stride, op.padding, op.dilation, op.groups)
            # rounding changes no whole number; it removes what a fast algorithm for convolutions might have left
            y = (y.round() if is_whole else y) * self._multiplier(scale, act_scale)
            total = y if total is None else total + y
        assert total is not None
        return total if self.bias is None else total + self.bias.view(1, -1, 1, 1)

    def _multiplier(self, scale: Tensor, act_scale: Tensor | None) -> Tensor:
        scale = scale.view(1, -1, 1, 1)
        if self.conv.image is not None:
            return scale / self.conv.image.per_one
        return scale if act_scale is None else scale * act_scale


def apply_rule(act: ActivationRule, x: Tensor) -> tuple[Tensor, Tensor]:
    """Codes of activations, and what one is worth; see :class:`ActivationRule`."""
    numbers = [x.new_tensor(number) for number in act.numbers]
    match act.rule:
        case "sign":
            return (x >= 0).to(x.dtype) * 2 - 1, x.new_ones(())
        case "round":
            return torch.clamp(x / numbers[0], act.low, act.high).round(), numbers[0]
        case "threshold" if act.low == 0:
            return (x > numbers[0]).to(x.dtype) + (x > numbers[0] + numbers[1]).to(x.dtype), numbers[1]
        case "threshold":
            return (x > numbers[0]).to(x.dtype) - (x < -numbers[0]).to(x.dtype), numbers[1]
        case "per_image":
            magnitude = x.abs()
            threshold = act.ratio * sum_in_pairs(magnitude.flatten(1)).div(magnitude[0].numel()).view(-1, 1, 1, 1)
            kept = (magnitude > threshold).to(x.dtype)
            n = kept.flatten(1).sum(dim=1).clamp_min(1).view(-1, 1, 1, 1)
            scale = sum_in_pairs((magnitude * kept).flatten(1)).view(-1, 1, 1, 1) / n
            return kept * x.sign(), scale


def sum_in_pairs(x: Tensor) -> Tensor:
    """Sum over the last axis: neighbours in pairs, again and again; one that is left over moves up unchanged."""
    while (n := x.shape[-1]) > 1:
        pairs = x[..., 0 : n - n % 2 : 2] + x[..., 1::2]
        x = torch.cat([pairs, x[..., n - 1 :]], dim=-1) if n % 2 else pairs
    return x[..., 0]


def average_image(x: Tensor) -> Tensor:
    """Mean of each channel, ``(n, channels, 1, 1)``."""
    n = x.shape[2] * x.shape[3]
    return (sum_in_pairs(x.flatten(2)) / n)[..., None, None]


def average_pool(x: Tensor, kernel: Sides, stride: Sides) -> Tensor:
    """Mean over windows; pixels outside the image do not count. Sides are those of a network's pools."""
    along = list(zip(x.shape[2:], kernel, stride, strict=True))
    counts = [x.new_tensor(window_counts(*sides)) for sides in along]
    for axis, (_, side, step) in enumerate(along, start=2):
        x = _sum_windows(x, side, step, axis=axis)
    return x / torch.outer(*counts)


def window_counts(side: int, kernel: int, stride: int) -> list[int]:
    """How many rows of the image each window of a pool covers."""
    starts = [place * stride - (kernel - 1) // 2 for place in range(-(-side // stride))]
    return [min(start + kernel, side) - max(start, 0) for start in starts]


def _sum_windows(x: Tensor, kernel: int, stride: int, *, axis: int) -> Tensor:
    side = x.shape[axis]
    n = -(-side // stride)
    before = (kernel - 1) // 2
    behind = max(0, (n - 1) * stride + kernel - before - side)
    x = F.pad(x, (0, 0, before, behind) if axis == 2 else (before, behind))
    parts = [x.narrow(axis, shift, (n - 1) * stride + 1) for shift in range(kernel)]
    parts = [part[:, :, ::stride] if axis == 2 else part[..., ::stride] for part in parts]
    return sum(parts[1:], start=parts[0])


def _channels(rows: Tensor) -> tuple[Tensor, ...]:
    """Rows of numbers per channel, each shaped to meet ``(n, channels, height, width)``."""
    return rows.view(len(rows), 1, -1, 1, 1).unbind()


def _constant(values: Floats | NDArray[np.int16]) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(values.astype(np.float32)), requires_grad=False)
