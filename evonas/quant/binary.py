"""Binary weights with a scale a filter, and binary activations with the ApproxSign gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from evonas.precision import BINARY
from evonas.quant.quantizer import Quantizer


def sign(x: Tensor) -> Tensor:
    """Return -1 or +1, with ``sign(0) = +1`` as inference engines have it. ``torch.where`` is slower on a CPU."""
    return (x >= 0).to(x.dtype).mul_(2).sub_(1)


class BinaryWeight(Quantizer):
    """Sign of the weight times the mean magnitude of its filter.

    Formula: ``effective = mean|w| * sign(w)`` with the mean over a filter.
    Gradient: passes where ``|w| <= 1``, unscaled, so that a kernel shared with other precisions learns at one pace.

    References:
        Rastegari 2016 (XNOR-Net), the scale; Hubara 2016, the clipped straight-through estimator.
    """

    def __init__(self) -> None:
        super().__init__(BINARY)

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _ClippedIdentity.apply(latent, self.scale(latent) * sign(latent.detach()))  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return sign(latent.detach())

    def scale(self, latent: Tensor) -> Tensor:
        """Mean magnitude a filter, ``(out_channels, 1, 1, 1)`` for a 4-D kernel; never zero."""
        filters = latent.detach().abs().flatten(1)
        # the mean of values near the float32 maximum must not overflow on the way
        mean = (filters / filters.shape[1]).sum(dim=1).clamp_min(torch.finfo(latent.dtype).tiny)
        return mean.view(-1, *([1] * (latent.dim() - 1)))


class ApproxSign(Quantizer):
    """Sign of the activation, with the gradient of a piecewise quadratic.

    Formula: ``sign(x)``, -1 or +1.
    Gradient: ``max(0, 2 - 2|x|)``.

    References:
        Liu 2018 (Bi-Real Net), eq. 7 and 8.
    """

    def __init__(self) -> None:
        super().__init__(BINARY)

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _ApproxSign.apply(latent)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return sign(latent.detach())

    def scale(self, latent: Tensor) -> Tensor:
        """One: batch norm in front of a sign and behind the convolution sets the size."""
        return torch.ones((), dtype=latent.dtype)


class _ClippedIdentity(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor, effective: Tensor) -> Tensor:
        ctx.save_for_backward(latent)
        return effective

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (latent,) = ctx.saved_tensors
        return grad * (latent.abs() <= 1), None


class _ApproxSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor) -> Tensor:
        ctx.save_for_backward(latent)
        return sign(latent)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (latent,) = ctx.saved_tensors
        slope: Tensor = latent.abs().mul_(-2).add_(2).clamp_min_(0)
        return grad * slope
