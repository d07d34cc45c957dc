"""Ternary weights by the truncated Gaussian (TGA): the scale follows from the threshold in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from evonas.architecture.precision import Precision
from evonas.nets.quant.quantizer import HandDerived

LOW, HIGH = 0.2, 1.2  # bounds of the threshold in standard deviations
START = 0.612  # the threshold that fits a Gaussian best in the least-squares sense
SPREAD = 0.2  # between the starting thresholds of neighbouring planes
TINY = torch.finfo(torch.float32).tiny
GRADIENT_LIMIT = 1e-3  # of the threshold's gradient, as in the authors' code


class Tga(HandDerived):
    """Weights of -1, 0, +1 times the mean of a Gaussian's upper tail.

    Formula, with ``mu`` and ``sigma`` of the latent slice, ``a`` learned, ``phi`` and ``Phi`` the standard normal's
    density and distribution: ``code = +1 if w > mu + a*sigma, -1 if w < mu - a*sigma, else 0``;
    ``alpha = mu + sigma * lambda`` with ``lambda = phi(a) / (1 - Phi(a))``; ``effective = alpha * code``.
    Gradient: the identity for the weight; ``dL/da = sum(g * code) * sigma * lambda * (lambda - a)`` for the threshold,
    which thus learns through the scale alone, clamped to 0.001. ``mu`` and ``sigma`` count as constants.

    Left to itself this gradient drives thresholds outwards until a layer is dead, so ``a`` stays within 0.2 to 1.2 (by
    a sigmoid) and learns slowly; being a ratio it serves every width of a shared kernel.

    Residual expansion: several planes, each a ternary kernel of the same latent weight with a threshold of its own;
    the effective weight is their mean. Bytes, MACs and scales count once per plane.

    References:
        He 2019, "Simultaneously optimizing weight and quantizer of ternary neural network using truncated Gaussian
        approximation", section 3. Differences to its authors' code: a bounded ratio instead of an absolute threshold,
        started at 0.612 instead of 0.05 max|W|; the clamp is on the ratio's gradient; mu and sigma count as constants,
        sigma without Bessel's correction. Residual expansion: He 2019, "Optimize deep convolutional neural network
        with ternarized weights and high accuracy"; there, planes are summed and have fixed thresholds.

    Args:
        precision: Ternary.
        planes: How many ternary kernels stand for the weight; codes and scale then have a leading axis of that length.
    """

    learning_rate_factor = 0.01

    def __init__(self, precision: Precision, *, planes: int = 1) -> None:
        super().__init__(precision)
        self.planes = planes
        starts = START + SPREAD * (torch.arange(planes) - (planes - 1) / 2)
        self.logits = nn.Parameter(torch.logit((starts - LOW) / (HIGH - LOW)))

    @property
    def ratios(self) -> Tensor:
        """The threshold of each plane in standard deviations, ``a``."""
        return LOW + (HIGH - LOW) * torch.sigmoid(self.logits)

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        mu, sigma = _moments(latent)
        return _TruncatedGaussian.apply(latent, self.ratios, mu, sigma)  # type: ignore[no-any-return,no-untyped-call]

    @property
    def learned(self) -> tuple[nn.Parameter, ...]:
        """See :class:`HandDerived`."""
        return (self.logits,)

    def worth(self, latent: Tensor, learned: Sequence[float], worth: float) -> tuple[Tensor, tuple[Any, ...]]:
        """See :class:`HandDerived`."""
        n, shares = latent.numel(), [0.5 + 0.5 * math.tanh(0.5 * logit) for logit in learned]  # the sigmoid
        mu = float(latent.sum()) / n
        sigma = math.sqrt(max(0.0, float(torch.dot(latent.view(-1), latent.view(-1))) / n - mu * mu))
        planes: list[tuple[Tensor, float, float, float]] = []
        for share in shares:
            ratio = LOW + (HIGH - LOW) * share
            tail = _tail_mean(ratio)
            above = torch.gt(latent, mu + ratio * sigma, out=torch.empty_like(latent))
            codes = above.sub_(torch.lt(latent, mu - ratio * sigma, out=torch.empty_like(latent)))
            alpha = max(mu + sigma * tail, 0.01 * sigma, TINY) / len(shares)
            slope = sigma / len(shares) * tail * (tail - ratio)  # of alpha
            planes.append((codes, alpha * worth, worth * slope, (HIGH - LOW) * share * (1 - share)))
        kernels = [codes * scale for codes, scale, _, _ in planes]
        return sum(kernels[1:], start=kernels[0]), (planes, worth)

    def derive(self, kept: tuple[Any, ...], grad: Tensor) -> tuple[Tensor, list[float], float]:
        """See :class:`HandDerived`."""
        planes, worth = kept
        by_codes = [float(torch.dot(codes.view(-1), grad.view(-1))) for codes, _, _, _ in planes]
        of_ratios = [by * slope for by, (_, _, slope, _) in zip(by_codes, planes, strict=True)]
        of_logits = [
            min(max(of_ratio, -GRADIENT_LIMIT), GRADIENT_LIMIT) * inner
            for of_ratio, (_, _, _, inner) in zip(of_ratios, planes, strict=True)
        ]
        of_worth = sum(by * scale for by, (_, scale, _, _) in zip(by_codes, planes, strict=True))
        return grad * worth, of_logits, of_worth

    def codes(self, latent: Tensor) -> Tensor:
        """Codes, the shape of ``latent``; with several planes, ``(planes, *shape)``."""
        mu, sigma = _moments(latent)
        codes = _codes(latent.detach(), self.ratios.detach(), mu, sigma)
        return codes if self.planes > 1 else codes[0]

    def scale(self, latent: Tensor) -> Tensor:
        """``alpha`` of the formula, a scalar; with several planes, a plane's share each, ``(planes, 1, …)``."""
        mu, sigma = _moments(latent)
        scale = _alpha(self.ratios.detach(), mu, sigma) / self.planes
        return scale.view(-1, *([1] * latent.dim())) if self.planes > 1 else scale[0]


