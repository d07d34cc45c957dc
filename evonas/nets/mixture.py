"""Mixtures of precisions in one tensor: soft ones with forward-and-backward scaling, and hard ones.

A supernet that runs all its choices at once adds what they make before it convolves once: LPNAS's sharing of
convolution. Unscaled, a rare choice hardly learns: its share multiplies its result and its gradient, and over
layers the shares multiply up. Scaling divides the forward by a statistic of the shares and each choice's gradient by
its own share. The paper's equations are not public; these follow from that reading (LPNAS-inspired).

Neither needs more memory for more choices: a soft mixture of precisions keeps its latent tensor only and quantizes
again in the backward pass, one precision after the other; a hard one divides the latent between its quantizers.

References:
    Sourced from the abstract of "NAS for low-precision networks" (ICANN 2022); mixtures as in EdMIPS (Cai 2020) and
    masks as in FBNetV2 (Wan 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def mix_precisions(
    latent: Tensor,
    quantizers: Sequence[nn.Module],
    shares: Tensor,
    *,
    is_scaled: bool,
    is_forward_scaled: bool = True,
) -> Tensor:
    """Add what several quantizers make of one tensor: ``sum_i p_i Q_i(x)``.

    Scaled: the result has the root mean square of ``latent``, whatever the quantizers lose, as a constant factor; and
    the gradient of quantizer ``i`` is divided by ``p_i``, so that each learns as if it were alone. The latent still
    gets the mean over choices, weighted by ``p``.

    Args:
        latent: Weights or activations, any shape.
        quantizers: One per choice.
        shares: One per choice, not negative, of sum 1; may need a gradient, which gets no factor but the result's. A
            choice of share 0 is left out, unless its share learns.
        is_scaled: Whether to scale forward and backward.
        is_forward_scaled: Whether a scaled mixture scales forward, too. Not where a batch norm corrects the size, or
            where a share of 1 must give what the quantizer alone gives.

    Returns:
        The shape of ``latent``.
    """
    parameters = [parameter for quantizer in quantizers for parameter in quantizer.parameters()]
    mixture: Tensor = _Mixed.apply(latent, shares, quantizers, is_scaled, *parameters)  # type: ignore[no-untyped-call]
    if not (is_scaled and is_forward_scaled):
        return mixture
    size = _rms(mixture)
    return mixture * torch.where(size > 0, _rms(latent) / size.clamp_min(torch.finfo(size.dtype).tiny), 1.0)


def choose_precisions(latent: Tensor, quantizers: Sequence[nn.Module], choice: Tensor) -> Tensor:
    """Quantize each channel of a batch with one quantizer: the real low-bit numbers, all precisions side by side.

    A quantizer sees its own channels and no others, so time and memory are those of one quantizer.

    Args:
        latent: ``(n, channels, height, width)``.
        quantizers: One per choice.
        choice: Which of them a channel takes, ``(channels,)`` int64.

    Returns:
        The shape of ``latent``.
    """
    channels = [(choice == index).nonzero().flatten() for index in range(len(quantizers))]
    used = [index for index, mine in enumerate(channels) if len(mine)]
    places = [channels[index] for index in used]
    parts = _Divided.apply(latent, places)  # type: ignore[no-untyped-call]
    made = [quantizers[index](part) for index, part in zip(used, parts, strict=True)]
    return _Joined.apply(places, *made)  # type: ignore[no-any-return,no-untyped-call]


def mix_rows(rows: Tensor, shares: Tensor) -> Tensor:
    """``sum_i p_i t_i``, in which every row with a share gets the whole gradient, as if it were alone.

    Args:
        rows: ``(choices, n)``.
        shares: ``(choices,)``.
    """
    used = shares > 0
    factor = torch.where(used, 1 / shares.where(used, 1.0), 0.0)[:, None]
    return (shares[:, None] * _scale_gradient(rows, factor)).sum(dim=0)


def choose_filters(make: Callable[[int], Tensor], choice: Tensor) -> Tensor:
    """Put a kernel together from filters of several.

    Args:
        make: Gives the kernel of a choice; called for those that occur.
        choice: Which kernel a filter is taken from, ``(filters,)`` int64.
    """
    chosen: Tensor | None = None
    for index in sorted(set(choice.tolist())):
        one = make(index)
        filters = one * (choice == index).view(-1, *[1] * (one.dim() - 1))
        chosen = filters if chosen is None else chosen + filters
    assert chosen is not None
    return chosen


def _rms(x: Tensor) -> Tensor:
    """Root mean square without gradient; does not underflow."""
    values = x.detach()
    largest = values.abs().max().clamp_min(torch.finfo(values.dtype).tiny)
    return largest * (values / largest).square().mean().sqrt()


def _scale_gradient(x: Tensor, factor: Tensor) -> Tensor:
    return _ScaledGradient.apply(x, factor)  # type: ignore[no-any-return,no-untyped-call]


class _Mixed(torch.autograd.Function):
    """``sum_i p_i Q_i(x)``; the quantizers' results are not kept."""

    @staticmethod
    def forward(
        ctx: Any, latent: Tensor, shares: Tensor, quantizers: Sequence[nn.Module], is_scaled: bool, *parameters: Tensor
    ) -> Tensor:
        del parameters  # named for their gradients only
        ctx.save_for_backward(latent, shares)
        ctx.quantizers, ctx.is_scaled = quantizers, is_scaled
        mixture: Tensor | None = None
        for share, quantizer in zip(shares.tolist(), quantizers, strict=True):
            if share:
                one = quantizer(latent)
                mixture = one * share if mixture is None else mixture.add_(one, alpha=share)
        return torch.zeros_like(latent) if mixture is None else mixture

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        latent, shares = ctx.saved_tensors
        grad_latent, grad_shares = torch.zeros_like(latent), torch.zeros_like(shares)
        grad_parameters: list[Tensor | None] = []
        for index, (share, quantizer) in enumerate(zip(shares.tolist(), ctx.quantizers, strict=True)):
            if share == 0 and not ctx.needs_input_grad[1]:
                grad_parameters += [None for _ in quantizer.parameters()]
                continue
            one, of_latent, of_parameters = _backward(quantizer, latent, grad)
            grad_latent.add_(of_latent, alpha=share)
            grad_shares[index] = torch.dot(grad.flatten(), one.flatten()) if ctx.needs_input_grad[1] else 0
            grad_parameters += [g if g is None or ctx.is_scaled else g * share for g in of_parameters]
        return grad_latent, grad_shares, None, None, *grad_parameters


