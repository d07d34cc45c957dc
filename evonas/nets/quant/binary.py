"""Binary weights with a scale per filter, and binary activations with one of two straight-through gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from evonas.nets.quant.activation_rule import ActivationRule
from evonas.nets.quant.quantizer import HandDerived, Quantizer, StraightThrough, mean_magnitude, next_above, next_below


def sign(x: Tensor) -> Tensor:
    """Return -1 or +1, with ``sign(0) = +1`` as inference engines have it. ``torch.where`` is slower on a CPU."""
    return (x >= 0).to(x.dtype).mul_(2).sub_(1)


class BinaryWeight(HandDerived):
    """Sign of the weight times the mean magnitude of its filter.

    Formula: ``effective = mean|w| * sign(w)`` with the mean over a filter.
    Gradient: passes where ``|w| <= 1``, unscaled, so that a kernel shared with other precisions learns at one pace.

    References:
        Rastegari 2016 (XNOR-Net), the scale; Hubara 2016, the clipped straight-through estimator.
    """

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return StraightThrough.apply(latent, self.scale(latent) * self.codes(latent), torch.ones(()))  # type: ignore[no-any-return,no-untyped-call]

    @property
    def learned(self) -> tuple[nn.Parameter, ...]:
        """See :class:`HandDerived`."""
        return ()

    def worth(self, latent: Tensor, learned: Sequence[float], worth: float) -> tuple[Tensor, tuple[Any, ...]]:
        """See :class:`HandDerived`."""
        del learned
        rows = latent.view(len(latent), -1)
        scale = torch.linalg.vector_norm(rows, 1, dim=1, keepdim=True).mul_(2 * worth / rows.shape[1])
        kernel = torch.ge(rows, 0, out=torch.empty_like(rows)).sub_(0.5).mul_(scale).view_as(latent)
        return kernel, (latent, kernel, worth)

    def derive(self, kept: tuple[Any, ...], grad: Tensor) -> tuple[Tensor, list[float], float]:
        """See :class:`HandDerived`."""
        latent, kernel, worth = kept
        of_worth = float(torch.dot(grad.view(-1), kernel.view(-1))) if worth != 1 else 0.0
        return _within_one(grad, latent).mul_(worth), [], of_worth

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return sign(latent.detach())

    def scale(self, latent: Tensor) -> Tensor:
        """Mean magnitude per filter, ``(out_channels, 1, 1, 1)`` for a kernel."""
        return mean_magnitude(latent, is_per_filter=True)


class _BinaryActivation(Quantizer):
    """What both signs share; the gradients differ."""

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return sign(latent.detach())

    def scale(self, latent: Tensor) -> Tensor:
        """One: the batch norm in front and the weights' scale set the size."""
        return torch.ones((), dtype=latent.dtype)

    def activation_rule(self) -> ActivationRule:
        """See :class:`Quantizer`."""
        return ActivationRule("sign", -1, 1)


class Sign(_BinaryActivation):
    """Sign of the activation, with the clipped straight-through gradient.

    Formula: ``sign(x)``, -1 or +1. The shift in front of it that some networks learn is the batch norm's.
    Gradient: 1 where ``|x| <= 1``, else 0.

    References:
        Hubara 2016, "Binarized neural networks".
    """

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _Sign.apply(latent)  # type: ignore[no-any-return,no-untyped-call]


class ApproxSign(_BinaryActivation):
    """Sign of the activation, with the gradient of a piecewise quadratic.

    Formula: ``sign(x)``, -1 or +1.
    Gradient: ``max(0, 2 - 2|x|)``.

    References:
        Liu 2018 (Bi-Real Net), eq. 7 and 8.
    """

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _ApproxSign.apply(latent)  # type: ignore[no-any-return,no-untyped-call]


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor) -> Tensor:
        ctx.save_for_backward(latent)
        return sign(latent)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (latent,) = ctx.saved_tensors
        return _within_one(grad, latent)


def _within_one(grad: Tensor, latent: Tensor) -> Tensor:
    """The gradient where ``|latent| <= 1``, in one pass: hardtanh's mask, its bounds open where ours are closed."""
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
