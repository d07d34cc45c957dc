"""Ternary weights with a fixed threshold (TWN)."""

from __future__ import annotations

import torch
from torch import Tensor

from evonas.quant.quantizer import Quantizer, StraightThrough, mean_magnitude

THRESHOLD = 0.7  # in mean magnitudes: the rule of thumb of the paper's eq. 6


def ternary_codes(latent: Tensor, threshold: Tensor) -> Tensor:
    """-1, 0 or +1: beyond ``-threshold``, within, beyond ``+threshold``."""
    return (latent > threshold).to(latent.dtype) - (latent < -threshold).to(latent.dtype)


class Twn(Quantizer):
    """Weights of -1, 0, +1 times the mean magnitude of those that are not zero; nothing is learned.

    Formula: ``code = sign(w) if |w| > 0.7 mean|w| else 0``; ``alpha = mean of |w| over |w| > 0.7 mean|w|``, a layer.
    Gradient: the identity.

    References:
        Li 2016, "Ternary weight networks", eq. 3, 5 and 6.
    """

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return StraightThrough.apply(latent, self.scale(latent) * self.codes(latent), None)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return ternary_codes(latent.detach(), THRESHOLD * mean_magnitude(latent))

    def scale(self, latent: Tensor) -> Tensor:
        """``alpha``, a scalar."""
        kept = self.codes(latent).abs()
        n = kept.sum().clamp_min(1)
        return (latent.detach().abs() * kept / n).sum().clamp_min(torch.finfo(latent.dtype).tiny)
