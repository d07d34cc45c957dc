"""Ternary weights with a learned relative threshold per filter and two learned levels."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from evonas.architecture.precision import Precision
from evonas.nets.quant.quantizer import Quantizer, mean_magnitude
from evonas.nets.quant.weights.twn import ternary_codes

LOW, HIGH, START = 0.05, 1.2, 0.7  # of the threshold, in mean magnitudes of a filter
LEVEL = 1.49  # mean of |w| above the starting threshold, in mean magnitudes, for a Gaussian
WINDOW = 0.5  # half-width of the surrogate slope around the threshold, in thresholds


class Tas(Quantizer):
    """Weights of ``-w_n``, 0, ``+w_p`` with a threshold that follows each filter's spread.

    Formula: ``Delta_f = d * mean|W_f|`` for each filter ``f``, with one learned ``d`` per layer within 0.05 to 1.2;
    ``code = sign(w) if |w| > Delta_f else 0``; ``w_p = mean|W| * r_p`` and ``w_n = mean|W| * r_n``, learned through
    logarithms.
    Gradient: for the weight, ``g`` times the level relative to its start, and ``g`` where the code is 0; for a level,
    the sum of ``g`` over its set with the sign of its codes; for ``d``, that of a soft threshold: a weight near
    ``Delta_f`` would fall to zero if it grew, so ``dL/dDelta_f = -sum g sign(w) level K((|w| - Delta_f) / h) / h`` with
    the triangle ``K(u) = max(0, 1 - |u|)`` and ``h = Delta_f / 2``. Its sign follows the data, so ``d`` can move both
    ways.

    References:
        Loni 2022, "TAS: ternarized neural architecture search", for the adaptive relative threshold; the gradient of
        the threshold is our own, since the published one is a product of norms and can only shrink it.
    """

    learning_rate_factor = 0.2

    def __init__(self, precision: Precision) -> None:
        super().__init__(precision)
        share = (START - LOW) / (HIGH - LOW)
        self.logit = nn.Parameter(torch.tensor(math.log(share / (1 - share))))
        self.log_ratios = nn.Parameter(torch.full((2,), math.log(LEVEL)))

    @property
    def ratio(self) -> Tensor:
        """The threshold in mean magnitudes of a filter, ``d``."""
        return LOW + (HIGH - LOW) * torch.sigmoid(self.logit)

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        per_filter = mean_magnitude(latent, is_per_filter=True)
        return _Adaptive.apply(latent, self.ratio * per_filter, self.log_ratios.exp(), mean_magnitude(latent))  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return ternary_codes(latent.detach(), self.ratio.detach() * mean_magnitude(latent, is_per_filter=True))

    def scale(self, latent: Tensor) -> Tensor:
        """``w_p`` or ``w_n`` for every weight, the shape of ``latent``."""
        positive, negative = self.log_ratios.detach().exp() * mean_magnitude(latent)
        return torch.where(self.codes(latent) < 0, negative, positive)


def soft_slope(magnitudes: Tensor, threshold: Tensor) -> Tensor:
    """``K(u) / h``: the slope of a soft threshold, a triangle around it whose area is one."""
    half_width = (WINDOW * threshold).clamp_min(torch.finfo(threshold.dtype).tiny)
    return (1 - (magnitudes - threshold).abs() / half_width).clamp_min(0) / half_width


class _Adaptive(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor, threshold: Tensor, ratios: Tensor, unit: Tensor) -> Tensor:
        codes = ternary_codes(latent, threshold)
        ctx.save_for_backward(latent, codes, threshold, ratios, unit)
        positive, negative = ratios * unit
        return torch.where(codes < 0, negative, positive) * codes

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        latent, codes, threshold, ratios, unit = ctx.saved_tensors
        of_positive, of_negative = grad * (codes > 0), grad * (codes < 0)
        grad_latent = grad + of_positive * (ratios[0] / LEVEL - 1) + of_negative * (ratios[1] / LEVEL - 1)
        grad_ratios = torch.stack([of_positive.sum(), -of_negative.sum()]) * unit
        # level * slope as ratios to the unit, so that neither overflows nor vanishes on its own
        level = torch.where(latent < 0, -ratios[1], ratios[0])
        slope = soft_slope(latent.abs() / unit, threshold / unit)
        grad_threshold = -(grad * level * slope).flatten(1).sum(dim=1).view_as(threshold)
        return grad_latent, grad_threshold, grad_ratios, None
