"""Binary weights with a scale a filter."""

from __future__ import annotations

import torch
from torch import Tensor

from evonas.quant.quantizer import Quantizer, StraightThrough, mean_magnitude


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

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return StraightThrough.apply(latent, self.scale(latent) * self.codes(latent), torch.ones(()))  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return sign(latent.detach())

    def scale(self, latent: Tensor) -> Tensor:
        """Mean magnitude a filter, ``(out_channels, 1, 1, 1)`` for a kernel."""
        return mean_magnitude(latent, is_per_filter=True)
