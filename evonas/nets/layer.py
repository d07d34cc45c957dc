"""The quantized layer: one latent kernel serves all precisions and widths."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor, nn

from evonas.architecture.graph import Op, Shape
from evonas.architecture.methods import Method
from evonas.architecture.precision import BINARY, FLOAT, Precision
from evonas.architecture.scheme import Scheme
from evonas.nets.mixed_path import UNMIXED, Blend, LayerBlends
from evonas.nets.norm import SlicedNorm, norm_key
from evonas.nets.quant.quantizer import Quantizer, build_quantizer, mean_magnitude

MOST_ZEROS = 0.8  # above this a ternary or low-bit layer is all but dead
MOST_ZERO_ACTS = 0.95  # of a standard normal input, half of which a ReLU cuts anyway
LEAST_STEP = 1e-3  # of the mean weight, or of the unit spread behind a batch norm
# Of the He deviation, for kernels that read new channels, so that a network starts about as good as before it grew. New
# filters start whole: were both near zero, low-bit quantizers would round both to 0, and neither would get a gradient.
NEW_INPUTS = 1e-2


class Parts(NamedTuple):
    """What a layer is run with, made for all layers of a network at once; see :mod:`evonas.nets.execution.parts`.

    Attributes:
        kernel: ``(filters, channels / groups, height, width)``, quantized, and multiplied by what codes are worth.
        gamma, beta: Of the norm in front of the quantizer, divided by the quantizer's step, ``(channels,)``.
        codes: Makes the codes of what that norm gives; None where the layer's own norm and quantizer are called.
    """

    kernel: Tensor | None = None
    gamma: Tensor | None = None
    beta: Tensor | None = None
    codes: Callable[[Tensor], Tensor] | None = None


UNPREPARED = Parts()


class QuantLayer(nn.Module):
    """A convolution and the module around it; runs at any of its precisions and at any width up to its largest.

    The latent kernel is sliced first and quantized second, so thresholds and steps see the active weights only. Each
    precision has quantizers of its own; each activation precision has a batch norm of its own (a shared one costs
    ranking quality in a supernet). Inputs that are a concatenation are sliced segment by segment.

    Args:
        uses: Every form in which the operation occurs, with the shape that it reads; kernel, stride, dilation and
            whether it is grouped hold for all of them.
        scheme: Which method quantizes what.
        generator: Draws the initial kernel (He normal).
    """

    def __init__(self, uses: Sequence[tuple[Op, Shape]], *, scheme: Scheme, generator: torch.Generator) -> None:
        super().__init__()
        op = max((op for op, _ in uses), key=lambda op: op.channels)
        source = max((source for _, source in uses), key=lambda shape: shape.channels)
        self.name, self.segments = op.name, op.segments
        # groups cut through the channels, so a grouped kernel has no segments
        segments = source.segments if op.groups == 1 else 1
        reads = max(source.channels // op.groups for op, source in uses) // segments
        kernel = torch.empty(op.channels, segments, reads, *op.kernel)
        deviation = (2 / (segments * reads * math.prod(op.kernel))) ** 0.5
        self.latent_weight = nn.Parameter(kernel.normal_(0.0, deviation, generator=generator))
        self.weight_quantizers = _quantizers(scheme.weight, [op.weight for op, _ in uses])
        self.act_quantizers = _quantizers(scheme.act, [op.act for op, _ in uses if "quant" in op.steps])
        self.bias = nn.Parameter(torch.zeros(op.channels)) if any(op.has_bias for op, _ in uses) else None
        has_prelu = any("prelu" in op.steps for op, _ in uses)
        # slope, shift before and shift after (RPReLU)
        self.prelu = nn.Parameter(torch.tensor([0.25, 0.0, 0.0]).repeat(op.channels, 1)) if has_prelu else None
        self.norms = nn.ModuleDict()
        for place, channels, n in (("before", source.channels, source.segments), ("after", op.channels, op.segments)):
            acts = {norm_key(op.act) for op, _ in uses if "norm" in _steps(op, place)}
            if acts or any("standardize" in _steps(op, place) for op, _ in uses):
                self.norms[place] = SlicedNorm(channels, segments=n, keys=sorted(acts))

    def forward(
        self,
        x: Tensor,
        op: Op,
        segments: int,
        *,
        blends: LayerBlends = UNMIXED,
        parts: Parts = UNPREPARED,
        norms: Precision = FLOAT,
    ) -> Tensor:
        """Run at the widths, precisions and structure of ``op``.

        Args:
            x: ``(n, channels, height, width)``.
            op: The operation as the active architecture has it.
            segments: Segments of ``x``'s channels.
            blends: Precisions that run at once, instead of those of ``op``.
            parts: What was prepared for ``op``, of the widths of ``x``; what was not is made here.
            norms: To what norms are rounded.

        Returns:
            ``(n, op.channels, height', width')``.
        """
        y, place = x, "before"
        for step in op.steps:
            match step:
                case "norm" if parts.codes and place == "before":
                    kept = FLOAT if op.act == BINARY else norms  # in front of signs factors are 1 or -1
                    y = self.norms[place].normalise(y, parts.gamma, parts.beta, segments, kept=kept)  # type: ignore[operator]
                case "quant" if parts.codes:
                    y = parts.codes(y)
                case "norm" | "standardize":
                    key = (blends.act or norm_key(op.act)) if step == "norm" else None
                    kept = FLOAT if op.act == BINARY and place == "before" else norms
                    units = 1.0 if kept.is_float else self._units(op, x.shape[1], segments, place)
                    of = segments if place == "before" else op.segments
                    y = self.norms[place](y, key, of, kept=kept, units=units)
                case "quant":
                    y = self._quantize_act(y, op.act, blends.act)
                case "conv":
                    weight = parts.kernel
                    if weight is None:
                        latent = self.kernel_for(op, y.shape[1], segments)
                        weight = self._quantize_weight(latent, op.weight, blends.weight)
                    y, place = self._convolve(y, weight, op), "after"
                case "relu":
                    y = F.relu(y)
                case "pool":
                    is_compiling = torch.compiler.is_compiling()  # which lays gradients out as it likes
                    y = y.mean(dim=(2, 3), keepdim=True) if is_compiling else _MeanOverImage.apply(y)  # type: ignore[no-untyped-call]
                case "shuffle":
                    y = F.channel_shuffle(y, op.groups)
                case "shortcut":
                    y = y + (x if op.stride == (1, 1) else F.avg_pool2d(x, op.stride, ceil_mode=True))
                case "prelu":
                    assert self.prelu is not None
                    slope, before, after = self.filters_of(self.prelu, op.channels).T.contiguous().view(3, 1, -1, 1, 1)
                    y = F.prelu(y + before, slope.flatten()) + after
        return y

    @torch.no_grad()
    def _units(self, op: Op, channels: int, segments: int, place: str) -> Tensor | float:
        """In which what is left of a norm is stored, as :func:`evonas.nets.freeze.freeze` has it."""
        conv = op.steps.index("conv")
        rule = self.act_quantizers[op.act.name].activation_rule() if op.act.name in self.act_quantizers else None  # type: ignore[operator]
        _, units, worth = rule.taken_up() if rule is not None and "before" in self.norms else (None, 1.0, 1.0)
        if place == "before":
            return float(units)
        if op.steps[conv + 1] not in ("norm", "standardize") or "shuffle" in op.steps or op.weight.is_float:
            return 1.0
        latent = self.kernel_for(op, channels, segments)
        scale = self.weight_quantizers[op.weight.name].scale(latent)  # type: ignore[operator]
        is_one = scale.numel() == 1 or scale.shape == (len(latent), 1, 1, 1)
        return 1 / (scale.flatten() * worth) if is_one else 1.0

    def _quantize_act(self, x: Tensor, act: Precision, blend: Blend | None) -> Tensor:
        if blend:
            return blend.activations(x, _candidates(self.act_quantizers, blend, in_float=nn.ReLU()))
        return F.relu(x) if act.is_float else self.act_quantizers[act.name](x)

    def _quantize_weight(self, latent: Tensor, weight: Precision, blend: Blend | None) -> Tensor:
        if blend:
            return blend.kernel(latent, _candidates(self.weight_quantizers, blend, in_float=nn.Identity()))
        return latent if weight.is_float else self.weight_quantizers[weight.name](latent)

    def kernel_for(self, op: Op, channels: int, segments: int) -> Tensor:
        """The kernel of ``op`` for an input of so many channels and segments."""
        weight = self.filters_of(self.latent_weight, op.channels)
        if op.groups > 1:
            return weight[:, :, : channels // op.groups].flatten(1, 2)
        return weight[:, :segments, : channels // segments].flatten(1, 2)

    def _convolve(self, x: Tensor, weight: Tensor, op: Op) -> Tensor:
        bias = None if self.bias is None or not op.has_bias else self.filters_of(self.bias, op.channels)
        below, behind = op.padding_behind(x.shape[2], x.shape[3])
        if below or behind:
            x = F.pad(x, (0, behind, 0, below))
        return F.conv2d(x, weight, bias, op.stride, op.padding, op.dilation, op.groups)

    def filters_of(self, tensor: Tensor, channels: int) -> Tensor:
        """The part of a parameter for the first ``channels`` output channels, an equal part of each segment."""
        if self.segments == 1:
            return tensor[:channels]
        parts = tensor.view(self.segments, -1, *tensor.shape[1:])
        return parts[:, : channels // self.segments].flatten(0, 1)

    def warnings(self) -> list[str]:
        """What looks unhealthy about the quantizers, at full width.

        More than 80 % zeros among weights, more than 95 % among activations of a standard normal input (which is what
        batch norm delivers), or a step near zero.
        """
        kernel, found = self.latent_weight.detach().flatten(1, 2), []
        for name, quantizer in self.weight_quantizers.items():
            assert isinstance(quantizer, Quantizer)
            if (share := quantizer.zero_share(kernel)) > MOST_ZEROS:
                found.append(f"{self.name}: {share:.0%} of its {name} weights are zero")
            if float(quantizer.scale(kernel).min() / mean_magnitude(kernel)) < LEAST_STEP:
                found.append(f"{self.name}: the step of its {name} weights is near zero")
        for name, quantizer in self.act_quantizers.items():
            assert isinstance(quantizer, Quantizer)
            if float(quantizer.scale(torch.ones(1, 1, 1, 1)).min()) < LEAST_STEP:
                found.append(f"{self.name}: the step of its {name} activations is near zero")
            standard_normal = torch.special.ndtri(torch.linspace(1e-3, 1 - 1e-3, 1000)).view(1, -1, 1, 1)
            if (share := quantizer.zero_share(standard_normal)) > MOST_ZERO_ACTS:
                found.append(f"{self.name}: {share:.0%} of its {name} activations are zero")
        return found

    def copy_slice(self, other: QuantLayer) -> None:
        """Copy what this layer needs from ``other``, a layer at least as large.

        Args:
            other: Holds every precision that this layer holds.
        """
        with torch.no_grad():
            out, segments, width = self.latent_weight.shape[:3]
            self.latent_weight.copy_(other.filters_of(other.latent_weight, out)[:, :segments, :width])
            if self.bias is not None and other.bias is not None:
                self.bias.copy_(other.filters_of(other.bias, out))
            if self.prelu is not None and other.prelu is not None:
                self.prelu.copy_(other.filters_of(other.prelu, out))
        for place in self.norms:
            self.norms[place].copy_slice(other.norms[place])  # type: ignore[operator]
        for mine, theirs in (
            (self.weight_quantizers, other.weight_quantizers),
            (self.act_quantizers, other.act_quantizers),
        ):
            for name in mine:
                mine[name].load_state_dict(theirs[name].state_dict())

    def grow_from(self, other: QuantLayer) -> None:
        """Copy all of ``other``, a layer at most as large; kernels that read new channels start near zero.

        Args:
            other: Holds the same precisions; this layer is as :class:`QuantLayer` made it.
        """
        with torch.no_grad():
            out, segments, width = other.latent_weight.shape[:3]
            filters = self.filters_of(torch.arange(len(self.latent_weight)), out)
            self.latent_weight[:, segments:] *= NEW_INPUTS
            self.latent_weight[:, :segments, width:] *= NEW_INPUTS
            self.latent_weight[filters, :segments, :width] = other.latent_weight
            if self.bias is not None and other.bias is not None:
                self.bias[filters] = other.bias
            if self.prelu is not None and other.prelu is not None:
                self.prelu[filters] = other.prelu
        for place in other.norms:
            self.norms[place].grow_from(other.norms[place])  # type: ignore[operator]
        self.weight_quantizers.load_state_dict(other.weight_quantizers.state_dict())
        self.act_quantizers.load_state_dict(other.act_quantizers.state_dict())


def _steps(op: Op, place: str) -> tuple[str, ...]:
    conv = op.steps.index("conv")
    return op.steps[:conv] if place == "before" else op.steps[conv:]


def _candidates(quantizers: nn.ModuleDict, blend: Blend, *, in_float: nn.Module) -> list[nn.Module]:
    return [in_float if precision.is_float else quantizers[precision.name] for precision in blend.precisions]


def _quantizers(method: Callable[[Precision], Method | None], precisions: Sequence[Precision]) -> nn.ModuleDict:
    chosen = {precision: method(precision) for precision in dict.fromkeys(precisions)}
    return nn.ModuleDict(
        {precision.name: build_quantizer(found, precision) for precision, found in chosen.items() if found}
    )


class _MeanOverImage(torch.autograd.Function):
    """``(n, channels, 1, 1)``; autograd's own gradient is a view without a size in memory, and slow to go on with."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape, ctx.is_last = x.shape, x.stride(1) == 1
        return x.mean(dim=(2, 3), keepdim=True)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        _, _, height, width = ctx.shape
        form = torch.channels_last if ctx.is_last else torch.contiguous_format
        spread: Tensor = (grad / (height * width)).expand(ctx.shape).contiguous(memory_format=form)
        return spread