def tail_mean(a: Tensor) -> Tensor:
    """``lambda(a) = phi(a) / (1 - Phi(a))``: mean of a standard normal above ``a``; safe for ``a`` up to about 10."""
    density = torch.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)
    return density / (0.5 * torch.erfc(a / math.sqrt(2)))


def _tail_mean(a: float) -> float:
    """The same for a number."""
    return math.exp(-0.5 * a * a) / math.sqrt(2 * math.pi) / (0.5 * math.erfc(a / math.sqrt(2)))


def _moments(latent: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation; scaled on the way so that squares neither overflow nor vanish."""
    latent = latent.detach()
    largest = latent.abs().max().clamp_min(torch.finfo(latent.dtype).tiny)
    scaled = latent / largest
    return scaled.mean() * largest, scaled.std(correction=0) * largest


def _codes(latent: Tensor, ratios: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    planes = [
        (latent > mu + delta).to(latent.dtype) - (latent < mu - delta).to(latent.dtype) for delta in ratios * sigma
    ]
    return torch.stack(planes)


def _alpha(ratios: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    """A hundredth of sigma at least, should the mean lie far on the negative side."""
    least = (0.01 * sigma).clamp_min(torch.finfo(sigma.dtype).tiny)
    return torch.maximum(mu + sigma * tail_mean(ratios), least)


class _TruncatedGaussian(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor, ratios: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
        codes = _codes(latent, ratios, mu, sigma)
        ctx.save_for_backward(codes, ratios, sigma)
        alpha = _alpha(ratios, mu, sigma) / len(ratios)
        return torch.sum(alpha.view(-1, *([1] * latent.dim())) * codes, dim=0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        codes, ratios, sigma = ctx.saved_tensors
        tail = tail_mean(ratios)
        through_alpha = (codes.flatten(1) @ grad.flatten()) * sigma / len(ratios)
        return grad, (through_alpha * tail * (tail - ratios)).clamp(-GRADIENT_LIMIT, GRADIENT_LIMIT), None, None
