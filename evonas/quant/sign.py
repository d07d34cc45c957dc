"""Binary activations: the sign, with one of two straight-through gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from evonas.quant.binary import sign
from evonas.quant.lsq import next_above, next_below
from evonas.quant.quantizer import Quantizer
from evonas.quant.staircase import Staircase


class Sign(Quantizer):
    """Sign of the activation, with the clipped straight-through gradient.

    Formula: ``sign(x)``, -1 or +1. The shift in front of it that some networks learn is the batch norm's.
    Gradient: 1 where ``|x| <= 1``, else 0.

    References:
        Hubara 2016, "Binarized neural networks".
    """

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _Sign.apply(latent)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return sign(latent.detach())

    def scale(self, latent: Tensor) -> Tensor:
        """One: the batch norm in front and the weights' scale set the size."""
        return torch.ones((), dtype=latent.dtype)

    def staircase(self) -> Staircase:
        """See :class:`Quantizer`."""
        return Staircase("sign", -1, 1)


class ApproxSign(Quantizer):
    """Sign of the activation, with the gradient of a piecewise quadratic.

    Formula: ``sign(x)``, -1 or +1.
    Gradient: ``max(0, 2 - 2|x|)``.

    References:
        Liu 2018 (Bi-Real Net), eq. 7 and 8.
    """

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _ApproxSign.apply(latent)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return sign(latent.detach())

    def scale(self, latent: Tensor) -> Tensor:
        """One, as for :class:`Sign`."""
        return torch.ones((), dtype=latent.dtype)

    def staircase(self) -> Staircase:
        """See :class:`Quantizer`."""
        return Staircase("sign", -1, 1)


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor) -> Tensor:
        ctx.save_for_backward(latent)
        return sign(latent)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (latent,) = ctx.saved_tensors
        # One fused pass: hardtanh's gradient is the range mask, its bounds open where ours are closed.
        masked: Tensor = torch.ops.aten.hardtanh_backward(grad, latent, next_below(-1), next_above(1))
        return masked


class _ApproxSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor) -> Tensor:
        ctx.save_for_backward(latent)
        return sign(latent)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (latent,) = ctx.saved_tensors
        slope: Tensor = latent.abs().mul_(-2).add_(2).clamp_min_(0)
        return slope.mul_(grad)
