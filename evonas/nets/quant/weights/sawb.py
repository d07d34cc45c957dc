"""Low-bit weights whose clip follows from two statistics (SAWB)."""

from __future__ import annotations

import torch
from torch import Tensor

from evonas.architecture.precision import Precision
from evonas.nets.quant.binary import sign
from evonas.nets.quant.quantizer import Quantizer, StraightThrough, mean_magnitude

# Levels to (c1, c2) of the clip c1*sqrt(E[w^2]) + c2*E|w|, fitted by the method's authors.
COEFFICIENTS = {3: (2.6, -1.71), 4: (3.12, -2.064), 8: (7.509, -6.892), 16: (12.68, -12.80), 256: (31.76, -35.04)}


class Sawb(Quantizer):
    """Weights on evenly spaced levels from ``-c`` to ``c``; nothing is learned.

    Formula: ``c = c1*sqrt(E[w^2]) + c2*E|w|`` with constants for each number of levels ``n``. Three levels are
    ``-c, 0, c``.
    An even number has no zero: ``c / (n - 1)`` times the odd codes from ``1 - n`` to ``n - 1``.
    Gradient: the identity within ``-c`` to ``c``, 0 outside.

    References:
        Choi 2019, "Accurate and efficient 2-bit quantized neural networks", section 3 (statistics-aware weight
        binning).
    """

    def __init__(self, precision: Precision) -> None:
        super().__init__(precision)
        self.levels = precision.levels

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        scale = self.scale(latent)
        return StraightThrough.apply(latent, scale * self.codes(latent), scale * self._highest)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        v = latent.detach() / self.scale(latent)
        if self.levels % 2:
            return torch.clamp(v, -1, 1).round_()
        magnitude = (v.abs() / 2).floor_().mul_(2).add_(1).clamp_(max=self._highest)  # the nearest odd number
        return magnitude.mul_(sign(v))

    def scale(self, latent: Tensor) -> Tensor:
        """Half the distance between levels (all of it for three levels), a scalar."""
        c1, c2 = COEFFICIENTS[self.levels]
        mean = mean_magnitude(latent)
        root = (latent.detach() / mean).square_().mean().sqrt_()
        # for a kernel of equal magnitudes the fit has no positive clip at many levels; its own magnitude is the clip
        clip = torch.where(c1 * root + c2 > 0.1, c1 * root + c2, torch.ones_like(root)) * mean
        return clip / self._highest

    @property
    def _highest(self) -> int:
        return 1 if self.levels % 2 else self.levels - 1
