"""Ternary activations with a learned threshold and a learned scale, signed or unsigned."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from evonas.architecture.precision import Precision
from evonas.nets.quant.activation_rule import ActivationRule
from evonas.nets.quant.quantizer import Quantizer, StraightThrough, mean_magnitude
from evonas.nets.quant.weights.tas import soft_slope
from evonas.nets.quant.weights.twn import ternary_codes

SIGNED = (0.612, 1.224)  # threshold and scale that lose least on a standard normal
UNSIGNED = (0.4215, 0.843)  # the same for max(0, x)
PER_IMAGE = 0.767  # the signed threshold in mean magnitudes of a standard normal


class TernaryActivation(Quantizer):
    """Activations of -1, 0, +1 or of 0, 1, 2 times a learned scale that is fixed at inference.

    Formula, signed: ``code = sign(x) if |x| > t else 0``. Unsigned: ``code = 0 up to t, 1 up to t + s, 2 beyond``.
    ``effective = s * code``; ``t`` and ``s`` are learned through their logarithms.
    Gradient: for the activation, 1 where ``|x| <= t + s`` (signed) or ``0 <= x <= t + 2s`` (unsigned), else 0; for
    ``s``, the sum of ``g * code``; for ``t``, that of a soft threshold, see :class:`evonas.nets.quant.weights.tas.Tas`.

    References:
        Loni 2022 (TAS) for learned activation thresholds; the gradients are our own, since the published ones pass
        nothing outside the dead zone.

    Args:
        precision: Ternary.
        is_signed: Which of the two.
    """

    learning_rate_factor = 0.2

    def __init__(self, precision: Precision, *, is_signed: bool) -> None:
        super().__init__(precision)
        self.is_signed = is_signed
        threshold, scale = SIGNED if is_signed else UNSIGNED
        self.log_threshold = nn.Parameter(torch.tensor(math.log(threshold)))
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _Ternary.apply(latent, self.log_threshold.exp(), self.log_scale.exp(), self.is_signed)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _codes(latent.detach(), self.log_threshold.detach().exp(), self.scale(latent), is_signed=self.is_signed)

    def scale(self, latent: Tensor) -> Tensor:
        """``s``, a scalar."""
        del latent
        return self.log_scale.detach().exp()

    def activation_rule(self) -> ActivationRule:
        """See :class:`Quantizer`."""
        numbers = (float(self.log_threshold.detach().exp()), float(self.scale(self.log_scale)))
        return ActivationRule("threshold", -1 if self.is_signed else 0, 1 if self.is_signed else 2, numbers)


class PerImageTernary(Quantizer):
    """Signed ternary activations whose scale is computed from each image at run time, which inference must pay for.

    Formula, for each image: ``t = 0.767 mean|x|``; ``code = sign(x) if |x| > t else 0``;
    ``s = mean of |x| over |x| > t``.
    Gradient: 1 where ``|x| <= t + s``, else 0; nothing is learned. Two float operations per element are charged.

    References:
        Loni 2022 (TAS), as its code has it at the start of training, with the usual clipped estimator.
    """

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`. ``latent`` is a batch, its first axis the images."""
        scale, codes = self.scale(latent), self.codes(latent)
        return StraightThrough.apply(latent, scale * codes, scale + _image_threshold(latent))  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return ternary_codes(latent.detach(), _image_threshold(latent))

    def scale(self, latent: Tensor) -> Tensor:
        """``s`` of each image, ``(n, 1, 1, 1)`` for a batch of images."""
        kept = self.codes(latent).abs()
        n = kept.flatten(1).sum(dim=1).clamp_min(1).view(-1, *([1] * (latent.dim() - 1)))
        total = (latent.detach().abs() * kept / n).flatten(1).sum(dim=1).view_as(n)
        return total.clamp_min(torch.finfo(latent.dtype).tiny)

    def activation_rule(self) -> ActivationRule:
        """See :class:`Quantizer`."""
        return ActivationRule("per_image", -1, 1, ratio=PER_IMAGE)


def _image_threshold(latent: Tensor) -> Tensor:
    return PER_IMAGE * mean_magnitude(latent, is_per_filter=True)


def _codes(x: Tensor, threshold: Tensor, scale: Tensor, *, is_signed: bool) -> Tensor:
    if is_signed:
        return ternary_codes(x, threshold)
    return (x > threshold).to(x.dtype).add_((x > threshold + scale).to(x.dtype))


class _Ternary(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, threshold: Tensor, scale: Tensor, is_signed: bool) -> Tensor:
        codes = _codes(x, threshold, scale, is_signed=is_signed)
        ctx.save_for_backward(x, codes, threshold, scale)
        ctx.is_signed = is_signed
        return codes * scale

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, codes, threshold, scale = ctx.saved_tensors
        if ctx.is_signed:
            low, high = -(threshold + scale), threshold + scale
            slope = soft_slope(x.abs(), threshold) * x.sign()
        else:
            low, high = -torch.zeros_like(scale), threshold + 2 * scale
            slope = soft_slope(x, threshold) + soft_slope(x - scale, threshold)
        grad_x = grad * ((x >= low) & (x <= high))
        grad_scale = torch.dot(grad.flatten(), codes.flatten())
        return grad_x, -scale * torch.dot(grad.flatten(), slope.flatten()), grad_scale, None
