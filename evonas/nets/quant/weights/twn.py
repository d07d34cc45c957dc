"""Ternary weights with a fixed threshold: TWN, and a share of the largest magnitude."""

from __future__ import annotations

import torch
from torch import Tensor

from evonas.architecture.precision import Precision
from evonas.nets.quant.quantizer import Quantizer, StraightThrough, mean_magnitude

THRESHOLD = 0.7  # in mean magnitudes: the rule of thumb of the paper's eq. 6
OF_LARGEST = 0.05  # in largest magnitudes: He's constant


def ternary_codes(latent: Tensor, threshold: Tensor) -> Tensor:
    """-1, 0 or +1: beyond ``-threshold``, within, beyond ``+threshold``."""
    return (latent > threshold).to(latent.dtype) - (latent < -threshold).to(latent.dtype)


class Twn(Quantizer):
    """Weights of -1, 0, +1 times the mean magnitude of those that are not zero; nothing is learned.

    Formula: ``code = sign(w) if |w| > 0.7 mean|w| else 0``; ``alpha = mean of |w| over |w| > 0.7 mean|w|``, per layer.
    With a threshold of ``0.05 max|w|`` instead, few weights are zero.
    Gradient: the identity.

    References:
        Li 2016, "Ternary weight networks", eq. 3, 5 and 6. The other threshold: He 2019, "Optimize deep convolutional
        neural network with ternarized weights and high accuracy", which also stops the gradient where ``|w| > 1``.

    Args:
        precision: Ternary.
        is_of_largest: Whether the threshold is a share of the largest magnitude instead of the mean one.
    """

    def __init__(self, precision: Precision, *, is_of_largest: bool = False) -> None:
        super().__init__(precision)
        self.is_of_largest = is_of_largest

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return StraightThrough.apply(latent, self.scale(latent) * self.codes(latent), None)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        latent = latent.detach()
        largest = self.is_of_largest
        return ternary_codes(latent, OF_LARGEST * latent.abs().max() if largest else THRESHOLD * mean_magnitude(latent))

    def scale(self, latent: Tensor) -> Tensor:
        """``alpha``, a scalar."""
        kept = self.codes(latent).abs()
        n = kept.sum().clamp_min(1)
        return (latent.detach().abs() * kept / n).sum().clamp_min(torch.finfo(latent.dtype).tiny)