class _Divided(torch.autograd.Function):
    """A tensor's channels in several parts. Gradients are put in place; those of indexing are added up, slowly."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Sequence[Tensor]) -> tuple[Tensor, ...]:
        ctx.places = places
        return tuple(x.index_select(1, channels) for channels in places)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _joined(ctx.places, grads), None


class _Joined(torch.autograd.Function):
    """The inverse of :class:`_Divided`."""

    @staticmethod
    def forward(ctx: Any, places: Sequence[Tensor], *parts: Tensor) -> Tensor:
        ctx.places = places
        return _joined(places, parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return None, *(grad.index_select(1, channels) for channels in ctx.places)


def _joined(places: Sequence[Tensor], parts: Sequence[Tensor]) -> Tensor:
    n, _, *sides = parts[0].shape
    whole = parts[0].new_empty(n, sum(map(len, places)), *sides)
    for channels, part in zip(places, parts, strict=True):
        whole.index_copy_(1, channels, part)
    return whole


def _backward(quantizer: nn.Module, latent: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Sequence[Tensor | None]]:
    """Quantize again; the result, and the gradients of the latent and of what the quantizer learns."""
    with torch.enable_grad():
        latent = latent.detach().requires_grad_()
        one = quantizer(latent)
    of_latent, *of_parameters = torch.autograd.grad(one, [latent, *quantizer.parameters()], grad, allow_unused=True)
    return one.detach(), of_latent, of_parameters


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
