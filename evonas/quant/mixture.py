"""Soft mixtures of precisions and of widths in one tensor, with forward-and-backward scaling.

A supernet that runs all its choices at once adds what they make before it convolves once: LPNAS's sharing of
convolution. Unscaled, a rare choice starves. Its share multiplies what it adds and the gradient it gets, and over
layers the shares multiply up. Scaling divides the forward by a statistic of the shares and each choice's gradient by
its own share. The paper's equations are not public; these follow from that reading (LPNAS-inspired).

References:
    Sourced from the abstract of "NAS for low-precision networks" (ICANN 2022); mixtures as in EdMIPS (Cai 2020) and
    masks as in FBNetV2 (Wan 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from evonas.quant.quantizer import Quantizer


def mix_precisions(latent: Tensor, quantizers: Sequence[Quantizer], shares: Tensor, *, is_scaled: bool) -> Tensor:
    """Add what several quantizers make of one tensor: ``sum_i p_i Q_i(x)``.

    Scaled: the result has the root mean square of ``latent``, whatever the quantizers lose, as a constant factor; and
    the gradient of quantizer ``i`` is divided by ``p_i``, so that each learns as if it were alone. The latent still
    gets the mean over choices, weighted by ``p``.

    Args:
        latent: Weights or activations, any shape.
        quantizers: One a choice.
        shares: Positive, one a choice, of sum 1; may need a gradient, which gets no factor but the result's.
        is_scaled: Whether to scale forward and backward.

    Returns:
        The shape of ``latent``.
    """
    if not is_scaled:
        return sum((p * q(latent) for p, q in zip(shares, quantizers, strict=True)), start=torch.zeros_like(latent))
    mixture = torch.zeros_like(latent)
    for share, quantizer in zip(shares, quantizers, strict=True):
        constant = share.detach()
        one = quantizer(_scale_gradient(latent, constant))
        mixture = mixture + share * _scale_gradient(one, 1 / constant)
    size = _rms(mixture)
    return mixture * torch.where(size > 0, _rms(latent) / size.clamp_min(torch.finfo(size.dtype).tiny), 1.0)


def mix_widths(x: Tensor, widths: Sequence[int], shares: Tensor, *, is_scaled: bool) -> Tensor:
    """Mask channels by the shares of the widths that hold them: channel ``c`` times ``M_c = sum of p_i, c < width_i``.

    Scaled: the mask is divided by its root mean square over channels, so that a stack of layers neither vanishes nor
    grows; and the gradient of each channel by its ``M_c``, so that rare channels learn as fast as others. Not where a
    batch norm follows: it undoes the mask in both directions itself, and scaling on top of it makes gradients explode.

    Args:
        x: ``(n, channels, height, width)``.
        widths: Channels that each choice keeps, the largest all of them.
        shares: Positive, one a choice, of sum 1.
        is_scaled: Whether to scale forward and backward.

    Returns:
        The shape of ``x``.
    """
    channel = torch.arange(x.shape[1], device=x.device)
    mask = sum((p * (channel < width) for p, width in zip(shares, widths, strict=True)), start=torch.zeros(()))
    assert isinstance(mask, Tensor)
    mask = mask.view(1, -1, 1, 1)
    if not is_scaled:
        return x * mask
    constant = mask.detach()
    rms = _rms(constant)
    return _scale_gradient(x, rms / constant) * (mask / rms)


def _rms(x: Tensor) -> Tensor:
    """Root mean square without gradient; does not underflow."""
    values = x.detach()
    largest = values.abs().max().clamp_min(torch.finfo(values.dtype).tiny)
    return largest * (values / largest).square().mean().sqrt()


def _scale_gradient(x: Tensor, factor: Tensor) -> Tensor:
    return _ScaledGradient.apply(x, factor)  # type: ignore[no-any-return,no-untyped-call]


class _ScaledGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a constant."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return grad * factor, None
