"""Unsigned activations with a learned clip (PACT)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from evonas.architecture.precision import Precision
from evonas.nets.quant.activation_rule import ActivationRule
from evonas.nets.quant.lsq import ACT_STEPS
from evonas.nets.quant.quantizer import Quantizer, next_below


class Pact(Quantizer):
    """Activations on evenly spaced levels from 0 to a clip that is learned.

    Formula: ``s * round(clip(x, 0, alpha) / s)`` with ``s = alpha / (levels - 1)``; ``alpha`` is learned through its
    logarithm.
    Gradient: for the activation, 1 where ``0 <= x < alpha``, else 0; for ``alpha``, the sum of ``g`` where
    ``x >= alpha``.

    References:
        Choi 2018, "PACT: parameterized clipping activation", eq. 1 to 3.
    """

    learning_rate_factor = 0.2

    def __init__(self, precision: Precision) -> None:
        super().__init__(precision)
        self.high = precision.levels - 1
        self.log_clip = nn.Parameter(torch.tensor(math.log(ACT_STEPS[precision.levels] * self.high)))

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _Pact.apply(latent, self.log_clip.exp() / self.high, self.high)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return torch.clamp(latent.detach() / self.scale(latent), 0, self.high).round_()

    def scale(self, latent: Tensor) -> Tensor:
        """The step, a scalar."""
        del latent
        return self.log_clip.detach().exp() / self.high

    def activation_rule(self) -> ActivationRule:
        """See :class:`Quantizer`."""
        return ActivationRule("round", 0, self.high, (float(self.scale(self.log_clip)),))


class _Pact(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, high: int) -> Tensor:
        v = x / step
        ctx.save_for_backward(v)
        ctx.high = high
        return torch.clamp(v, 0, high).round_().mul_(step)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        (v,) = ctx.saved_tensors
        # hardtanh's gradient is the range mask, its bounds open: closed at 0, open at the clip
        grad_x = torch.ops.aten.hardtanh_backward(grad, v, next_below(0), ctx.high)
        above = torch.ops.aten.threshold_backward(grad, v, next_below(ctx.high))
        return grad_x, above.sum() * ctx.high, None
