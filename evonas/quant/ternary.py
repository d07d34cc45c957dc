"""Ternary weights by the truncated Gaussian: the scale follows from the threshold in closed form."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from evonas.precision import TERNARY
from evonas.quant.quantizer import Quantizer

LOW, HIGH = 0.2, 1.2  # bounds of the threshold in standard deviations
START = 0.612  # the threshold that fits a Gaussian best in the least-squares sense


class TruncatedGaussianTernary(Quantizer):
    """Weights of -1, 0, +1 times the mean of a Gaussian's upper tail.

    Formula, with ``mu`` and ``sigma`` of the latent slice, ``a`` learned, ``phi`` and ``Phi`` the standard normal's
    density and distribution: ``code = +1 if w > mu + a*sigma, -1 if w < mu - a*sigma, else 0``;
    ``alpha = mu + sigma * lambda`` with ``lambda = phi(a) / (1 - Phi(a))``; ``effective = alpha * code``.
    Gradient: the identity for the weight; ``dL/da = sum(g * code) * sigma * lambda * (lambda - a)`` for the threshold,
    which thus learns through the scale alone. ``mu`` and ``sigma`` count as constants.

    Left to itself this gradient drives thresholds outwards until a layer is dead, so ``a`` stays within 0.2 to 1.2 (by
    a sigmoid) and learns slowly; being a ratio it serves every width of a shared kernel.

    References:
        He 2019, "Simultaneously optimizing weight and quantizer of ternary neural network using truncated Gaussian
        approximation", section 3; as its authors' code implements it, but for the bounded ratio.
    """

    learning_rate_factor = 0.01

    def __init__(self) -> None:
        super().__init__(TERNARY)
        share = (START - LOW) / (HIGH - LOW)
        self.logit = nn.Parameter(torch.tensor(math.log(share / (1 - share))))

    @property
    def ratio(self) -> Tensor:
        """The threshold in standard deviations, ``a``."""
        return LOW + (HIGH - LOW) * torch.sigmoid(self.logit)

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        mu, sigma = _moments(latent)
        return _TruncatedGaussian.apply(latent, self.ratio, mu, sigma)  # type: ignore[no-any-return,no-untyped-call]

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        mu, sigma = _moments(latent)
        return _codes(latent.detach(), mu, self.ratio.detach() * sigma)

    def scale(self, latent: Tensor) -> Tensor:
        """``alpha`` of the formula; a hundredth of sigma at least, should the mean lie far on the negative side."""
        mu, sigma = _moments(latent)
        return _alpha(self.ratio.detach(), mu, sigma)


def tail_mean(a: Tensor) -> Tensor:
    """``lambda(a) = phi(a) / (1 - Phi(a))``: mean of a standard normal above ``a``; safe for ``a`` up to about 10."""
    density = torch.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)
    return density / (0.5 * torch.erfc(a / math.sqrt(2)))


def _moments(latent: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation; scaled on the way so that squares neither overflow nor vanish."""
    latent = latent.detach()
    largest = latent.abs().max().clamp_min(torch.finfo(latent.dtype).tiny)
    scaled = latent / largest
    return scaled.mean() * largest, scaled.std(correction=0) * largest


def _codes(latent: Tensor, mu: Tensor, delta: Tensor) -> Tensor:
    return (latent > mu + delta).to(latent.dtype) - (latent < mu - delta).to(latent.dtype)


def _alpha(a: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    least = (0.01 * sigma).clamp_min(torch.finfo(sigma.dtype).tiny)
    return torch.maximum(mu + sigma * tail_mean(a), least)


class _TruncatedGaussian(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor, a: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
        code = _codes(latent, mu, a * sigma)
        ctx.save_for_backward(code, a, sigma)
        return _alpha(a, mu, sigma) * code

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        code, a, sigma = ctx.saved_tensors
        tail = tail_mean(a)
        return grad, torch.dot(grad.flatten(), code.flatten()) * sigma * tail * (tail - a), None, None
