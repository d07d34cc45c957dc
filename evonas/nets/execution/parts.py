"""What the layers of a step need of their parameters: quantized kernels, norms' scales and shifts, made in one go.

Parameters are small and many, so it is the number of operations that takes time, not their size. All layers are one
node of autograd's graph, whose gradient is written out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from evonas.architecture.graph import Op, Shape
from evonas.nets.execution.codes import HALF, Codes, codes_of, half_sign
from evonas.nets.layer import Parts, QuantLayer
from evonas.nets.norm import SlicedNorm, norm_key
from evonas.nets.quant.lsq import LsqActivation
from evonas.nets.quant.quantizer import HandDerived, is_hand_derived

_NO_STEP = torch.zeros(())  # the logarithm of a step of 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """Where the parts of a layer come from.

    Attributes:
        layer, op: The layer and how it is used.
        source: What it reads.
        quantizer: Of its kernel; None for float.
        codes: Makes the codes of the normalised input; None where the layer's own quantizer is called.
        log_step: Of its activations, if it is folded into norm and kernel.
        factor: Of the gradient for the step.
    """

    layer: QuantLayer
    op: Op
    source: Shape
    quantizer: HandDerived | None
    codes: Codes | None
    log_step: nn.Parameter | None
    factor: float

    @classmethod
    def of(cls, layer: QuantLayer, op: Op, source: Shape) -> Recipe | None:
        """None for a layer whose kernel needs a quantizer that has to be called."""
        quantizer = None if op.weight.is_float else layer.weight_quantizers[op.weight.name]
        if quantizer is not None and not is_hand_derived(quantizer):
            return None
        codes, log_step, factor = None, None, 0.0
        if ("norm", "quant") in zip(op.steps, op.steps[1:], strict=False) and not op.act.is_float:
            act = layer.act_quantizers[op.act.name]
            codes = codes_of(act)  # type: ignore[arg-type]
            if codes is not None and isinstance(act, LsqActivation):
                log_step, factor = act.log_step, 1 / math.sqrt(source.elements * act.high)
        return cls(layer, op, source, quantizer, codes, log_step, factor)  # type: ignore[arg-type]

    @property
    def norm(self) -> tuple[nn.Parameter, nn.Parameter]:
        """Scale and shift in front of the activation quantizer."""
        norm, key = self.layer.norms["before"], norm_key(self.op.act)
        assert isinstance(norm, SlicedNorm)
        return norm.gamma[key], norm.beta[key]

    def part_of_norm(self, tensor: Tensor) -> Tensor:
        """A view of what is in use of a norm's vector, ``(segments, channels / segments)``."""
        return tensor[: self.source.segments, : self.source.channels // self.source.segments]

    def part_of_kernel(self, tensor: Tensor) -> Tensor:
        """A view of what is in use of a latent kernel, ``(segments, filters each, segments, channels each, k, k)``."""
        width = self.source.channels // (self.op.groups if self.op.groups > 1 else self.source.segments)
        reads = tensor.shape[1] if self.op.groups > 1 else self.source.segments
        own = self.layer.segments
        return tensor.view(own, -1, *tensor.shape[1:])[:, : self.op.channels // own, :reads, :width]


class PartMaker:
    """Makes the parts of some layers anew whenever it is called; gradients reach their parameters.

    Args:
        recipes: One per layer.
    """

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        self.recipes = recipes
        self.folded = [recipe for recipe in recipes if recipe.codes is not None]
        self.norms = [(recipe, parameter) for recipe in self.folded for parameter in recipe.norm]
        self.sizes = [recipe.source.channels for recipe, _ in self.norms]
        self.owner = torch.repeat_interleave(torch.tensor(self.sizes[::2], dtype=torch.int64) * 2)
        self.learned = [() if one.quantizer is None else one.quantizer.learned for one in recipes]
        self.parameters = [
            *(recipe.layer.latent_weight for recipe in recipes),
            *(parameter for _, parameter in self.norms),
            *(recipe.log_step for recipe in self.folded if recipe.log_step is not None),
            *(parameter for parameters in self.learned for parameter in parameters),
        ]

    def __call__(self) -> list[Parts]:
        """One for each recipe."""
        made = _Parts.apply(self, torch.is_grad_enabled(), *self.parameters)  # type: ignore[no-untyped-call]
        norms = iter(made[len(self.recipes) :])
        return [
            Parts(kernel, next(norms), next(norms), recipe.codes) if recipe.codes else Parts(kernel)
            for recipe, kernel in zip(self.recipes, made, strict=False)
        ]


class _Parts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maker: PartMaker, is_derived: bool, *parameters: Tensor) -> tuple[Tensor, ...]:
        del parameters  # named for their gradients only
        steps = _steps(maker)
        norms = _norms(maker, steps)
        worths, learned = iter(steps.tolist()), _numbers(maker.learned)
        ctx.maker, ctx.steps, ctx.norms, ctx.kept = maker, steps, norms, []
        kernels = []
        for recipe, numbers in zip(maker.recipes, learned, strict=True):
            op = recipe.op
            latent = recipe.part_of_kernel(recipe.layer.latent_weight)
            latent = latent.reshape(op.channels, -1, *op.kernel).contiguous()
            worth = 1.0 if recipe.codes is None else next(worths) * (HALF if recipe.codes is half_sign else 1)
            kept = None
            if recipe.quantizer is None:
                kernel = latent * worth
                kept = (kernel, worth)
            elif is_derived:
                kernel, kept = recipe.quantizer.worth(latent, numbers, worth)
            else:
                kernel = recipe.quantizer(latent) * worth
            kernels.append(kernel)
            ctx.kept.append(kept)
        return *kernels, *torch.split(norms, maker.sizes)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        maker, of_kernels, of_learned, of_worths = ctx.maker, [], [], []
        for recipe, grad, kept in zip(maker.recipes, grads, ctx.kept, strict=False):
            grad = grad.contiguous()  # noqa: PLW2901
            if recipe.quantizer is None:
                kernel, worth = kept
                of_kernel, of_worth = grad * worth, 0.0 if recipe.log_step is None else float((grad * kernel).sum())
            else:
                of_kernel, numbers, of_worth = recipe.quantizer.derive(kept, grad)
                of_learned += numbers
            if recipe.log_step is not None:
                of_worths.append(of_worth)
            of_kernels.append(_placed(of_kernel, recipe.part_of_kernel, recipe.layer.latent_weight))
        of_norms, of_steps = _of_norms(ctx, grads[len(maker.recipes) :], of_worths)
        # What is kept holds outputs, which hold this node: nobody else would ever let go of either.
        ctx.kept = ctx.steps = ctx.norms = None
        numbers = _as_tensors(of_steps + of_learned, maker.parameters[len(of_kernels) + len(of_norms) :])
        return None, None, *of_kernels, *of_norms, *numbers


def _numbers(parameters: Sequence[Sequence[Tensor]]) -> list[list[float]]:
    """The numbers in each row of parameters."""
    flat = [one.view(-1) for row in parameters for one in row]
    values = iter(torch.cat(flat).tolist() if flat else ())
    return [[next(values) for one in row for _ in range(one.numel())] for row in parameters]


def _as_tensors(values: Sequence[float], parameters: Sequence[Tensor]) -> list[Tensor]:
    """Numbers in a row as gradients of parameters."""
    if not parameters:
        return []
    sizes = [parameter.numel() for parameter in parameters]
    rows = torch.split(torch.tensor(values, dtype=parameters[0].dtype), sizes)
    return [row.view_as(parameter) for row, parameter in zip(rows, parameters, strict=True)]


def _steps(maker: PartMaker) -> Tensor:
    """Of each folded layer; 1 for one whose quantizer has no step."""
    logs = [_NO_STEP.to(one.layer.latent_weight) if one.log_step is None else one.log_step for one in maker.folded]
    return torch.stack(logs).exp_() if logs else torch.empty(0)


def _norms(maker: PartMaker, steps: Tensor) -> Tensor:
    """Scales and shifts of all folded layers, divided by their steps, in one row."""
    rows = [recipe.part_of_norm(parameter).flatten() for recipe, parameter in maker.norms]
    return torch.cat(rows).div_(steps[maker.owner]) if rows else torch.empty(0)


def _of_norms(ctx: Any, grads: Sequence[Tensor], of_worths: Sequence[float]) -> tuple[list[Tensor], list[float]]:
    """Gradients of scales and shifts, and of the logarithms of steps."""
    maker: PartMaker = ctx.maker
    if not maker.folded:
        return [], []
    grad = torch.cat(list(grads))
    rows = torch.split(grad / ctx.steps[maker.owner], maker.sizes)
    of_norms = [_placed(row, recipe.part_of_norm, one) for row, (recipe, one) in zip(rows, maker.norms, strict=True)]
    by_norms = torch.zeros_like(ctx.steps).index_add_(0, maker.owner, grad.mul_(ctx.norms)).tolist()
    stepped = [(one, by_norm) for one, by_norm in zip(maker.folded, by_norms, strict=True) if one.log_step is not None]
    of_steps = [one.factor * (of_worth - by) for (one, by), of_worth in zip(stepped, of_worths, strict=True)]
    return of_norms, of_steps


def _placed(grad: Tensor, part: Callable[[Tensor], Tensor], parameter: Tensor) -> Tensor:
    """The gradient of a whole parameter of which a part is in use."""
    if grad.numel() == parameter.numel():
        return grad.view_as(parameter)
    whole = torch.zeros_like(parameter)
    place = part(whole)
    place.copy_(grad.view(place.shape))
    return whole
