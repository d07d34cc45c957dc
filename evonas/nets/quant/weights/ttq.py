"""Ternary weights with two learned levels (TTQ)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from evonas.architecture.precision import Precision
from evonas.nets.quant.quantizer import Quantizer, mean_magnitude
from evonas.nets.quant.weights.twn import ternary_codes

THRESHOLD = 0.05  # of the largest magnitude, as in the paper's experiments


class Ttq(Quantizer):
    """Weights of ``-w_n``, 0, ``+w_p``, both levels learned per layer.

    Formula: ``code = sign(w) if |w| > 0.05 max|w| else 0``; ``w_p = mean|w| * r_p`` and ``w_n = mean|w| * r_n``, the
    ratios learned through their logarithms, so that levels stay positive.
    Gradient: for the weight, ``r_p g`` where the code is +1, ``r_n g`` where it is -1, ``g`` where it is 0; for a
    level, the sum of ``g`` over its set, with the sign of its codes.

    References:
        Zhu 2017, "Trained ternary quantization", eq. 6 to 9.
    """

    learning_rate_factor = 0.2

    def __init__(self, precision: Precision) -> None:
        super().__init__(precision)
        self.log_ratios = nn.Parameter(torch.zeros(2))

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        unit = mean_magnitude(latent)
        return _TwoLevels.apply(latent, self.codes(latent), self.log_ratios.exp(), unit)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return ternary_codes(latent.detach(), THRESHOLD * latent.detach().abs().max())

    def scale(self, latent: Tensor) -> Tensor:
        """``w_p`` or ``w_n`` for every weight, the shape of ``latent``."""
        positive, negative = self.log_ratios.detach().exp() * mean_magnitude(latent)
        return torch.where(self.codes(latent) < 0, negative, positive)


class _TwoLevels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor, codes: Tensor, ratios: Tensor, unit: Tensor) -> Tensor:
        del latent
        ctx.save_for_backward(codes, ratios, unit)
        positive, negative = ratios * unit
        return torch.where(codes < 0, negative, positive) * codes

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, Tensor, None]:
        codes, ratios, unit = ctx.saved_tensors
        of_positive, of_negative = grad * (codes > 0), grad * (codes < 0)
        grad_latent = grad + of_positive * (ratios[0] - 1) + of_negative * (ratios[1] - 1)
        return grad_latent, None, torch.stack([of_positive.sum(), -of_negative.sum()]) * unit, None
